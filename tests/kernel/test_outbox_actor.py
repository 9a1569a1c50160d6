"""The outbox actor, driven by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from workbench import Bench

from actors.account import LinkOpened
from actors.messages import (
    AttemptStored,
    DeliveriesStored,
    LinkDown,
    OutboxDue,
    SendAnswered,
    Transmit,
    Transmitted,
)
from actors.outbox import OutboxActor
from actors.runtime.manual import UNIX_MS
from actors.storage import MarkDelivery, StoreDelivery
from actors.values import Content, Delivery, Reply, SendOutcome, SendResult
from gateway.platforms.plain import Plain


def delivery(number: int, lane: str = "c1", *, expires_s: int = 60, to: str = "b") -> Delivery:
    """Make a send."""
    return Delivery(
        outbox_id=f"o{number}",
        uuid=f"u{number}",
        account="shop-a",
        conversation_id=lane,
        to=to,
        content=Content(text=f"text {number}"),
        expires_at_ms=UNIX_MS + expires_s * 1000,
    )


class Desk:
    """An outbox, its journal, and the connection it writes to."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.actor = OutboxActor(bench.pool, bench.account)

    def link(self, generation: int = 1) -> None:
        """Bring a link up."""
        link: Any = None
        session = self.bench.account.plan.platform.session(self.bench.identity)
        self.actor.receive(LinkOpened(generation=generation, link=link, session=session))

    def accept(self, *deliveries: Delivery) -> None:
        """Do as the façade does."""
        writer = self.bench.account.services.writer
        for each in deliveries:
            writer.submit(StoreDelivery(delivery=each), lambda _: None)
        self.actor.receive(DeliveriesStored(deliveries=deliveries))

    def mail(self) -> None:
        """Hand the outbox what it was told by the journal and by timers."""
        while told := self.bench.heard["outbox"].drain():
            for message in told:
                self.actor.receive(message)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.bench.advance(seconds)
        self.mail()

    def written(self, *, taken: bool = True) -> list[Transmit]:
        """Do as the connection does: give what was to be written, and say it was (not)."""
        self.mail()
        transmits: list[Transmit] = self.bench.heard["connection"].of(Transmit)
        for each in transmits:
            self.actor.receive(
                Transmitted(generation=each.generation, outbox_id=each.outbox_id, written=taken)
            )
        return transmits

    def answer(self, transmit: Transmit, code: int = 200, message_id: str | None = "m-1") -> None:
        """Answer as the platform does."""
        assert transmit.mid is not None
        body = {} if message_id is None else {"messageId": message_id}
        reply = Reply(mid=transmit.mid, code=code, body=json.dumps(body).encode())
        self.actor.receive(SendAnswered(mid=transmit.mid, reply=reply))

    def ends(self) -> list[tuple[str, SendOutcome, str | None]]:
        """Give the outcomes, as observers heard them."""
        return [(id_, end.outcome, end.reason) for id_, end in self.bench.watcher.sends]

    def unsent(self) -> list[tuple[str, SendOutcome | None]]:
        """Give the open rows of the journal."""
        return [(row.outbox_id, tried) for row, tried in self.bench.journal.unsent("shop-a")]


@pytest.fixture
def desk(bench: Bench) -> Desk:
    """Give an outbox with a link."""
    made = Desk(bench)
    made.link()
    return made


def test_send_that_the_platform_confirms_is_accepted(desk: Desk) -> None:
    desk.accept(delivery(1))
    (transmit,) = desk.written()

    desk.answer(transmit)

    assert "text" not in repr(desk.bench.log.lines)
    assert desk.bench.watcher.sends == [
        ("o1", SendResult(outcome=SendOutcome.ACCEPTED, message_id="m-1"))
    ]
    assert desk.unsent() == []
    assert desk.bench.timers.pending() == []


def test_attempt_is_in_the_journal_before_a_byte_is_written(desk: Desk) -> None:
    """After a crash nobody else could say that it may have left."""
    desk.accept(delivery(1))

    assert desk.unsent() == [("o1", SendOutcome.UNKNOWN)]
    assert not desk.bench.heard["connection"].messages
    assert len(desk.written()) == 1


