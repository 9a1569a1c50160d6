"""A shop whose account is of kind goofish: a gateway, and both sides of its platform."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from market import HASTE, WAIT_S, Ledger, Log, merged

from actors.runtime.clock import SystemClock
from actors.state import ConnectionState
from gateway import ChatMessage, CredentialsChanged, Gateway
from gateway.config import from_mapping
from gateway.testing import Behaviour, FakePlatform, FakeWeb, ManualClock, WebBehaviour
from gateway.testing.web.seller import Seller

TOKEN_API = "mtop.taobao.idlemessage.pc.login.token"
HOUR_S = 3600.0

DAY_S = 86_400.0
CALM = {
    "heartbeat": {"interval_s": DAY_S, "reply_timeout_s": DAY_S, "probe_timeout_s": DAY_S},
    "deadlines": {"close_s": DAY_S, "register_s": DAY_S, "upgrade_s": 10.0},
    "recovery": {"reply_s": DAY_S, "probe_s": 0},
    "reconnect": {"stable_s": 0.0},
    "renewal": {"deadline_s": DAY_S},
}
"""Of a test that moves the clock by hand: no deadline passes while it does."""


class Shopkeeper:
    """A gateway with one account of kind goofish, both sides of its platform, and a clock."""

    def __init__(
        self,
        directory: Path,
        fake: FakePlatform,
        web: FakeWeb,
        clock: ManualClock | None,
        *,
        cookie: str | None = None,
        **renewal: float,
    ) -> None:
        self.fake, self.web, self.clock = fake, web, clock
        self.shop = fake.account("2201")
        self.seller: Seller = web.seller(self.shop)
        self.log = Log()
        self.ledger = Ledger()
        self.news: list[CredentialsChanged] = []
        self._heard = threading.Condition()
        self.config: dict[str, Any] = {
            "data_dir": str(directory / "data"),
            "durability": "normal",
            "journal": {"limit_s": DAY_S},
            "connect": {"deadline_s": DAY_S if clock else 20.0},
            "defaults": merged(merged(HASTE, CALM if clock else {}), {"renewal": renewal}),
            "accounts": [
                self._account("shop-a", self.seller.cookie if cookie is None else cookie or None)
            ],
        }
        self.gateway = self.made()

    def _account(self, name: str, cookie: str | None) -> dict[str, Any]:
        endpoints = dict.fromkeys(("mtop", "passport", "upload"), self.web.url)
        credentials = {"kind": "goofish", "cookie": cookie, "endpoints": endpoints}
        return {"id": name, "url": self.fake.url, "credentials": credentials}

    def made(self) -> Gateway:
        """Return a gateway that is not started."""
        gateway = Gateway(from_mapping(self.config), log=self.log, clock=self.clock)
        gateway.on(ChatMessage)(self.ledger)
        gateway.on_credentials(self._note)
        self.gateway = gateway
        return gateway

    def _note(self, change: CredentialsChanged) -> None:
        with self._heard:
            self.news.append(change)
            self._heard.notify_all()

    def has_news(self, count: int) -> bool:
        """Return whether so much was heard."""
        return len(self.news) >= count

    def heard(self, what: str, count: int = 1) -> list[CredentialsChanged]:
        """Wait for news of a kind."""

        def found() -> list[CredentialsChanged]:
            return [each for each in self.news if each.what == what]

        with self._heard:
            assert self._heard.wait_for(lambda: len(found()) >= count, WAIT_S), self.news
        return found()

    def wait(self, state: ConnectionState, account: str = "shop-a") -> None:
        view = self.gateway.accounts[account]
        assert view.wait_for(state, WAIT_S), (view, view.last_error, self.log.lines[-8:])

    def calls(self, api: str = TOKEN_API) -> int:
        return len(self.web.calls(api))

    def pass_time(
        self, until: Callable[[], object], limit_s: float = 2 * HOUR_S, *, step_s: float = 2.0
    ) -> None:
        """Let time pass until something has happened."""
        assert self.clock is not None
        self.clock.advance_until(until, limit_s=limit_s, step_s=step_s)

    def actor(self, kind: str) -> Any:
        """Return the living actor of a class."""
        system = self.gateway._system  # the test reaches into the machine
        assert system is not None
        live = list(system.services.pool.live.values())
        return next(actor for actor in live if type(actor).__name__ == kind)

    def says(self, text: str) -> None:
        self.shop.buyer("77001").says(text)


Make = Callable[..., Shopkeeper]


def making(directory: Path) -> Iterator[Make]:
    made: list[Shopkeeper] = []
    stops: list[Callable[[], object]] = []

    def make(web: WebBehaviour | None = None, *, manual: bool = False, **more: Any) -> Shopkeeper:
        clock = ManualClock() if manual else None
        time = clock or SystemClock()
        fake = FakePlatform(Behaviour(), unix_ms=time.unix_ms, beat_limit_s=None)
        fake.start()
        stops.append(fake.stop)
        side = FakeWeb(fake, web)
        side.start()
        stops.append(side.stop)
        keeper = Shopkeeper(directory, fake, side, clock, **more)
        made.append(keeper)
        return keeper

    yield make
    for keeper in made:
        keeper.gateway.stop(10.0)
    for stop in reversed(stops):
        stop()
