"""The outbox as a state machine, against a platform that loses requests, answers, or both."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.policy.outbox import Outbox
from actors.policy.platform_time import PlatformTime
from actors.policy.reasons import ABSENT, NEEDS_REVIEW, UNCONFIRMED, UNWRITTEN
from actors.policy.sends import (
    CLAIM_S,
    DOUBT_MS,
    HUNG_UP,
    LATE_S,
    MOST_CLAIMED,
    PAGES,
    SLACK_MS,
    Doubted,
    Ended,
    Look,
    PageRead,
    Requeued,
    Step,
    until,
)
from actors.sections import SendSettings
from actors.values import Content, Delivery, SendOutcome, SendResult, SendState

LIMITS = SendSettings(reply_s=10.0, recheck_s=5.0, review_s=300.0)
UNTIL = 9_000.0
"""Monotonic seconds; 1,000,000 ms of Unix time is the platform's at zero."""


def send(name: str, lane: str = "c", *, text: str | None = None) -> Delivery:
    """Make a send."""
    return Delivery(
        outbox_id=name,
        uuid=f"u-{name}",
        account="a",
        conversation_id=lane,
        to="b",
        content=Content(text=text or name),
        expires_at_ms=10_000_000,
    )


def told(now: float) -> PlatformTime:
    """Return a platform's clock that is known to the millisecond."""
    return PlatformTime().told(1_000_000 + int(now * 1000), asked=now, now=now)


