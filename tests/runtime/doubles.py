"""A mailbox one can wait for, and a wire simple enough to see through."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from actors.ports import Beaten, Incoming, PeerClosed, Pinged, WireBroken
from actors.values import Frame

WAIT_S = 10.0
M = TypeVar("M")


class Letters(Generic[M]):
    """A mailbox that keeps what it is told."""

    def __init__(self) -> None:
        self.all: list[M] = []
        self._changed = threading.Condition()

    def tell(self, message: M) -> bool:
        """Keep it."""
        with self._changed:
            self.all.append(message)
            self._changed.notify_all()
        return True

    def wait(self, enough: Callable[[list[M]], Any]) -> list[M]:
        """Wait until what came is enough."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.all), WAIT_S), self.all
            return list(self.all)

    def first(self) -> M:
        """Wait for the first one."""
        return self.wait(len)[0]


def packed(kind: bytes, payload: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(payload)) + payload


def text(words: str) -> bytes:
    return packed(b"t", words.encode())


class PrefixWire:
    """Kind, length, payload. Implements :class:`actors.ports.Wire`."""

    def __init__(self, leftovers: bytes = b"") -> None:
        self._held = leftovers
        self.uncut = False

    def feed(self, data: bytes, most: int = 1 << 30) -> list[Incoming]:
        """Cut; keeps what is not whole, or beyond the bound."""
        held, out = self._held + data, []
        at = 0
        while len(held) - at >= 5:
            size = int(struct.unpack_from("!I", held, at + 1)[0])
            if len(held) - at - 5 < size:
                break
            out.append(_read(held[at : at + 1], held[at + 5 : at + 5 + size]))
            at += 5 + size
            if len(out) >= most:
                break
        self._held = held[at:]
        self.uncut = len(out) >= most and bool(self._held)
        return out

    @property
    def arriving(self) -> bool:
        """Return whether a message is not whole."""
        return bool(self._held)

    def encode(self, frames: Sequence[Frame]) -> bytes:
        """Pack messages."""
        return b"".join(
            text(frame) if isinstance(frame, str) else packed(b"b", frame) for frame in frames
        )

    def ping(self, payload: bytes) -> bytes:
        """Pack a ping."""
        return packed(b"p", payload)

    def pong(self, payload: bytes) -> bytes:
        """Pack a pong."""
        return packed(b"o", payload)

    def close(self, code: int, reason: str = "") -> bytes:
        """Pack a close."""
        return packed(b"c", struct.pack("!H", code) + reason.encode())


def _read(kind: bytes, payload: bytes) -> Incoming:
    match kind:
        case b"t":
            return payload.decode()
        case b"b":
            return payload
        case b"p":
            return Pinged(payload)
        case b"o":
            return Beaten(payload)
        case b"c":
            code = struct.unpack("!H", payload[:2])[0] if payload else None
            return PeerClosed(code, payload[2:].decode())
        case _:
            return WireBroken(1002, "bad_opcode", "The peer sent a frame of no known kind.")


class Kept:
    """Keeps what is logged, as text."""

    def __init__(self) -> None:
        self.text = ""

    def debug(self, event: str, **fields: object) -> None:
        self.text += f"{event} {fields}\n"

    info = warning = error = debug
