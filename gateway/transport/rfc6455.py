"""One frame of RFC 6455: its header, what may stand in it, and the verdict when it does not.

Pure functions and numbers. What spans several frames is in ``frames.py``.

Strictness: where the RFC says MUST the peer is held to it, lengths that are not minimal
included (section 5.2; browsers refuse them too). No extension is ever negotiated, so
reserved bits are always an error.
"""

from __future__ import annotations

import struct

from actors.ports import PeerClosed, WireBroken

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RESERVED, OPCODE, MASKED, CONTROL = 0x80, 0x70, 0x0F, 0x80, 0x08
CONTROL_MAX_BYTES = 125
PROTOCOL_ERROR, BAD_PAYLOAD, TOO_BIG = 1002, 1007, 1009

_KNOWN = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})

pack_16 = struct.Struct(">BBH").pack
pack_16_masked = struct.Struct(">BBH4s").pack


class RefusedError(Exception):
    """The peer's frame is refused; ``verdict`` says why and what to close with."""

    def __init__(self, code: int, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.verdict = WireBroken(code, reason, detail)


def broken(reason: str, detail: str) -> RefusedError:
    """Make the verdict on a breach of the protocol."""
    return RefusedError(PROTOCOL_ERROR, reason, detail)


def judge(head: int, second: int, *, masked: bool, inside: bool) -> None:
    """Refuse what the first two bytes of a frame already show to be wrong.

    Args:
        head: First byte.
        second: Second byte.
        masked: Whether frames of this peer must be masked; otherwise they must not.
        inside: Whether a message is under way.
    """
    opcode = head & OPCODE
    if head & RESERVED:
        raise broken("reserved_bits", "the peer set a reserved bit; no extension is agreed")
    if opcode not in _KNOWN:
        raise broken("unknown_opcode", f"the peer sent a frame of unknown type {opcode:#x}")
    if bool(second & MASKED) is not masked:
        reason = "unmasked_frame" if masked else "masked_frame"
        raise broken(reason, "masking is for frames from client to server, and only for them")
    if opcode & CONTROL:
        if not head & FIN:
            raise broken("fragmented_control", "the peer sent a control frame in fragments")
        if second & 0x7F > CONTROL_MAX_BYTES:
            raise broken("long_control", "the peer sent a control frame above 125 bytes")
    elif opcode and inside:
        raise broken("interleaved_message", "a message began before the last one ended")
    elif not opcode and not inside:
        raise broken("stray_continuation", "the peer continued a message it never began")


def header(head: int, size: int, mask: int) -> bytes:
    """Return the header of a frame, without a key; ``mask`` is MASKED or 0."""
    if size < 126:
        return bytes((head, mask | size))
    if size < 65536:
        return pack_16(head, mask | 126, size)
    return bytes((head, mask | 127)) + size.to_bytes(8)


def long_size(field: bytes) -> int:
    """Read a payload length of 2 or 8 bytes."""
    size = int.from_bytes(field)
    if size < (126 if len(field) == 2 else 65536):
        raise broken("length_not_minimal", "the peer wrote a length in more bytes than it needs")
    if size >> 63:
        raise broken("length_too_long", "the peer wrote a length of 2^63 or more")
    return size


def may_close_with(code: int) -> bool:
    """Return whether a close frame may carry the code (RFC 6455 7.4, IANA registry)."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in {1004, 1005, 1006})


def closed(payload: bytes) -> PeerClosed:
    """Read the payload of a close frame."""
    if not payload:
        return PeerClosed(None)
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not may_close_with(code):
        raise broken("bad_close_code", "the peer closed with a code no close frame may carry")
    try:
        return PeerClosed(code, str(payload[2:], "utf-8"))
    except UnicodeDecodeError:
        raise RefusedError(
            BAD_PAYLOAD, "bad_utf8", "the reason of the peer's close frame is not valid UTF-8"
        ) from None