class World:
    """A platform with a history, a journal that survives, and a clock."""

    def __init__(self, data: st.DataObject, *, same_text: bool) -> None:
        self.data = data
        self.same_text = same_text
        self.now = 0.0
        self.box = Outbox(LIMITS)
        self.generation = 0
        self.linked = False
        self.copies: list[tuple[str, str, str, int]] = []  # outbox_id, lane, message_id, ms
        self.sent: list[Delivery] = []
        self.rows: dict[str, tuple[SendState, str | None]] = {}
        self.first: dict[str, int] = {}
        self.ends: dict[str, list[SendResult]] = {}
        self.late: list[tuple[str, SendResult]] = []
        self.faulty = True
        self.mids = 0

    @property
    def now_ms(self) -> int:
        """Our Unix time."""
        return 1_000_000 + int(self.now * 1000)

    def draw(self, *chances: str) -> str:
        """Let the data decide; a healthy platform answers."""
        return self.data.draw(st.sampled_from(chances)) if self.faulty else chances[0]

    def accept(self) -> None:
        """Accept a send; durable from here on."""
        name = f"s{len(self.sent)}"
        lane = self.draw("c1", "c2")
        delivery = send(name, lane, text="same" if self.same_text else name)
        self.sent.append(delivery)
        self.rows[name] = SendState.QUEUED, None
        self.box.accept(delivery, until=UNTIL)

    def do(self, steps: list[Step]) -> None:
        """Note in the journal what the machine decided."""
        for step in steps:
            name = step.delivery.outbox_id
            match step:
                case Ended(result=result):
                    self.ends.setdefault(name, []).append(result)
                    self.rows[name] = SendState(result.outcome.value), result.reason
                case Doubted(reason=reason):
                    self.rows[name] = SendState.UNKNOWN, reason
                case Requeued(why=why):
                    if why == UNWRITTEN and not self.tried_before(name):
                        self.first.pop(name, None)
                    self.rows[name] = SendState.QUEUED, why

    def tried_before(self, name: str) -> bool:
        """Return whether a byte of it ever left."""
        found = self.box.find(name)
        return found is not None and found.tried

    def up(self) -> None:
        """Bring a link up."""
        self.generation += 1
        self.linked = True
        self.do(self.box.link_up(self.now, history=True))

    def down(self) -> None:
        """Cut it."""
        self.linked = False
        self.do(self.box.link_down())

    def pump(self) -> None:
        """Do as the actor does."""
        self.box.platform = told(self.now)
        for delivery in list(self.box.ready(self.now)):
            self.attempt(delivery)
            if not self.linked:
                return
        look = self.box.look(self.now)
        if look is not None:
            self.search(look)

    def attempt(self, delivery: Delivery) -> None:
        """One attempt, with all that may go wrong."""
        name = delivery.outbox_id
        self.mids += 1
        mid = f"m{self.mids}"
        self.box.begin(name, mid=mid, generation=self.generation)
        self.rows[name] = SendState.SENDING, None
        fate = self.draw("fine", "cut before", "not taken", "request lost", "answer lost", "late",
                         "cut after", "cut under way", "refused", "nonsense")  # fmt: skip
        if fate == "cut before":
            self.down()
            return
        assert self.box.stored(name, mid) == delivery
        self.first.setdefault(name, self.now_ms)
        self.box.handed(name, key=mid, now=self.now)
        if fate == "not taken":
            self.do(self.box.transmitted(name, generation=self.generation, written=False))
            return
        self.do(self.box.transmitted(name, generation=self.generation, written=True))
        if fate == "refused":
            result = SendResult(outcome=SendOutcome.REFUSED, reason="no")
            self.do(self.box.answered(mid, result, self.now))
            return
        if fate not in ("request lost", "cut under way"):
            message_id = f"p{len(self.copies)}"
            self.copies.append((name, delivery.conversation_id, message_id, self.now_ms))
            accepted = SendResult(outcome=SendOutcome.ACCEPTED, message_id=message_id)
            if fate == "fine":
                self.do(self.box.answered(mid, accepted, self.now))
            elif fate == "late":
                self.late.append((mid, accepted))
            elif fate == "nonsense":
                unclear = SendResult(outcome=SendOutcome.UNKNOWN, reason="unclear")
                self.do(self.box.answered(mid, unclear, self.now))
        if fate.startswith("cut"):
            self.down()

    def search(self, look: Look | None) -> None:
        """Answer with the truth, page by page, or not at all."""
        while look is not None:
            fate = self.draw("fine", "refused", "no answer", "cut")
            if fate == "cut":
                self.down()
                return
            if fate == "no answer":
                return
            read = self.page(look) if fate == "fine" else None
            steps, look = self.box.page(read, self.now)
            self.do(steps)

    def page(self, look: Look) -> PageRead:
        """Return a page of at most two messages."""
        lane = look.delivery.conversation_id
        said = [copy for copy in reversed(self.copies) if copy[1] == lane]
        texts = {each.outbox_id: each.content for each in self.sent}
        start = look.cursor or 0
        part = said[start : start + 2]
        return PageRead(
            matches=[
                (message_id, at_ms)
                for name, _, message_id, at_ms in part
                if texts[name] == look.delivery.content
            ],
            oldest_ms=min((at_ms for *_, at_ms in part), default=None),
            next_cursor=start + 2 if len(said) > start + 2 else None,
        )

    def restart(self) -> None:
        """Kill the process: only the journal is left (O10)."""
        self.linked = False
        self.late.clear()
        self.box = Outbox(LIMITS)
        self.box.claim(
            result.message_id
            for results in self.ends.values()
            for result in results
            if result.message_id is not None
        )
        for delivery in self.sent:
            name = delivery.outbox_id
            state, reason = self.rows[name]
            if state is SendState.QUEUED:
                self.box.accept(delivery, until=UNTIL)
            elif state in (SendState.SENDING, SendState.UNKNOWN):
                review = reason == NEEDS_REVIEW
                self.box.restore(
                    delivery, until=UNTIL, first_ms=self.first.get(name), review=review
                )

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is due happens."""
        self.now += seconds
        self.do(self.box.expire(self.now))

    def late_answers(self) -> None:
        """Late answers arrive, as long as the link they are on is up."""
        for key, result in self.late if self.linked else ():
            self.do(self.box.answered(key, result, self.now))
        self.late.clear()

    def check(self) -> None:
        """What always holds."""
        counts: dict[str, int] = {}
        for name, *_ in self.copies:
            counts[name] = counts.get(name, 0) + 1
        assert max(counts.values(), default=0) <= 1, "sent twice"
        for name, results in self.ends.items():
            outcomes = [each.outcome for each in results]
            assert len(outcomes) == 1 or outcomes == [SendOutcome.UNKNOWN, SendOutcome.ACCEPTED]
            if outcomes[-1] is SendOutcome.ACCEPTED:
                assert counts.get(name) == 1, "claimed, and not there"
                (copy,) = [each for each in self.copies if each[0] == name]
                assert results[-1].message_id == copy[2], "another one's message"
            elif outcomes[-1] in (SendOutcome.REFUSED, SendOutcome.EXPIRED):
                assert name not in counts, "it is there"
        for lane in ("c1", "c2"):
            arrived = [int(name[1:]) for name, where, *_ in self.copies if where == lane]
            assert arrived == sorted(arrived), "out of order"


@settings(max_examples=150, deadline=None)
@given(st.data(), st.booleans())
def test_one_copy_and_the_truth(data: st.DataObject, same_text: bool) -> None:  # noqa: FBT001
    """Requests, answers and links are lost, processes killed: one copy each, never a lie."""
    world = World(data, same_text=same_text)
    for _ in range(data.draw(st.integers(1, 25))):
        match data.draw(st.sampled_from(["send", "send", "up", "cut", "kill", "wait", "late"])):
            case "send":
                world.accept()
            case "up" if not world.linked:
                world.up()
            case "cut" if world.linked:
                world.down()
            case "kill":
                world.restart()
            case "wait":
                world.pass_time(data.draw(st.sampled_from([0.1, 5.0, 10.0, 61.0])))
            case "late":
                world.late_answers()
            case _:
                pass
        world.pump()
        world.check()
    world.faulty = False
    for _ in range(400):
        if not world.linked:
            world.up()
        world.pump()
        wait_s = world.box.wait_s(world.now)
        if all(each.outbox_id in world.ends for each in world.sent):
            break
        assert wait_s is not None, "it would sleep for ever"
        world.pass_time(max(0.001, wait_s))
        world.check()
    assert set(world.ends) == {each.outbox_id for each in world.sent}, "not all have an outcome"


# --- the corners ----------------------------------------------------------------------


def doubted(limits: SendSettings = LIMITS) -> Outbox:
    """Return an outbox with a link, and ``s1`` without an answer; first tried at 1,000,000 ms."""
    box = Outbox(limits)
    box.platform = told(0.0)
    assert box.accept(send("s1"), until=UNTIL)
    assert not box.accept(send("s1"), until=UNTIL)
    box.link_up(0.0, history=True)
    attempt(box, "s1", "m1")
    assert box.expire(10.0) == [Doubted(send("s1"), "no_answer")]
    return box


def attempt(box: Outbox, name: str, mid: str, *, key: bool = True, now: float = 0.0) -> None:
    """Begin an attempt and hand its bytes over."""
    box.begin(name, mid=mid, generation=1)
    assert box.stored(name, "other") is None
    assert box.stored(name, mid) is not None
    box.handed(name, key=mid if key else None, now=now)
    assert box.stored(name, mid) is None, "written once"


def page(*matches: tuple[str, int], more: int | None = None, intact: bool = True) -> PageRead:
    """Make a page."""
    oldest = min((at_ms for _, at_ms in matches), default=None)
    return PageRead(matches=matches, oldest_ms=oldest, next_cursor=more, intact=intact)


def absent(box: Outbox, read: PageRead, *, now: float) -> list[Step]:
    """Look twice with the same page."""
    steps: list[Step] = []
    for at in (now, now + 5.0):
        assert box.look(at) is not None
        steps, _ = box.page(read, at)
    return steps


@pytest.mark.parametrize("at_ms", [1_000_000 - SLACK_MS, 1_000_000, 2_000_000])
def test_found(at_ms: int) -> None:
    box = doubted()
    assert box.look(10.0) is not None
    assert box.look(10.0) is None, "one page at a time"
    steps, more = box.page(page(("p1", at_ms)), 10.0)
    assert steps == [Ended(send("s1"), SendResult(outcome=SendOutcome.ACCEPTED, message_id="p1"))]
    assert more is None
    assert box.ids() == []


def test_absent_twice_and_again_under_a_new_mid() -> None:
    box = doubted()
    long_ago = page(("p0", 1_000_000 - DOUBT_MS - 1))
    assert absent(box, long_ago, now=10.0) == [Requeued(send("s1"), "m1", ABSENT)]
    assert [each.outbox_id for each in box.ready(20.0)] == ["s1"]
    late = SendResult(outcome=SendOutcome.REFUSED, reason="late")
    assert box.answered("m1", late, 16.0) == [], "of an attempt that is over"
    expired = box.expire(UNTIL)
    assert [type(each) for each in expired] == [Ended]
    assert "expired_after_proven_absent" in str(expired)


@pytest.mark.parametrize(
    "read",
    [
        page(("p1", 1_000_000 - SLACK_MS - 1)),
        page(intact=False),
        None,
    ],
    ids=["clocks may differ", "a hole", "refused"],
)
def test_no_proof(read: PageRead | None) -> None:
    box = doubted()
    for number in range(10):
        assert box.look(10.0 + 5 * number) is not None
        assert box.page(read, 10.0 + 5 * number) == ([], None)
    steps = box.expire(310.0)
    assert [each.result.reason for each in steps if isinstance(each, Ended)] == [NEEDS_REVIEW]
    assert box.page(read, 311.0) == ([], None), "nobody is looking any more"
    assert not box.idle, "a late answer may still come"
    assert box.wait_s(310.0) == LATE_S - 310.0
    box.expire(LATE_S)
    assert not box.drop("s1")
    assert box.idle


def test_a_platform_that_told_no_time() -> None:
    """Any equal message may be it or not, whatever our clock says; none at all is a proof."""
    box = Outbox(LIMITS)
    box.accept(send("s1"), until=UNTIL)
    box.link_up(0.0, history=True)
    attempt(box, "s1", "m1")
    box.expire(10.0)
    s1 = box.unresolved("c")
    assert s1 is not None
    assert box.seen(s1, "p1", 1_000_000) == []
    assert absent(box, page(("p1", 1_000_000)), now=10.0) == []
    assert absent(box, page(("p1", 1)), now=20.0) == []
    assert absent(box, page(), now=30.0) == [Requeued(send("s1"), "m1", ABSENT)]


def test_an_attempt_of_an_earlier_life_keeps_its_time() -> None:
    """The platform's time of then is in the journal; without it nothing is claimed."""
    for first_ms, found in ((1_000_000, True), (1_000_000 + 3 * SLACK_MS, False), (None, False)):
        box = Outbox(LIMITS)
        assert box.restore(send("s1"), until=UNTIL, first_ms=first_ms, review=False)
        box.platform = told(600.0)
        box.link_up(600.0, history=True)
        assert box.look(600.0) is not None
        steps, _ = box.page(page(("p1", 1_000_000)), 600.0)
        assert [type(step) for step in steps] == ([Ended] if found else [])


