"""The fast path of frames: short unfragmented texts in, whole masked messages out.

``_usual.pyx`` is the same, compiled; tests hold one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.ports import Incoming
from actors.values import Frame
from gateway.transport import rfc6455
from gateway.transport.masking import MULTIPLIED_BYTES, ones, xor
from gateway.transport.rfc6455 import FIN, MASKED

LONE_TEXT = FIN | rfc6455.TEXT
LONE_BINARY = FIN | rfc6455.BINARY


def cut_texts(data: bytes, at: int, limit: int, out: list[Incoming]) -> int:
    """Take unmasked, unfragmented text frames below 64 KiB as long as one follows the other.

    Args:
        data: What came.
        at: Where the first frame begins.
        limit: Most bytes of a payload.
        out: Gets the texts.

    Returns:
        Where the first frame begins that is another one, or not whole.

    Raises:
        UnicodeDecodeError: A text is not UTF-8.
    """
    end = len(data)
    while at + 1 < end and data[at] == LONE_TEXT:
        size = data[at + 1]
        start = at + 2
        if size == 126:
            start = at + 4
            size = int.from_bytes(data[at + 2 : start])
            if start > end or size < 126:
                break
        elif size > 126:
            break
        if size > limit or start + size > end:
            break
        at = start + size
        out.append(str(data[start:at], "utf-8"))
    return at


def mask_frames(frames: Sequence[Frame], next_key: Callable[[], bytes]) -> bytes:
    """Return messages as unfragmented masked frames, one after the other.

    Raises:
        UnicodeEncodeError: A text holds a lone surrogate, which UTF-8 cannot carry.
    """
    parts: list[bytes] = []
    for message in frames:
        if isinstance(message, str):
            head, payload = LONE_TEXT, message.encode()
        else:
            head, payload = LONE_BINARY, message
        size = len(payload)
        key = next_key()
        if not 125 < size <= MULTIPLIED_BYTES:
            parts += (rfc6455.header(head, size, MASKED), key, xor(payload, key))
            continue
        # header() and xor() written out: calls are a third of what an ack costs.
        words = (size + 3) >> 2
        stream = int.from_bytes(key, "little") * ones(words)
        masked = (int.from_bytes(payload, "little") ^ stream).to_bytes(words << 2, "little")
        parts.append(rfc6455.pack_16_masked(head, 0xFE, size, key))
        parts.append(masked[:size] if size & 3 else masked)
    return b"".join(parts)
