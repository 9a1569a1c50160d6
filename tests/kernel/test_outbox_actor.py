"""The outbox actor, driven by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from workbench import ME, Bench, Tap

from actors.account.outbox import OutboxActor
from actors.messages import (
    Answered,
    AttemptStored,
    DeliveriesStored,
    LinkDown,
    LinkOpened,
    OutboxDue,
    OutboxInbox,
    OwnStored,
    SendDropped,
)
from actors.policy.reasons import NEEDS_REVIEW, UNWRITTEN
from actors.policy.sends import CLAIM_S
from actors.ports.commands import MarkDelivery, StoreDelivery
from actors.ports.journal import JournalError, SendQuery, SendRecord
from actors.runtime.journal.writer import JournalWriter
from actors.runtime.pool.manual import UNIX_MS
from actors.runtime.quotas import OpenSends
from actors.values import (
    Content,
    Delivery,
    ErrorClass,
    Failure,
    Frame,
    Reply,
    SendOutcome,
    SendResult,
    SendState,
)
from gateway.events import ChatMessage
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite import outbox
from gateway.platforms.plain import Plain
from tests.open_sends import unsent


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


class Written(msgspec.Struct, frozen=True):
    """What an outbox wrote: for which send (``look/…``: of whose page of history), and what."""

    outbox_id: str
    payload: Frame
    mid: str | None


class Desk:
    """An outbox, its journal, and the link it writes to."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.calls: Tap | None = None
        self.out: list[Written] = []
        self.takes = True
        self.actor = OutboxActor(bench.pool, bench.account)

    def link(self, generation: int = 1) -> None:
        """Bring a link up; the registration told the platform's time."""
        self.calls = self.bench.calls(generation)
        clock, carried = self.bench.clock, self.bench.account.carried
        now = clock.monotonic()
        carried.platform = carried.platform.told(clock.unix_ms(), asked=now, now=now)
        session = self.bench.account.plan.platform.session(self.bench.identity)
        self.tell(LinkOpened(generation=generation, calls=self.calls, session=session))

    def tell(self, message: OutboxInbox) -> None:
        """Hand the outbox a message, and keep what it writes."""
        if self.calls is not None:
            self.calls.takes = self.takes
        self.actor.receive(message)
        if self.calls is None:
            return
        of = message.outbox_id if isinstance(message, AttemptStored) else ""
        for request in self.calls.asked:
            look = "listUserMessages" in str(request.payload)
            self.out.append(
                Written(
                    self.actor._reconcile._looked[0] if look else of, request.payload, request.mid
                )
            )
        self.out += [Written(of, payload, None) for payload in self.calls.said]
        self.calls.asked, self.calls.said = [], []

    def accept(self, *deliveries: Delivery) -> None:
        """Do as the façade does."""
        writer = self.bench.account.services.writer
        for each in deliveries:
            writer.submit(StoreDelivery(delivery=each), lambda _: None)
        self.tell(DeliveriesStored(deliveries=deliveries))

    def mail(self) -> None:
        """Hand the outbox what it was told by the journal and by timers."""
        while told := self.bench.heard["outbox"].drain():
            for message in told:
                self.tell(message)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.bench.advance(seconds)
        self.mail()

    def written(self, *, taken: bool = True) -> list[Written]:
        """Return what the outbox wrote since the last time; the link takes it or does not."""
        self.takes = taken
        self.mail()
        self.takes = True
        out, self.out = self.out, []
        return out

    def answer(self, transmit: Written, code: int = 200, message_id: str | None = "m-1") -> None:
        """Answer as the platform does."""
        assert transmit.mid is not None
        body = {} if message_id is None else {"messageId": message_id}
        reply = Reply(mid=transmit.mid, code=code, body=json.dumps(body).encode())
        self.tell(Answered(generation=1, reply=reply))

    def record(self, outbox_id: str) -> tuple[SendState, str | None]:
        """Return what the journal says of a send."""
        found = outbox.find(self.bench.journal, outbox_id)
        assert found is not None
        return found.state, found.reason

    def ends(self) -> list[tuple[str, SendOutcome, str | None]]:
        """Return the outcomes, as observers heard them."""
        return [(id_, end.outcome, end.reason) for id_, end in self.bench.watcher.sends]

    def shown(self, items: Sequence[dict[str, Any]] | None = (), *, more: int | None = None) -> str:
        """Answer the page of history that was asked for; None: refuse. Gives which send's."""
        ask = self.asked()
        body: dict[str, Any] = {"userMessageModels": list(items or ()), "hasMore": int(more or 0)}
        if more is not None:
            body["nextCursor"] = more
        reply = Reply(
            mid=ask.mid or "", code=400 if items is None else 200, body=json.dumps(body).encode()
        )
        self.tell(Answered(generation=1, reply=reply))
        return ask.outbox_id.removeprefix("look/")

    def asked(self) -> Written:
        """Return the one page of history that was asked for."""
        (ask,) = self.written()
        assert ask.outbox_id.startswith("look/")
        assert "listUserMessages" in str(ask.payload)
        return ask

    def unsent(self) -> list[tuple[str, SendOutcome | None]]:
        """Return the open rows of the journal."""
        return [(row.outbox_id, tried) for row, tried in unsent(self.bench.journal, "shop-a")]


