"""Refusals, needs, late answers, pastes and lost links in any order end with the newest token."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from test_credentials_actor import Desk, Source
from workbench import Bench

from actors.identity import Grant, Why
from actors.messages import (
    CredentialsReplaced,
    DialAllowed,
    GrantAwaited,
    GrantGiven,
    GrantReported,
    RenewNow,
    Rotate,
)
from actors.ports import Kept, Renewal
from actors.sections import RenewalSettings
from actors.values import ErrorClass, Failure

NAME = "a"
DEADLINE_S = 30.0
MOST_TURNS = 60
"""Of 70 s each: renewals that hung one after the other are tried again after half an hour."""

LATE = -1
OVERTAKEN = Failure(error_class=ErrorClass.OTHER, reason="overtaken")


class Login(Source):
    """What the platform and the store know of one account; whoever is overtaken brings nothing."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, NAME, "")
        self.lineage = self.working = 1
        self.newest: Grant | None = None
        self.over: set[int] = set()

    def obtain(self) -> Grant:
        """Give a token, and store it."""
        self.newest = self.grant()
        return self.newest

    def load(self) -> Kept:
        return Kept(grant=self.newest, lineage=self.lineage)

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        del why, calls, deadline_s
        if self.working < self.lineage:
            return Renewal(result=OVERTAKEN, lineage=self.working)
        if self.newest is not None and self.newest.version > (last.version if last else 0):
            return Renewal(result=self.newest, lineage=self.lineage)
        return Renewal(result=self.obtain(), lineage=self.lineage, calls=1)


class Link:
    """The account's connection, as far as the credentials actor cares: one link at most."""

    def __init__(self, desk: Desk, login: Login) -> None:
        self.desk, self.login = desk, login
        self.generation = 0
        self.version: int | None = None

    def ask(self) -> None:
        self.version = None
        self.generation += 1
        self.desk.ask(NAME, self.generation)

    def hear(self, message: object) -> None:
        match message:
            case GrantGiven() if message.generation == self.generation:
                self.register(message.grant.version)
            case DialAllowed() if message.generation == self.generation:
                self.ask()
            case Rotate() if self.version is not None and message.version > self.version:
                self.desk.actor.receive(_report(self.version))
                self.ask()
            case GrantGiven() | DialAllowed() | GrantAwaited() | Rotate():
                pass  # of an attempt that is over
            case _:
                raise AssertionError(message)

    def register(self, version: int) -> None:
        assert self.version is None, "two links"
        if version in self.login.over:
            self.desk.actor.receive(_report(version, Why.REFUSED))
            self.ask()
        else:
            self.version = version
            self.desk.linked(version, NAME)

    def lose(self, fault: Why | None = None) -> None:
        if self.version is not None:
            self.desk.actor.receive(_report(self.version, fault))
            self.ask()


def _report(version: int, fault: Why | None = None) -> GrantReported:
    return GrantReported(account=NAME, version=version, linked=False, fault=fault)


class Interleaved(RuleBasedStateMachine):
    """Threads end, messages arrive and things happen in whatever order is drawn."""

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.bench = Bench()
        self.desk = Desk(self.bench, self.patch)
        self.desk.made(rate_per_s=1000.0, burst=1000)
        self.login = Login(self.desk)
        self.desk.source(NAME)
        rules = RenewalSettings(min_gap_s=1.0, per_hour=100_000, per_day=100_000)
        plan = msgspec.structs.replace(self.desk.plans[NAME], source=self.login, renewal=rules)
        self.desk.plans[NAME] = plan
        self.link = Link(self.desk, self.login)
        self.begun: dict[int, tuple[int, float]] = {}
        self.given = 0
        self.passed_s = 0.0
        self.link.ask()
        self.desk.run(1)  # a store that hangs needs a person
        self.note()

    def teardown(self) -> None:
        """Let all come to rest; there is one link then, and it has the newest token."""
        if not hasattr(self, "link"):
            return
        try:
            self.rest()
            self.link.lose()  # or nobody could know that its token is over
            for _ in range(MOST_TURNS):
                self.rest()
                self.desk.advance(70.0)
            self.rest()
            newest = self.login.newest
            assert newest is not None
            assert self.link.version == newest.version
            assert newest.version not in self.login.over
            assert self.bench.account.services.seen[NAME].version == newest.version
        finally:
            self.patch.undo()
            self.bench.poller.stop(1.0)
            for sock in self.bench.sockets:
                sock.close()

    def rest(self) -> None:
        while self.desk.threads or self.desk.mailbox.messages or self.heard():
            while self.desk.threads:
                self.ends(0)
            self.told(99)
            self.hears(99)

    def heard(self) -> int:
        return len(self.desk.connection.messages) + len(self.desk.supervisor.messages)

    # --- what may happen next -------------------------------------------------------

    @precondition(lambda self: self.desk.threads)
    @rule(which=st.integers(0, 3))
    def ends(self, which: int) -> None:
        """A thread is done, whichever began first; nobody has heard of it yet."""
        which = min(which, len(self.desk.threads) - 1)
        _, job = self.desk.threads.pop(which)
        lineage, since_s = self.begun.pop(id(job), (self.login.lineage, self.passed_s))
        # A source looks at its deadline, and brings no token after it.
        self.login.working = lineage if self.passed_s - since_s < DEADLINE_S else LATE
        job()
        self.note()

    @rule(most=st.integers(1, 3))
    def told(self, most: int) -> None:
        """The actor takes what it was told."""
        for _ in range(min(most, len(self.desk.mailbox.messages))):
            self.desk.actor.receive(self.desk.mailbox.messages.pop(0))
            self.note()

    @rule(most=st.integers(1, 3))
    def hears(self, most: int) -> None:
        """The connection takes what it was told, and its supervisor."""
        for box in (self.desk.connection, self.desk.supervisor):
            for _ in range(min(most, len(box.messages))):
                message = box.messages.pop(0)
                if isinstance(message, GrantGiven):
                    assert message.grant.version >= self.given, "versions only grow"
                    self.given = message.grant.version
                self.link.hear(message)
                self.note()

    @rule()
    def is_cut(self) -> None:
        """The link is lost; nothing is wrong with its token."""
        self.link.lose()
        self.note()

    @rule(on_the_link=st.booleans())
    def is_over(self, on_the_link: bool) -> None:  # noqa: FBT001  # hypothesis gives it
        """B18, B19: the platform takes a token no more."""
        if self.login.newest is not None:
            self.login.over.add(self.login.newest.version)
        if on_the_link and self.link.version in self.login.over:
            self.link.lose(Why.REFUSED)
        self.note()

    @rule(times=st.integers(1, 5))
    def is_wanted(self, times: int) -> None:
        """B20: many needs at once."""
        for _ in range(times):
            self.desk.actor.receive(RenewNow(plan=self.desk.plans[NAME]))
            self.note()

    @rule()
    def is_pasted(self) -> None:
        """B22: a person gives another login, proven by a token."""
        self.login.lineage += 1
        self.login.obtain()
        kept = self.login.load()
        self.desk.mailbox.tell(CredentialsReplaced(account=NAME, kept=kept))

    @rule(seconds=st.sampled_from([0.5, 2.0, 32.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        """B21: with 32 s whatever is under way is given up, and comes too late."""
        self.bench.advance(seconds)
        self.passed_s += seconds
        self.note()

    def note(self) -> None:
        """Remember which login each thread began with."""
        for _, job in self.desk.threads:
            self.begun.setdefault(id(job), (self.login.lineage, self.passed_s))


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=1500, stateful_step_count=40, deadline=None)
