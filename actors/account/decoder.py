"""The decoder of one account: frames become replies, acknowledgements due, and events.

Nothing is acknowledged here: frames go to the journal with their acknowledgements, and
those leave once the commit has returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import msgspec

from actors.account.services import Account
from actors.account.storing import Storing
from actors.messages import (
    Answered,
    DecoderInbox,
    EventsRestored,
    Flush,
    FramesReceived,
    FramesRejected,
    HistoryFound,
    HistoryRefused,
    LinkEnded,
    PendingRead,
    PutBack,
    SessionOpened,
    SignalsReceived,
)
from actors.policy.platform_time import begun_ms
from actors.ports import Reader, Session
from actors.ports.commands import JournalAnswer, NoteTime
from actors.runtime.links.calls import Calls
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.values import Attempts, Decoded, Event, Reply, Signal, SignalKind

_GAPS = (SignalKind.GAP, SignalKind.BACKLOG_CUT)
"""Signals after which older messages may still come, out of history."""


_WORDS_CHARS = 100
_STRANGE_LIMIT = 100
"""Different words that are counted; each is one more that a version of ours may learn."""

BLUR_MS = 50
"""What was said so shortly after the start, and before the registration, counts as past:
platforms stamp a burst of messages a little ahead, and an answer takes a moment."""


class DecoderActor(SupervisedActor[DecoderInbox]):
    """Reads every frame of a gulp, then tells each hearer once."""

    inbox_limit = 1 << 20  # flow control bounds the frames in it, long before
    # A frame that found the inbox full would be neither stored nor pushed again.

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="decoder", supervisor=account.peers.supervisor)
        self._account = account
        self._generation = 0
        self._calls: Calls | None = None
        self._session: Session | None = None
        self._storing = Storing(account)
        self._reader: Reader | None = None  # of what the journal holds; it needs no link
        self._contacted = False
        if account.carried.begun_at is None:
            account.carried.begun_at = account.services.clock.monotonic()
        self._at_hand: DecoderInbox | None = None
        self._strange: dict[str, int] = {}

    def receive(self, message: DecoderInbox) -> None:
        """Read frames of the current generation; drop those of another."""
        self._at_hand = message
        match message:
            case FramesReceived():
                calls, session = self._calls, self._session
                if message.generation == self._generation and calls and session:
                    self._read(message, calls, session)
                else:
                    self._account.flow.returned(len(message.frames), message.size_bytes)
            case SessionOpened():
                self._generation = message.generation
                self._calls, self._session = message.calls, message.session
                if message.session.history is not None:
                    self._storing.hold(next(self._storing.numbers))
            case PendingRead():
                self._restore(message)
            case HistoryFound():
                self._storing.history(message)
            case Flush():
                self._storing.flush(message)
            case PutBack():
                self._storing.put_back(message)
            case LinkEnded():
                self._account.peers.connection.tell(message)
            case _:
                self.refuse(message)
        self._at_hand = None

    def tear_down(self) -> None:
        """Return what dies with it: frames to flow control, a page to whoever waits for it."""
        unread = (self._at_hand, *(self.actor_inbox.mail or ()))
        self._at_hand = None
        for message in unread:
            if isinstance(message, FramesReceived):
                self._account.flow.returned(len(message.frames), message.size_bytes)
            elif isinstance(message, PendingRead):
                self._account.peers.dispatcher.tell(
                    EventsRestored(events=(), more=True, number=message.number, lane=message.lane)
                )
            elif isinstance(message, HistoryFound):
                message.reply_to.tell(HistoryRefused())
        super().tear_down()

    def _read(self, message: FramesReceived, calls: Calls, session: Session) -> None:
        decode, numbers = session.decode, self._storing.numbers
        received_at_ms = message.received_at_ms
        pushes: list[Decoded] = []
        replies: list[Reply] = []
        signals: list[Signal] = []
        faults: list[str] = []
        for frame in message.frames:
            decoded = decode(frame, received_at_ms=received_at_ms, numbers=numbers)
            if decoded.ack is not None or decoded.events:
                pushes.append(decoded)
            if decoded.reply is not None:
                replies.append(decoded.reply)
            if decoded.signal is not None:
                signals.append(decoded.signal)
            if decoded.fault is not None:
                faults.append(decoded.fault)
        connection, generation = self._account.peers.connection, message.generation
        for reply in replies:
            self._pass_on(reply, calls, session)
        if faults:
            connection.tell(FramesRejected(generation=generation, faults=faults))
        if any(signal.kind in _GAPS for signal in signals):
            first = next((push.events[0].lane_seq for push in pushes if push.events), None)
            self._storing.hold(next(self._storing.numbers) if first is None else first)
        if pushes:
            for words in [words for push in pushes if push.strange for words in push.strange]:
                self._count_words(words)
            self._storing.pushes(message, pushes)
        else:
            self._account.flow.returned(len(message.frames), message.size_bytes)
        if signals:
            connection.tell(SignalsReceived(generation=generation, signals=signals))

    def _pass_on(self, reply: Reply, calls: Calls, session: Session) -> None:
        """Tell an answer to whoever asked for it."""
        account, waiting = self._account, calls.take(reply.mid)
        told_ms = session.told_ms(reply)
        now = account.services.clock.monotonic()
        if told_ms is not None and not self._contacted:
            self._contact(told_ms, now if waiting is None else waiting[1])
        if waiting is None:
            account.services.log.debug("reply.unmatched", account=account.name, code=reply.code)
            return
        reply_to, asked_at = waiting
        if told_ms is not None:
            carried = account.carried
            carried.platform = carried.platform.told(told_ms, asked=asked_at, now=now)
            if account.services.told.is_news(told_ms, now):
                account.services.writer.submit(
                    NoteTime(account=account.name, told_ms=told_ms), lambda _: None
                )
        reply_to.tell(Answered(generation=self._generation, reply=reply))

    def _contact(self, told_ms: int, asked_at: float) -> None:
        """Note the account's first contact, ahead of all that is pushed behind this answer.

        What the platform made after this account was started is no past: it is handled.
        """
        account, carried = self._account, self._account.carried
        self._contacted = True
        first_ms = begun_ms(told_ms, begun_at=carried.begun_at, now=asked_at) + BLUR_MS
        first_ms = min(first_ms, told_ms)  # what comes after a registration never is past
        deliver = account.plan.recovery.first_contact == "deliver"

        def noted(answer: JournalAnswer) -> None:
            carried.first_ms = answer if isinstance(answer, int) else None

        account.services.writer.submit(
            NoteTime(account=account.name, told_ms=told_ms, first_ms=0 if deliver else first_ms),
            noted,
        )

    def _count_words(self, words: str) -> None:
        """Tell of words about an order that nobody knows: at their first, tenth, hundredth time."""
        key = words[:_WORDS_CHARS]
        if key not in self._strange and len(self._strange) >= _STRANGE_LIMIT:
            return
        count = self._strange[key] = self._strange.get(key, 0) + 1
        if str(count).strip("0") == "1":
            self._account.services.log.warning(
                "order.words_unknown", account=self._account.name, words=key, count=count
            )

    def _restore(self, page: PendingRead) -> None:
        """Make events of journal rows again, with the numbers they were given.

        What was acknowledged is handled whether the account connects or not.
        """
        if self._reader is None and page.rows:
            plan = self._account.plan
            self._reader = plan.platform.reader(plan.account, plan.user_id)
        events: list[Event] = []
        attempts: dict[str, Attempts] = {}
        undecodable: list[Event] = []
        read: dict[int, Sequence[Event]] = {}  # by frame: rows of several may alternate
        for row in page.rows:
            assert self._reader is not None
            found = read.get(row.raw_id)
            if found is None:
                decoded = self._reader.decode(
                    row.frame, received_at_ms=row.received_at_ms, numbers=count(row.raw_id)
                )
                found = read[row.raw_id] = decoded.events
            if row.index >= len(found):
                self._account.services.log.error(
                    "journal.row_unreadable", account=self._account.name, lane_seq=row.lane_seq
                )
                if row.event_id:
                    undecodable.append(
                        Event(
                            account=self._account.name,
                            event_id=row.event_id,
                            lane_seq=row.lane_seq,
                            received_at_ms=row.received_at_ms,
                        )
                    )
                continue
            decoded_event = found[row.index]
            event = msgspec.structs.replace(
                decoded_event,
                lane_seq=row.lane_seq,
                own=decoded_event.own if row.own is None else row.own,
                redelivered=row.lane_seq < page.redelivered_below or row.replayed,
                late=row.late,
            )
            events.append(event)
            if row.attempts or row.crashes or row.replayed:
                attempts[event.event_id] = Attempts(row.attempts, row.crashes, row.replayed)
        self._storing.tell_own([event for event in events if event.redelivered])
        self._account.peers.dispatcher.tell(
            EventsRestored(
                events=events,
                more=page.more,
                through=page.through,
                undecodable=undecodable,
                attempts=attempts,
                number=page.number,
                lane=page.lane,
            )
        )