@pytest.mark.parametrize(
    ("now_ms", "left_s"),
    [(0, 8.0), (3_000, 5.0), (-86_400_000, 8.0), (3_600_000, -3_592.0)],
    ids=["just accepted", "of an earlier life", "clock set back", "clock set ahead"],
)
def test_a_send_has_no_more_time_than_it_was_given(now_ms: int, left_s: float) -> None:
    """Our wall clock is read once; over a restart it is all there is."""
    accepted_at_ms = 10_000_000 - 8_000
    assert 100.0 + left_s == until(
        send("s1"), now=100.0, now_ms=accepted_at_ms + now_ms, accepted_at_ms=accepted_at_ms
    )


def hang_up(box: Outbox, blame: int, *, now: float) -> list[Step]:
    """End the link, bring the next one up, and prove the head of the lane absent."""
    box.link_down(blame)
    box.link_up(now, history=True)
    return absent(box, page(), now=now)


@pytest.mark.parametrize(("blame", "times"), [(2, 2), (1, 4)])
def test_a_send_that_ends_its_link_again_is_not_tried_for_ever(blame: int, times: int) -> None:
    """The platform closes on it: what it did not take it will not take."""
    box = Outbox(LIMITS)
    box.platform = told(0.0)
    box.accept(send("s1"), until=UNTIL)
    box.link_up(0.0, history=True)
    for number in range(1, times + 1):
        attempt(box, "s1", f"m{number}", now=20.0 * number)
        steps = hang_up(box, blame, now=20.0 * number)
        last = Ended(send("s1"), HUNG_UP) if number == times else None
        assert steps == [last or Requeued(send("s1"), f"m{number}", ABSENT)]
    assert box.ids() == []