def said(number: int, *, at_s: float = 0.0, own: bool = True) -> dict[str, Any]:
    """Make a history model of the text of send ``number``."""
    content = {"contentType": 1, "text": {"text": f"text {number}"}}
    data = base64.b64encode(json.dumps(content).encode()).decode()
    return {
        "message": {
            "messageId": f"{number}.PNM",
            "cid": "c1@goofish",
            "createAt": UNIX_MS + int(at_s * 1000),
            "sender": {"uid": f"{ME if own else '77'}@goofish"},
            "content": {"custom": {"type": 1, "data": data, "summary": ""}},
        }
    }


@pytest.fixture
def desk(bench: Bench) -> Desk:
    """Return an outbox with a link."""
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


def test_what_a_codec_fails_on_is_refused(desk: Desk) -> None:
    """The actor died of it in each of its lives, and with it every send of the account."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(session, name)

        def send(self, mid: str, wanted: Delivery) -> Any:
            if wanted.outbox_id == "o1":
                raise TypeError
            return session.send(mid, wanted)

    session: Any = desk.actor._session
    desk.actor._session = Broken()
    desk.accept(delivery(1), delivery(2))

    assert [each.outbox_id for each in desk.written()] == ["o2"]
    assert desk.ends() == [("o1", SendOutcome.REFUSED, "unsendable: TypeError")]


def test_attempt_is_in_the_journal_before_a_byte_is_written(desk: Desk) -> None:
    """After a crash nobody else could say that it may have left."""
    desk.accept(delivery(1))

    assert desk.unsent() == [("o1", SendOutcome.UNKNOWN)]
    assert not desk.out
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
    bench.with_plan(send={"burst": 1})
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
    desk.tell(OutboxDue())

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


def test_unanswered_send_is_looked_for_and_found(desk: Desk) -> None:
    """Silence is no refusal: sent again it might arrive twice (U1)."""
    desk.accept(delivery(1), delivery(2))
    desk.written()

    desk.advance(desk.bench.account.plan.send.reply_s)

    assert desk.ends() == []
    assert desk.record("o1") == (SendState.UNKNOWN, "no_answer")
    assert desk.shown([said(7), said(1)]) == "o1"
    assert desk.bench.watcher.sends == [
        ("o1", SendResult(outcome=SendOutcome.ACCEPTED, message_id="1.PNM"))
    ]
    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_send_proven_absent_twice_is_sent_again_under_its_uuid(desk: Desk) -> None:
    """The history may be behind: one look proves nothing (U2, O6)."""
    desk.accept(delivery(1), delivery(2))
    (first,) = desk.written()
    desk.advance(desk.bench.account.plan.send.reply_s)

    desk.shown([said(1, own=False), said(1, at_s=-3600)])
    assert desk.written() == []
    desk.advance(desk.bench.account.plan.send.recheck_s)
    desk.shown()

    (again,) = desk.written()
    assert again.outbox_id == "o1"
    assert again.mid != first.mid
    assert all("u1" in str(each.payload) for each in (first, again))
    desk.answer(again)
    assert [end[:2] for end in desk.ends()] == [("o1", SendOutcome.ACCEPTED)]
    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_pages_are_read_back_to_the_first_attempt(desk: Desk) -> None:
    desk.accept(delivery(1))
    desk.written()
    desk.advance(desk.bench.account.plan.send.reply_s)

    desk.shown([said(8, at_s=30)], more=8)
    assert "8" in str(desk.out[0].payload)
    desk.shown([said(1)], more=1)

    assert [end[:2] for end in desk.ends()] == [("o1", SendOutcome.ACCEPTED)]


def test_what_nobody_can_tell_is_left_to_a_person(desk: Desk) -> None:
    """A refused history, or one with a hole, proves neither; the lane goes on."""
    plan = desk.bench.account.plan
    desk.accept(delivery(1, expires_s=900), delivery(2, expires_s=900))
    (first,) = desk.written()
    desk.advance(plan.send.reply_s)
    desk.shown(None)
    desk.advance(plan.send.recheck_s)
    desk.shown([said(1, at_s=-120)])  # it matches, and our clock may be wrong
    desk.advance(plan.send.recheck_s)
    desk.shown([{"message": None}])
    desk.takes = False
    desk.advance(plan.send.recheck_s)
    desk.takes = True
    assert desk.asked().outbox_id == "look/o1"
    desk.advance(plan.send.review_s)

    assert desk.ends() == [("o1", SendOutcome.UNKNOWN, NEEDS_REVIEW)]
    assert desk.record("o1") == (SendState.UNKNOWN, NEEDS_REVIEW)
    (second,) = desk.written()
    desk.answer(second)

    desk.answer(first, message_id="m-late")
    assert desk.ends()[-1][:2] == ("o1", SendOutcome.ACCEPTED)
    assert desk.record("o1") == (SendState.ACCEPTED, None)


def test_strict_lane_waits_for_the_person(bench: Bench) -> None:
    bench.with_plan(send={"strict_lane": True, "review_s": 1.0})
    desk = Desk(bench)
    desk.link()
    desk.accept(delivery(1, expires_s=900), delivery(2, expires_s=900))
    desk.written()
    desk.advance(bench.account.plan.send.reply_s)
    desk.shown(None)
    desk.advance(1.0)
    assert desk.ends() == [("o1", SendOutcome.UNKNOWN, NEEDS_REVIEW)]
    desk.advance(60.0)
    assert desk.written() == []
    desk.tell(LinkDown(generation=1))
    desk.link(2)
    assert desk.written() == []

    desk.tell(SendDropped(outbox_id="o1"))

    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_page_that_does_not_come_is_asked_for_again(desk: Desk) -> None:
    plan = desk.bench.account.plan
    desk.accept(delivery(1))
    desk.written()
    desk.advance(plan.send.reply_s)
    first = desk.asked()

    desk.advance(plan.send.reply_s)
    desk.advance(plan.send.recheck_s)

    assert desk.asked().mid != first.mid


def test_a_journal_that_can_not_tell_is_asked_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its word an older send's copy might be taken for this one."""
    plan = desk.bench.account.plan
    desk.accept(delivery(1))
    desk.written()

    def broken(_: SendQuery) -> list[SendRecord]:
        raise JournalError("no")

    with monkeypatch.context() as patch:
        patch.setattr(desk.bench.journal, "sends", broken)
        echo = ChatMessage(
            event_id="x", conversation_id="c1", own=True, occurred_at_ms=UNIX_MS,
            message_id="e1", text="text 1",
        )  # fmt: skip
        desk.tell(OwnStored(events=[echo]))
        desk.advance(plan.send.reply_s)
        assert desk.written() == []
        assert desk.ends() == []
    desk.advance(plan.send.reply_s)
    desk.advance(plan.send.recheck_s)
    assert [each.outbox_id for each in desk.written()] == ["look/o1"]


