# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The usual frames, cut and masked in one go (RFC 6455 5.2, 5.3, 5.7).

Compiled where a compiler is at hand; ``usual.py`` does the same without, and says what is meant.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcpy

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

ctypedef const unsigned char *Bytes

cdef enum:
    LONE_TEXT = 0x81
    LONE_BINARY = 0x82
    MASKED = 0x80
    LONGEST_HEADER = 14


def cut_texts(bytes data, Py_ssize_t at, Py_ssize_t limit, list out):
    """Take lone text frames of a server that lie whole in ``data``; see ``usual.cut_texts``."""
    cdef Bytes start = <Bytes>PyBytes_AS_STRING(data)
    cdef Py_ssize_t end = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t size, payload
    while end - at > 1 and start[at] == LONE_TEXT:
        size = start[at + 1]
        payload = at + 2
        if size == 126:
            payload = at + 4
            if payload > end:
                break
            size = <Py_ssize_t>start[at + 2] << 8 | start[at + 3]
            if size < 126:
                break
        elif size > 126:
            break
        if size > limit or size > end - payload:
            break
        out.append(PyUnicode_DecodeUTF8(<const char *>(start + payload), size, NULL))
        at = payload + size
    return at


def mask_frames(frames, next_key):
    """Give messages as lone masked frames, joined; see ``usual.mask_frames``."""
    cdef Py_ssize_t total = 0, size, place
    cdef const char *payload
    cdef unsigned char *at
    cdef unsigned char *begin
    cdef unsigned char key[8]
    cdef unsigned long long stream, eight
    cdef bytes drawn
    for message in frames:
        if type(message) is str:
            PyUnicode_AsUTF8AndSize(message, &size)
        else:
            size = PyBytes_GET_SIZE(<bytes?>message)
        total += LONGEST_HEADER + size
    out = PyBytes_FromStringAndSize(NULL, total)
    begin = at = <unsigned char *>PyBytes_AS_STRING(out)
    for message in frames:
        if type(message) is str:
            payload = PyUnicode_AsUTF8AndSize(message, &size)
            at[0] = LONE_TEXT
        else:
            payload, size = PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message)
            at[0] = LONE_BINARY
        at = _sized(at + 1, size)
        drawn = <bytes?>next_key()
        if PyBytes_GET_SIZE(drawn) != 4:
            raise ValueError("a mask has 4 bytes")
        memcpy(key, PyBytes_AS_STRING(drawn), 4)
        memcpy(&key[4], key, 4)
        memcpy(at, key, 4)
        at += 4
        memcpy(&stream, key, 8)
        place = 0
        while size - place >= 8:
            memcpy(&eight, payload + place, 8)
            eight ^= stream
            memcpy(at + place, &eight, 8)
            place += 8
        while place < size:
            at[place] = <unsigned char>payload[place] ^ key[place & 3]
            place += 1
        at += size
    return out[: at - begin]


cdef unsigned char *_sized(unsigned char *at, Py_ssize_t size) noexcept:
    """Write the length of a masked frame; give the place behind it."""
    cdef int count = 0
    if size < 126:
        at[0] = MASKED | size
    elif size < 65536:
        at[0], count = MASKED | 126, 2
    else:
        at[0], count = MASKED | 127, 8
    at += 1
    while count:
        count -= 1
        at[0] = <unsigned long long>size >> 8 * count & 0xFF
        at += 1
    return at