def test_who_was_under_way_by_chance_is_not_blamed() -> None:
    """Of several each is tried alone; the guilty one ends, the rest arrives."""
    box = Outbox(LIMITS)
    box.platform = told(0.0)
    for name, lane in (("bad", "c1"), ("good", "c2"), ("next", "c3")):
        box.accept(send(name, lane), until=UNTIL)
    box.link_up(0.0, history=True)
    for name in ("bad", "good"):
        attempt(box, name, f"{name}-1")
    box.link_down(2)
    box.link_up(10.0, history=True)
    for at in (10.0, 10.0, 15.0, 15.0):
        assert box.look(at) is not None
        box.page(page(), at)
    assert [each.outbox_id for each in box.ready(15.0)] == ["bad"], "alone"
    attempt(box, "bad", "bad-2", now=15.0)
    assert list(box.ready(15.0)) == [], "nobody beside it"
    assert hang_up(box, 2, now=20.0) == [Ended(send("bad", "c1"), HUNG_UP)]
    assert [each.outbox_id for each in box.ready(25.0)] == ["good"]
    attempt(box, "good", "good-2", now=25.0)
    assert box.accept(send("more", "c4"), until=UNTIL)
    assert list(box.ready(25.0)) == [], "a suspect is under way"
    yes = SendResult(outcome=SendOutcome.ACCEPTED, message_id="p1")
    assert box.answered("good-2", yes, 25.1) == [Ended(send("good", "c2"), yes)]
    assert [each.outbox_id for each in box.ready(25.1)] == ["next", "more"]
    for name in ("next", "more"):
        attempt(box, name, f"{name}-1", now=26.0)
    box.link_down(1)
    box.link_up(27.0, history=True)
    for at in (27.0, 27.0, 32.0, 32.0):
        assert box.look(at) is not None
        box.page(page(), at)
    for name in ("next", "more"):
        attempt(box, name, f"{name}-2", now=33.0)
    box.link_down(2)
    assert {send.blame for send in box.tried()} == {1}, "of two nobody knows which"