def test_echo_in_the_stream_confirms(desk: Desk) -> None:
    """Where the answer was lost, the platform's own push may say it (O3)."""
    desk.accept(delivery(1), delivery(2, "c2"))
    desk.written()
    echo = ChatMessage(
        event_id="x", conversation_id="c1", own=True, occurred_at_ms=UNIX_MS,
        message_id="e1", text="text 1",
    )  # fmt: skip
    other = msgspec.structs.replace(echo, conversation_id="c2")
    desk.tell(OwnStored(events=[other, echo]))
    desk.mail()  # the journal says which messages are of earlier sends
    assert desk.ends() == [], "the answer may still come, and is better"

    desk.tell(LinkDown(generation=1))
    assert [end[:2] for end in desk.ends()] == [("o1", SendOutcome.ACCEPTED)]
    desk.link(2)
    late = msgspec.structs.replace(echo, conversation_id="c2", text="text 2", message_id="e2")
    desk.tell(OwnStored(events=[late]))
    assert [end[:2] for end in desk.ends()][1:] == [("o2", SendOutcome.ACCEPTED)]


def test_message_of_another_send_is_not_taken_for_this_one(desk: Desk) -> None:
    """Two equal texts: the first one's copy must not stand for the second's."""
    plan = desk.bench.account.plan
    same = msgspec.structs.replace(delivery(2, expires_s=900), content=delivery(1).content)
    desk.accept(delivery(1), same)
    (first,) = desk.written()
    desk.answer(first, message_id="1.PNM")
    desk.written()
    desk.advance(plan.send.reply_s)

    desk.shown([said(1)])
    desk.advance(plan.send.recheck_s)
    desk.shown([said(1)])

    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_link_lost_before_the_answer_is_looked_for_on_the_next(desk: Desk) -> None:
    """U3: as soon as there is somebody to ask."""
    desk.accept(delivery(1))
    desk.written()

    desk.tell(LinkDown(generation=1))
    assert desk.record("o1") == (SendState.UNKNOWN, "link_lost_before_answer")
    desk.advance(60.0)
    desk.link(2)

    assert desk.shown([said(1)]) == "o1"
    assert [end[:2] for end in desk.ends()] == [("o1", SendOutcome.ACCEPTED)]


