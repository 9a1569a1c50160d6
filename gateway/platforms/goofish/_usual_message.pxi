# The entry of an ordinary text (protocol 12.1): what it says, and whether it is one.

cdef struct Said:
    Slice sender
    Slice conversation
    Slice message
    Slice summary
    Slice content
    Slice nick
    Slice url
    Slice tag
    Slice more
    Slice session
    long long created
    long long kind
    bint dated


cdef bint _said(Cursor *c, Said *said) noexcept nogil:
    cdef long long count, key
    cdef bint seen = False
    if not _map(c, &count):
        return False
    while count:
        if not _integer(c, &key):
            return False
        if key == 1:
            if seen or not _message(c, said):
                return False
            seen = True
        elif not _ignore(c, 1):
            return False
        count -= 1
    return c.at == c.end and seen and _usual(said)


cdef bint _message(Cursor *c, Said *said) noexcept nogil:
    cdef long long count, key
    cdef int seen = 0
    cdef bint good
    if not _map(c, &count):
        return False
    while count:
        if not _integer(c, &key):
            return False
        if key <= 10:  # a key that comes twice is not usual, whatever it holds
            if seen >> key & 1:
                return False
            seen |= 1 << key
        if key == 1:
            good = _inside(c, 1, &said.sender)
        elif key == 2:
            good = _named(c, &said.conversation)
        elif key == 3:
            good = _named(c, &said.message)
        elif key == 5:
            good = said.dated = _integer(c, &said.created)
        elif key == 6:
            good = _wrapped(c, said)
        elif key == 10:
            good = _extension(c, said)
        else:
            good = _ignore(c, 2)
        if not good:
            return False
        count -= 1
    return True


cdef bint _named(Cursor *c, Slice *place) noexcept nogil:
    """Take a text that may come once."""
    cdef Slice found
    return _text(c, &found) and _once(place, &found)


cdef bint _inside(Cursor *c, long long wanted, Slice *place) noexcept nogil:
    """Take a map for the text under one of its keys."""
    cdef long long count, key
    if not _map(c, &count):
        return False
    while count:
        if not _integer(c, &key):
            return False
        if not (_named(c, place) if key == wanted else _ignore(c, 3)):
            return False
        count -= 1
    return True


cdef bint _wrapped(Cursor *c, Said *said) noexcept nogil:
    cdef long long count, key
    cdef bint seen = False
    if not _map(c, &count):
        return False
    while count:
        if not _integer(c, &key):
            return False
        if key == 3:
            if seen or not _content(c, said):
                return False
            seen = True
        elif not _ignore(c, 3):
            return False
        count -= 1
    return True


cdef bint _content(Cursor *c, Said *said) noexcept nogil:
    cdef long long count, key
    cdef bint good
    if not _map(c, &count):
        return False
    while count:
        if not _integer(c, &key):
            return False
        if key == 2:
            good = _named(c, &said.summary)
        elif key == 4:
            good = said.kind < 0 and _integer(c, &said.kind)
        elif key == 5:
            good = _named(c, &said.content)
        else:
            good = _ignore(c, 4)
        if not good:
            return False
        count -= 1
    return True


cdef bint _extension(Cursor *c, Said *said) noexcept nogil:
    cdef long long count
    cdef Slice key
    cdef bint good
    if not _map(c, &count):
        return False
    while count:
        if not _text(c, &key):
            return False
        if _is(&key, b"reminderTitle", 13):
            good = _named(c, &said.nick)
        elif _is(&key, b"reminderUrl", 11):
            good = _named(c, &said.url)
        elif _is(&key, b"bizTag", 6):
            good = _named(c, &said.tag)
        elif _is(&key, b"extJson", 7):
            good = _named(c, &said.more)
        elif _is(&key, b"sessionType", 11):
            good = _named(c, &said.session)
        else:
            good = not _is(&key, b"redReminder", 11) and _ignore(c, 3)
        if not good:
            return False
        count -= 1
    return True


cdef bint _usual(Said *said) noexcept nogil:
    """Say whether all is there, and nothing that smells of an order or hides behind an escape."""
    _bare(&said.sender)
    _bare(&said.conversation)
    return (
        said.kind == TEXT
        and said.dated
        and said.sender.size > 0
        and said.conversation.size > 0
        and said.message.size > 0
        and said.nick.size > 0
        and said.summary.start != NULL
        and said.content.start != NULL
        and said.url.start != NULL
        and said.tag.start != NULL
        and said.more.start != NULL
        and _find(&said.tag, b"C2C:", 4, 0) < 0
        and _find(&said.tag, b"\\", 1, 0) < 0
        and _find(&said.tag, b"taskName", 8, 0) < 0
        and _find(&said.more, b"msgArg1", 7, 0) < 0
        and _find(&said.more, b"\\", 1, 0) < 0
    )


cdef void _bare(Slice *name) noexcept nogil:
    """Take ``@goofish`` off (``fields.ident``)."""
    if name.size >= 8 and memcmp(name.start + name.size - 8, b"@goofish", 8) == 0:
        name.size -= 8


cdef bint _written(Slice *content, Slice *found) noexcept nogil:
    """Find the text in the content's JSON; False also if an escape stands in its way."""
    cdef Cursor cursor
    cdef Cursor *c = &cursor
    cdef Slice key
    cdef bint outer = False, inner = False
    c.at = content.start
    c.end = content.start + content.size
    _blanks(c)
    if not _mark(c, c"{"):
        return False
    while True:
        if not _key(c, &key):
            return False
        if not _is(&key, b"text", 4):
            if not _skip(c, 1):
                return False
        elif outer or not _mark(c, c"{"):
            return False
        else:
            outer = True
            while True:
                if not _key(c, &key):
                    return False
                if not _is(&key, b"text", 4):
                    if not _skip(c, 2):
                        return False
                elif inner or not _string(c, found):
                    return False
                else:
                    inner = True
                if not _mark(c, c","):
                    break
            if not _close(c, c"}"):
                return False
        if not _mark(c, c","):
            break
    if not _close(c, c"}"):
        return False
    _blanks(c)
    return c.at == c.end and inner
