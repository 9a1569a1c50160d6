# MessagePack, whole and strict: every length within the bytes there are, every text UTF-8.

cdef bint _utf8(Bytes at, Py_ssize_t size) noexcept nogil:
    """Say whether bytes are UTF-8 (RFC 3629: no surrogate, nothing overlong)."""
    cdef Bytes end = at + size
    cdef unsigned char code, low, high
    cdef unsigned long long eight
    cdef int rest
    while at < end:
        while end - at >= 8:
            memcpy(&eight, at, 8)
            if eight & HIGH_BITS:
                break
            at += 8
        if at == end:
            return True
        code = at[0]
        at += 1
        if code < 128:
            continue
        low, high = 128, 191
        if 0xC2 <= code <= 0xDF:
            rest = 1
        elif 0xE0 <= code <= 0xEF:
            rest = 2
            if code == 0xE0:
                low = 0xA0
            elif code == 0xED:
                high = 0x9F
        elif 0xF0 <= code <= 0xF4:
            rest = 3
            if code == 0xF0:
                low = 0x90
            elif code == 0xF4:
                high = 0x8F
        else:
            return False
        if end - at < rest or not low <= at[0] <= high:
            return False
        at += 1
        while rest > 1:
            if at[0] & 0xC0 != 0x80:
                return False
            at += 1
            rest -= 1
    return True


cdef bint _length(Cursor *c, int bytes_, long long *value) noexcept nogil:
    """Take an unsigned number of 1, 2, 4 or 8 bytes; of those, one that fits 62 bits."""
    cdef unsigned long long total = 0
    if c.end - c.at < bytes_:
        return False
    while bytes_:
        total = total << 8 | c.at[0]
        c.at += 1
        bytes_ -= 1
    value[0] = <long long>total
    return total >> 62 == 0


cdef bint _text(Cursor *c, Slice *found) noexcept nogil:
    cdef unsigned char code
    cdef long long size
    if c.at >= c.end:
        return False
    code = c.at[0]
    c.at += 1
    if code >> 5 == 5:
        size = code & 31
    elif 0xD9 <= code <= 0xDB:
        if not _length(c, 1 << (code - 0xD9), &size):
            return False
    else:
        return False
    if c.end - c.at < size:
        return False
    found.start = c.at
    found.size = size
    c.at += size
    return _utf8(found.start, size)


cdef bint _integer(Cursor *c, long long *value) noexcept nogil:
    """Take a number that is not negative; takes nothing if there is none."""
    cdef unsigned char code
    if c.at >= c.end:
        return False
    code = c.at[0]
    if code < 0x80:
        c.at += 1
        value[0] = code
        return True
    if not 0xCC <= code <= 0xCF:
        return False
    c.at += 1
    return _length(c, 1 << (code - 0xCC), value)


cdef bint _map(Cursor *c, long long *count) noexcept nogil:
    cdef unsigned char code
    if c.at >= c.end:
        return False
    code = c.at[0]
    c.at += 1
    if code >> 4 == 8:
        count[0] = code & 15
        return True
    return 0xDE <= code <= 0xDF and _length(c, 2 << (code - 0xDE), count)


cdef bint _pass(Cursor *c, Py_ssize_t size) noexcept nogil:
    if c.end - c.at < size:
        return False
    c.at += size
    return True


cdef bint _ignore(Cursor *c, int depth) noexcept nogil:
    """Take any value but an extension, or a map with odd keys."""
    cdef unsigned char code
    cdef long long number, count = 0
    cdef Slice text
    if c.at >= c.end or depth > DEEPEST:
        return False
    code = c.at[0]
    if code >> 5 == 5 or 0xD9 <= code <= 0xDB:
        return _text(c, &text)
    if code >> 4 == 8 or 0xDE <= code <= 0xDF:
        if not _map(c, &count):
            return False
        while count:
            if not (_integer(c, &number) or _text(c, &text)) or not _ignore(c, depth + 1):
                return False
            count -= 1
        return True
    c.at += 1
    if code < 0x80 or code >= 0xE0 or code == 0xC0 or code == 0xC2 or code == 0xC3:
        return True
    if code >> 4 == 9 or 0xDC <= code <= 0xDD:
        if code >> 4 == 9:
            count = code & 15
        elif not _length(c, 2 << (code - 0xDC), &count):
            return False
        while count:
            if not _ignore(c, depth + 1):
                return False
            count -= 1
        return True
    if 0xC4 <= code <= 0xC6:
        return _length(c, 1 << (code - 0xC4), &count) and _pass(c, count)
    if 0xCC <= code <= 0xCF:
        return _pass(c, 1 << (code - 0xCC))
    if 0xD0 <= code <= 0xD3:
        return _pass(c, 1 << (code - 0xD0))
    return _pass(c, 4 << (code - 0xCA)) if 0xCA <= code <= 0xCB else False
