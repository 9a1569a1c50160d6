"""Decodes WebSocket frames (protocol 2, 8, 9, 10).

The usual push takes a typed decoder; whatever that refuses is read again piece by piece
(:mod:`lenient`), so that one odd field never hides the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from actors.values import Decoded, Event, Frame, Reply, Signal, SignalKind
from gateway.compiled import PUSHES, compiled
from gateway.platforms.goofish.entries import mentioned_by, read_entry, unknown_words
from gateway.platforms.goofish.envelope import PARA, SYNC, VULCAN
from gateway.platforms.goofish.identity import Arrival, of_message
from gateway.platforms.goofish.lenient import LenientPush, Places, read_leniently
from gateway.platforms.goofish.quick import PushReader

UsualReader = compiled(PUSHES, PushReader)

_TOO_LONG = (1, 2)
_UNAUTHORIZED = 401
_READY = Signal(kind=SignalKind.READY)


class FrameReader:
    """Reads the frames of one account.

    Its only memory is how far the numbers of the connection have come, to notice a gap
    (protocol 9.2); it changes no event.
    """

    __slots__ = (
        "_account", "_newest_ms", "_next", "_push", "_register_mid", "_user_id", "_usual",
    )  # fmt: skip

    def __init__(self, account: str, user_id: str | None) -> None:
        self._account = account
        self._user_id = user_id
        self._usual = UsualReader(account, user_id)
        self._push: PushReader | None = None
        self._next: dict[str, int] = {}
        self._newest_ms = 0
        self._register_mid: str | None = None

    def begin(self, register_mid: str) -> None:
        """Forget the numbers: a registration starts them again, at 1 (protocol 9.2).

        So the first push tells, too, whether one before it got lost.
        """
        self._register_mid = register_mid
        self._next = {SYNC: 1}

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        """Return what a frame means. Never raises."""
        # An older frame is one replayed from the journal: its numbers are history.
        expected = self._next if received_at_ms >= self._newest_ms else {}
        push = self._usual.follow(frame, received_at_ms, numbers, expected)
        if push is None:  # the compiled reader gives up sooner
            if self._push is None:
                self._push = PushReader(self._account, self._user_id)
            push = self._push.follow(frame, received_at_ms, numbers, expected)
            if push is None:
                return self._decode_leniently(frame, received_at_ms, numbers)
        if isinstance(push, Decoded):
            self._newest_ms = received_at_ms
            return push
        lwp, ack, first, last, points, more, stamp, extra, events, odd = push
        signal = self._signal(
            lwp,
            extra=extra,
            first=first,
            last=last,
            more=more,
            received_at_ms=received_at_ms,
        )
        mentions: tuple[str, ...] = ()
        strange: tuple[str, ...] = ()
        if odd:
            arrival = Arrival(
                account=self._account,
                user_id=self._user_id,
                received_at_ms=received_at_ms,
                stamp=str(stamp or received_at_ms),
                transient=lwp == PARA or not last,
            )
            mentions = _read_odd(events, odd, arrival)
            strange = unknown_words(events)
        return Decoded(
            raw=frame,
            events=events,
            ack=ack,
            signal=signal,
            point=points,
            mentions=mentions,
            strange=strange,
        )

    def _decode_leniently(
        self, frame: Frame, received_at_ms: int, numbers: Iterator[int] | None
    ) -> Decoded:
        arrival = Arrival(
            account=self._account, user_id=self._user_id, received_at_ms=received_at_ms
        )
        read = read_leniently(frame, Places(arrival, numbers))
        if isinstance(read, LenientPush):
            return Decoded(
                raw=frame,
                events=read.events,
                ack=read.ack,
                signal=read.signal
                or self._signal(
                    read.lwp,
                    extra=read.extra_type,
                    first=read.package.startSeq,
                    last=read.package.endSeq,
                    more=read.package.hasMore,
                    received_at_ms=received_at_ms,
                ),
                point=read.package.maxPts,
                strange=unknown_words(read.events),
            )
        if isinstance(read, Reply):
            return Decoded(raw=frame, reply=read, signal=self._expired(read))
        if isinstance(read, str):
            return Decoded(raw=frame, fault=read)
        return Decoded(raw=frame, events=(read,))

    def _expired(self, reply: Reply) -> Signal | None:
        """Notice a 401 to anything but the registration, which is judged by itself."""
        if reply.code != _UNAUTHORIZED or reply.mid == self._register_mid:
            return None
        return Signal(kind=SignalKind.AUTH_EXPIRED, detail="a request was answered 401")

    def _signal(
        self, lwp: str, *, extra: int, first: int, last: int, more: int, received_at_ms: int
    ) -> Signal | None:
        if extra in _TOO_LONG:
            return Signal(kind=SignalKind.BACKLOG_CUT, detail=f"syncExtraType {extra}")
        if lwp == VULCAN:
            return _READY
        if last > 0 and received_at_ms >= self._newest_ms:
            self._newest_ms = received_at_ms
            expected = self._next.get(lwp, first)
            if last >= expected:
                self._next[lwp] = last + 1
            if first > expected:
                return Signal(
                    kind=SignalKind.GAP, detail=f"{lwp}: {first} came, {expected} was next"
                )
        return Signal(kind=SignalKind.GAP, detail=f"{lwp}: hasMore") if more else None


def _read_odd(
    events: list[Event], odd: Sequence[tuple[int, str, int | None]], package: Arrival
) -> tuple[str, ...]:
    """Read the entries that are no ordinary texts, in their place; give what markers mention."""
    mentions: list[str] = []
    for place, data, lane_seq in odd:
        arrival = msgspec.structs.replace(
            package, lane_seq=lane_seq, stamp=f"{package.stamp}.{place}"
        )
        event = events[place] = read_entry(data, arrival)
        mentioned = mentioned_by(event)
        if mentioned is not None:
            mentions.append(of_message(arrival, mentioned))
    return tuple(mentions)
