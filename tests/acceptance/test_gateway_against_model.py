"""A whole gateway against a platform that misbehaves at random: the contract, end to end.

The platform's own books are the model: what was said, pushed, acknowledged and accepted. A
run is a handful of random steps (people talk, links end, frames are lost, doubled and swapped,
answers get lost, handlers raise, the gateway restarts); then everything heals, and all that is
promised in ``contract.md`` 2.1 to 2.3 must come true.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from market import Market

from actors.values import Event, SendOutcome
from gateway import ChatMessage, Gateway, Recovered
from gateway.config import from_mapping
from gateway.host.send_view import SendView
from gateway.host.sends import SendTicket
from gateway.testing import Behaviour, Recorder, Rule, Shop, faults

SHOP = "2201"
SEND = "/r/MessageSend/sendByReceiverScope"
ASKED = (SEND, "/r/SyncStatus/getState", "/r/Conversation/*", "/r/MessageManager/*")
LANES = st.integers(0, 2)
SEED = "GATEWAY_MODEL_SEED"
"""Environment variable that repeats a run's draws."""
EXAMPLES = "GATEWAY_MODEL_EXAMPLES"
"""Environment variable with the number of long runs."""
QUIET_S = 30.0
"""Longest wait, once all is well, until nothing is left to do."""

DEFAULTS: dict[str, Any] = {
    "heartbeat": {"interval_s": 1.0, "reply_timeout_s": 1.0, "probe_timeout_s": 1.0},
    "recovery": {"probe_s": 0.2, "zombie_s": 0.5, "reply_s": 0.3},
    "send": {"reply_s": 0.3, "recheck_s": 0.05},
}
ANSWERS: dict[str, faults.AnyAction] = {
    "lost": faults.Lose(),
    "late": faults.Delay(by_s=0.5),
    "cut": faults.Reset(),
}
FAULTS: dict[str, Callable[[], Rule]] = {
    "lost": lambda: Rule(on="push", do=faults.Lose(), times=1),
    "lost and told": lambda: Rule(on="push", do=faults.TooLong(), times=1),
    "twice": lambda: Rule(on="push", do=faults.Duplicate(), times=1),
    "twice, renumbered": lambda: Rule(on="push", do=faults.Duplicate(new_mid=True), times=1),
    "again later": lambda: Rule(on="push", do=faults.Duplicate(after_s=0.1), times=1),
    "swapped": lambda: Rule(on="push", do=faults.Swap(at_most_s=0.1), times=1),
    "cut in the middle": lambda: Rule(on="push", do=faults.Cut(part=0.5, reset=True), times=1),
    "closed instead": lambda: Rule(on="push", do=faults.Close(code=1001), times=1),
}


TRUTHS = {SendOutcome.ACCEPTED, SendOutcome.REFUSED}

T = TypeVar("T")


class Observed(Market):
    """A market whose gateways are all watched by one recorder."""

    recorder: Recorder

    def make(self) -> Gateway:
        """Make a gateway; the recorder sees its commits, handlers and states."""
        if not hasattr(self, "recorder"):
            self.recorder = Recorder(self.fake)
        made = Gateway(from_mapping(self.config), log=self.log, journal=self.recorder.journal)
        return self.recorder.attach(made)


