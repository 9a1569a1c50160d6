# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The usual push, read in one go: JSON, base64, MessagePack, event (protocol 8, 9, 11, 12.1).

Compiled where a compiler is at hand; ``quick.py`` does the same without. It accepts one shape, checked
to the last byte, and gives up on anything else: then the slow readers say what it is. So nothing here
decides what is damaged, and what it accepts they read the same, which property tests hold it to.

Every byte is read through a cursor that does not pass its end; nesting is bounded by ``DEEPEST``.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memcpy, memset

from actors.values import Decoded
from gateway.events import ChatMessage
from gateway.platforms.goofish.fields import SESSION_TYPES, query
from gateway.platforms.goofish.messages import decode_text
from gateway.platforms.goofish.quick import UNREAD

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    bint PyUnicode_IS_ASCII(object text)
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void *PyUnicode_1BYTE_DATA(object text)
    object PyObject_Vectorcall(object call, PyObject **args, size_t count, object names)

ctypedef const unsigned char *Bytes

cdef enum:
    DEEPEST = 32            # levels of nesting that are followed
    MOST_ENTRIES = 128      # of one package
    MOST_DIGITS = 18        # of a number that is read
    LONGEST = 1 << 20       # payload.MAX_CHARS
    TEXT = 1                # subtypes.TEXT
    NEAR = 8192             # bytes of a frame that need no memory of their own

include "_usual_json.pxi"
include "_usual_frame.pxi"
include "_usual_msgpack.pxi"
include "_usual_message.pxi"


cdef tuple _NAMES = (
    "account", "event_id", "conversation_id", "lane_seq",
    "occurred_at_ms", "received_at_ms", "own", "raw",
)
cdef tuple _PATHS = ("/s/sync", "/s/para", "/s/vulcan", "/s/sync_failover")
cdef tuple _DECODED = ("raw", "events", "ack", "point")
cdef object _decoded = Decoded
cdef object _kind = ChatMessage
cdef object _subtype = "text"
cdef object _one = 1
cdef dict _sessions = SESSION_TYPES
cdef object _private = SESSION_TYPES["1"]


cdef inline object _made(Slice *text):
    """Give a text of UTF-8 that was checked."""
    return PyUnicode_DecodeUTF8(<const char *>text.start, text.size, NULL)


cdef inline object _cut(Slice *text):
    """Give a part of the frame, which is ASCII."""
    made = PyUnicode_New(text.size, 127)
    memcpy(PyUnicode_1BYTE_DATA(made), text.start, text.size)
    return made


cdef object _ack(Slice *headers):
    """Give the acknowledgement: the headers as they came (protocol 10)."""
    made = PyUnicode_New(headers.size + 23, 127)
    cdef char *at = <char *>PyUnicode_1BYTE_DATA(made)
    memcpy(at, b'{"code":200,"headers":', 22)
    memcpy(at + 22, headers.start, headers.size)
    at[22 + headers.size] = c"}"
    return made


cdef object _item(Slice *url):
    cdef Slice found
    cdef Py_ssize_t start = _find(url, b"?itemId=", 8, 0) + 8
    cdef Py_ssize_t end
    if start >= 8:
        end = _find(url, b"&", 1, start)
        if end > start:
            found.start = url.start + start
            found.size = end - start
            return _made(&found)
    return query(_made(url), "itemId")


cdef object _session(Slice *number):
    """Give the kind of session a number stands for (``fields.session_type``)."""
    if number.start == NULL:
        return None
    if number.size == 1 and number.start[0] == c"1":
        return _private
    return _sessions.get(_made(number))


cdef bint _written_twice(Slice *one, Slice *other) noexcept nogil:
    """Say whether two texts are the same; an ordinary one's summary is the text itself."""
    return (
        other.start != NULL
        and one.size == other.size
        and memcmp(one.start, other.start, one.size) == 0
    )


