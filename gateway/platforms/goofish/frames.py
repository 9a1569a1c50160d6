"""From a WebSocket frame to what it means (protocol 2, 8, 9, 10).

The usual push takes a typed decoder; whatever that refuses is read again piece by piece
(:mod:`loose`), so that one odd field never hides the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.values import Decoded, Event, Frame, Reply, Signal, SignalKind
from gateway.platforms.goofish.entries import mentioned_by, read_entry
from gateway.platforms.goofish.envelope import (
    PACKAGES,
    PARA,
    SYNC,
    VULCAN,
    Package,
    PackagePush,
    decode_headers,
    decode_push,
)
from gateway.platforms.goofish.identity import Arrival, of_message
from gateway.platforms.goofish.loose import LoosePush, Places, read_loosely
from gateway.platforms.goofish.quick import quick_text

_TOO_LONG = (1, 2)
_UNAUTHORIZED = 401
_READY = Signal(kind=SignalKind.READY)


class FrameReader:
    """Reads the frames of one account.

    Its only memory is how far the numbers of the connection have come, to notice a gap
    (protocol 9.2); it changes no event.
    """

    def __init__(self, account: str, user_id: str | None) -> None:
        self._account = account
        self._user_id = user_id
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
        """Say what a frame means. Never raises."""
        try:
            push = decode_push(frame)
            lwp, raw_headers, body = push.lwp, push.headers, push.body
            headers = str(raw_headers, "utf-8")
            usual = lwp in PACKAGES and decode_headers(raw_headers).mid
        except (ValueError, RecursionError):
            return self._decode_loosely(frame, received_at_ms, numbers)
        if not usual or type(frame) is not str:
            return self._decode_loosely(frame, received_at_ms, numbers)
        package = body.syncPushPackage
        extra = body.syncExtraType
        events: list[Event] = []
        mentions: tuple[str, ...] = ()
        for entry in package.data:
            data = entry.data
            lane_seq = None if numbers is None else next(numbers)
            event: Event | None = quick_text(
                data, self._account, self._user_id, received_at_ms, lane_seq
            )
            if event is None:
                arrival = self._arrival(push, len(events), received_at_ms, lane_seq)
                event = read_entry(data, arrival)
                mentioned = mentioned_by(event)
                if mentioned is not None:
                    mentions = (*mentions, of_message(arrival, mentioned))
            events.append(event)
        return Decoded(
            raw=frame,
            events=events,
            ack=f'{{"code":200,"headers":{headers}}}',
            signal=self._signal(lwp, extra.type if extra else 0, package, received_at_ms),
            point=package.maxPts,
            mentions=mentions,
        )

    def _arrival(
        self, push: PackagePush, index: int, received_at_ms: int, lane_seq: int | None
    ) -> Arrival:
        package = push.body.syncPushPackage
        return Arrival(
            account=self._account,
            user_id=self._user_id,
            received_at_ms=received_at_ms,
            lane_seq=lane_seq,
            stamp=f"{package.timestamp or received_at_ms}.{index}",
            transient=push.lwp == PARA or not package.endSeq,
        )

    def _decode_loosely(
        self, frame: Frame, received_at_ms: int, numbers: Iterator[int] | None
    ) -> Decoded:
        arrival = Arrival(
            account=self._account, user_id=self._user_id, received_at_ms=received_at_ms
        )
        read = read_loosely(frame, Places(arrival, numbers))
        if isinstance(read, LoosePush):
            return Decoded(
                raw=frame,
                events=read.events,
                ack=read.ack,
                signal=read.signal
                or self._signal(read.lwp, read.extra_type, read.package, received_at_ms),
                point=read.package.maxPts,
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
        self, lwp: str, extra_type: int, package: Package, received_at_ms: int
    ) -> Signal | None:
        if extra_type in _TOO_LONG:
            return Signal(kind=SignalKind.BACKLOG_CUT, detail=f"syncExtraType {extra_type}")
        if lwp == VULCAN:
            return _READY
        end = package.endSeq
        if end > 0 and received_at_ms >= self._newest_ms:
            # An older frame is one replayed from the journal: its numbers are history.
            self._newest_ms = received_at_ms
            start = package.startSeq
            expected = self._next.get(lwp, start)
            if end >= expected:
                self._next[lwp] = end + 1
            if start > expected:
                return Signal(
                    kind=SignalKind.GAP, detail=f"{lwp}: {start} came, {expected} was next"
                )
        return Signal(kind=SignalKind.GAP, detail=f"{lwp}: hasMore") if package.hasMore else None