def test_a_look_that_broke_the_link_is_not_made_again_unchanged(desk: Desk) -> None:
    """Its answer was above our limits; the next look ended the next link, and so on."""
    desk.accept(delivery(1))
    desk.written()
    asked = []
    desk.tell(LinkDown(generation=1))
    failure = Failure(error_class=ErrorClass.PROTOCOL, reason="frame_too_big")
    for generation in range(2, 8):
        desk.advance(10.0)
        desk.link(generation)
        asked.append(json.loads(str(desk.asked().payload))["body"][3])
        desk.tell(LinkDown(generation=generation, failure=failure))
    assert asked == [50, 25, 12, 6, 3, 1]
    desk.link(8)
    assert desk.written() == []
    assert desk.record("o1")[0] is SendState.UNKNOWN


def test_too_fast_halves_the_rate(desk: Desk) -> None:
    """O8: who is told to slow down, and does not, is locked out."""
    desk.accept(*(delivery(n, f"c{n}", expires_s=900) for n in range(1, 6)))
    first, *_ = desk.written()
    body = json.dumps({"code": "400600001"}).encode()
    desk.tell(Answered(generation=1, reply=Reply(mid=first.mid or "", code=400, body=body)))
    assert desk.ends() == [("o1", SendOutcome.REFUSED, "throttled")]

    desk.advance(1.0)
    assert desk.written() == []
    desk.advance(1.0)
    assert len(desk.written()) == 1


