"""The outbox's rules, one by one, against a model that knows what a platform can have seen.

``test_outbox_machine.py`` asks whether the truth comes out in the end; here each step is
judged as it is made (``contract.md`` 2.3): no attempt after one that may have arrived
without the proof that it did not, one unresolved send a lane, ends that stay ends.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.policy.outbox import Outbox
from actors.policy.platform_time import PlatformTime
from actors.policy.rates import TokenBucket
from actors.policy.reasons import ABSENT, NEEDS_REVIEW
from actors.policy.sends import Doubted, Ended, PageRead, Requeued, Step
from actors.sections import SendSettings
from actors.values import Content, Delivery, SendOutcome, SendResult, SendState

LANES = ("c1", "c2", "c3")
LIMITS = SendSettings(reply_s=10.0, recheck_s=5.0, review_s=60.0)
RATE_PER_S, BURST = 2.0, 3
FINAL = (
    SendOutcome.ACCEPTED,
    SendOutcome.REFUSED,
    SendOutcome.EXPIRED,
    SendOutcome.CANCELLED,
)


class Attempt(NamedTuple):
    """An attempt whose bytes left: what it was written for, and under which key."""

    name: str
    key: str


class OutboxRules(RuleBasedStateMachine):
    """Any order of sends, links, answers, pages and time."""

    strict = False

    def __init__(self) -> None:
        super().__init__()
        self.box = Outbox(dataclasses.replace(LIMITS, strict_lane=self.strict))
        self.bucket = TokenBucket(rate_per_s=RATE_PER_S, burst=BURST)
        self.now = 0.0
        self.linked = False
        self.generation = 0
        self.sends: dict[str, Delivery] = {}
        self.until: dict[str, float] = {}
        self.attempts: list[Attempt] = []
        self.left_at: list[float] = []
        self.open: dict[str, bool] = {}
        """Of each tried send: may its last attempt have arrived, for all that is proven?"""
        self.ends: dict[str, list[SendResult]] = {}
        self.absences: dict[str, int] = {}
        """Looks in a row that did not find a send, in this doubt."""

    @property
    def now_ms(self) -> int:
        """Our Unix time."""
        return 1_000_000 + int(self.now * 1000)

    # --- what happens -----------------------------------------------------------------

    @rule(lane=st.sampled_from(LANES), lives_s=st.sampled_from([20, 100_000]))
    def accept(self, lane: str, lives_s: int) -> None:
        """A send comes in; known ones are refused."""
        name = f"s{len(self.sends)}"
        delivery = Delivery(
            outbox_id=name,
            uuid=f"u-{name}",
            account="a",
            conversation_id=lane,
            to="b",
            content=Content(text=name),
            expires_at_ms=self.now_ms + lives_s * 1000,
        )
        self.sends[name] = delivery
        self.until[name] = until = self.now + lives_s
        assert self.box.accept(delivery, until=until)
        assert not self.box.accept(delivery, until=until)

    @precondition(lambda self: not self.linked)
    @rule(history=st.just(value=True))
    def link_up(self, *, history: bool) -> None:
        """A link comes."""
        self.box.platform = PlatformTime().told(self.now_ms, asked=self.now, now=self.now)
        self.linked, self.generation = True, self.generation + 1
        self.take(self.box.link_up(self.now, history=history))

    @precondition(lambda self: self.linked)
    @rule()
    def link_down(self) -> None:
        """It goes; what was written may have arrived."""
        self.linked = False
        self.take(self.box.link_down())

    @precondition(lambda self: self.linked)
    @rule(fate=st.sampled_from(["sent", "sent", "not stored", "not taken"]))
    def attempt(self, fate: str) -> None:
        """Do what is ready, at the rate."""
        for delivery in list(self.box.ready(self.now)):
            name = delivery.outbox_id
            assert not self.open.get(name, False), "again, though it may have arrived"
            assert self.until[name] > self.now, "too old to leave"
            if self.bucket.take(self.now):
                return
            self.left_at.append(self.now)
            key = f"m{len(self.left_at)}"
            self.box.begin(name, mid=key, generation=self.generation)
            if fate == "not stored":
                continue
            assert self.box.stored(name, key) == delivery
            self.box.handed(name, key=key, now=self.now)
            if fate == "not taken":
                steps = self.box.transmitted(name, generation=self.generation, written=False)
                self.take(steps)
                continue
            self.open[name] = True
            self.attempts.append(Attempt(name, key))
            self.take(self.box.transmitted(name, generation=self.generation, written=True))

    @precondition(lambda self: self.attempts)
    @rule(
        data=st.data(),
        outcome=st.sampled_from([SendOutcome.ACCEPTED, SendOutcome.REFUSED, SendOutcome.UNKNOWN]),
    )
    def answered(self, data: st.DataObject, outcome: SendOutcome) -> None:
        """An answer comes: to the newest attempt, an old one, or once more."""
        attempt = data.draw(st.sampled_from(self.attempts))
        message_id = f"p-{attempt.name}" if outcome is SendOutcome.ACCEPTED else None
        result = SendResult(outcome=outcome, message_id=message_id, reason="told")
        self.take(self.box.answered(attempt.key, result, self.now))

    @precondition(lambda self: self.outdated)
    @rule(data=st.data())
    def refused_late(self, data: st.DataObject) -> None:
        """An older attempt's refusal says nothing of the newer one."""
        attempt = data.draw(st.sampled_from(self.outdated))
        refusal = SendResult(outcome=SendOutcome.REFUSED, reason="late")
        assert not self.box.answered(attempt.key, refusal, self.now)

    @property
    def outdated(self) -> list[Attempt]:
        """Attempts a newer one of the same send has followed."""
        newest = {each.name: each for each in self.attempts}
        return [each for each in self.attempts if newest[each.name] != each]

    @precondition(lambda self: self.linked)
    @rule(there=st.sampled_from(["found", "absent", "absent", "refused", "a hole", "silence"]))
    def look(self, there: str) -> None:
        """Ask the history; it tells, or does not."""
        look = self.box.look(self.now)
        if look is None:
            return
        name = look.delivery.outbox_id
        assert self.open.get(name, False), "looked for what never left"
        assert self.box.look(self.now) is None, "one page at a time"
        if there == "silence":
            return
        matches = [(f"p-{name}", self.now_ms)] if there == "found" else []
        read = PageRead(matches=matches, oldest_ms=None, next_cursor=None, intact=there != "a hole")
        before = self.absences.get(name, 0)
        steps, more = self.box.page(None if there == "refused" else read, self.now)
        assert more is None
        proven = there == "absent" and before >= 1
        if any(isinstance(step, Requeued) for step in steps):
            assert proven, "one look is no proof (O6)"
        self.absences[name] = before + 1 if there == "absent" else 0
        self.take(steps)

    @precondition(lambda self: self.linked and any(self.open.values()))
    @rule()
    def proven_absent(self) -> None:
        """Nobody answers, and two looks do not find it: it may leave again."""
        self.time_passes(LIMITS.reply_s)
        self.look("absent")
        self.time_passes(LIMITS.recheck_s)
        self.look("absent")
        self.attempt("sent")

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), written=st.booleans())
    def stale_news(self, data: st.DataObject, *, written: bool) -> None:
        """An older link tells what became of its bytes: nobody cares any more."""
        name = data.draw(st.sampled_from(self.attempts)).name
        steps = self.box.transmitted(name, generation=self.generation - 1, written=written)
        assert not steps

    @rule(seconds=st.sampled_from([0.0, 0.3, 5.0, 10.0, 61.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        """What is due happens."""
        self.now += seconds
        self.take(self.box.expire(self.now))

    @precondition(lambda self: self.sends)
    @rule(data=st.data())
    def cancelled(self, data: st.DataObject) -> None:
        """Somebody takes a send back that has not begun."""
        name = data.draw(st.sampled_from(sorted(self.sends)))
        send = self.box.find(name)
        if send is not None and send.state is SendState.QUEUED and name not in self.open:
            assert self.box.drop(name)
            assert not self.box.drop(name)
            self.ends[name] = [SendResult(outcome=SendOutcome.CANCELLED)]

    # --- what was decided -------------------------------------------------------------

    def take(self, steps: list[Step]) -> None:
        """Judge what the machine decided."""
        for step in steps:
            name = step.delivery.outbox_id
            match step:
                case Ended(result=result):
                    self.end(name, result)
                case Doubted():
                    assert self.open[name], "doubt of what never left"
                    self.absences[name] = 0
                case Requeued(why=why):
                    assert name not in self.ends, "it had ended"
                    if why == ABSENT:
                        self.open[name] = False
                    else:
                        assert not self.open.get(name, False), "bytes of it may have left"

    def end(self, name: str, result: SendResult) -> None:
        """Final is final; only an UNKNOWN may still turn out to be there."""
        ends = self.ends.setdefault(name, [])
        if ends:
            assert ends[-1].outcome not in FINAL, f"{name} ended twice: {ends}"
            assert result.outcome is SendOutcome.ACCEPTED or result.outcome is SendOutcome.REFUSED
        if result.outcome is SendOutcome.EXPIRED:
            assert not self.open.get(name, False), "it may have arrived"
        if result.outcome is SendOutcome.UNKNOWN:
            assert result.reason == NEEDS_REVIEW
            assert self.open[name]
        ends.append(result)

    @invariant()
    def one_unresolved_a_lane(self) -> None:
        """O7: what was tried and has not ended holds up its lane, and is its oldest."""
        tried = list(self.box.tried())
        lanes = [send.delivery.conversation_id for send in tried]
        assert len(lanes) == len(set(lanes))
        for send in tried:
            lane = send.delivery.conversation_id
            older = [
                name
                for name, delivery in self.sends.items()
                if delivery.conversation_id == lane
                and int(name[1:]) < int(send.delivery.outbox_id[1:])
            ]
            assert all(name in self.ends for name in older)
        ready = [delivery.conversation_id for delivery in self.box.ready(self.now)]
        assert len(ready) == len(set(ready))
        assert not set(ready) & set(lanes)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """What was accepted is open or has ended, never both, and something wakes it."""
        open_ones = set(self.box.ids())
        ended = {name for name, ends in self.ends.items() if ends}
        kept = {name for name in open_ones if (send := self.box.find(name)) and send.review}
        assert open_ones | ended == set(self.sends)
        assert open_ones & ended == kept
        assert not kept or self.strict
        storing = {
            name
            for name in open_ones
            if (send := self.box.find(name)) and send.state is SendState.SENDING
            if not send.written  # the journal's answer wakes it
        }
        if self.linked and open_ones - self.behind(kept | storing):
            assert self.box.wait_s(self.now) is not None

    def behind(self, names: set[str]) -> set[str]:
        """Return these, and what waits behind them."""
        lanes = {self.sends[name].conversation_id for name in names}
        return {name for name in self.sends if self.sends[name].conversation_id in lanes}

    @invariant()
    def never_above_the_rate(self) -> None:
        """O8: no stretch of time sees more attempts than burst and rate allow."""
        for first, begin in enumerate(self.left_at):
            for last in range(first, len(self.left_at)):
                allowed = BURST + RATE_PER_S * (self.left_at[last] - begin)
                assert last - first + 1 <= allowed + 1e-6


class StrictOutboxRules(OutboxRules):
    """The same where what needs review holds up its lane."""

    strict = True


BOUNDS = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOutboxRules = OutboxRules.TestCase
TestOutboxRules.settings = BOUNDS
TestStrictOutboxRules = StrictOutboxRules.TestCase
TestStrictOutboxRules.settings = BOUNDS


class SlotsAgainstBucket(RuleBasedStateMachine):
    """Slots promise times; kept to, they are no faster than a bucket of that rate."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = TokenBucket(rate_per_s=RATE_PER_S, burst=BURST)
        self.now = 0.0
        self.given: list[float] = []

    @rule()
    def takes(self) -> None:
        """Somebody asks."""
        self.given.append(self.now + self.slots.reserve(self.now))

    @rule(seconds=st.floats(0.0, 5.0))
    def time_passes(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def in_turn_and_not_above_the_rate(self) -> None:
        """First come, first served; burst and rate."""
        assert self.given == sorted(self.given)
        for first, begin in enumerate(self.given):
            for last in range(first, len(self.given)):
                assert last - first + 1 <= BURST + RATE_PER_S * (self.given[last] - begin) + 1e-6


TestSlots = SlotsAgainstBucket.TestCase
TestSlots.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
