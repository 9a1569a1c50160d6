"""One turn of reading a link: bytes in; frames, or the reason of its end, out.

Runs on the thread that reads, which hands the frames over and closes the socket.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from actors.messages import PongReceived
from actors.policy.failures import from_close_code
from actors.ports import Beaten, Clock, Incoming, PeerClosed, Pinged, Wire, WireBroken
from actors.runtime.links.link import Link
from actors.values import ErrorClass, Failure, Frame

READ_BYTES: Final = 64 << 10
"""One read; a TLS read gives one record (16 KiB) at most."""

TURN_BYTES: Final = 256 << 10
"""Most bytes of one link before the next link's turn."""

TURN_FRAMES: Final = 512
"""Most frames, too: tiny ones are as much work for the actors as large ones."""

FLOOD_FRAMES: Final = 128
"""Most frames of a link that comes again at once: what one link has in hand is what the others'
next commit waits for."""

_ALL: Final = 1 << 30

End: TypeAlias = PeerClosed | WireBroken | Failure


class Turn(NamedTuple):
    """What a turn brought.

    Attributes:
        frames: Whole messages, in order; they came before the end.
        end: Why nothing more will come; None: the link lives.
        more: Something may be left that no selector knows of.
    """

    frames: list[Frame]
    end: End | None
    more: bool


def unexpected_close(reason: str, detail: str) -> Failure:
    """Name an end without a close frame."""
    return Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason=reason, detail=detail)


def read_turn(link: Link, clock: Clock, *, first: bool) -> Turn:
    """Read up to :data:`TURN_BYTES`, answer pings, keep the books of the link.

    What was read and is above :data:`TURN_FRAMES` is the link's next turn.

    Args:
        link: Read as long as its flow is not full; to the end if it is broken.
        clock: For the stamps.
        first: Cut what came with the handshake before anything else.
    """
    frames: list[Frame] = []
    end: End | None = None
    most = _ALL if link.broken else FLOOD_FRAMES if link.share.pressing else TURN_FRAMES
    wire, kept = link.wire, link.kept
    if kept is not None:
        link.kept = None
        frames, end = kept
    if end is None and (first or wire.uncut) and len(frames) < most:
        end = _cut(link, wire.feed(b"", most), frames)
    taken_bytes, more = 0, False
    while end is None and len(frames) < most and (not link.flow.full or link.broken):
        if wire.uncut:
            break
        if taken_bytes >= TURN_BYTES:
            more = link.is_tls  # OpenSSL holds on to what it has decrypted
            break
        try:
            data = link.receive(READ_BYTES)
        except OSError:
            end = unexpected_close("reset", "The connection was reset.")
            break
        if data is None:
            break
        if not data:
            end = unexpected_close("eof", "The peer ended the stream without a close frame.")
            break
        taken_bytes += len(data)
        end = _cut(link, wire.feed(data, most), frames)
        if len(data) < READ_BYTES and not link.is_tls:
            break
    if taken_bytes:
        link.bytes_in += taken_bytes
        link.last_received = clock.monotonic()
    if len(frames) > most:
        link.kept = frames[most:], end
        return Turn(frames[:most], None, more=True)
    return Turn(frames, end, more or len(frames) >= most or wire.uncut)


def _cut(
    link: Link, incoming: list[Incoming], frames: list[Frame]
) -> PeerClosed | WireBroken | None:
    """Sort out what was cut: messages to ``frames``, pings answered, the end returned."""
    pongs: list[bytes] = []
    beaten: dict[bytes, None] = {}
    end: PeerClosed | WireBroken | None = None
    for item in incoming:
        if isinstance(item, (str, bytes)):
            frames.append(item)
        elif isinstance(item, Pinged):
            pongs.append(link.wire.pong(item.payload))
        elif isinstance(item, Beaten):
            beaten[item.payload] = None
        else:
            end = item
            break
    for payload in beaten:
        link.pongs_to.tell(PongReceived(generation=link.generation, payload=payload))
    if pongs:
        link.write(b"".join(pongs))
    return end


def ending(end: End, wire: Wire) -> tuple[Failure, bytes]:
    """Return what an end means, and what is still to be written."""
    if isinstance(end, Failure):
        return end, b""
    if isinstance(end, WireBroken):
        failure = Failure(
            error_class=ErrorClass.PROTOCOL,
            reason=end.reason,
            detail=end.detail,
            close_code=end.code,
        )
        return failure, wire.close(end.code)
    # An empty close frame is answered with 1000: 1005 must not be sent (RFC 6455 7.4.1).
    echo = wire.close(1000 if end.code is None else end.code)
    return from_close_code(end.code, reason=end.reason), echo
