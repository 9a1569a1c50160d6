"""Reading an account's history again: one actor, alive only while a recovery runs.

It asks one question at a time over the account's link and has the decoder store what was
missing. The platform is told that we have everything only after the commit, and with exactly
the state it gave before the reading began (``protocol.md`` 17.5). What to ask is decided by
:mod:`actors.policy.recovery`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from actors.account.requests import HistoryRequest, HistoryRequests
from actors.account.services import Account
from actors.messages import (
    Answered,
    BeginRecovery,
    HistoryFound,
    HistoryRefused,
    HistoryStored,
    KnownRead,
    LinkDown,
    RecordRead,
    RecoveryDue,
    RecoveryEnded,
    RecoveryInbox,
)
from actors.policy.platform_time import begun_ms
from actors.policy.rates import TokenBucket
from actors.policy.recovery import (
    AskConversations,
    AskMessages,
    Question,
    Reading,
    continuous,
    extent,
)
from actors.policy.sizes import STRANGER, fitting
from actors.ports import Page
from actors.ports.journal import Journal
from actors.runtime.pool.alarm import Alarm
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.values import Event, Failure, Position, Recovered, Reply, Request

CONVERSATIONS_A_PAGE = 50
"""Conversations a page of their list is asked for."""

STATE, ACK, LIST = "state", "ack", "list"
"""Names of questions that are not about a conversation."""

OK = 200


def report(account: Account, outcome: Recovered) -> None:
    """Tell log and observer what became of a recovery."""
    log = account.services.log
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(outcome).items()
        if name != "recovered"
    }
    if outcome.recovered:
        log.info("recovery.ended", **fields)
    else:
        log.warning("recovery.failed", **fields)
    account.services.observer.recovery_ended(outcome)


def report_crashes(account: Account) -> Recovered:
    """Tell that recoveries keep dying; return it as the outcome of the last one."""
    outcome = Recovered(
        account=account.name, recovered=False, from_ms=None, to_ms=None, found=0, reason="crashed"
    )
    report(account, outcome)
    return outcome


class RecoveryActor(SupervisedActor[RecoveryInbox]):
    """State, conversations, messages, commit, acknowledgement; then it is gone.

    What it asks of the journal is answered to itself, not to its role: the next recovery must
    not take a late answer for its own.
    """

    def __init__(
        self, pool: Pool, account: Account, order: BeginRecovery, rate: TokenBucket
    ) -> None:
        super().__init__(pool, name="recovery", supervisor=account.peers.supervisor)
        self._account = account
        self._plan = account.plan.recovery
        self._services = account.services
        self._order = order
        self._session = order.session
        self._history = order.history
        self._mailbox = self.incarnation()
        self._cursor: Position | None = None
        self._first_ms: int | None = None
        self._state = b""
        self._position: Position | None = None
        self._reading: Reading | None = None
        self._page: Page | None = None
        self._found = self._foreign = 0
        self._ending: Recovered | None = None  # it is so once the journal has answered
        self._ended: Recovered | None = None
        self._background = False
        self._link_down = False
        self._sizes = account.carried.sizes
        self._requests = HistoryRequests(
            account, order, self._mailbox, rate, arm=self._arm, failed=self._end_asking
        )
        self._largest = 0  # bytes of a message of the conversation that is read
        self._largest_met = 0  # of any conversation
        self._alarm = Alarm[RecoveryDue](account.services.timers, self._mailbox)
        self._due: Callable[[], None] = self._unread

    def receive(self, message: RecoveryInbox) -> None:
        """Take an answer, or do what is due."""
        match message:
            case Answered():
                if self._requests.awaits(message.reply):
                    self._alarm.clear()
                    self._requests.answered(message.reply)
            case RecoveryDue():
                if self._alarm.rang(message):
                    self._due()
            case RecordRead():
                if self._ending is not None:
                    return  # too late: given over, and that waits for the journal
                self._cursor, self._first_ms = message.cursor, message.first_ms
                self._requests.ask(HistoryRequest(self._ask_state, self._take_state, subject=STATE))
            case KnownRead():
                self._take_known(message)
            case HistoryStored():
                self._stored(message)
            case HistoryRefused():
                self._refused()
            case LinkDown():
                if message.generation == self._order.generation:
                    self._lose_link(message.failure)
            case _:
                self.refuse(message)

    def started(self) -> None:
        """Ask the journal how far we are."""
        name, mailbox = self._account.name, self._mailbox
        self._services.writer.fetch(
            lambda journal: journal.recovery(name),
            lambda record: mailbox.tell(RecordRead(cursor=record.cursor, first_ms=record.first_ms)),
        )
        self._arm(self._plan.reply_s, self._unread)

    def stopped(self) -> None:
        """Leave no timer behind."""
        self._alarm.clear()

    # --- the platform's state ---------------------------------------------------------

    def _ask_state(self, mid: str, _: int) -> Request:
        return self._history.get_state(mid)

    def _take_state(self, reply: Reply) -> bool:
        state = self._history.state(reply)
        if state is None:
            return False
        self._sizes.passed(STATE)
        self._state, self._position = state, self._history.position(state)
        horizon_s = self._account.plan.tries.horizon_s
        carried, now = self._account.carried, self._services.clock.monotonic()
        begun = begun_ms(self._position.at_ms, begun_at=carried.begun_at, now=now)
        if self._cursor is None and self._first_ms is None and self._plan.first_contact == "ignore":
            self._first_ms = begun  # no answer told the time
        reach = extent(
            self._cursor,
            self._position,
            first_ms=self._first_ms,
            begun_ms=begun,
            window_ms=int(self._plan.first_s * 1000),
            margin_ms=int(self._plan.margin_s * 1000),
            horizon_ms=math.inf if horizon_s is None else horizon_s * 1000,
        )
        if reach is None or (not self._order.forced and continuous(self._cursor, self._position)):
            self._finish(())
        else:
            self._reading = Reading(reach)
            self._read_on()
        return True

    # --- pages ------------------------------------------------------------------------

    def _read_on(self, found: Sequence[Event] = ()) -> None:
        """Store what was found, if anything, else ask the next question; or finish."""
        reading = self._reading
        assert reading is not None
        question, found = reading.next(), list(found)
        while question is not None and not self._allowed(question):
            found += reading.leave_out()
            question = reading.next()
        if question is None and not reading.incomplete:
            self._finish(found)
        elif found:
            self._store(found)
        elif question is None:
            self._give_over(recovered=False, reason="answer_breaks_link")
        elif self._services.health.filling:  # the platform keeps it as well as we could
            self._give_over(recovered=False, reason="journal_filling")
        elif not self._background and reading.pages >= self._plan.pages:
            self._background = True
            self._give_over(recovered=False, reason="page_limit")
        elif isinstance(question, AskConversations):
            cursor = question.cursor
            self._requests.ask(
                HistoryRequest(
                    lambda mid, limit: self._history.list_conversations(mid, cursor, limit),
                    self._take_conversations,
                    subject=LIST,
                    cursor=cursor,
                    most=CONVERSATIONS_A_PAGE,
                    paged=True,
                )
            )
        else:
            lane, cursor = question.conversation_id, question.cursor
            if cursor is None:
                self._largest = 0
            expected = self._largest or STRANGER * self._largest_met
            self._requests.ask(
                HistoryRequest(
                    lambda mid, limit: self._history.list_messages(mid, lane, cursor, limit),
                    self._take_messages,
                    subject=_lane(lane),
                    cursor=cursor,
                    most=fitting(self._account.plan.limits.answer_bytes, expected),
                    paged=True,
                )
            )

    def _allowed(self, question: Question) -> bool:
        """Return whether a page may be asked for; one that broke the link may not."""
        of = LIST if isinstance(question, AskConversations) else _lane(question.conversation_id)
        if self._sizes.allow(of, 1, place=question.cursor):
            return True
        if self._sizes.certain(of):
            self._services.alerts.say(
                "history.oversized",
                account=self._account.name,
                detail="an answer with one entry of the platform's history is above the limits",
                next_step="raise the account's limits.max_frame_bytes and max_message_bytes; "
                "until then what lies behind it is not recovered",
            )
        self._sizes.left_out(of)
        return False

    def _take_conversations(self, reply: Reply) -> bool:
        page = self._history.conversations(reply)
        if page is None or self._reading is None:
            return False
        self._sizes.passed(LIST)
        self._reading.conversations(
            [(each.conversation_id, each.modified_at_ms) for each in page.conversations],
            page.next_cursor,
        )
        self._read_on()
        return True

    def _take_messages(self, reply: Reply) -> bool:
        page = self._history.messages(reply, received_at_ms=self._services.clock.unix_ms())
        if page is None:
            return False
        self._page = page
        largest = max(map(_size_bytes, page.events), default=0)
        self._largest = max(self._largest, largest)
        self._largest_met = max(self._largest_met, largest)
        name, ids = self._account.name, [event.event_id for event in page.events]
        mailbox = self._mailbox

        def known(journal: Journal) -> tuple[Mapping[str, bool], bool]:
            return journal.known(name, ids), journal.recovery(name).held_from is not None

        self._services.writer.fetch(
            known,
            lambda read: mailbox.tell(KnownRead(known=read[0], held=read[1])),
        )
        self._arm(self._plan.reply_s, self._unread)
        return True

    def _take_known(self, read: KnownRead) -> None:
        page, self._page = self._page, None
        if page is not None and self._reading is not None:
            self._alarm.clear()
            found = self._reading.messages(
                page.events, page.next_cursor, read.known, held=read.held
            )
            following = self._reading.next()
            if not isinstance(following, AskMessages) or following.cursor is None:
                self._sizes.passed(self._requests.subject)
            self._read_on(found)

    # --- the journal ------------------------------------------------------------------

    def _store(self, events: Sequence[Event], *, cursor: Position | None = None) -> None:
        reading = self._reading
        self._account.peers.decoder.tell(
            HistoryFound(
                generation=self._order.generation,
                reply_to=self._mailbox,
                events=events,
                closes=self._ending is not None,
                cursor=cursor,
                late=reading.late if self._ending is not None and reading is not None else (),
            )
        )

    def _stored(self, stored: HistoryStored) -> None:
        self._found += stored.found
        self._foreign += stored.foreign
        ended, self._ending = self._ending, None
        if ended is None:
            self._read_on()
            return
        self._publish(ended)
        if self._link_down:
            self._leave()
        elif ended.recovered:
            self._services.alerts.end("history.oversized", account=self._account.name)
            self._requests.ask(HistoryRequest(self._ask_ack, self._take_ack, subject=ACK))
        elif ended.reason == "page_limit":
            self._read_on()
        else:
            self._leave()

    def _refused(self) -> None:
        """Nothing was stored, and never will be."""
        ending, self._ending = self._ending, None
        if ending is None or ending.recovered:
            self._give_over(recovered=False, reason="journal_refused")
        else:
            self._publish(ending)
            self._leave()

    def _unread(self) -> None:
        self._page = None
        self._give_over(recovered=False, reason="journal_silent")

    # --- the end ----------------------------------------------------------------------

    def _finish(self, found: Sequence[Event]) -> None:
        """Everything was read: the last items and the cursor go in one transaction."""
        self._ending = self._outcome(recovered=True, reason=self._order.reason)
        self._store(found, cursor=self._position)

    def _give_over(self, *, recovered: bool, reason: str) -> None:
        """Let live events wait no longer; the cursor stays, nothing is acknowledged."""
        self._alarm.clear()
        self._ending = self._outcome(recovered=recovered, reason=reason)
        self._store(())

    def _ask_ack(self, mid: str, _: int) -> Request:
        return self._history.ack_diff(mid, self._state)

    def _take_ack(self, reply: Reply) -> bool:
        if reply.code != OK:
            return False
        self._sizes.passed(ACK)
        self._leave()
        return True

    def _lose_link(self, failure: Failure | None) -> None:
        """End; what is on its way into the journal is waited for."""
        self._requests.link_lost(failure)
        self._alarm.clear()
        self._link_down = True
        if self._ending is None:
            if self._ended is None or not self._ended.recovered:
                self._publish(self._outcome(recovered=False, reason="link_lost"))
            self._leave()

    def _outcome(self, *, recovered: bool, reason: str) -> Recovered:
        reading, position = self._reading, self._position
        return Recovered(
            account=self._account.name,
            recovered=recovered,
            from_ms=None if reading is None else reading.since_ms,
            to_ms=None if position is None else position.at_ms,
            found=0,
            reason=reason,
        )

    def _publish(self, outcome: Recovered) -> None:
        self._ended = msgspec.structs.replace(outcome, found=self._found)
        reading = self._reading
        if self._cursor is None and self._first_ms and reading is not None and outcome.recovered:
            self._services.log.info(
                "recovery.first_contact",
                account=outcome.account,
                before_ms=reading.since_ms,
                conversations=reading.passed_over,
            )
        report(self._account, self._ended)

    def _leave(self) -> None:
        """Tell how it ended, and be gone."""
        self._alarm.clear()
        ended = self._ended
        assert ended is not None
        message = RecoveryEnded(
            generation=self._order.generation,
            outcome=ended,
            position=self._position if ended.recovered else None,
            foreign=self._foreign,
        )
        self._account.peers.supervisor.tell(message)  # first: the connection may begin another
        self._account.peers.connection.tell(message)
        self.actor_ref.stop(block=False)

    # --- small things -----------------------------------------------------------------

    def _end_asking(self, reason: str) -> None:
        if self._ended is not None and self._ended.recovered:
            self._services.log.warning(
                "recovery.ack_failed", account=self._account.name, reason=reason
            )
            self._leave()
        else:
            self._give_over(recovered=False, reason=reason)

    def _arm(self, delay_s: float, due: Callable[[], None]) -> None:
        self._due = due
        self._alarm.set(delay_s, RecoveryDue())


def _lane(conversation_id: str) -> str:
    return f"lane/{conversation_id}"


def _size_bytes(event: Event) -> int:
    raw = event.raw
    return len(raw if isinstance(raw, bytes) or raw.isascii() else raw.encode("utf-8", "replace"))