class Clerk:
    """The handler: answers questions, stumbles where it is told to, keeps what it did."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.done: list[Event] = []
        self.stumbles: set[str] = set()

    def __call__(self, event: ChatMessage) -> None:
        text = event.text or ""
        with self.changed:
            stumbles = text in self.stumbles
            self.stumbles.discard(text)
        if stumbles:
            raise RuntimeError(text)
        if "?" in text:
            event.reply(f"re {text}")
        with self.changed:
            self.done.append(event)
            self.changed.notify_all()

    def seen(self) -> set[str]:
        """Return the texts that were handled."""
        return {getattr(event, "text", "") for event in self.done}


class GatewayAgainstModel(RuleBasedStateMachine):
    """One account, three conversations, a platform of changing mood."""

    durability = "memory"

    @initialize(
        backlog=st.sampled_from(["push", "history"]),
        redelivers=st.booleans(),
        again_s=st.sampled_from([None, 0.2]),
        echo=st.booleans(),
    )
    def opens(
        self,
        *,
        backlog: Any,
        redelivers: bool,
        again_s: float | None,
        echo: bool,
    ) -> None:
        """Open the market; what is not established about the platform is drawn."""
        self.threads = set(threading.enumerate())
        self.directory = tempfile.TemporaryDirectory()
        behaviour = Behaviour(
            backlog=backlog,
            redeliver_on_reconnect=redelivers,
            redeliver_after_s=again_s,
            echo=echo,
        )
        self.market = Observed(
            Path(self.directory.name),
            SHOP,
            behaviour=behaviour,
            defaults=DEFAULTS,
            durability=self.durability,
        )
        self.clerk = Clerk()
        self.said: dict[int, list[str]] = {lane: [] for lane in range(3)}
        self.tickets: list[tuple[str, str, SendTicket]] = []
        self.refusal = faults.forbid_sends(SHOP, times=1)[0]
        self.refusals = self.restarts = 0
        self.hidden = False
        self.given_up = threading.Event()
        self.begins()

    def begins(self) -> None:
        """Start the gateway that is there."""
        self.market.gateway.on(ChatMessage)(self.clerk)
        self.market.gateway.on_recovery(self.recovered)
        self.market.gateway.start()

    def recovered(self, outcome: Recovered) -> None:
        """Note when history could not be read: then nobody knows what is late."""
        if not outcome.recovered and outcome.reason != "link_lost":
            self.given_up.set()

    @property
    def shop(self) -> Shop:
        """The account, as the platform knows it."""
        return self.market.shops[SHOP]

    # --- what people do ---------------------------------------------------------------

    def text(self, lane: int, *, question: bool, stumbles: bool) -> str:
        """Make up what a buyer says next."""
        text = f"{lane}/{len(self.said[lane])}{'?' if question else ''}"
        if stumbles:
            with self.clerk.changed:
                self.clerk.stumbles.add(text)
        self.said[lane].append(text)
        return text

    @rule(lane=LANES, count=st.integers(1, 4), question=st.booleans(), stumbles=st.booleans())
    def says(self, *, lane: int, count: int, question: bool, stumbles: bool) -> None:
        """A buyer writes; it is pushed if somebody is there."""
        for _ in range(count):
            text = self.text(lane, question=question, stumbles=stumbles)
            self.shop.buyer(f"7700{lane}").says(text)

    @rule(lane=LANES, question=st.booleans())
    def is_not_pushed(self, *, lane: int, question: bool) -> None:
        """A buyer writes, and nobody is told: it has no number in the stream.

        What is pushed later hides it, so it is promised with the next registration only.
        """
        text = self.text(lane, question=question, stumbles=False)
        self.shop.offline(self.shop.buyer(f"7700{lane}"), [text])
        self.hidden = True

    @rule(lane=LANES, count=st.integers(1, 3), same=st.booleans())
    def sends(self, *, lane: int, count: int, same: bool) -> None:
        """The host sends, perhaps the same words as before."""
        conversation = self.shop.buyer(f"7700{lane}").conversation().id
        for _ in range(count):
            text = "s same" if same else f"s {len(self.tickets)}"
            ticket = self.market.gateway.send(SHOP, conversation, text, to=f"7700{lane}")
            self.tickets.append((conversation, text, ticket))

    # --- what goes wrong --------------------------------------------------------------

    @rule(how=st.sampled_from(["cut", "close", "drop"]))
    def link_ends(self, *, how: str) -> None:
        """RST, a close frame, or EOF."""
        with suppress(LookupError):
            getattr(self.shop, how)()

    @rule(lane=LANES, count=st.integers(1, 3))
    def is_away(self, *, lane: int, count: int) -> None:
        """Nobody can connect for a moment, and people talk."""
        self.market.fake.stop_accepting()
        self.link_ends(how="cut")
        self.says(lane=lane, count=count, question=False, stumbles=False)
        self.market.fake.resume()

    @rule(which=st.sampled_from(sorted(FAULTS)))
    def push_suffers(self, *, which: str) -> None:
        """Something will happen to the next push."""
        self.market.fake.inject(FAULTS[which]())

    @rule(lwp=st.sampled_from(ASKED), fault=st.sampled_from(sorted(ANSWERS)))
    def answer_suffers(self, *, lwp: str, fault: str) -> None:
        """The platform does what it is asked; the answer is lost, late, or the link's end."""
        self.market.fake.inject(Rule(on="reply", lwp=lwp, do=ANSWERS[fault], times=1))

    @rule(lwp=st.sampled_from(ASKED), fault=st.sampled_from(["lost", "cut"]))
    def request_suffers(self, *, lwp: str, fault: str) -> None:
        """A request never arrives, or the link ends with it."""
        self.market.fake.inject(Rule(on="request", lwp=lwp, do=ANSWERS[fault], times=1))

    @rule()
    def send_is_refused(self) -> None:
        """The next send will be forbidden."""
        self.count_refusals()
        self.market.fake.inject(self.refusal)

    def count_refusals(self) -> None:
        """Take away what has not refused anything; remember what has."""
        with self.market.fake.lock:
            self.refusals += self.market.fake.fired(self.refusal)
            self.market.fake.heal(self.refusal)

    # --- time -------------------------------------------------------------------------

    @rule()
    def breathes(self) -> None:
        """Wait until somebody is connected."""
        self.shop.wait_registered(QUIET_S)

    @rule()
    def settles(self) -> None:
        """Wait until all that was said has been handled."""
        self.all_handled()

    @precondition(lambda self: self.durability != "memory" and self.restarts < 3)
    @rule()
    def restarts_itself(self) -> None:
        """Stop, and start anew on the same journal."""
        self.restarts += 1
        assert self.market.gateway.stop(QUIET_S)
        self.market.gateway = self.market.make()
        self.begins()
        again = self.market.gateway.ticket  # the old ones say "interrupted" at most
        self.tickets = [(lane, text, again(old.outbox_id)) for lane, text, old in self.tickets]

    # --- what must be true ------------------------------------------------------------

    def teardown(self) -> None:
        """Heal everything, wait until all is quiet, and compare."""
        if not hasattr(self, "market"):
            return
        with self.directory, self.market:
            self.count_refusals()
            self.market.fake.heal()
            self.all_handled()
            self.each_once_in_order()
            self.nothing_is_pending()
            self.each_send_is_told_truly()
            self.each_push_is_acknowledged()
            self.market.recorder.check(all_handled=True)
            assert self.market.gateway.stop(QUIET_S)
            tally = self.market.gateway.accounts[SHOP].counters
            assert tally.balanced, tally
            assert (tally.dead, tally.parked, tally.expired) == (0, 0, 0), tally
            self.market.recorder.check()
        left = set(threading.enumerate()) - self.threads
        for thread in left:
            thread.join(QUIET_S)
        assert not [thread.name for thread in left if thread.is_alive()]

    def all_handled(self) -> None:
        """Wait until the handler has seen everything that was said."""
        if self.hidden:
            self.hidden = False
            self.breathes()
            self.link_ends(how="cut")
        expected = {text for texts in self.said.values() for text in texts}
        with self.clerk.changed:
            seen = self.clerk.changed.wait_for(lambda: expected <= self.clerk.seen(), QUIET_S)
        assert seen, f"never handled: {sorted(expected - self.clerk.seen())}"

    def nothing_is_pending(self) -> None:
        """Wait until all that was stored is settled, and replies have left with it."""
        view = self.market.gateway.accounts[SHOP]
        tally = self.waited(lambda: view.counters, lambda tally: not tally.pending)
        assert not tally.pending, tally

    @staticmethod
    def waited(ask: Callable[[], T], enough: Callable[[T], bool]) -> T:
        """Ask until it is enough, or the time is up; gives the last answer."""
        deadline, turn = time.monotonic() + QUIET_S, threading.Event()
        while not enough(answer := ask()) and time.monotonic() < deadline:
            turn.wait(0.01)
        return answer

    def each_once_in_order(self) -> None:
        """I7, I8: once, in the order it was said; what is not says ``late`` or ``redelivered``."""
        handled: dict[int, list[str]] = {lane: [] for lane in self.said}
        for event in list(self.clerk.done):
            text = getattr(event, "text", "")
            lane = int(text.partition("/")[0])
            if text in handled[lane]:
                assert event.redelivered, f"{text} was handled twice"
                assert self.restarts, f"{text} was redelivered without a restart"
                continue
            newest = max((self.said[lane].index(each) for each in handled[lane]), default=-1)
            overtaken = self.said[lane].index(text) < newest
            told = event.late or self.given_up.is_set()
            assert told or not overtaken, f"{text} came after {handled[lane]}"
            if event.late and not overtaken:  # then by what we said ourselves
                assert event.conversation_id in self.shop.texts, f"{text} is not late"
            assert not event.own
            handled[lane].append(text)

    def each_send_is_told_truly(self) -> None:
        """O3 to O7: one copy of what was accepted, none of what was refused, lanes in order."""
        for *_, ticket in self.tickets:
            result = ticket.result(QUIET_S)
            assert result.outcome in TRUTHS, result
        outbox = self.market.gateway.sends
        sends = self.waited(
            lambda: outbox.list(limit=1000)[::-1], lambda all_: all(map(_told, all_))
        )
        questions = [text for texts in self.said.values() for text in texts if "?" in text]
        texts = Counter(each.text for each in sends)
        assert texts == Counter(
            [*(text for _, text, _ in self.tickets), *(f"re {text}" for text in questions)]
        )
        assert {each.outcome for each in sends} <= TRUTHS
        own = self.shop.sent
        accepted = [each for each in sends if each.outcome is SendOutcome.ACCEPTED]
        for lane in {each.conversation_id for each in sends}:
            claimed = [(e.message_id, e.text) for e in accepted if e.conversation_id == lane]
            arrived = [(e.message_id, e.text) for e in own if e.conversation_id == lane]
            assert arrived == claimed, "not what the outbox says, or in another order"
        refused = len(sends) - len(accepted)
        assert refused <= self.refusals, "what nobody refused"
        assert len(own) == len(accepted)
        outcomes = {each.outbox_id: each.outcome for each in sends}
        for *_, ticket in self.tickets:
            assert ticket.result(0.0).outcome is outcomes[ticket.outbox_id]

    def each_push_is_acknowledged(self) -> None:
        """I1: every delivery on the living link, once; the recorder knows the commits."""

        def all_acked() -> bool:
            session = self.shop.account.session
            return session is not None and all(
                push.acks == push.deliveries for push in session.seen.values()
            )

        self.market.fake.wait(all_acked, QUIET_S, "every push to be acknowledged")


class RestartingGateway(GatewayAgainstModel):
    """The same with a journal on disk, and restarts."""

    durability = "normal"


def _told(send: SendView) -> bool:
    return send.outcome in TRUTHS


def run(machine: type[GatewayAgainstModel], *, examples: int, steps: int) -> None:
    """Run so many examples; the seed is drawn, printed, and can be given.

    What depends on threads does not shrink well, so a failure is shown as it came.
    """
    number = int(os.environ.get(SEED) or random.SystemRandom().getrandbits(32))
    sys.stdout.write(f"{SEED}={number}\n")
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            derandomize=False,
            print_blob=True,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(300)
def test_a_few_short_runs() -> None:
    run(GatewayAgainstModel, examples=8, steps=12)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", [GatewayAgainstModel, RestartingGateway])
def test_many_long_runs(machine: type[GatewayAgainstModel]) -> None:
    run(machine, examples=int(os.environ.get(EXAMPLES, "150")), steps=30)
