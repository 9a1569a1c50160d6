"""Attempts to handle the events of an account: what a dispatcher knows of them, how they end.

The rules are :mod:`actors.policy.attempts`; the journal is asked on handler threads by
:class:`~actors.runtime.handlers.admission.Admission`. Ordinary events pass here untouched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from actors.account.services import Account
from actors.policy.attempts import (
    CRASH_LOOP,
    EXPIRED,
    PAST,
    STALE,
    STALE_NOTICE,
    UNTRIED,
    past,
    pause_s,
    stale,
    to_be_noted,
    young,
)
from actors.policy.lanes import Run
from actors.ports.commands import BeginEvent, JournalAnswer, ParkEvents, Settlement
from actors.runtime.handlers.admission import NOT_BEGUN, Admission
from actors.runtime.handlers.scheduler import TIMED_OUT
from actors.values import Attempts, Disposition, Event, Outcome

STALE_AGAIN_S: Final = 60.0
"""Shortest time between two log lines about stale events."""


class EventAttempts:
    """Attempts at one account's events, in one life of its dispatcher.

    Attributes:
        earlier: By ``event_id``, of events that failed or may have ended a process.
        wary: There may be events that a handler has seen in an earlier life.
    """

    __slots__ = (
        "_account", "_admissions", "_expiry", "_horizon_ms", "_noted", "_say_stale_at", "_stale",
        "earlier", "wary",
    )  # fmt: skip

    def __init__(self, account: Account) -> None:
        self._account = account
        self._admissions: dict[str, Admission] = {}
        self._noted: dict[str, int] = {}
        self._expiry: Admission | None = None
        if account.plan.tries.expire_s is not None:
            self._expiry = self._admission(UNTRIED, None)
        horizon_s = account.plan.tries.horizon_s
        self._horizon_ms = math.inf if horizon_s is None else horizon_s * 1000
        self._stale, self._say_stale_at = 0, float("-inf")
        self.earlier: dict[str, Attempts] = {}
        self.wary = False

    def park_unheard(self) -> None:
        """Park what parking handlers were given by a former dispatcher: it cannot hear of them."""
        account, running = self._account, self._account.running
        if not running:
            return
        command = ParkEvents(account=account.name, lane_seqs=tuple(running))
        running.clear()

        def parked(answer: JournalAnswer) -> None:
            count = answer if isinstance(answer, int) else 0
            if count:
                account.services.log.error(
                    "event.parked", account=account.name, reason="dispatcher_died", count=count
                )
            account.counts.settle(Disposition.PARKED, count)
            account.let_go(count)

        account.services.writer.submit(command, parked)

    def restored(self, events: Sequence[Event], attempts: Mapping[str, Attempts]) -> None:
        """Take note of events read from the journal."""
        self.earlier.update(attempts)
        self.wary = self.wary or bool(attempts) or any(event.redelivered for event in events)

    def calm(self) -> None:
        """Note that no event of an earlier life is left."""
        self.wary = False
        self._noted.clear()

    def stale(self, events: Sequence[Event]) -> list[Settlement]:
        """Return settlements for events that are past, and for those that may be repetitions."""
        carried = self._account.carried
        told_ms, first_ms = carried.platform.told_ms, carried.first_ms or 0
        if told_ms is not None and young(events, max(told_ms - self._horizon_ms, first_ms)):
            return []
        settlements: list[Settlement] = []
        parked: list[Event] = []
        log, name = self._account.services.log, self._account.name
        now_ms, rules = self._account.services.clock.unix_ms(), self._account.plan.tries
        for event in stale(rules, events, self.earlier, now_ms, told_ms):
            failures = self.earlier.pop(event.event_id, UNTRIED).failures
            settlements.append(Settlement(event, STALE_NOTICE if event.notice else STALE, failures))
            if event.notice:
                log.debug("event.expired", account=name, event_id=event.event_id)
            else:
                parked.append(event)
        ended = {settlement.event.event_id for settlement in settlements}
        settlements += self._past([event for event in events if event.event_id not in ended])
        if parked:
            self._say(parked)
        return settlements

    def _past(self, events: Sequence[Event]) -> list[Settlement]:
        account = self._account
        found = past(events, self.earlier, account.carried.first_ms)
        if found:
            account.services.log.info(
                "event.past_ignored", account=account.name, event_id=found[0].event_id,
                count=len(found),
            )  # fmt: skip
        return [
            Settlement(event, PAST, self.earlier.pop(event.event_id, UNTRIED).failures)
            for event in found
        ]

    def _say(self, parked: Sequence[Event]) -> None:
        """Log that stale events were parked, once in a while."""
        services, self._stale = self._account.services, self._stale + len(parked)
        now = services.clock.monotonic()
        if now < self._say_stale_at:
            return
        services.log.error(
            "event.parked",
            account=self._account.name,
            event_id=parked[0].event_id,
            reason=STALE.reason,
            count=self._stale,
        )
        self._stale, self._say_stale_at = 0, now + STALE_AGAIN_S

    def admit(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Return the runs as the handler pool takes them."""
        parking = self._account.services.parking
        if self.earlier:
            runs = [self._again(run) for run in runs]
        if self.wary or self._expiry is not None or (parking is not None and parking.active):
            return [self._admit(run) for run in runs]
        return runs

    def _again(self, run: Run) -> Run:
        again = run.events[0].event_id in self.earlier
        return msgspec.structs.replace(run, again=True) if again else run

    def end(self, event: Event, outcome: Outcome) -> Settlement | None:
        """Return the settlement of an attempt that ended; None if it never began."""
        admission = self._admissions.pop(event.event_id, None)
        if outcome is NOT_BEGUN and admission is not None:
            self._admissions[event.event_id] = admission
            return None
        earlier = self.earlier.pop(event.event_id, UNTRIED)
        begun = self._account.running.pop(event.lane_seq or 0, None) is not None
        attempts = earlier.failures + 1
        if outcome is CRASH_LOOP or outcome is EXPIRED:
            attempts = earlier.failures + earlier.crashes
        elif begun and outcome.reason == TIMED_OUT.reason:
            outcome = _otherwise(outcome, Disposition.PARKED)
        elif outcome.disposition is Disposition.RETRY:
            if pause_s(self._account.plan.tries, attempts) is None:
                outcome = _otherwise(outcome, Disposition.DEAD)
            else:
                self.earlier[event.event_id] = Attempts(attempts, earlier.crashes)
        return Settlement(
            event=event, outcome=outcome, attempts=attempts, crashes=earlier.crashes, begun=begun
        )

    def _admit(self, run: Run) -> Run:
        """Cut a run so that an event whose attempt must be noted is alone in its run."""
        parking, lane, events = self._account.services.parking, run.lane, run.events
        noted = self._noted.get(lane, 0)
        for place, event in enumerate(events):
            parks = parking is not None and parking.active and parking.parks(event)
            attempts = self.earlier.get(event.event_id, UNTRIED)
            if parks or to_be_noted(event, attempts, noted):
                if place == 0:
                    admission = self._begin(lane, event, attempts, park=parks)
                    return Run(lane=lane, events=events[:1], admit=admission, again=run.again)
                events = events[:place]
                break
        return Run(lane=lane, events=events, admit=self._expiry, again=run.again)

    def _begin(self, lane: str, event: Event, attempts: Attempts, *, park: bool) -> Admission:
        if park and event.lane_seq is not None:
            self._account.running[event.lane_seq] = event
        admission = self._admissions.get(event.event_id)
        if admission is None:
            self._noted[lane] = self._noted.get(lane, 0) + event.redelivered
            begin = BeginEvent(event=event, crashes=attempts.crashes + 1, park=park)
            admission = self._admissions[event.event_id] = self._admission(attempts, begin)
        return admission

    def _admission(self, attempts: Attempts, begin: BeginEvent | None) -> Admission:
        account, services = self._account, self._account.services
        return Admission(
            rules=account.plan.tries,
            clock=services.clock,
            platform=lambda: account.carried.platform,
            writer=services.writer,
            attempts=attempts,
            begin=begin,
        )


def _otherwise(outcome: Outcome, disposition: Disposition) -> Outcome:
    """Return an outcome with another end; what handlers that are done left leaves with it."""
    return Outcome(
        disposition=disposition,
        reason=outcome.reason,
        replies=outcome.replies,
        notes=outcome.notes,
    )