def test_lane_has_one_unresolved_send(desk: Desk) -> None:
    """Two under way may arrive in either order."""
    desk.accept(delivery(1), delivery(2), delivery(3, "c2"))
    first, other = desk.written()
    assert [first.outbox_id, other.outbox_id] == ["o1", "o3"]
    assert desk.written() == []

    desk.answer(first)

    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_rate_holds_sends_back(desk: Desk) -> None:
    """Platforms punish whoever writes faster than a person could."""
    desk.accept(*(delivery(n, f"c{n}") for n in range(1, 6)))
    assert len(desk.written()) == 3

    desk.advance(1.0)
    assert len(desk.written()) == 1
    desk.advance(1.0)
    assert len(desk.written()) == 1


def test_long_lane_does_not_starve_the_others(bench: Bench) -> None:
    """A talkative conversation must not keep a second buyer waiting for minutes."""
    bench.with_plan(send_burst=1)
    desk = Desk(bench)
    desk.link()
    desk.accept(delivery(1), delivery(2), delivery(3), delivery(4, "c2"))
    order = []
    for _ in range(4):
        (transmit,) = desk.written()
        order.append(transmit.outbox_id)
        desk.answer(transmit)
        desk.advance(1.0)

    assert order == ["o1", "o4", "o2", "o3"]


def test_send_that_waited_too_long_expires(bench: Bench) -> None:
    """An answer after hours is worse than none."""
    desk = Desk(bench)
    desk.accept(delivery(1, expires_s=5), delivery(2, expires_s=3), delivery(3, "c2"))

    desk.advance(5.0)

    reason = "expired_before_sending"
    assert desk.ends() == [
        ("o1", SendOutcome.EXPIRED, reason),
        ("o2", SendOutcome.EXPIRED, reason),
    ]
    assert desk.unsent() == [("o3", None)]
    desk.link()
    assert [each.outbox_id for each in desk.written()] == ["o3"]


def test_send_under_way_does_not_expire(desk: Desk) -> None:
    """It may have arrived; only what waits behind it expires."""
    desk.accept(delivery(1, expires_s=5), delivery(2, expires_s=5))
    desk.written()
    desk.accept(delivery(3, "c2", expires_s=5))

    desk.advance(6.0)
    desk.bench.heard["outbox"].drain()
    desk.actor.receive(OutboxDue())

    assert ("o2", SendOutcome.EXPIRED, "expired_before_sending") in desk.ends()
    assert "o1" not in [end[0] for end in desk.ends()]


def test_expired_head_is_not_written_when_the_link_comes(bench: Bench) -> None:
    """The link may be back before the timer has fired."""
    desk = Desk(bench)
    desk.accept(delivery(1, expires_s=5))
    bench.clock.advance(5.0)

    desk.link()
    assert desk.written() == []

    desk.advance(0.1)
    assert [end[1] for end in desk.ends()] == [SendOutcome.EXPIRED]


def test_unanswered_send_is_unknown(desk: Desk) -> None:
    """Silence is no refusal: sent again it might arrive twice."""
    desk.accept(delivery(1), delivery(2))
    desk.written()

    desk.advance(desk.bench.account.plan.send_reply_s)

    assert desk.ends() == [("o1", SendOutcome.UNKNOWN, "no_answer")]
    assert desk.unsent() == [("o1", SendOutcome.UNKNOWN), ("o2", SendOutcome.UNKNOWN)]
    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_link_lost_before_the_answer_is_unknown(desk: Desk) -> None:
    desk.accept(delivery(1))
    (transmit,) = desk.written()

    desk.actor.receive(LinkDown(generation=1))
    desk.answer(transmit)

    assert desk.ends() == [("o1", SendOutcome.UNKNOWN, "link_lost_before_answer")]


def test_link_lost_before_writing_sends_on_the_next_one(desk: Desk) -> None:
    """Not a byte left, so it is safe; under a new mid, since the old one was never seen."""
    desk.accept(delivery(1))
    (stored,) = desk.bench.heard["outbox"].of(AttemptStored)
    desk.actor.receive(LinkDown(generation=1))
    desk.actor.receive(stored)
    assert desk.written() == []

    desk.bench.clock.advance(1.0)
    desk.link(generation=2)
    (transmit,) = desk.written()

    assert transmit.generation == 2
    assert transmit.mid != stored.mid
    assert transmit.mid is not None
    assert transmit.mid in str(transmit.payload)
    assert desk.ends() == []


def test_link_that_would_not_take_it_changes_nothing(desk: Desk) -> None:
    desk.accept(delivery(1))
    (refused,) = desk.written(taken=False)

    (again,) = desk.written()

    assert again.mid != refused.mid
    desk.answer(again)
    assert [end[1] for end in desk.ends()] == [SendOutcome.ACCEPTED]