def test_what_is_under_way_is_let_end_before_a_suspect_is_tried() -> None:
    box = Outbox(LIMITS)
    box.platform = told(0.0)
    box.accept(send("bad", "c1"), until=UNTIL)
    box.link_up(0.0, history=True)
    attempt(box, "bad", "bad-1")
    box.link_down(2)
    box.link_up(10.0, history=True)
    box.accept(send("other", "c2"), until=UNTIL)
    attempt(box, "other", "other-1", now=10.0)
    assert absent(box, page(), now=10.0) == [Requeued(send("bad", "c1"), "bad-1", ABSENT)]
    assert list(box.ready(15.0)) == []
    yes = SendResult(outcome=SendOutcome.ACCEPTED, message_id="p1")
    box.answered("other-1", yes, 15.1)
    assert [each.outbox_id for each in box.ready(15.1)] == ["bad"]


def test_endless_history_proves_nothing() -> None:
    box = doubted()
    look: Look | None = box.look(10.0)
    for number in range(PAGES):
        assert look is not None
        _, look = box.page(page(("p1", 900_000), more=number), 10.0)
        box.claim(["p1"])
    assert look is None
    assert next(each.delivery for each in box.tried()).outbox_id == "s1"


def test_equal_text_that_nobody_could_tell_of() -> None:
    """One copy is there, two sends say so: whose it is only a person can tell."""
    box = doubted()
    box.accept(send("s2", text="s1"), until=UNTIL)
    box.expire(10.0)
    box.look(10.0)
    box.page(None, 10.0)
    box.expire(310.0)
    attempt(box, "s2", "m2", now=310.0)
    box.expire(320.0)
    s2 = box.unresolved("c")
    assert s2 is not None
    assert box.seen(s2, "p1", 1_000_000) == []
    assert absent(box, page(("p1", 1_000_000)), now=320.0) == []
    assert s2.state is SendState.UNKNOWN


