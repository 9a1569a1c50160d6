# Cursors over bytes, and JSON: strings with short escapes only, numbers without exponent.

cdef struct Cursor:
    Bytes at
    Bytes end


cdef struct Slice:
    Bytes start             # NULL: it did not come
    Py_ssize_t size


cdef inline bint _next_is(Cursor *c, unsigned char wanted) noexcept nogil:
    return c.at < c.end and c.at[0] == wanted


cdef inline bint _is(Slice *text, const char *word, Py_ssize_t size) noexcept nogil:
    return text.size == size and memcmp(text.start, word, size) == 0


cdef bint _once(Slice *place, Slice *found) noexcept nogil:
    """Note what a key says; a key that comes twice is not usual."""
    if place.start != NULL:
        return False
    place[0] = found[0]
    return True


cdef Py_ssize_t _find(Slice *text, const char *word, Py_ssize_t size, Py_ssize_t start) noexcept nogil:
    """Give the place of a word from ``start`` on, or -1."""
    cdef Bytes at = text.start + start
    cdef Bytes last = text.start + text.size - size
    while at <= last:
        at = <Bytes>memchr(at, word[0], last - at + 1)
        if at == NULL:
            return -1
        if memcmp(at, word, size) == 0:
            return at - text.start
        at += 1
    return -1


cdef unsigned long long ONES = <unsigned long long>0x01010101 << 32 | 0x01010101
cdef unsigned long long HIGH_BITS = ONES << 7
cdef unsigned char PLAIN[256]       # may stand in a string as it is
cdef unsigned int SIXBITS[4][256]   # value of a base64 character by its place; NONE: it is none
cdef unsigned int NONE = 1 << 24


cdef void _fill_tables() noexcept:
    cdef int code, place
    cdef bytes digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for code in range(256):
        PLAIN[code] = code >= 32 and code != c'"' and code != c"\\"
        for place in range(4):
            SIXBITS[place][code] = NONE
    for code in range(64):
        for place in range(4):
            SIXBITS[place][digits[code]] = code << 6 * (3 - place)


_fill_tables()


cdef inline void _blanks(Cursor *c) noexcept nogil:
    while c.at < c.end and (c.at[0] == 32 or c.at[0] == 10 or c.at[0] == 13 or c.at[0] == 9):
        c.at += 1


cdef inline bint _mark(Cursor *c, unsigned char wanted) noexcept nogil:
    """Take a punctuation mark and the blanks around it."""
    _blanks(c)
    if not _next_is(c, wanted):
        return False
    c.at += 1
    _blanks(c)
    return True


cdef inline bint _close(Cursor *c, unsigned char wanted) noexcept nogil:
    """Take the end of an object or list, and what blanks stand before it."""
    _blanks(c)
    if not _next_is(c, wanted):
        return False
    c.at += 1
    return True


cdef void _plain(Cursor *c) noexcept nogil:
    """Take characters that may stand in a string as they are; eight at a time."""
    cdef unsigned long long eight, quote, slash
    while c.end - c.at >= 8:
        memcpy(&eight, c.at, 8)
        quote = eight ^ ONES * 0x22
        slash = eight ^ ONES * 0x5C
        if (
            (eight - ONES * 0x20) & ~eight | (quote - ONES) & ~quote | (slash - ONES) & ~slash
        ) & HIGH_BITS:
            break
        c.at += 8
    while c.at < c.end and PLAIN[c.at[0]]:
        c.at += 1


cdef bint _string(Cursor *c, Slice *found) noexcept nogil:
    """Take a string without escapes."""
    if not _next_is(c, c'"'):
        return False
    c.at += 1
    found.start = c.at
    _plain(c)
    found.size = c.at - found.start
    if not _next_is(c, c'"'):
        return False
    c.at += 1
    return True


cdef bint _key(Cursor *c, Slice *found) noexcept nogil:
    return _string(c, found) and _mark(c, c":")


cdef bint _skip_string(Cursor *c) noexcept nogil:
    if not _next_is(c, c'"'):
        return False
    c.at += 1
    while True:
        _plain(c)
        if _next_is(c, c'"'):
            c.at += 1
            return True
        if c.end - c.at < 2 or c.at[0] != c"\\":
            return False
        if memchr(b'"\\/bfnrt', c.at[1], 8) == NULL:
            return False
        c.at += 2


cdef bint _digits(Cursor *c, bint whole) noexcept nogil:
    """Take 1 to 18 digits; of a whole number, without a leading zero."""
    cdef Bytes start = c.at
    while c.at < c.end and c"0" <= c.at[0] <= c"9":
        c.at += 1
    if c.at == start or c.at - start > MOST_DIGITS:
        return False
    return not (whole and start[0] == c"0" and c.at - start > 1)


cdef bint _number(Cursor *c, long long *value) noexcept nogil:
    """Take a whole number."""
    cdef bint negative = _next_is(c, c"-")
    cdef long long total = 0
    cdef Bytes at
    if negative:
        c.at += 1
    at = c.at
    if not _digits(c, True) or _next_is(c, c".") or _next_is(c, c"e") or _next_is(c, c"E"):
        return False
    while at < c.at:
        total = total * 10 + (at[0] - c"0")
        at += 1
    value[0] = -total if negative else total
    return True


cdef bint _skip_number(Cursor *c) noexcept nogil:
    if _next_is(c, c"-"):
        c.at += 1
    if not _digits(c, True):
        return False
    if _next_is(c, c"."):
        c.at += 1
        if not _digits(c, False):
            return False
    return not (_next_is(c, c"e") or _next_is(c, c"E"))


cdef bint _word(Cursor *c, const char *word, Py_ssize_t size) noexcept nogil:
    if c.end - c.at < size or memcmp(c.at, word, size) != 0:
        return False
    c.at += size
    return True


cdef bint _skip(Cursor *c, int depth) noexcept nogil:
    """Take any value."""
    cdef unsigned char code, end
    if c.at >= c.end or depth > DEEPEST:
        return False
    code = c.at[0]
    if code == c'"':
        return _skip_string(c)
    if code == c"t":
        return _word(c, b"true", 4)
    if code == c"f":
        return _word(c, b"false", 5)
    if code == c"n":
        return _word(c, b"null", 4)
    if code != c"{" and code != c"[":
        return _skip_number(c)
    end = c"}" if code == c"{" else c"]"
    c.at += 1
    if _close(c, end):
        return True
    while True:
        _blanks(c)
        if code == c"{" and not (_skip_string(c) and _mark(c, c":")):
            return False
        if not _skip(c, depth + 1):
            return False
        if not _mark(c, c","):
            return _close(c, end)