def test_news_of_an_attempt_that_is_over_is_none(desk: Desk) -> None:
    desk.accept(delivery(1))
    (transmit,) = desk.written()
    desk.answer(transmit)

    desk.answer(transmit)
    desk.actor.receive(Transmitted(generation=1, outbox_id="o1", written=True))

    assert len(desk.ends()) == 1


def test_end_of_a_former_link_is_none_of_ours(desk: Desk) -> None:
    desk.accept(delivery(1))
    desk.written()

    desk.actor.receive(LinkDown(generation=0))

    assert desk.ends() == []


def test_platform_that_refuses_says_why(desk: Desk) -> None:
    desk.accept(delivery(1), delivery(2))
    (transmit,) = desk.written()

    desk.answer(transmit, code=403, message_id=None)

    assert desk.ends() == [("o1", SendOutcome.REFUSED, "code_403")]
    assert ("warning", "send.refused") in [line[:2] for line in desk.bench.log.lines]
    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_content_that_can_not_be_sent_is_refused(desk: Desk) -> None:
    """One impossible message must not stop the lane."""
    desk.accept(delivery(1, to=""), delivery(2))

    (transmit,) = desk.written()

    ((first, outcome, reason),) = desk.ends()
    assert (first, outcome) == ("o1", SendOutcome.REFUSED)
    assert reason is not None
    assert "user's id" in reason
    assert desk.written() == []
    desk.answer(transmit)
    assert desk.ends()[-1][0] == "o2"


def test_platform_without_answers_never_confirms(bench: Bench) -> None:
    """A successful write is no delivery."""
    bench.with_plan(platform=Plain())
    desk = Desk(bench)
    desk.link()
    desk.accept(delivery(1))

    (transmit,) = desk.written()

    assert (transmit.payload, transmit.mid) == ("text 1", None)
    assert desk.ends() == [("o1", SendOutcome.UNKNOWN, "platform_does_not_confirm")]


def test_start_takes_up_what_was_never_tried(bench: Bench) -> None:
    """What was tried may have arrived; it is not sent again blindly."""
    writer = bench.account.services.writer
    for number in (1, 2):
        writer.submit(StoreDelivery(delivery=delivery(number)), lambda _: None)
    writer.submit(MarkDelivery(outbox_id="o1", generation=1, mid="m"), lambda _: None)
    desk = Desk(bench)

    desk.actor.started()
    desk.link()

    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_send_that_is_told_twice_leaves_once(desk: Desk) -> None:
    """The journal's page and the façade may both bring it."""
    desk.accept(delivery(1))
    desk.actor.receive(DeliveriesStored(deliveries=(delivery(1),)))
    (transmit,) = desk.written()
    desk.answer(transmit)

    assert desk.written() == []


def test_lost_mail_is_read_from_the_journal(desk: Desk) -> None:
    """An accepted send must not wait for a restart because an inbox was full."""
    writer = desk.bench.account.services.writer
    writer.submit(StoreDelivery(delivery=delivery(1)), lambda _: None)
    desk.bench.peers.outbox.lost += 1  # an inbox that was full

    desk.actor.receive(OutboxDue())

    assert [each.outbox_id for each in desk.written()] == ["o1"]


@pytest.mark.parametrize("crash", [False, True])
def test_end_of_an_outbox_says_what_became_of_its_sends(desk: Desk, *, crash: bool) -> None:
    """Whoever waits for a result gets an honest one; what was never tried waits on."""
    desk.accept(delivery(1), delivery(2), delivery(3, "c2", expires_s=0))
    desk.written()

    if crash:
        desk.actor.died("ValueError at x.py:1")
    else:
        desk.actor.stopped()

    assert desk.ends() == [("o1", SendOutcome.UNKNOWN, "interrupted")]
    assert ("o2", None) in desk.unsent()
    assert bool(desk.bench.heard["supervisor"].messages) is crash
    desk.bench.clock.advance(100)
    assert desk.bench.timers.fire_due() == 0


def test_stop_of_an_idle_outbox_is_quiet(bench: Bench) -> None:
    Desk(bench).actor.stopped()

    assert bench.watcher.sends == []


def test_unknown_message_is_our_own_bug(desk: Desk) -> None:
    with pytest.raises(TypeError, match="str"):
        desk.actor.receive("what?")