def test_cancelled_send_is_not_written(desk: Desk) -> None:
    """The journal decides who came first; the hint that it was cancelled may be lost."""
    desk.tell(LinkDown(generation=1))
    desk.accept(delivery(1), delivery(2))
    assert desk.bench.journal.commit([outbox.cancelling("o1")])[0]

    desk.link(2)

    assert [each.outbox_id for each in desk.written()] == ["o2"]
    assert len(desk.bench.account.services.sends) == 1


def test_nothing_begins_after_the_stop_has_begun(desk: Desk) -> None:
    shared = desk.bench.account.services.sends
    desk.accept(delivery(1))
    (first,) = desk.written()
    shared.close()
    desk.accept(delivery(2, "c2"))
    assert desk.written() == []
    assert shared.wait_landed(0.0) == 1

    desk.answer(first)

    assert shared.wait_landed(0.0) == 0
    assert desk.record("o2") == (SendState.QUEUED, None)


def test_process_has_a_rate_of_its_own(bench: Bench) -> None:
    """A thousand accounts are one address to the platform."""
    bench.use(sends=OpenSends(rate_per_s=1.0, burst=1))
    desk = Desk(bench)
    desk.link()
    desk.accept(delivery(1), delivery(2, "c2"))
    assert len(desk.written()) == 1

    desk.advance(0.5)
    assert desk.written() == []
    desk.advance(0.5)
    assert len(desk.written()) == 1


def test_idle_outbox_holds_nothing(desk: Desk) -> None:
    desk.accept(delivery(1))
    (transmit,) = desk.written()
    desk.answer(transmit)

    for _ in range(3):
        desk.advance(CLAIM_S)

    assert desk.actor._box is None
    assert desk.bench.timers.pending() == []
    assert len(desk.bench.account.services.sends) == 0


def test_link_lost_before_writing_sends_on_the_next_one(desk: Desk) -> None:
    """Not a byte left, so it is safe; under a new mid, since the old one was never seen."""
    desk.accept(delivery(1))
    (stored,) = desk.bench.heard["outbox"].of(AttemptStored)
    desk.tell(LinkDown(generation=1))
    desk.tell(stored)
    assert desk.written() == []

    desk.bench.clock.advance(1.0)
    desk.link(generation=2)
    (transmit,) = desk.written()

    assert desk.calls is not None
    assert desk.calls.link.generation == 2
    assert transmit.mid != stored.mid
    assert transmit.mid is not None
    assert transmit.mid in str(transmit.payload)
    assert desk.ends() == []


def test_link_that_would_not_take_it_changes_nothing(desk: Desk) -> None:
    desk.accept(delivery(1))
    (refused,) = desk.written(taken=False)
    assert desk.written() == [], "a link that takes nothing never will"

    desk.link(generation=2)
    (again,) = desk.written()

    assert again.mid != refused.mid
    desk.answer(again)
    assert [end[1] for end in desk.ends()] == [SendOutcome.ACCEPTED]


def test_news_of_an_attempt_that_is_over_is_none(desk: Desk) -> None:
    desk.accept(delivery(1))
    (transmit,) = desk.written()
    desk.answer(transmit)

    desk.answer(transmit)

    assert len(desk.ends()) == 1


def test_end_of_a_former_link_is_none_of_ours(desk: Desk) -> None:
    desk.accept(delivery(1))
    desk.written()

    desk.tell(LinkDown(generation=0))

    assert desk.record("o1")[0] is SendState.SENDING


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


