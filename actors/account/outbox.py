"""The outbox of one account: durable sends and an honest result.

A send is noted in the journal before its bytes are written; what the platform did not
confirm is looked for in its history, never sent again blindly and never called delivered.
What becomes of a send is decided in :mod:`actors.policy.outbox`; here it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from actors.account.attribution import Attribution
from actors.account.reconcile import Reconcile
from actors.account.services import Account
from actors.messages import (
    Answered,
    AttemptStored,
    ClaimsRead,
    DeliveriesStored,
    LinkDown,
    LinkOpened,
    OutboxDue,
    OutboxInbox,
    OwnSendsRead,
    OwnStored,
    SendDropped,
    SendsRestored,
)
from actors.policy import reasons
from actors.policy.outbox import Outbox
from actors.policy.rates import TokenBucket
from actors.policy.sends import Doubted, Ended, Requeued, Send, Step, until
from actors.ports import Session
from actors.ports.commands import JournalAnswer, MarkDelivery
from actors.ports.journal import Journal, SendQuery
from actors.runtime.links.calls import Calls
from actors.runtime.pool.alarm import Alarm
from actors.runtime.pool.pool import Pool
from actors.runtime.pool.supervised import SupervisedActor
from actors.runtime.quotas import Pace
from actors.values import Delivery, Reply, Request, SendOutcome, SendResult, SendState

INTERRUPTED: Final = SendResult(outcome=SendOutcome.UNKNOWN, reason=reasons.INTERRUPTED)

REREAD_S: Final = 1.0
"""Pause before the journal is asked again what is open."""

_ENDED = {outcome: f"send.{outcome.value}" for outcome in SendOutcome}
"""Log events by outcome."""
_QUIET = (SendOutcome.ACCEPTED, SendOutcome.CANCELLED)


class OutboxActor(SupervisedActor[OutboxInbox]):
    """Writes the first send of each lane at the account's rate, and settles the answers."""

    inbox_limit = 4096

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="outbox", supervisor=account.peers.supervisor)
        self._account = account
        self._services = account.services
        self._calls: Calls | None = None
        self._session: Session | None = None
        self._generation = 0
        self._box: Outbox | None = None  # an idle account has none
        self._reading = False
        self._lost = 0
        self._pace: Pace | None = None
        self._reconcile = Reconcile(account, self._do)
        self._attribution: Attribution | None = None  # only while it is unclear who wrote
        self._alarm = Alarm[OutboxDue](account.services.timers, account.peers.outbox)

    def started(self) -> None:
        """Read what was accepted and has not ended; until then nothing leaves.

        Sends that are told meanwhile are among what is read: the journal answers in order.
        """
        account, outbox = self._account.name, self._account.peers.outbox
        self._lost, self._reading = outbox.lost, True
        self._services.writer.fetch(partial(_read_open, account), outbox.tell)

    def receive(self, message: OutboxInbox) -> None:
        """Take sends, news of the link and answers; then write what may leave."""
        if self._lost != self._account.peers.outbox.lost:  # sends, perhaps: the journal has them
            self.started()
        now = self._services.clock.monotonic()
        if self._box is not None:
            self._box.platform = self._account.carried.platform
        match message:
            case DeliveriesStored():
                self._accept(message.deliveries, now)
            case SendsRestored():
                self._restore(message, now)
            case LinkOpened():
                self._link_up(message, now)
            case LinkDown():
                self._link_down(message)
            case AttemptStored():
                self._write(message, now)
            case Answered():
                self._answered(message.reply, now)
            case OwnStored():
                if self._box is not None:
                    self._reconcile.seen(self._box, message.events)
                self._attribution = self._attribution or Attribution(self._account)
                self._attribution.hear(self._box, message.events)
            case OwnSendsRead():
                if self._attribution is not None:
                    self._attribution.take(self._box, self._session, message, now)
            case ClaimsRead():
                self._reconcile.take_claims(self._box, message)
            case SendDropped():
                self._drop(message.outbox_id)
            case OutboxDue():
                self._due(now)
            case _:
                self.refuse(message)
        if self._attribution is not None:
            self._attribution.look_again(self._box, now)
            if self._attribution.idle:
                self._attribution = None
        self._pump(now)
        carried, box = self._account.carried, self._box
        carried.unsent, carried.to_review = box is not None, 0 if box is None else box.to_review

    def stopped(self) -> None:
        """Leave no timer behind, and say what can be said of sends that have begun."""
        for send in self._leave():
            if send.state is SendState.SENDING:
                self._mark(
                    MarkDelivery(
                        outbox_id=send.delivery.outbox_id, generation=0, result=INTERRUPTED
                    )
                )
            self._services.observer.send_ended(
                self._account.name, send.delivery.outbox_id, INTERRUPTED
            )

    def died(self, error: str) -> None:
        """Report; the next life asks the history about what has begun."""
        self._leave()
        super().died(error)

    def _leave(self) -> list[Send]:
        """Put back what no byte was written of; return the rest of what has begun."""
        self._alarm.clear()
        if self._attribution is not None:
            self._attribution.forget()
        box, self._box = self._box, None
        if box is None:
            return []
        begun: list[Send] = []
        for send in box.tried():
            outbox_id = send.delivery.outbox_id
            if send.state is SendState.SENDING and not send.written:
                self._requeued(outbox_id, send.mid, reasons.UNWRITTEN)
            elif not send.review:
                begun.append(send)
        for outbox_id in box.ids():
            self._services.sends.ended(outbox_id, aside=True)
        return begun

    # --- coming in --------------------------------------------------------------------

    def _boxed(self) -> Outbox:
        if self._box is None:
            plan = self._account.plan
            self._box = Outbox(plan.send)
            self._box.platform = self._account.carried.platform
            if self._session is not None:
                history = self._session.history is not None
                self._box.link_up(self._services.clock.monotonic(), history=history)
        return self._box

    def _accept(self, deliveries: Sequence[Delivery], now: float) -> None:
        if self._reading:
            return
        box, sends, account = self._boxed(), self._services.sends, self._account.name
        now_ms = self._services.clock.unix_ms()
        for delivery in deliveries:
            ends = until(delivery, now=now, now_ms=now_ms, accepted_at_ms=now_ms)
            if box.accept(delivery, until=sends.until(delivery.outbox_id, ends)):
                sends.opened(account, delivery.outbox_id, now)

    def _restore(self, restored: SendsRestored, now: float) -> None:
        if restored.records is None:
            self._alarm.set(REREAD_S, OutboxDue())
            return
        self._reading = False
        if not restored.records:
            return
        box, name = self._boxed(), self._account.name
        begun, now_ms, sends = False, self._services.clock.unix_ms(), self._services.sends
        for record in restored.records:
            delivery = record.delivery
            accepted_at_ms = record.accepted_at_ms
            ends = until(delivery, now=now, now_ms=now_ms, accepted_at_ms=accepted_at_ms)
            ends = sends.until(delivery.outbox_id, ends)
            if record.state is SendState.QUEUED:
                new = box.accept(delivery, until=ends)
            else:
                review = record.reason == reasons.NEEDS_REVIEW
                self._resume(box.find(delivery.outbox_id))
                new = box.restore(
                    delivery, until=ends, first_ms=record.first_platform_ms, review=review
                )
                begun |= new
            if new:
                since = now - max(0, now_ms - accepted_at_ms) / 1000
                sends.opened(name, delivery.outbox_id, since)
        if begun and self._session is not None:
            self._do(box.link_up(now, history=self._session.history is not None))

    def _resume(self, send: Send | None) -> None:
        """Say once more that its attempt is stored, in case that hint was lost."""
        if send is not None and send.state is SendState.SENDING and not send.written:
            self._account.peers.outbox.tell(
                AttemptStored(
                    generation=send.generation, outbox_id=send.delivery.outbox_id, mid=send.mid
                )
            )

    def _drop(self, outbox_id: str) -> None:
        if self._box is not None:
            self._box.drop(outbox_id)
        self._services.sends.ended(outbox_id)

    # --- the link ---------------------------------------------------------------------

    def _link_up(self, opened: LinkOpened, now: float) -> None:
        if self._box is not None:
            self._do(self._box.link_down())
        self._generation = opened.generation
        self._calls, self._session = opened.calls, opened.session
        self._reconcile.link_up(opened)
        if self._box is not None:
            self._do(self._box.link_up(now, history=opened.session.history is not None))

    def _link_down(self, down: LinkDown) -> None:
        if down.generation != self._generation:
            return
        self._reconcile.link_down(down.failure)
        self._calls = self._session = None
        if self._box is not None:
            self._do(self._box.link_down(down.blame))

    # --- attempts ---------------------------------------------------------------------

    def _pump(self, now: float) -> None:
        """Begin attempts as far as the rates allow, ask for history, and set the timer."""
        box, session = self._box, self._session
        if box is None:
            return
        wait_s: float | None = None
        if session is not None and not self._reading:
            for delivery in list(box.ready(now)):
                wait_s = self._paced().take(now)
                if wait_s or not self._services.sends.depart(delivery.outbox_id):
                    break
                self._begin(box, delivery, session, now)
            look = box.look(now)
            if look is not None:
                self._reconcile.ask(box, look)
        if box.idle:
            self._box = box = None
        self._arm(box, now, wait_s)

    def _begin(self, box: Outbox, delivery: Delivery, session: Session, now: float) -> None:
        mid = self._services.new_mid(session)
        generation, outbox_id = self._generation, delivery.outbox_id
        box.begin(outbox_id, mid=mid, generation=generation)
        outbox, account = self._account.peers.outbox, self._account.name
        observer = self._services.observer

        def stored(held: JournalAnswer) -> None:
            told = AttemptStored(generation=generation, outbox_id=outbox_id, mid=mid)
            outbox.tell(told if held else SendDropped(outbox_id=outbox_id))

        def refused(reason: str) -> None:
            outbox.tell(SendDropped(outbox_id=outbox_id))
            unknown = SendResult(outcome=SendOutcome.UNKNOWN, reason=reason)
            observer.send_ended(account, outbox_id, unknown)

        self._services.writer.submit(
            MarkDelivery(
                outbox_id=outbox_id,
                generation=generation,
                mid=mid,
                platform_ms=box.platform.latest_ms(now),
            ),
            stored,
            refused=refused,
        )

    def _write(self, stored: AttemptStored, now: float) -> None:
        box, calls, session = self._box, self._calls, self._session
        if box is None or calls is None or session is None:
            return
        if stored.generation != self._generation:
            return
        delivery = box.stored(stored.outbox_id, stored.mid)
        if delivery is None:
            return
        try:
            request = session.send(stored.mid, delivery)
        except ValueError as error:
            self._do(box.refuse(stored.outbox_id, str(error)))
            return
        except Exception as error:  # noqa: BLE001  # a codec's; the next life would meet it again
            self._do(box.refuse(stored.outbox_id, f"{reasons.UNSENDABLE}: {type(error).__name__}"))
            return
        if isinstance(request, Request):
            box.handed(stored.outbox_id, key=request.mid, now=now)
            written = calls.ask(request, self._account.peers.outbox)
        else:  # a bare frame has no answer
            box.handed(stored.outbox_id, key=None, now=now)
            written = calls.say(request)
        if not written:  # it never will again; its end is on the way
            self._calls = self._session = None
        self._do(box.transmitted(stored.outbox_id, generation=stored.generation, written=written))

    def _answered(self, reply: Reply, now: float) -> None:
        box, session = self._box, self._session
        if box is None or session is None:
            return
        if self._reconcile.awaits(reply.mid):
            self._reconcile.read(box, reply, now)
            return
        result = session.sent(reply)
        if result.throttled:
            self._paced().slow(now)
            self._services.log.warning("send.slowed", account=self._account.name)
        self._do(box.answered(reply.mid, result, now))

    # --- steps ------------------------------------------------------------------------

    def _do(self, steps: Sequence[Step]) -> None:
        for step in steps:
            outbox_id = step.delivery.outbox_id
            self._services.sends.landed(outbox_id)
            match step:
                case Ended():
                    self._conclude(step.delivery, step.result)
                case Doubted():
                    doubt = SendResult(outcome=SendOutcome.UNKNOWN, reason=step.reason)
                    self._mark(
                        MarkDelivery(outbox_id=outbox_id, generation=self._generation, result=doubt)
                    )
                    self._services.log.warning(
                        "send.doubted",
                        account=self._account.name,
                        outbox_id=outbox_id,
                        reason=step.reason,
                    )
                case Requeued():
                    self._requeued(outbox_id, step.mid, step.why)

    def _conclude(self, delivery: Delivery, result: SendResult) -> None:
        account, outbox_id = self._account.name, delivery.outbox_id
        services = self._services
        if result.outcome not in _QUIET:
            services.log.warning(
                _ENDED[result.outcome], account=account, outbox_id=outbox_id, reason=result.reason
            )
        services.sends.concluded(outbox_id, result.outcome, services.clock.monotonic())
        services.writer.submit(
            MarkDelivery(outbox_id=outbox_id, generation=self._generation, result=result),
            lambda _: services.observer.send_ended(account, outbox_id, result),
            refused=lambda _: services.observer.send_ended(account, outbox_id, result),
        )

    def _requeued(self, outbox_id: str, mid: str, why: str) -> None:
        self._mark(
            MarkDelivery(outbox_id=outbox_id, generation=self._generation, mid=mid, requeued=why)
        )

    def _mark(self, note: MarkDelivery) -> None:
        self._services.writer.submit(note, lambda _: None)

    # --- small things -----------------------------------------------------------------

    def _due(self, now: float) -> None:
        if self._reading:
            self.started()
        if self._box is not None:
            looked_for = self._box.looked_for
            self._do(self._box.expire(now))
            if looked_for is not self._box.looked_for:
                self._reconcile.forget()

    def _paced(self) -> Pace:
        if self._pace is None:
            plan = self._account.plan
            bucket = TokenBucket(rate_per_s=plan.send.rate_per_s, burst=plan.send.burst)
            self._pace = Pace(bucket, self._services.sends)
        return self._pace

    def _arm(self, box: Outbox | None, now: float, rate_wait_s: float | None) -> None:
        """Set one timer to whatever is due first."""
        if self._reading:
            return
        wait_s = None if box is None else box.wait_s(now)
        waits = [each for each in (wait_s, rate_wait_s or None) if each is not None]
        self._alarm.clear()
        if waits:
            self._alarm.set(max(0.001, min(waits)), OutboxDue())


def _read_open(account: str, journal: Journal) -> SendsRestored:
    """Return the open sends.

    On the writer's thread; a journal that cannot answer now is asked again.
    """
    try:
        records = journal.sends(SendQuery(account=account, open_only=True))
    except Exception:  # noqa: BLE001  # the caller must get an answer, whatever failed
        return SendsRestored(records=None)
    return SendsRestored(records=records)
