"""The host's handlers and sinks: which of them gets which event.

Runs on handler threads only. Each handler and each sink fails alone: a further try of an event
calls only the handlers that failed, what the others left waits for it, and a sink is given the
event once (ADR 16).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import msgspec

from actors.policy import reasons
from actors.runtime.handlers.pool import revoked
from actors.runtime.pool import forks
from actors.runtime.takeovers import TakeOvers
from actors.values import DONE, Content, Delivery, Disposition, Event, Outcome
from gateway import arguments, images, listeners
from gateway.delivering import anybody, deliver, leave_to_parent
from gateway.host.handled import Handled
from gateway.host.life import watch_forks
from gateway.host.subscriptions import (
    Handler,
    Key,
    Subscription,
    Wanted,
    Wish,
    check,
    key_of,
    wanted,
)
from gateway.sinks.base import Sink
from gateway.sinks.runner import SinkRunner

MOST_KEPT = 10_000
"""Most events between two attempts that are remembered; each lane has one at most."""

_TIMED_OUT = Outcome(disposition=Disposition.DEAD, reason=reasons.TIMED_OUT)

IGNORED = Outcome(disposition=Disposition.IGNORED, reason="no_handler")


class Handlers:
    """Calls the handlers and sinks of an event; the kernel's ``Handle`` and ``Parking``.

    Args:
        sinks: Where all events go.
        make_delivery: Makes the send of a reply; what it raises has the event tried again.
        addressee: Raises in the call of ``reply`` if the event does not tell whom to answer.
        upload: Makes what is sent of the file of a reply, in the call of ``reply_image``.
        log: A structlog logger, told of each failure with its traceback; None: nobody is, and
            what an event's only handler raises passes.
        mask: Masks secrets in what an exception says.
        takeovers: Know which conversations a person answers; None: none.

    Attributes:
        active: Some handler wants its events parked.
        tap: Is shown each event before its handlers.
        takeovers: Know which conversations a person answers.
        on_failure: Is told what a handler raised; for tests without the machinery.
    """

    def __init__(
        self,
        sinks: Sequence[Sink | SinkRunner],
        make_delivery: Callable[[Event, Content], Delivery],
        *,
        addressee: Callable[[Event], object] = anybody,
        upload: Callable[[Event, str], Content] = images.nowhere,
        log: Any = None,
        mask: Callable[[str], str] = str,
        takeovers: TakeOvers | None = None,
    ) -> None:
        self.active = False
        self.takeovers = takeovers or TakeOvers()
        self.tap: Callable[[Event], object] | None = None
        self.on_failure: Callable[[BaseException], None] | None = None
        self._subscriptions: list[Subscription] = []
        self._sinks = tuple(
            each if isinstance(each, SinkRunner) else SinkRunner(each) for each in sinks
        )
        self._make_delivery = make_delivery
        self._addressee = addressee
        self._upload = upload
        self._log = log
        self._mask = mask
        self._cache: dict[Key, Wanted] = {}
        self._kept: dict[str, Handled] = {}
        watch_forks(self)

    def forked(self) -> None:
        """Hear that this is a child: what it answers would be lost without a word."""
        leave_to_parent(os.getppid())

    def add(self, event_type: type[Event], handler: Handler, **wish: Unpack[Wish]) -> None:
        """Want events of a type and its subtypes.

        Args:
            event_type: ``Event`` wants everything.
            handler: Called with the event; may block, raise and reply.
            wish: Which of them.

        Raises:
            TypeError: Not an event class, or not a function of one argument that a plain call
                runs; ``own`` or ``taken_over`` is no bool, ``account`` no text.
            ValueError: ``on_crash`` is neither ``redeliver`` nor ``park``, or there is no such kind
                of session.
        """
        check(event_type, **wish)
        listeners.listener("the handler", handler, takes=1)
        subscription = Subscription(event_type, handler, **wish)
        self._subscriptions.append(subscription)
        self._cache.clear()
        self.active = self.active or subscription.park

    def parks(self, event: Event) -> bool:
        """Return whether a handler that wants the event wants it parked."""
        return self._wanting(key_of(event)).parks

    def __call__(self, event: Event) -> Outcome:
        """Run every handler and sink that wants the event, in the order they were added."""
        if self.takeovers.busy:
            event = self._as_it_stands(event)
        tap = self.tap
        if tap is not None:
            self._show(tap, event)
        session = getattr(event, "session_type", None)
        key = (type(event), event.account, event.own, session, event.taken_over)
        found = self._cache.get(key)
        if found is None:
            found = self._wanting(key)
        subscriptions, alone, _ = found
        if alone is None or self._kept:
            return self._handle_each(event, subscriptions)
        try:
            call = deliver(event, alone, revoked, self._addressee, self._upload)
        except BaseException as error:
            if revoked():
                forks.end_copy(error)
            if self._log is None and self.on_failure is None:
                raise  # the caller reports it
            return self._failed(event, [self._reason(event, subscriptions[0], error)])
        if not call.replies and call.notes is None:
            return DONE
        if revoked():
            return DONE  # dropped
        kept = Handled()
        kept.add(subscriptions[0], call)
        return self._end(event, kept)

    def given_up(self, event: Event) -> Outcome:
        """Return the outcome of an event whose attempt was given up: its handler did not return.

        The handlers that were not called yet have their turn in a further try; what the ones
        before left is not lost with the one that hangs.
        """
        subscriptions = self._wanting(key_of(self._as_it_stands(event))).subscriptions
        kept = self._kept.get(event.event_id)
        hung = subscriptions[0] if len(subscriptions) == 1 else None
        if kept is not None:
            hung = kept.at
        if hung is not None and self._log is not None:
            self._log.error(
                "handler.timed_out",
                account=event.account,
                event_id=event.event_id,
                handler=arguments.called(hung.handler),
            )
        if kept is None or hung is None:
            return _TIMED_OUT
        following = kept.after(hung)
        self._keep(event, following)
        again = Outcome(disposition=Disposition.RETRY, reason=_TIMED_OUT.reason)
        if any(subscription not in following.ended for subscription in subscriptions):
            return again
        try:
            return self._end(event, following)
        except Exception:  # noqa: BLE001  # there is no room for its replies now
            return again

    def forget(self, event: Event) -> None:
        """Forget an event that is over: if it comes again, every handler gets it."""
        self._kept.pop(event.event_id, None)

    def _as_it_stands(self, event: Event) -> Event:
        """Return the event, marked if a person answers its conversation now."""
        lane = event.conversation_id
        if lane is None or not self.takeovers.holds(event.account, lane):
            return event
        return msgspec.structs.replace(event, taken_over=True)

    def _would_get(self, event: Event) -> bool:
        """Return whether a handler wants an event, but for the person."""
        return bool(self._wanting((*key_of(event)[:-1], False)).subscriptions)

    def _wanting(self, key: Key) -> Wanted:
        found = self._cache.get(key)
        if found is None:
            found = wanted(self._subscriptions, key, sinks=bool(self._sinks))
            self._cache[key] = found
        return found

    def _show(self, tap: Callable[[Event], object], event: Event) -> None:
        try:
            tap(event)
            if revoked():
                forks.end_copy()
        except BaseException as error:  # noqa: BLE001  # a stranger's code
            if revoked():
                forks.end_copy(error)
            if self._log is not None:
                self._log.error("listener.failed", reason=listeners.told(error, self._mask))

    def _handle_each(self, event: Event, subscriptions: Sequence[Subscription]) -> Outcome:
        """Have each handler, but those that are done, and each sink take the event."""
        kept = self._kept.get(event.event_id)
        if kept is None:
            if not subscriptions and not self._sinks:
                return DONE if event.taken_over and self._would_get(event) else IGNORED
            kept = Handled()
            kept.entries = [(sink, sink.take(event)) for sink in self._sinks]
            self._keep(event, kept)
        failures: list[str] = []
        for subscription in subscriptions:
            if subscription in kept.ended:
                continue
            kept.at = subscription
            try:
                call = deliver(
                    event, (subscription.handler,), revoked, self._addressee, self._upload
                )
            except BaseException as error:  # noqa: BLE001  # a stranger's code
                if revoked():
                    forks.end_copy(error)
                    return DONE  # dropped; a further attempt has the rest
                failures.append(self._reason(event, subscription, error))
                continue
            if revoked():
                return DONE
            kept.add(subscription, call)
        kept.at = None
        for sink, entry in kept.entries:
            sink.wait(entry)
        if failures:
            return self._failed(event, failures, kept)
        return self._end(event, kept)

    def _end(self, event: Event, kept: Handled) -> Outcome:
        """Return how an event ended that needs no further try, with what its handlers left."""
        try:
            outcome = self._left(event, kept, _TIMED_OUT if kept.hung else DONE)
        except BaseException:
            self._keep(event, kept)  # the handlers are done: only the sends have no room
            raise
        self._kept.pop(event.event_id, None)
        return outcome

    def _left(self, event: Event, kept: Handled, outcome: Outcome) -> Outcome:
        if not kept.replies and not kept.notes:
            return outcome
        return Outcome(
            disposition=outcome.disposition,
            reason=outcome.reason,
            replies=tuple(self._make_delivery(event, content) for content in kept.replies),
            notes=tuple(kept.notes),
        )

    def _failed(
        self, event: Event, failures: Sequence[str], kept: Handled | None = None
    ) -> Outcome:
        """Return the outcome of a failed attempt, with what the other handlers left."""
        more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
        outcome = Outcome(disposition=Disposition.RETRY, reason="; ".join(failures[:3]) + more)
        return outcome if kept is None else self._left(event, kept, outcome)

    def _reason(self, event: Event, subscription: Subscription, error: BaseException) -> str:
        """Tell of a failure; return it in words safe to log."""
        if self.on_failure is not None:
            self.on_failure(error)
        called = arguments.called(subscription.handler)
        reason = f"{listeners.told(error, self._mask)} (in {called})"
        if self._log is not None:
            self._log.warning(
                "handler.raised",
                account=event.account,
                event_id=event.event_id,
                handler=called,
                exc_info=(type(error), error, error.__traceback__),
            )
        return reason

    def _keep(self, event: Event, kept: Handled) -> None:
        self._kept[event.event_id] = kept
        if len(self._kept) > MOST_KEPT:  # those of accounts that went; the oldest come first
            with contextlib.suppress(StopIteration, RuntimeError):
                self._kept.pop(next(iter(self._kept)), None)
