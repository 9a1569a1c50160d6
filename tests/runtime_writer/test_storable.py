"""What cannot be stored is refused before it is in line, and fails only who brought it."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from actors.ports import storable
from actors.ports.commands import (
    DropEvent,
    JournalCommand,
    MarkDelivery,
    SettleEvents,
    Settlement,
    StoreDelivery,
)
from actors.runtime.clock import SystemClock
from actors.runtime.journal.writer import JournalWriter
from actors.values import Content, Delivery, Event, Note, Outcome, SendOutcome, SendResult
from gateway.journal.memory.journal import MemoryJournal

SENT = Delivery(
    outbox_id="o",
    uuid="u",
    account="a",
    conversation_id="c",
    to=None,
    content=Content(text="x"),
    expires_at_ms=9,
)


class Markup(str):
    """msgspec encodes no subclass of ``str``."""

    __slots__ = ()


def sent(**fields: Any) -> StoreDelivery:
    return StoreDelivery(delivery=msgspec.structs.replace(SENT, **fields))


def settled(outcome: Outcome) -> SettleEvents:
    return SettleEvents(account="a", settlements=[Settlement(Event(lane_seq=1), outcome)])


WRONG: list[tuple[JournalCommand, str]] = [
    (sent(conversation_id=52393275420), "Delivery.conversation_id cannot be int"),
    (sent(to=3302), "Delivery.to cannot be int"),
    (sent(account=Markup("a")), "Delivery.account cannot be Markup"),
    (sent(content=Content(text=b"x")), "Content.text cannot be bytes"),  # type: ignore[arg-type]
    (sent(content={"text": "x"}), "Delivery.content cannot be dict"),
    (sent(content=Content(text="x", width=True)), "Content.width cannot be bool"),
    (sent(expires_at_ms=1e12), "Delivery.expires_at_ms cannot be float"),
    (sent(expires_at_ms=1 << 64), "Delivery.expires_at_ms is a number beyond 64 bits"),
    (settled(Outcome(replies=(SENT, None))), "Outcome.replies cannot be NoneType"),  # type: ignore[arg-type]
    (settled(Outcome(replies="x")), "Outcome.replies cannot be str"),  # type: ignore[arg-type]
    (
        settled(Outcome(notes=(Note(conversation_id="c", key=["k"], value="v"),))),  # type: ignore[arg-type]
        "Note.key cannot be list",
    ),
    (settled(Outcome(reason=5)), "Outcome.reason cannot be int"),  # type: ignore[arg-type]
    (DropEvent(event_id=5), "DropEvent.event_id cannot be int"),  # type: ignore[arg-type]
    (
        MarkDelivery(
            outbox_id="o",
            generation=1,
            result=SendResult(outcome=SendOutcome.ACCEPTED, message_id=7),  # type: ignore[arg-type]
        ),
        "SendResult.message_id cannot be int",
    ),
]


@pytest.mark.parametrize(("command", "why"), WRONG, ids=[why for _, why in WRONG])
def test_a_command_of_wrong_types_fails_its_caller_at_once(
    command: JournalCommand, why: str
) -> None:
    """As a row it could not be read again, and every later send of the account waited for it."""
    assert storable.flaw(command) == why
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    told: list[str] = []
    writer.submit(command, lambda _: told.append("stored"), refused=told.append)
    assert told == [why]
    assert writer.counters.refused == 1


def test_what_is_as_it_should_be_passes() -> None:
    outcome = Outcome(replies=[SENT], notes=[Note(conversation_id="", key="k", value=None)])
    for command in (sent(), settled(outcome), settled(Outcome()), DropEvent(event_id="e")):
        assert storable.flaw(command) is None
    stored = threading.Event()
    writer = JournalWriter(MemoryJournal(), clock=SystemClock())
    writer.submit(sent(), lambda _: stored.set())
    assert stored.is_set()