def test_start_takes_up_what_was_accepted(bench: Bench) -> None:
    """What was tried may have arrived; it is looked for first, and its lane waits (K6, K7)."""
    writer = bench.account.services.writer
    for number, lane in ((1, "c1"), (2, "c1"), (3, "c2"), (4, "c3")):
        writer.submit(StoreDelivery(delivery=delivery(number, lane)), lambda _: None)
    for name in ("o1", "o3", "o4"):
        note = MarkDelivery(outbox_id=name, generation=1, mid=f"m{name}", platform_ms=UNIX_MS)
        writer.submit(note, lambda _: None)
    note = MarkDelivery(outbox_id="o3", generation=1, mid="mo3", requeued=UNWRITTEN)
    writer.submit(note, lambda _: None)
    review = SendResult(outcome=SendOutcome.UNKNOWN, reason=NEEDS_REVIEW)
    writer.submit(MarkDelivery(outbox_id="o4", generation=1, result=review), lambda _: None)
    desk = Desk(bench)

    desk.actor.started()
    desk.accept(delivery(5, "c1"))
    desk.link()

    out = sorted(desk.written(), key=lambda each: each.outbox_id)
    assert [each.outbox_id for each in out] == ["look/o1", "o3"]
    body = json.dumps({"userMessageModels": [said(1)]}).encode()
    desk.tell(Answered(generation=1, reply=Reply(mid=out[0].mid or "", code=200, body=body)))
    assert [end[:2] for end in desk.ends()] == [("o1", SendOutcome.ACCEPTED)]
    assert [each.outbox_id for each in desk.written()] == ["o2"]


def test_journal_that_can_not_be_read_is_read_later(bench: Bench) -> None:
    """A sick disk at the start must not cost accepted sends their journey."""

    class Sick(MemoryJournal):
        sick = True

        def sends(self, query: SendQuery) -> Sequence[SendRecord]:
            if self.sick:
                raise JournalError
            return super().sends(query)

    journal = Sick(clock=bench.clock)
    bench.use(writer=JournalWriter(journal, clock=bench.clock))
    desk = Desk(bench)
    desk.actor.started()
    desk.accept(delivery(1))
    desk.link()
    desk.mail()
    assert desk.written() == []
    journal.sick = False

    desk.advance(1.0)

    assert [each.outbox_id for each in desk.written()] == ["o1"]


def test_send_that_is_told_twice_leaves_once(desk: Desk) -> None:
    """The journal's page and the façade may both bring it."""
    desk.accept(delivery(1))
    desk.tell(DeliveriesStored(deliveries=(delivery(1),)))
    (transmit,) = desk.written()
    desk.answer(transmit)

    assert desk.written() == []


def test_lost_mail_is_read_from_the_journal(desk: Desk) -> None:
    """An accepted send must not wait for a restart because an inbox was full."""
    writer = desk.bench.account.services.writer
    writer.submit(StoreDelivery(delivery=delivery(1)), lambda _: None)
    desk.bench.peers.outbox.lost += 1  # an inbox that was full

    desk.tell(OutboxDue())

    assert [each.outbox_id for each in desk.written()] == ["o1"]


@pytest.mark.parametrize("crash", [False, True])
def test_end_of_an_outbox_says_what_can_be_said(desk: Desk, *, crash: bool) -> None:
    """At a stop who waits gets an honest result; after a crash the next life finds out."""
    desk.accept(delivery(1), delivery(2), delivery(3, "c2"), delivery(4, "c3", expires_s=0))
    stored = desk.bench.heard["outbox"].of(AttemptStored)
    desk.tell(stored[0])
    assert desk.record("o3")[0] is SendState.SENDING, "noted, not written"

    if crash:
        desk.actor.died("ValueError at x.py:1")
    else:
        desk.actor.stopped()

    interrupted = [("o1", SendOutcome.UNKNOWN, "interrupted")]
    assert desk.ends() == ([] if crash else interrupted)
    assert desk.unsent() == [
        ("o1", SendOutcome.UNKNOWN), ("o2", None), ("o3", None), ("o4", None),
    ]  # fmt: skip
    assert bool(desk.bench.heard["supervisor"].messages) is crash
    desk.bench.clock.advance(100)
    assert desk.bench.timers.fire_due() == 0


def test_stop_of_an_idle_outbox_is_quiet(bench: Bench) -> None:
    Desk(bench).actor.stopped()

    assert bench.watcher.sends == []


def test_unknown_message_is_our_own_bug(desk: Desk) -> None:
    wrong: Any = "what?"
    with pytest.raises(TypeError, match="str"):
        desk.tell(wrong)
