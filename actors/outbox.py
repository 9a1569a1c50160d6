"""The outbox of one account: durable sends, one unresolved a lane, and an honest result.

A send is noted in the journal before its bytes are written; what the platform did not
confirm is UNKNOWN, never "delivered".
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from actors.account import Account, LinkOpened
from actors.messages import (
    AttemptStored,
    DeliveriesStored,
    LinkDown,
    OutboxDue,
    SendAnswered,
    Transmit,
    Transmitted,
)
from actors.policy.rate import TokenBucket
from actors.ports import Session
from actors.runtime.pool import Pool
from actors.runtime.supervised import SupervisedActor
from actors.runtime.timers import Timer
from actors.storage import MarkDelivery
from actors.values import Delivery, SendOutcome, SendResult

EXPIRED = SendResult(outcome=SendOutcome.EXPIRED, reason="expired_before_sending")
LINK_LOST = SendResult(outcome=SendOutcome.UNKNOWN, reason="link_lost_before_answer")
INTERRUPTED = SendResult(outcome=SendOutcome.UNKNOWN, reason="interrupted")
UNANSWERED = SendResult(outcome=SendOutcome.UNKNOWN, reason="no_answer")
UNCONFIRMED = SendResult(outcome=SendOutcome.UNKNOWN, reason="platform_does_not_confirm")


_ENDED = {outcome: f"send.{outcome.value}" for outcome in SendOutcome}
"""Log events by outcome."""


class _Sending(msgspec.Struct):
    """The head of a lane, once its attempt has begun."""

    delivery: Delivery
    generation: int
    mid: str
    due: float | None = None


class OutboxActor(SupervisedActor):
    """Writes the heads of the lanes at the account's rate and settles what comes back."""

    inbox_limit = 4096

    def __init__(self, pool: Pool, account: Account) -> None:
        super().__init__(pool, name="outbox", supervisor=account.peers.supervisor)
        self._account = account
        self._services = account.services
        self._session: Session | None = None
        self._generation = 0
        self._lanes: dict[str, deque[Delivery]] = {}
        self._sending: dict[str, _Sending] = {}
        self._by_mid: dict[str, _Sending] = {}
        self._known: set[str] = set()
        self._tried: set[str] = set()
        self._lost = 0
        self._bucket: TokenBucket | None = None
        self._timer: Timer | None = None

    def started(self) -> None:
        """Read what was accepted and never tried; what was tried is not sent again blindly."""
        account, outbox = self._account.name, self._account.peers.outbox
        self._lost = outbox.lost
        self._services.writer.fetch(
            lambda journal: journal.unsent(account),
            lambda rows: outbox.tell(
                DeliveriesStored(deliveries=[row for row, tried in rows if tried is None])
            ),
        )

    def receive(self, message: Any) -> None:
        """Take sends, news of the link and answers; then write what may leave."""
        if self._lost != self._account.peers.outbox.lost:  # sends, perhaps: the journal has them
            self.started()
        match message:
            case DeliveriesStored():
                for delivery in message.deliveries:
                    if delivery.outbox_id not in self._known:
                        self._known.add(delivery.outbox_id)
                        self._lanes.setdefault(delivery.conversation_id, deque()).append(delivery)
            case LinkOpened():
                self._generation, self._session = message.generation, message.session
            case LinkDown():
                self._link_down(message)
            case AttemptStored():
                self._write(message)
            case Transmitted():
                self._transmitted(message)
            case SendAnswered():
                self._answered(message)
            case OutboxDue():
                self._timer = None
                self._expire()
            case _:
                raise TypeError(f"outbox can not receive {type(message).__name__}")
        self._pump()
        self._account.standing.unsent = bool(self._lanes)

    def stopped(self) -> None:
        """Leave no timer behind, and say what can be said of sends that have begun.

        The next life sends only what was never tried.
        """
        if self._timer is not None:
            self._timer.cancel()
        for queue in self._lanes.values():
            if queue[0].outbox_id in self._tried:
                self._conclude(queue[0], INTERRUPTED)

    def died(self, error: str) -> None:
        """Do as at a stop, then report."""
        self.stopped()
        super().died(error)

    # --- attempts ---------------------------------------------------------------------

    def _pump(self) -> None:
        """Begin an attempt for the head of each idle lane, as far as the rate allows."""
        now = self._services.clock.monotonic()
        wait_s: float | None = None
        session = self._session
        if session is not None:
            for lane, queue in self._lanes.items():
                if lane in self._sending or self._expired(queue[0]):
                    continue
                wait_s = self._rate(now)
                if wait_s:
                    break
                self._begin(lane, queue[0], session)
        self._arm(now, wait_s)

    def _begin(self, lane: str, delivery: Delivery, session: Session) -> None:
        clock = self._services.clock
        mid = session.mid(clock.unix_ms(), self._services.dice.random())
        generation, outbox = self._generation, self._account.peers.outbox
        self._tried.add(delivery.outbox_id)
        self._sending[lane] = _Sending(delivery=delivery, generation=generation, mid=mid)
        self._services.writer.submit(
            MarkDelivery(outbox_id=delivery.outbox_id, generation=generation, mid=mid),
            lambda _: outbox.tell(
                AttemptStored(generation=generation, outbox_id=delivery.outbox_id, mid=mid)
            ),
        )

    def _write(self, stored: AttemptStored) -> None:
        sending = self._find(stored.outbox_id, stored.generation)
        session = self._session
        if sending is None or session is None:
            return
        delivery = sending.delivery
        try:
            request = session.send(stored.mid, delivery)
            payload = session.plain(delivery.content) if request is None else request.payload
        except ValueError as error:
            refused = SendResult(outcome=SendOutcome.REFUSED, reason=str(error))
            self._finish(sending, refused)
            return
        sending.due = self._services.clock.monotonic() + self._account.plan.send_reply_s
        if request is not None:
            sending.mid = request.mid
            self._by_mid[request.mid] = sending
        self._account.peers.connection.tell(
            Transmit(
                generation=stored.generation,
                outbox_id=delivery.outbox_id,
                payload=payload,
                mid=None if request is None else request.mid,
            )
        )

    def _transmitted(self, told: Transmitted) -> None:
        sending = self._find(told.outbox_id, told.generation)
        if sending is None:
            return
        if not told.written:
            self._requeue(sending)
        elif sending.mid not in self._by_mid:
            self._finish(sending, UNCONFIRMED)

    def _answered(self, answered: SendAnswered) -> None:
        sending = self._by_mid.get(answered.mid)
        if sending is not None and self._session is not None:
            self._finish(sending, self._session.sent(answered.reply))

    def _link_down(self, down: LinkDown) -> None:
        if down.generation != self._generation:
            return
        self._session = None
        for sending in list(self._sending.values()):
            if sending.due is None:
                self._requeue(sending)
            else:
                self._finish(sending, LINK_LOST)

    # --- ends -------------------------------------------------------------------------

    def _expire(self) -> None:
        now = self._services.clock.monotonic()
        for sending in list(self._sending.values()):
            if sending.due is not None and sending.due <= now:
                self._finish(sending, UNANSWERED)
        for lane, queue in list(self._lanes.items()):
            waiting = list(queue)[1:] if lane in self._sending else list(queue)
            for delivery in waiting:
                if self._expired(delivery):
                    queue.remove(delivery)
                    self._conclude(delivery, EXPIRED)
            if not queue:
                del self._lanes[lane]

    def _finish(self, sending: _Sending, result: SendResult) -> None:
        """End the head of a lane; the next one may go, after the other lanes."""
        delivery = sending.delivery
        lane = delivery.conversation_id
        self._by_mid.pop(sending.mid, None)
        del self._sending[lane]
        queue = self._lanes.pop(lane)
        queue.popleft()
        if queue:
            self._lanes[lane] = queue
        self._conclude(delivery, result)

    def _conclude(self, delivery: Delivery, result: SendResult) -> None:
        self._known.discard(delivery.outbox_id)
        self._tried.discard(delivery.outbox_id)
        account, observer = self._account.name, self._services.observer
        if result.outcome is not SendOutcome.ACCEPTED:
            self._services.log.warning(
                _ENDED[result.outcome],
                account=account,
                outbox_id=delivery.outbox_id,
                reason=result.reason,
            )
        self._services.writer.submit(
            MarkDelivery(outbox_id=delivery.outbox_id, generation=self._generation, result=result),
            lambda _: observer.send_ended(account, delivery.outbox_id, result),
        )

    def _requeue(self, sending: _Sending) -> None:
        """Not a byte of it left: it waits for the next link."""
        self._by_mid.pop(sending.mid, None)
        del self._sending[sending.delivery.conversation_id]

    # --- small things -----------------------------------------------------------------

    def _find(self, outbox_id: str, generation: int) -> _Sending | None:
        for sending in self._sending.values():
            if sending.delivery.outbox_id == outbox_id and sending.generation == generation:
                return sending
        return None

    def _expired(self, delivery: Delivery) -> bool:
        return delivery.expires_at_ms <= self._services.clock.unix_ms()

    def _rate(self, now: float) -> float:
        if self._bucket is None:
            plan = self._account.plan
            self._bucket = TokenBucket(
                rate_per_s=plan.send_rate_per_s, burst=plan.send_burst, now=now
            )
        return self._bucket.take(now)

    def _arm(self, now: float, rate_wait_s: float | None) -> None:
        """Set one timer to whatever is due first."""
        waits = [sending.due - now for sending in self._sending.values() if sending.due is not None]
        if rate_wait_s:
            waits.append(rate_wait_s)
        if self._lanes:
            wall_ms = self._services.clock.unix_ms()
            waits += [
                (delivery.expires_at_ms - wall_ms) / 1000
                for lane, queue in self._lanes.items()
                if lane not in self._sending
                for delivery in (queue[0],)
            ]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if waits:
            self._timer = self._services.timers.after(
                max(0.001, min(waits)), self._account.peers.outbox, OutboxDue()
            )
