"""Stand-ins for a gateway's machinery on a bench: a journal in memory, and nothing that runs."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from actors.ports.commands import (
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    ReplayEvent,
    SettleEvents,
    Settlement,
    StoreDelivery,
    StoreFrames,
)
from actors.ports.journal import Journal
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.clock import SystemClock
from actors.runtime.quotas import OpenSends
from actors.values import Decoded, Delivery, Event, Outcome, SendResult
from gateway.journal.memory.journal import MemoryJournal

T = TypeVar("T")


class StandIn:
    """As much of a running system as the façade asks of it, on the calling thread.

    Args:
        send: Takes a send.
        log: Told of alerts.
    """

    def __init__(self, send: Callable[..., None], log: Any) -> None:
        self.send = send
        self.journal = MemoryJournal()
        self.accounts = self
        clock = SystemClock()
        self.alerts = AlertRegistry(clock, log)
        self.services = types.SimpleNamespace(
            clock=clock, sends=OpenSends(), writer=self, alerts=self.alerts
        )

    def settle(self, event: Event, outcome: Outcome, tries: int) -> None:
        """Have the journal take an event and its end, as if it had come over a link."""
        number = next(self.journal.numbers())
        stored = msgspec.structs.replace(
            event, lane_seq=number, event_id=event.event_id or str(number)
        )
        store = StoreFrames(
            account=event.account,
            generation=0,
            received_at_ms=event.received_at_ms,
            frames=(Decoded(raw=event.raw, events=(stored,)),),
        )
        end = Settlement(stored, outcome, tries)
        self._commit(store, SettleEvents(account=event.account, settlements=(end,)))

    def sent(self, delivery: Delivery, result: SendResult) -> None:
        """Have the journal take a send and its end."""
        mark = MarkDelivery(outbox_id=delivery.outbox_id, generation=0, result=result)
        self._commit(StoreDelivery(delivery=delivery), mark)
        self.services.sends.ended(delivery.outbox_id)

    def _commit(self, *commands: JournalCommand) -> Sequence[JournalAnswer]:
        answers = self.journal.commit(commands)
        self.alerts.match(self.journal.concerns())
        return answers

    # --- what the façade asks of a system and of its writer ----------------------------

    def replay(self, _account: str, event_id: str, _timeout_s: float) -> bool:
        """Put an event back; it is not handed out again."""
        number = next(self.journal.numbers())
        (answer,) = self._commit(ReplayEvent(event_id=event_id, lane_seq=number))
        return bool(answer)

    def tell_outbox(self, _account: str, _message: object) -> None:
        """There is none."""

    def read(self, fn: Callable[[Journal], T], _timeout_s: float) -> T:
        """Ask the journal."""
        return fn(self.journal)

    def call(self, command: JournalCommand, _timeout_s: float) -> JournalAnswer:
        """Do a command."""
        (answer,) = self._commit(command)
        return answer
