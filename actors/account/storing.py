"""The way from the decoder into the journal: it numbers events and reports each commit.

Nothing is acknowledged before its commit: acknowledgements go to the journal with their
frames, and leave once the commit has returned.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.account.services import Account
from actors.messages import (
    EventsReplayed,
    EventsStored,
    Flush,
    Flushed,
    FramesReceived,
    HistoryFound,
    HistoryRefused,
    HistoryStored,
    LanesHeld,
    LanesReleased,
    MessagesMentioned,
    OwnStored,
    PutBack,
    WriteAcks,
)
from actors.policy.alerts import REFUSED_S, storage_refused
from actors.policy.takeover import may_begin
from actors.ports.commands import (
    CLOSED,
    CloseHold,
    HoldClosed,
    JournalAnswer,
    OpenHold,
    ReplayEvent,
    StoreFrames,
)
from actors.values import Decoded, Event, Frame


class Storing:
    """Hands an account's events to the journal, in the order of their numbers.

    A part of the decoder, without a mailbox: each method is called on the decoder's turn. Only
    here are the account's events numbered, so that whatever is pushed later stands behind what
    a hold put in order.

    Attributes:
        numbers: The journal's source of ``lane_seq``.
    """

    __slots__ = ("_account", "numbers")

    def __init__(self, account: Account) -> None:
        self._account = account
        self.numbers = account.services.writer.numbers()

    def pushes(self, message: FramesReceived, pushes: Sequence[Decoded]) -> None:
        """Store what was pushed; acknowledge it, and tell of new events, after the commit."""
        account, generation = self._account, message.generation
        taken, taken_bytes = len(message.frames), message.size_bytes
        account.carried.pushed_at_ms = message.received_at_ms
        acks: list[Frame] = [push.ack for push in pushes if push.ack is not None]
        point = max([push.point for push in pushes])
        offered = sum([len(push.events) for push in pushes])
        mentions = [event_id for push in pushes if push.mentions for event_id in push.mentions]

        def committed(answer: JournalAnswer) -> None:
            events: Sequence[Event] = answer  # type: ignore[assignment]  # StoreFrames' answer
            account.counts.received += len(events)
            account.counts.duplicates += offered - len(events)
            account.keep(len(events))
            account.flow.returned(taken, taken_bytes)
            if acks:
                account.peers.connection.tell(
                    WriteAcks(generation=generation, acks=acks, point=point)
                )
            if events:
                self.tell_own(events)
                account.peers.dispatcher.tell(EventsStored(events=events))
            if mentions:
                account.peers.connection.tell(
                    MessagesMentioned(generation=generation, event_ids=mentions)
                )

        def refused(reason: str) -> None:
            account.flow.returned(taken, taken_bytes)
            if reason != CLOSED:
                account.services.alerts.raise_(
                    storage_refused(account.name, len(pushes), reason), for_s=REFUSED_S
                )

        account.services.writer.submit(
            StoreFrames(
                account=account.name,
                generation=generation,
                received_at_ms=message.received_at_ms,
                frames=pushes,
            ),
            committed,
            refused=refused,
            rows=offered,
        )

    def tell_own(self, events: Sequence[Event]) -> None:
        """Tell the outbox what the account said, before handlers get what was said after it."""
        own = [event for event in events if event.own]
        if not own:
            return
        account, takeovers = self._account, self._account.services.takeovers
        if takeovers.auto_ms:
            for event in filter(may_begin, own):
                takeovers.doubt(account.name, event.conversation_id or "")
        account.peers.outbox.tell(OwnStored(events=own))

    def put_back(self, message: PutBack) -> None:
        """Number an event anew, after everything that was stored before."""
        account = self._account

        def committed(answer: JournalAnswer) -> None:
            if answer:
                account.keep(1)
                account.peers.dispatcher.tell(EventsReplayed())
            message.answered(bool(answer))

        account.services.writer.submit(
            ReplayEvent(event_id=message.event_id, lane_seq=next(self.numbers)),
            committed,
            refused=lambda _: message.answered(False),
        )

    # --- what a recovery found --------------------------------------------------------

    def hold(self, held_from: int) -> None:
        """Let what comes from this number on wait for what it may have skipped."""
        account = self._account
        if not account.plan.recovery.hold_s:
            return

        def opened(answer: JournalAnswer) -> None:
            assert isinstance(answer, int)
            account.peers.dispatcher.tell(LanesHeld(held_from=answer))

        account.services.writer.submit(OpenHold(account=account.name, held_from=held_from), opened)

    def history(self, found: HistoryFound) -> None:
        """Number recovered events, and store each as a frame of its own.

        Only the decoder numbers an account's events, and it hands them to the journal in
        that order: so whatever is pushed later stands behind what a hold put in order.
        """
        account, numbers = self._account, self.numbers
        frames = [
            Decoded(raw=event.raw, events=[msgspec.structs.replace(event, lane_seq=next(numbers))])
            for event in found.events
        ]

        def committed(answer: JournalAnswer) -> None:
            closed = answer if isinstance(answer, HoldClosed) else None
            events: Sequence[Event] = closed.events if closed else answer  # type: ignore[assignment]  # the command's
            account.counts.recovered += len(events)
            account.keep(len(events))
            if events:
                self.tell_own(events)
                account.peers.dispatcher.tell(EventsStored(events=events))
            if closed is not None and closed.held_from is not None:
                account.peers.dispatcher.tell(LanesReleased(held_from=closed.held_from))
            foreign = sum(not event.own for event in events)
            found.reply_to.tell(HistoryStored(found=len(events), foreign=foreign))

        def refused(_: str) -> None:
            found.reply_to.tell(HistoryRefused())

        now_ms = account.services.clock.unix_ms()
        command = (
            CloseHold(
                account=account.name,
                generation=found.generation,
                received_at_ms=now_ms,
                frames=frames,
                cursor=found.cursor,
                late=found.late,
            )
            if found.closes
            else StoreFrames(
                account=account.name,
                generation=found.generation,
                received_at_ms=now_ms,
                frames=frames,
            )
        )
        account.services.writer.submit(command, committed, refused=refused)

    def flush(self, flush: Flush) -> None:
        """Stand in the journal's line behind everything that was stored before."""
        connection, generation = self._account.peers.connection, flush.generation
        self._account.services.writer.submit(
            StoreFrames(
                account=self._account.name, generation=generation, received_at_ms=0, frames=()
            ),
            lambda _: connection.tell(Flushed(generation=generation)),
        )
