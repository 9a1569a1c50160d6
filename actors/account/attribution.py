"""Attributes what the account said: to a send of ours, or to a person, who takes over with it.

Who wrote it is decided in :mod:`actors.policy.takeover`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from actors.account.services import Account
from actors.messages import OutboxDue, OwnSendsRead
from actors.policy.outbox import Outbox
from actors.policy.reasons import NEEDS_REVIEW
from actors.policy.takeover import Author, Explanation, author, may_begin, until_ms
from actors.ports import Session
from actors.ports.commands import StoreFrames
from actors.ports.journal import Journal, SendQuery, SendRecord
from actors.values import Event

AMONG: Final = 20_000
"""Sends that are searched for the one that explains a message."""

LANE_LIMIT: Final = 200
"""Most sends of one conversation that are looked at."""

MOST: Final = 256
"""Own messages of an account that wait; beyond, the oldest begins no take-over."""

AGAIN_S: Final = 5.0
"""Pause before the journal is asked again."""


class Attribution:
    """Finds out who wrote each own message; as long as a send may explain it, it waits.

    A part of the outbox, without a mailbox: each method is called on the outbox's turn. A message
    whose id is known to be a send's costs a look; for another the journal is asked, as what the
    outbox remembers is bounded.

    Args:
        account: Whose messages.
    """

    __slots__ = ("_account", "_asked", "_pause_until", "_waiting")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._asked: dict[str, Event] = {}
        self._waiting: dict[str, Event] = {}
        self._pause_until = 0.0

    @property
    def idle(self) -> bool:
        """Return whether nothing waits for a decision."""
        return not (self._asked or self._waiting)

    def hear(self, box: Outbox | None, events: Sequence[Event]) -> None:
        """Take own messages that were stored; ``box`` None: there are no open sends."""
        takeovers = self._account.services.takeovers
        if not takeovers.auto_ms:
            return
        unknown: list[Event] = []
        for event in events:
            if not may_begin(event):
                continue
            if self._is_over(event) or _is_claimed(box, event):
                self._clear(event)
            elif _is_open(box, event):
                self._wait(event)
            else:
                unknown.append(event)
        self._ask(unknown)

    def look_again(self, box: Outbox | None, now: float) -> None:
        """Decide of those whose send has ended meanwhile; ``now``: monotonic seconds."""
        if not self._waiting or now < self._pause_until:
            return
        takeovers, unknown = self._account.services.takeovers, list[Event]()
        for event in [each for each in self._waiting.values() if not _is_open(box, each)]:
            del self._waiting[event.event_id]
            if not (self._is_over(event) or _is_claimed(box, event)):
                takeovers.doubt(self._account.name, event.conversation_id or "")
                unknown.append(event)
        self._ask(unknown)

    def take(
        self, box: Outbox | None, session: Session | None, read: OwnSendsRead, now: float
    ) -> None:
        """Decide by what the journal says; without a session no words can be compared."""
        for event in [self._asked.pop(each) for each in read.event_ids if each in self._asked]:
            lane = event.conversation_id or ""
            verdict = Author.OPEN
            if read.records is not None:
                verdict = _author(session, event, read.records.get(lane, ()))
            if verdict is Author.OPEN:
                self._wait(event)
                if not _is_open(box, event):  # no end of it will be heard of here
                    self._pause(now)
                continue
            ends_ms = self._until_ms(event) if verdict is Author.PERSON else None
            if ends_ms is not None:
                self._account.services.takeovers.prolong(self._account.name, lane, ends_ms)
            self._clear(event)

    def forget(self) -> None:
        """Hold up no handler: nobody decides here any more."""
        for event in self._asked.values():
            self._clear(event)
        self._asked.clear()
        self._waiting.clear()

    # --- small things -----------------------------------------------------------------

    def _until_ms(self, event: Event) -> int | None:
        services = self._account.services
        return until_ms(
            event,
            auto_ms=services.takeovers.auto_ms,
            now_ms=services.clock.unix_ms(),
            platform_ms=self._account.carried.platform.earliest_ms(services.clock.monotonic()),
        )

    def _is_over(self, event: Event) -> bool:
        return self._until_ms(event) is None

    def _pause(self, now: float) -> None:
        self._pause_until = now + AGAIN_S
        self._account.services.timers.after(AGAIN_S, self._account.peers.outbox, OutboxDue())

    def _clear(self, event: Event) -> None:
        self._account.services.takeovers.clear(self._account.name, event.conversation_id or "")

    def _wait(self, event: Event) -> None:
        """Decide later; handlers need not wait so long."""
        self._waiting[event.event_id] = event
        self._clear(event)
        if len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]

    def _ask(self, events: Sequence[Event]) -> None:
        """Ask the journal, once it has stored all that the outbox has told it."""
        if not events:
            return
        account, writer = self._account, self._account.services.writer
        self._asked.update((event.event_id, event) for event in events)
        lanes = {event.conversation_id or "" for event in events}
        ids = [event.event_id for event in events]
        read = partial(_read_sends, account.name, lanes, ids)
        writer.submit(
            StoreFrames(account=account.name, generation=0, received_at_ms=0, frames=()),
            lambda _: writer.fetch(read, account.peers.outbox.tell),
        )


def _is_claimed(box: Outbox | None, event: Event) -> bool:
    message_id = _message_id(event)
    return box is not None and message_id is not None and box.is_ours(message_id)


def _is_open(box: Outbox | None, event: Event) -> bool:
    send = None if box is None else box.unresolved(event.conversation_id)
    return send is not None and not send.review


def _message_id(event: Event) -> str | None:
    found = getattr(event, "message_id", None)  # the platforms' events have it, not the kernel's
    return found if isinstance(found, str) else None


def _author(session: Session | None, event: Event, records: Sequence[SendRecord]) -> Author:
    sends = [
        _explanation(
            each, None if session is None else session.echoed(event, each.delivery) is not None
        )
        for each in records
    ]
    return author(_message_id(event), event.occurred_at_ms, sends)


def _explanation(record: SendRecord, same: bool | None) -> Explanation:  # noqa: FBT001  # a fact
    first_ms, ours_ms, last_ms = (
        record.first_platform_ms,
        record.first_attempt_ms,
        record.ended_at_ms,
    )
    if first_ms is not None and ours_ms is not None and last_ms is not None:
        last_ms += first_ms - ours_ms  # our clock may be hours off
    return Explanation(
        state=record.state,
        ended=record.ended_at_ms is not None or record.reason == NEEDS_REVIEW,
        tried=record.attempts > 0,
        same=same,
        message_id=record.message_id,
        first_ms=ours_ms if first_ms is None else first_ms,
        last_ms=last_ms,
    )


def _read_sends(
    account: str, lanes: Collection[str], event_ids: Sequence[str], journal: Journal
) -> OwnSendsRead:
    """Read what was sent lately in some conversations; on the writer's thread."""
    records: dict[str, Sequence[SendRecord]] = {}
    try:
        for lane in lanes:
            query = SendQuery(
                account=account,
                conversation_id=lane,
                among_last=AMONG,
                newest_first=True,
                limit=LANE_LIMIT,
            )
            records[lane] = journal.sends(query)
    except Exception:  # noqa: BLE001  # the caller must get an answer
        return OwnSendsRead(event_ids=event_ids, records=None)
    return OwnSendsRead(event_ids=event_ids, records=records)
