# A push (protocol 8, 9): where its parts stand in the frame, and its entries out of base64.

cdef struct Entry:
    Slice text              # as it stands in the frame
    Slice packed            # without base64; a size below 0: it is none


cdef struct Push:
    Slice lwp
    Slice headers
    Slice mid
    long long first
    long long last
    long long points
    long long more
    long long stamp
    long long extra
    Py_ssize_t count        # -1: no list of entries came
    unsigned char *room     # for what stood in base64; as long as the frame
    Entry entries[MOST_ENTRIES]     # the last field: it is not cleared


cdef bint _frame(Cursor *c, Push *push) noexcept nogil:
    cdef Slice key, found
    cdef bint body = False
    _blanks(c)
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        found.start = c.at
        if _is(&key, b"headers", 7):
            if not _headers(c, push):
                return False
            found.size = c.at - found.start
            if not _once(&push.headers, &found):
                return False
        elif _is(&key, b"lwp", 3):
            if not (_string(c, &found) and _once(&push.lwp, &found)):
                return False
        elif _is(&key, b"body", 4):
            if body or not _body(c, push):
                return False
            body = True
        elif not _skip(c, 1):
            return False
        if not _mark(c, c","):
            break
    if not _close(c, c"}"):
        return False
    _blanks(c)
    return c.at == c.end and body and push.count >= 0 and push.mid.size > 0 and _path(&push.lwp) >= 0


cdef int _path(Slice *lwp) noexcept nogil:
    """Give the place of a path in ``_PATHS``, of those that carry packages; -1: it is another."""
    if _is(lwp, b"/s/sync", 7):
        return 0
    if _is(lwp, b"/s/para", 7):
        return 1
    if _is(lwp, b"/s/vulcan", 9):
        return 2
    if _is(lwp, b"/s/sync_failover", 16):
        return 3
    return -1


cdef bint _headers(Cursor *c, Push *push) noexcept nogil:
    cdef Slice key, found
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        if _is(&key, b"mid", 3):
            if not (_string(c, &found) and _once(&push.mid, &found)):
                return False
        elif not _skip(c, 2):
            return False
        if not _mark(c, c","):
            return _close(c, c"}")


cdef bint _body(Cursor *c, Push *push) noexcept nogil:
    cdef Slice key
    cdef bint extra = False
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        if _is(&key, b"syncPushPackage", 15):
            if push.count >= 0 or not _package(c, push):
                return False
        elif _is(&key, b"syncExtraType", 13):
            if extra or not _extra(c, push):
                return False
            extra = True
        elif not _skip(c, 2):
            return False
        if not _mark(c, c","):
            return _close(c, c"}")


cdef bint _extra(Cursor *c, Push *push) noexcept nogil:
    cdef Slice key
    cdef bint seen = False
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        if _is(&key, b"type", 4):
            if seen or not _number(c, &push.extra):
                return False
            seen = True
        elif not _skip(c, 3):
            return False
        if not _mark(c, c","):
            return _close(c, c"}")


cdef bint _package(Cursor *c, Push *push) noexcept nogil:
    cdef Slice key
    cdef int seen = 0, bit
    cdef bint good
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        bit = 0
        if _is(&key, b"data", 4):
            good = push.count < 0 and _entries(c, push)
        elif _is(&key, b"startSeq", 8):
            bit, good = 1, _number(c, &push.first)
        elif _is(&key, b"endSeq", 6):
            bit, good = 2, _number(c, &push.last)
        elif _is(&key, b"maxPts", 6):
            bit, good = 4, _number(c, &push.points)
        elif _is(&key, b"hasMore", 7):
            bit, good = 8, _number(c, &push.more)
        elif _is(&key, b"timestamp", 9):
            bit, good = 16, _number(c, &push.stamp)
        else:
            good = _skip(c, 3)
        if not good or seen & bit:
            return False
        seen |= bit
        if not _mark(c, c","):
            return _close(c, c"}") and push.count >= 0


cdef bint _entries(Cursor *c, Push *push) noexcept nogil:
    push.count = 0
    if not _mark(c, c"["):
        return False
    if _close(c, c"]"):
        return True
    while True:
        if push.count == MOST_ENTRIES or not _entry(c, push, &push.entries[push.count]):
            return False
        push.count += 1
        if not _mark(c, c","):
            return _close(c, c"]")


cdef bint _entry(Cursor *c, Push *push, Entry *entry) noexcept nogil:
    cdef Slice key
    cdef bint seen = False
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        if _is(&key, b"data", 4):
            if seen or not _data(c, entry, push.room):
                return False
            seen = True
            if entry.packed.size > 0:
                push.room += entry.packed.size
        elif not _skip(c, 4):
            return False
        if not _mark(c, c","):
            return _close(c, c"}") and seen


cdef bint _data(Cursor *c, Entry *entry, unsigned char *out) noexcept nogil:
    """Take a text without escapes; undo its base64 on the way, if it is padded and exact."""
    cdef Bytes at
    cdef unsigned char *made = out
    cdef unsigned int three
    entry.packed.start = out
    entry.packed.size = -1
    if not _next_is(c, c'"'):
        return False
    at = entry.text.start = c.at + 1
    while c.end - at > 4:
        three = SIXBITS[0][at[0]] | SIXBITS[1][at[1]] | SIXBITS[2][at[2]] | SIXBITS[3][at[3]]
        if three & NONE:
            break
        made[0] = three >> 16
        made[1] = three >> 8 & 0xFF
        made[2] = three & 0xFF
        made += 3
        at += 4
    if at < c.end and at[0] == c'"':
        entry.packed.size = made - out
    elif c.end - at > 4 and at[4] == c'"' and at[3] == c"=":
        three = SIXBITS[0][at[0]] | SIXBITS[1][at[1]]
        if at[2] != c"=":
            three |= SIXBITS[2][at[2]]
        made[0] = three >> 16 & 0xFF
        made[1] = three >> 8 & 0xFF
        if not three & (NONE | (0xFFFF if at[2] == c"=" else 0xFF)):
            entry.packed.size = made - out + (1 if at[2] == c"=" else 2)
    if entry.packed.size < 0:
        return _string(c, &entry.text)
    while at[0] != c'"':
        at += 1
    entry.text.size = at - entry.text.start
    c.at = at + 1
    return True
