"""Seventy-two days that nobody looks after: tokens in time, few calls, no cookie lost, no person.

The decision, the source, the store and the platform's HTTP side are the real ones; only the clock
is moved by hand, and the process is killed between any two of its steps.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from actors.identity import Grant, Why
from actors.policy.credentials import Credentials, Flight, Now, Ready
from actors.ports import Renewal
from actors.sections import RenewalSettings
from actors.values import Failure
from gateway.credentials.account import Account, Clocks
from gateway.credentials.goofish import GoofishSource
from gateway.credentials.store import FileStore, Stored
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish.endpoints import Endpoints
from gateway.testing import Behaviour, FakePlatform, FakeWeb, ManualClock, WebBehaviour, web_rules
from gateway.transport.https import HttpsClient

DAYS = 72
DAY_S = 86_400.0
RULES = RenewalSettings()


class KilledError(BaseException):
    """The process is gone."""


class Life:
    """One process: what it knows is lost with it, what it stored is not."""

    def __init__(
        self, directory: Path, web: FakeWeb, cookie: str, clock: ManualClock, dice: random.Random
    ) -> None:
        self.dice, self.clock, self.client = dice, clock, HttpsClient()
        self.deadly = False
        store = FileStore(directory)
        life = self

        class Store(FileStore):
            def write(self, stored: Stored) -> None:
                life.may_die()
                store.write(stored)
                life.may_die()

        endpoints = Endpoints(mtop=web.url, passport=web.url, upload=web.url)
        self.source = GoofishSource(
            Account(name="shop-a", cookie=cookie, endpoints=endpoints),
            store=Store(directory),
            performer=self,
            clocks=Clocks(clock.unix_ms, clock.monotonic),
            learn=lambda _of, _secrets: None,
            unsaved=lambda _why: None,
        )
        self.policy = Credentials(RULES)
        kept = self.source.load()
        assert kept.stuck is None, kept.stuck
        self.policy.restore(
            self.now(),
            grant=kept.grant,
            lineage=kept.lineage,
            stuck=kept.stuck,
            calls_ms=kept.calls_ms,
            draw=dice.random(),
        )

    def now(self) -> Now:
        return Now(self.clock.monotonic(), self.clock.unix_ms())

    def may_die(self) -> None:
        if self.deadly and self.dice.random() < 0.2:
            raise KilledError

    def perform(
        self, request: HttpRequest, *, deadline_s: float, on_head: object = None
    ) -> HttpAnswer | Failure:
        self.may_die()
        answer = self.client.perform(request, deadline_s=deadline_s, on_head=on_head)  # type: ignore[arg-type]  # as it came
        self.may_die()
        return answer

    def renew(self, flight: Flight) -> Grant | None:
        """Make a renewal; it may kill the process."""
        renewal: Renewal = self.source.renew(
            self.policy.grant, flight.why, calls=flight.calls, deadline_s=30.0
        )
        self.policy.ended(
            flight.number,
            renewal.result,
            self.now(),
            calls=renewal.calls,
            lineage=renewal.lineage,
            draw=self.dice.random(),
        )
        return renewal.result if isinstance(renewal.result, Grant) else None


@pytest.mark.parametrize("seed", range(2))
def test_seventy_two_days_alone(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201  # for the reader of a failure
    dice = random.Random(seed)
    clock = ManualClock()
    began_s = clock.monotonic()
    behaviour = WebBehaviour(rotation="each" if seed % 2 else "scopes", register_within_s=None)
    with (
        FakePlatform(Behaviour(), unix_ms=clock.unix_ms, beat_limit_s=None) as fake,
        FakeWeb(fake, behaviour) as web,
    ):
        seller = web.seller(fake.account("2201"))
        seed_cookie = seller.cookie

        def born() -> Life:
            return Life(tmp_path / "credentials", web, seed_cookie, clock, dice)

        first = FileStore(tmp_path / "credentials")
        life = born()
        deaths = without_s = 0.0
        while clock.monotonic() - began_s < DAYS * DAY_S:
            now = life.now()
            usable = isinstance(life.policy.ask(now), Ready)
            flight = life.policy.due(now, asked=not usable, linked=usable)
            if flight is None:
                at = life.policy.next_at(now, asked=not usable, linked=usable)
                assert at is not None, "nothing would ever wake it"
                step_s = min(max(1.0, at - now.monotonic_s), dice.uniform(60.0, 6 * 3600.0))
                without_s += 0.0 if usable else step_s
                clock.advance(step_s)
                if dice.random() < 0.02:  # somebody restarts it
                    life = born()
                continue
            life.deadly = dice.random() < 0.1
            if dice.random() < 0.05:
                web.inject(web_rules.nth(1, web_rules.Ret(codes=["FAIL_SYS_SERVICE_FAULT"])))
            try:
                life.renew(flight)
            except KilledError:
                deaths += 1
                life = born()
            life.deadly = False
            web.heal()

        stored = first.read("shop-a")
        assert stored is not None
        assert stored.failure is None, "a person was needed"
        assert stored.lineage == 1
        assert deaths > 0
        tokens = len(seller.grants)
        assert tokens / DAYS <= 1.5
        assert len(web.calls()) / DAYS <= 3.5, "each token is signed for twice, if it was long ago"
        assert without_s <= DAYS * 600.0, "ten minutes a day at most without a token"
        web.check(allow=["stale_cookie"] if deaths else [])


def test_after_a_refusal_that_asks_for_a_person_nothing_is_asked(tmp_path: Path) -> None:
    dice = random.Random(1)
    clock = ManualClock()
    with (
        FakePlatform(Behaviour(), unix_ms=clock.unix_ms, beat_limit_s=None) as fake,
        FakeWeb(fake) as web,
    ):
        seller = web.seller(fake.account("2201"))
        web.inject(web_rules.risk_control())
        life = Life(tmp_path, web, seller.cookie, clock, dice)
        flight = life.policy.due(life.now(), asked=True, linked=False)
        assert flight is not None
        assert flight.why is Why.START
        assert life.renew(flight) is None
        for _ in range(DAYS):
            clock.advance(DAY_S)
            assert life.policy.due(life.now(), asked=True, linked=True) is None
        assert len(web.calls()) == 1
        web.check()