def test_platform_without_history() -> None:
    box = Outbox(LIMITS)
    for name in ("s1", "s2", "s3"):
        box.accept(send(name), until=UNTIL)
    box.link_up(0.0, history=False)
    attempt(box, "s1", "m1", key=False)
    (ended,) = box.transmitted("s1", generation=1, written=True)
    assert isinstance(ended, Ended)
    assert ended.result.reason == UNCONFIRMED
    attempt(box, "s2", "m2", key=False)
    (ended,) = box.link_down()
    assert isinstance(ended, Ended)
    assert ended.result.reason == NEEDS_REVIEW
    assert box.to_review == 1
    assert box.restore(send("s4", "c4"), until=UNTIL, first_ms=1, review=False)
    assert not box.restore(send("s4", "c4"), until=UNTIL, first_ms=1, review=False)
    (ended,) = box.link_up(1.0, history=False)
    assert isinstance(ended, Ended)
    assert ended.result.reason == NEEDS_REVIEW
    assert box.to_review == 2
    assert box.look(1.0) is None
    box.drop("s2")
    assert box.to_review == 1


def test_strict_lane() -> None:
    box = doubted(SendSettings(strict_lane=True))
    box.accept(send("s2"), until=UNTIL)
    box.expire(310.0)
    assert list(box.ready(0.0)) == []
    assert box.look(400.0) is None
    assert box.expire(999.0) == []
    box.link_down()
    assert box.link_up(1_000.0, history=True) == []
    assert box.wait_s(1_000.0) is None
    assert box.drop("s1")
    assert [each.outbox_id for each in box.ready(0.0)] == ["s2"]
    restored = Outbox(SendSettings(strict_lane=True))
    assert restored.restore(send("s1"), until=UNTIL, first_ms=1, review=True)
    assert restored.link_up(0.0, history=True) == []
    assert not Outbox(LIMITS).restore(send("s1"), until=UNTIL, first_ms=1, review=True)


def test_what_is_stale_changes_nothing() -> None:
    box = doubted()
    unclear = SendResult(outcome=SendOutcome.UNKNOWN, reason="unclear")
    assert box.answered("m1", unclear, 11.0) == []
    assert box.answered("m0", unclear, 11.0) == []
    assert box.transmitted("s1", generation=1, written=False) == []
    assert box.transmitted("s9", generation=1, written=True) == []
    assert box.stored("s9", "m") is None
    s1 = box.unresolved("c")
    assert s1 is not None
    assert box.unresolved(None) is None
    assert box.seen(s1, "old", 1_000_000 - SLACK_MS - 1) == []
    box.look(11.0)
    assert [type(each) for each in box.seen(s1, "p1", 1_000_000)] == [Ended]
    assert box.page(page(), 12.0) == ([], None)


