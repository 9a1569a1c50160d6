"""Who wrote an own message, as the outbox finds out: driven by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from test_outbox_actor import Desk, delivery
from workbench import Bench

from actors.account import attribution
from actors.account.attribution import AGAIN_S
from actors.messages import LinkDown, OwnSendsRead, OwnStored
from actors.policy.sends import CLAIM_S
from actors.ports.commands import StoreDelivery
from actors.ports.journal import JournalError, SendQuery
from actors.runtime.pool.manual import UNIX_MS
from actors.runtime.takeovers import TakeOvers
from actors.values import Event
from gateway.events import ChatMessage, OrderStatusChanged

MINUTE_MS = 60_000


def own(message_id: str, text: str, lane: str = "c1") -> ChatMessage:
    """Make what the account itself said just now."""
    return ChatMessage(
        event_id=f"shop-a/{message_id}",
        message_id=message_id,
        conversation_id=lane,
        own=True,
        text=text,
        occurred_at_ms=UNIX_MS,
        received_at_ms=UNIX_MS,
    )


class Room(Desk):
    """An outbox whose account is watched for who writes."""

    def __init__(self, bench: Bench) -> None:
        self.takeovers = TakeOvers(auto_minutes=30, unix_ms=bench.clock.unix_ms, log=bench.log)
        bench.use(takeovers=self.takeovers)
        super().__init__(bench)
        self.actor.started()
        self.mail()
        self.link()

    def hears(self, *events: Event) -> None:
        """Store own messages, as the decoder does; hand over what follows at once."""
        for event in events:
            self.takeovers.doubt("shop-a", event.conversation_id or "")
        self.tell(OwnStored(events=events))
        self.mail()

    def lanes(self) -> set[str]:
        """Return what is taken over; nothing may be unclear any more."""
        assert not self.takeovers._unclear
        return set(self.takeovers.of("shop-a"))


@pytest.fixture
def room(bench: Bench) -> Room:
    return Room(bench)


def test_a_person_takes_over_and_nothing_stays_behind(room: Room) -> None:
    room.hears(own("1", "mine"))
    assert room.takeovers.of("shop-a") == {"c1": UNIX_MS + 30 * MINUTE_MS}
    assert room.lanes() == {"c1"}
    assert room.actor._attribution is None


def test_what_nobody_says_takes_nothing_over(room: Room) -> None:
    card = OrderStatusChanged(own=True, conversation_id="c1", occurred_at_ms=UNIX_MS)
    room.tell(OwnStored(events=[card]))
    room.mail()
    assert room.lanes() == set()


def test_an_echo_waits_for_the_answer(room: Room) -> None:
    room.accept(delivery(1))
    (transmit,) = room.written()
    room.hears(own("1.PNM", "text 1"))
    assert room.lanes() == set(), "no handler waits for the platform"
    room.answer(transmit, message_id="1.PNM")
    room.mail()
    assert room.lanes() == set()
    assert room.actor._attribution is None


def test_equal_words_are_told_apart_by_the_id(room: Room) -> None:
    room.accept(delivery(1))
    (transmit,) = room.written()
    room.hears(own("2.PNM", "text 1"), own("3.PNM", "text 1", "c2"))
    assert room.lanes() == {"c2"}, "no send is open there"
    room.answer(transmit, message_id="1.PNM")
    room.mail()
    assert room.lanes() == {"c1", "c2"}


def test_other_words_wait_too_while_a_send_is_open(room: Room) -> None:
    """A platform may change them."""
    room.accept(delivery(1))
    (transmit,) = room.written()
    room.hears(own("1.PNM", "t*** 1"), own("2.PNM", "mine"))
    assert room.lanes() == set()
    room.answer(transmit, message_id="1.PNM")
    room.mail()
    assert room.lanes() == {"c1"}


def test_what_was_forgotten_stands_in_the_journal(room: Room) -> None:
    room.accept(delivery(1))
    (transmit,) = room.written()
    room.answer(transmit, message_id="1.PNM")
    for _ in range(4):
        room.advance(CLAIM_S)
    assert room.actor._box is None
    late = msgspec.structs.replace(own("1.PNM", "text 1"), occurred_at_ms=None)
    now_ms = room.bench.clock.unix_ms()
    room.hears(msgspec.structs.replace(late, received_at_ms=now_ms))
    assert room.lanes() == set()


def test_a_send_of_an_earlier_life_that_is_open_is_waited_for(bench: Bench) -> None:
    """The journal has it, the outbox has not read it yet; and the link is down."""
    bench.journal.commit([StoreDelivery(delivery=delivery(1))])
    room = Room(bench)
    (transmit,) = room.written()
    room.tell(LinkDown(generation=1))
    room.hears(own("9.PNM", "mine"))
    assert room.lanes() == set()
    room.link(2)
    room.answer(transmit, message_id="1.PNM")
    room.mail()
    assert room.lanes() == {"c1"}


def test_a_journal_that_cannot_say_is_asked_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SendQuery] = []

    def broken(query: SendQuery) -> Any:
        asked.append(query)
        raise JournalError("no")

    with monkeypatch.context() as patch:
        patch.setattr(room.bench.journal, "sends", broken)
        room.hears(own("1", "mine"))
        assert room.lanes() == set()
        room.advance(AGAIN_S / 2)
        assert len(asked) == 1
        room.advance(AGAIN_S / 2)
        assert len(asked) == 2
    room.advance(AGAIN_S)
    assert room.lanes() == {"c1"}


def test_too_many_that_wait_are_let_go(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "MOST", 3)
    room.accept(delivery(1))
    (transmit,) = room.written()
    room.hears(*(own(f"{number}.PNM", "mine") for number in range(5)))
    assert room.actor._attribution is not None
    assert len(room.actor._attribution._waiting) == 3
    room.answer(transmit, message_id="x.PNM")
    room.mail()
    assert room.lanes() == {"c1"}


def test_an_outbox_that_dies_holds_up_no_handler(room: Room) -> None:
    """The journal's answer comes to the next one, which knows nothing of it."""
    room.takeovers.doubt("shop-a", "c1")
    room.tell(OwnStored(events=[own("1", "mine")]))
    room.actor.died("crash")
    assert room.lanes() == set()
    room.tell(OwnSendsRead(event_ids=["shop-a/1"], records={}))
    assert room.lanes() == set()
