"""RFC 6455 frames: bytes in, messages out, and the way back. No socket, no clock, no thread.

The reader is written for one case, a short unfragmented text frame of a server that lies
whole in the gulp; everything else takes a slower path through the same checks. What is
refused is refused from the frame header, before a byte of its payload is kept. The rules for one
frame are in ``rfc6455.py``.
"""

from __future__ import annotations

import os
from codecs import utf_8_decode
from collections.abc import Callable, Sequence
from typing import Final

from actors.ports import Beaten, Incoming, Pinged, WireBroken
from actors.sections import LimitSettings
from actors.values import Frame
from gateway.compiled import FRAMES, compiled
from gateway.transport import rfc6455, usual
from gateway.transport.masking import SHARED_KEYS, MaskKeys, xor
from gateway.transport.rfc6455 import CONTROL, CONTROL_MAX_BYTES, FIN, OPCODE, TEXT, RefusedError
from gateway.transport.usual import LONE_BINARY, LONE_TEXT

cut_texts = compiled(FRAMES, usual.cut_texts)
mask_frames = compiled(FRAMES, usual.mask_frames)

__all__ = ["FrameWire", "cut_texts", "mask_frames"]


_DEFAULTS: Final = LimitSettings()


class FrameWire:
    """One end of a WebSocket after its handshake; an :class:`actors.ports.Wire`.

    Between two calls of :meth:`feed` it holds at most the message limit, plus what
    ``bytearray`` reserves ahead (an eighth), plus 139 bytes; or, while it is ``uncut``, what it
    was fed.

    Args:
        server: Play the server: want masked frames, send unmasked ones.
        max_frame_bytes: Payload of one data frame.
        max_message_bytes: All fragments of a message together.
        max_fragments: Frames of one message, empty ones included.
        mask_source: Gives random bytes; the default draws from one pool a process.
    """

    __slots__ = (
        "_checked", "_ended", "_fin", "_fragments", "_held", "_key", "_keys",
        "_max_fragments", "_max_frame_bytes", "_max_message_bytes", "_need", "_opcode",
        "_rest", "_server", "uncut",
    )  # fmt: skip

    def __init__(
        self,
        *,
        server: bool = False,
        max_frame_bytes: int = _DEFAULTS.max_frame_bytes,
        max_message_bytes: int = _DEFAULTS.max_message_bytes,
        max_fragments: int = _DEFAULTS.max_fragments,
        mask_source: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._server = server
        self._max_frame_bytes = max_frame_bytes
        self._max_message_bytes = max_message_bytes
        self._max_fragments = max_fragments
        self._keys = SHARED_KEYS if mask_source is os.urandom else MaskKeys(mask_source)
        self._ended = False
        self.uncut = False
        self._rest = b""  # a header or a control frame that is not complete yet
        self._opcode = 0  # of the message under way; 0: none is
        self._held: bytearray | None = None  # its payload so far, unmasked
        self._fragments = 0
        self._checked = 0  # how much of a held text is known to be good UTF-8
        self._fin = 0  # of the data frame under way
        self._need = 0  # payload bytes it still lacks; only above 0 inside one
        self._key = b""  # its mask, turned so that the next byte takes the first

    # --- in -----------------------------------------------------------------------

    @property
    def arriving(self) -> bool:
        """Return whether a message has begun to arrive and is not whole."""
        return self._opcode != 0 and not self._ended

    def feed(self, data: bytes, most: int = 1 << 30) -> list[Incoming]:
        """Cut received bytes into messages and control frames; keep a partial one.

        Never raises. After a :class:`PeerClosed` or :class:`WireBroken`, always the last
        of its list, everything is ignored.
        """
        out: list[Incoming] = []
        if self._ended:
            return out
        try:
            self._cut(data, out, most)
        except UnicodeDecodeError:
            out.append(
                WireBroken(rfc6455.BAD_PAYLOAD, "bad_utf8", "a text message is not valid UTF-8")
            )
            self._end()
        except RefusedError as refused:
            out.append(refused.verdict)
            self._end()
        return out

    def _end(self) -> None:
        self._ended = True
        self.uncut = False
        self._rest = b""
        self._held = None

    def _cut(self, data: bytes, out: list[Incoming], most: int) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at = self._fill(data, 0, out) if self._need else 0
        end = len(data)
        limit = min(self._max_frame_bytes, self._max_message_bytes)
        while at + 1 < end and not self._ended and most > 0:
            if data[at] == LONE_TEXT and not self._server and not self._opcode:
                before = len(out)
                stop = cut_texts(data, at, limit, out)
                if stop > at:
                    at = stop
                    most -= len(out) - before
                    continue
            at = self._step(data, at, out)
            most -= 1
        self.uncut = most <= 0 and at + 1 < end and not self._ended
        if at < end and not self._ended:
            self._rest = data[at:]

    def _step(self, data: bytes, at: int, out: list[Incoming]) -> int:
        """Take the frame at ``at``, whatever it is; give where the next one begins."""
        end = len(data)
        head, second = data[at], data[at + 1]
        opcode = head & OPCODE
        rfc6455.judge(head, second, masked=self._server, inside=self._opcode != 0)
        size = second & 0x7F
        start = at + 2
        if size > 125:
            start += 2 if size == 126 else 8
            if start > end:
                return self._wait(data, at)
            size = rfc6455.long_size(data[at + 2 : start])
        if not opcode & CONTROL:
            self._admit(size)
        key = b""
        if self._server:
            key = data[start : start + 4]
            start += 4
        stop = start + size
        if start > end or (opcode & CONTROL and stop > end):
            return self._wait(data, at)
        if opcode & CONTROL:
            payload = data[start:stop]
            self._control(opcode, xor(payload, key) if key else payload, out)
            return stop
        if opcode:
            self._opcode = opcode
        self._fragments += 1
        self._fin = head & FIN
        self._need = size
        self._key = key
        return self._fill(data, start, out)

    def _wait(self, data: bytes, at: int) -> int:
        self._rest = data[at:]
        return len(data)

    def _admit(self, size: int) -> None:
        """Refuse a data frame that would pass a limit, from its header alone."""
        held = len(self._held) if self._held is not None else 0
        if size > self._max_frame_bytes:
            what, limit = "frame", f"{self._max_frame_bytes} bytes"
        elif held + size > self._max_message_bytes:
            what, limit = "message", f"{self._max_message_bytes} bytes"
        elif self._fragments >= self._max_fragments:
            what, limit = "message", f"{self._max_fragments} fragments"
        else:
            return
        raise RefusedError(
            rfc6455.TOO_BIG, f"{what}_too_big", f"the peer sent a {what} above {limit}"
        )

    def _fill(self, data: bytes, at: int, out: list[Incoming]) -> int:
        """Take payload of the data frame under way; give where it stopped."""
        piece = data[at : at + self._need]
        stop = at + len(piece)
        self._need -= len(piece)
        if self._key:
            turn = len(piece) & 3
            piece = xor(piece, self._key)
            self._key = self._key[turn:] + self._key[:turn]
        complete = self._fin and not self._need
        if complete and self._held is None:
            self._deliver(piece, out)
            return stop
        if self._held is None:
            self._held = bytearray()
        self._held += piece
        if complete:
            self._deliver(self._held, out)
        elif self._opcode == TEXT:
            # Fails as soon as the text cannot become valid any more, not at its end.
            fresh = self._held[self._checked :]
            self._checked += utf_8_decode(fresh, "strict", False)[1]
        return stop

    def _deliver(self, payload: bytes | bytearray, out: list[Incoming]) -> None:
        out.append(str(payload, "utf-8") if self._opcode == TEXT else bytes(payload))
        self._opcode = self._fragments = self._checked = 0
        self._held = None

    def _control(self, opcode: int, payload: bytes, out: list[Incoming]) -> None:
        if opcode == rfc6455.PING:
            out.append(Pinged(payload))
        elif opcode == rfc6455.PONG:
            out.append(Beaten(payload))
        else:
            out.append(rfc6455.closed(payload))
            self._end()

    # --- out ----------------------------------------------------------------------

    def encode(self, frames: Sequence[Frame]) -> bytes:
        """Return the messages as frames, one after the other, for one write.

        Raises:
            UnicodeEncodeError: A text holds a lone surrogate, which UTF-8 cannot carry.
        """
        if not self._server:
            return mask_frames(frames, self._keys.next)
        return b"".join(
            self._frame(LONE_TEXT, message.encode())
            if isinstance(message, str)
            else self._frame(LONE_BINARY, message)
            for message in frames
        )

    def ping(self, payload: bytes) -> bytes:
        """Return a ping.

        Raises:
            ValueError: The payload is above 125 bytes.
        """
        return self._frame(FIN | rfc6455.PING, _control_sized(payload))

    def pong(self, payload: bytes) -> bytes:
        """Return a pong; the answer to a ping carries its payload.

        Raises:
            ValueError: The payload is above 125 bytes.
        """
        return self._frame(FIN | rfc6455.PONG, _control_sized(payload))

    def close(self, code: int, reason: str = "") -> bytes:
        """Return a close frame; ``reason`` is cut to 123 bytes, never inside a character.

        Raises:
            ValueError: No close frame may carry the code (RFC 6455 7.4).
        """
        if not rfc6455.may_close_with(code):
            raise ValueError(f"close code {code} may not be sent; use 1000 or 3000 to 4999")
        text = reason.encode(errors="replace")[: CONTROL_MAX_BYTES - 2].decode(errors="ignore")
        return self._frame(FIN | rfc6455.CLOSE, code.to_bytes(2) + text.encode())

    def _frame(self, head: int, payload: bytes) -> bytes:
        size = len(payload)
        if self._server:
            return rfc6455.header(head, size, 0) + payload
        key = self._keys.next()
        return rfc6455.header(head, size, rfc6455.MASKED) + key + xor(payload, key)


def _control_sized(payload: bytes) -> bytes:
    if len(payload) > CONTROL_MAX_BYTES:
        raise ValueError(f"a ping or pong carries at most 125 bytes, not {len(payload)}")
    return payload