cdef object _event(Entry *entry, PushReader place, object received_at_ms, object lane_seq):
    """Give the event of an ordinary text; None if the entry may be anything else."""
    cdef Said said
    cdef Cursor cursor
    cdef Slice written
    memset(&said, 0, sizeof(said))
    memset(&written, 0, sizeof(written))
    if entry.packed.size <= 0 or entry.text.size > LONGEST:
        return None
    said.kind = -1
    cursor.at = entry.packed.start
    cursor.end = entry.packed.start + entry.packed.size
    if not _said(&cursor, &said):
        return None
    if _written(&said.content, &written):
        text = _made(&written)
    else:
        try:
            text = decode_text(_made(&said.content)).text.text
        except (ValueError, RecursionError):
            return None
    message_id = _made(&said.message)
    sender_id = _made(&said.sender)
    nick = _made(&said.nick)
    if _written_twice(&said.summary, &written):
        summary = text
    else:
        summary = _made(&said.summary)
    item_id = _item(&said.url)
    event_id = place.prefix + message_id
    conversation_id = _made(&said.conversation)
    created_ms = <object>said.created
    own = sender_id == place.user_id
    raw = _cut(&entry.text)
    session = _session(&said.session)
    cdef PyObject *arguments[21]
    arguments[0] = <PyObject *>_subtype
    arguments[1] = <PyObject *>message_id
    arguments[2] = <PyObject *>sender_id
    arguments[3] = <PyObject *>nick
    arguments[4] = <PyObject *>text
    arguments[5] = <PyObject *>summary
    arguments[6] = <PyObject *>_one
    arguments[7] = <PyObject *>item_id
    arguments[8] = arguments[9] = arguments[10] = arguments[11] = <PyObject *>None  # of orders
    arguments[12] = <PyObject *>session
    arguments[13] = <PyObject *>place.account
    arguments[14] = <PyObject *>event_id
    arguments[15] = <PyObject *>conversation_id
    arguments[16] = <PyObject *>lane_seq
    arguments[17] = <PyObject *>created_ms
    arguments[18] = <PyObject *>received_at_ms
    arguments[19] = <PyObject *>own
    arguments[20] = <PyObject *>raw
    return PyObject_Vectorcall(_kind, arguments, 13, _NAMES)


cdef object _usual_end(object frame, list events, object ack, long long points):
    """Give what a push means that is nothing but its events."""
    cdef PyObject *arguments[4]
    point = <object>points
    arguments[0] = <PyObject *>frame
    arguments[1] = <PyObject *>events
    arguments[2] = <PyObject *>ack
    arguments[3] = <PyObject *>point
    return PyObject_Vectorcall(_decoded, arguments, 0, _DECODED)


cdef class PushReader:
    """Reads pushes as ``quick.PushReader`` does."""

    cdef str account, prefix
    cdef object user_id

    def __init__(self, str account not None, user_id):
        self.account, self.prefix = account, account + "/"
        self.user_id = user_id

    def follow(self, frame, received_at_ms, numbers, dict expected not None):
        """Read a push, and end it here if there is nothing more to say; None if it is not entirely usual."""
        cdef Push push
        cdef Cursor cursor
        cdef Py_ssize_t size, number
        cdef unsigned char near[NEAR]
        cdef unsigned char *room = near
        if type(frame) is not str or not PyUnicode_IS_ASCII(frame):
            return None
        cursor.at = <Bytes>PyUnicode_AsUTF8AndSize(frame, &size)
        cursor.end = cursor.at + size
        memset(&push, 0, sizeof(push) - sizeof(push.entries))  # nothing came yet
        push.count = -1
        if size + 4 > NEAR:
            room = <unsigned char *>PyMem_Malloc(size + 4)
            if room == NULL:
                raise MemoryError
        push.room = room
        events = []
        odd = None
        try:
            if not _frame(&cursor, &push):
                return None
            for number in range(push.count):
                lane_seq = None if numbers is None else next(numbers)
                event = _event(&push.entries[number], self, received_at_ms, lane_seq)
                if event is None:
                    odd = odd or []
                    odd.append((number, _cut(&push.entries[number].text), lane_seq))
                    event = UNREAD
                events.append(event)
        finally:
            if room != near:
                PyMem_Free(room)
        lwp = _PATHS[_path(&push.lwp)]
        if odd is None and push.more == 0 and push.extra == 0:
            following = expected.get(lwp)
            if following is not None and following == push.first and push.first <= push.last:
                expected[lwp] = push.last + 1
                return _usual_end(frame, events, _ack(&push.headers), push.points)
        return (
            lwp, _ack(&push.headers), push.first, push.last, push.points, push.more,
            push.stamp, push.extra, events, odd,
        )