def test_content_that_fits_no_frame() -> None:
    box = Outbox(LIMITS)
    box.accept(send("s1"), until=UNTIL)
    box.accept(send("s2"), until=UNTIL)
    box.link_up(0.0, history=True)
    box.begin("s1", mid="m1", generation=1)
    (ended,) = box.refuse("s1", "too big")
    assert isinstance(ended, Ended)
    assert ended.result.outcome is SendOutcome.REFUSED
    assert box.ids() == ["s2"]


def test_echo_before_the_answer() -> None:
    """It is kept for the case that the answer does not come."""
    box = doubted()
    assert absent(box, page(), now=10.0) == [Requeued(send("s1"), "m1", ABSENT)]
    attempt(box, "s1", "m2", now=20.0)
    s1 = box.unresolved("c")
    assert s1 is not None
    assert box.seen(s1, "p1", 1_000_000) == []
    (ended,) = box.link_down()
    assert isinstance(ended, Ended)
    assert ended.result.message_id == "p1"


def test_page_that_does_not_come() -> None:
    box = doubted()
    assert box.wait_s(10.0) == 0.0
    box.look(10.0)
    assert [box.looked_for] == [send("s1")]
    assert box.wait_s(10.0) == 10.0
    assert box.expire(20.0) == []
    assert [box.looked_for] == [None]
    assert box.wait_s(20.0) == 5.0
    box.accept(send("s2", "c2"), until=21.0)
    assert box.wait_s(20.0) == 1.0


def test_late_answer_after_review() -> None:
    """O4: for ten minutes it is better than any person's word."""
    box = doubted()
    box.expire(310.0)
    yes = SendResult(outcome=SendOutcome.ACCEPTED, message_id="p1")
    assert box.answered("m1", yes, 400.0) == [Ended(send("s1"), yes)]
    assert box.ids() == []


def test_second_attempt_that_never_left_keeps_the_first_mid() -> None:
    box = doubted()
    absent(box, page(), now=10.0)
    attempt(box, "s1", "m2", now=20.0)
    assert box.transmitted("s1", generation=1, written=False) == [
        Requeued(send("s1"), "m2", UNWRITTEN)
    ]
    yes = SendResult(outcome=SendOutcome.ACCEPTED, message_id="p1")
    assert box.answered("m1", yes, 21.0) == [Ended(send("s1"), yes)]


def test_claims_outlive_their_send() -> None:
    """An equal text an instant later must not be taken for the one that arrived."""
    box = doubted()
    yes = SendResult(outcome=SendOutcome.ACCEPTED, message_id="p1")
    box.answered("m1", yes, 11.0)
    assert not box.idle
    assert (box.is_ours("p1"), box.is_ours("p2")) == (True, False)
    assert box.accept(send("s2", text="s1"), until=UNTIL)
    attempt(box, "s2", "m2", now=11.0)
    box.expire(21.0)
    for _ in range(3):  # nothing is forgotten while something is in doubt
        box.expire(5.0 * CLAIM_S)
        box.link_down()
        s2 = box.unresolved("c")
        if s2 is not None:
            assert box.seen(s2, "p1", 1_000_000) == []
    box.expire(LATE_S + 5.0 * CLAIM_S)
    now = LATE_S + 5.0 * CLAIM_S
    while not box.idle:
        box.drop("s2")
        wait_s = box.wait_s(now)
        assert wait_s is not None
        now += wait_s
        box.expire(now)


def test_claims_are_bounded() -> None:
    box = Outbox(LIMITS)
    box.claim(str(number) for number in range(MOST_CLAIMED + 5))
    assert len(box._claims) == MOST_CLAIMED
