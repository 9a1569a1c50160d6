"""Gateways in fixed states, served, for a browser to look at: real ones, over the fake platform."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pytest
from market import HASTE, WAIT_S, Log

from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from gateway.config import from_mapping
from gateway.testing import Behaviour, FakePlatform, FakeWeb, Shop, faults
from gateway.testing.faults import Rule
from gateway.web import serving
from gateway.web.pages import addresses
from tests.threads_left import leaving_no_thread

ODD: Final = "../x?y#z店"
"""A name of which each letter means something else in an address."""

TOKEN: Final = "planted-token-0123456789"
PASSWORD: Final = "planted-password"
MANY: Final = 150
SEND: Final = "/r/MessageSend/*"
HISTORY: Final = "/r/MessageManager/listUserMessages"


class Stage(NamedTuple):
    """A gateway that is looked at.

    Attributes:
        token: What it wants to be told; None: nothing.
        secrets: What no page may show, by what it is.
        needs: The account that needs a person; None: none does.
        paths: Addresses that only this stage knows, by what is there.
    """

    gateway: Gateway
    url: str
    token: str | None = None
    secrets: Mapping[str, str] = {}
    needs: str | None = None
    paths: Mapping[str, str] = {}


class Street:
    """A platform with both faces, and accounts of each kind."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._directory = directory
        behaviour = Behaviour(backlog="push", echo=False)
        self.fake = stack.enter_context(FakePlatform(behaviour, beat_limit_s=None))
        self.web = stack.enter_context(FakeWeb(self.fake))
        self.log = Log()

    def plain(self, name: str, user_id: str, **more: Any) -> tuple[Shop, dict[str, Any]]:
        """Return a shop, and an account with a fixed login."""
        shop = self.fake.account(user_id)
        account = {"id": name, "url": shop.url, "credentials": shop.credentials, **more}
        return shop, account

    def seller(self, name: str, user_id: str, cookie: str | None = "") -> dict[str, Any]:
        """Return an account that signs in by itself; ``cookie=None``: it has nothing to."""
        endpoints = dict.fromkeys(("mtop", "passport", "upload"), self.web.url)
        person = self.web.seller(user_id)
        known = person.cookie if cookie == "" else cookie
        credentials = {"kind": "goofish", "cookie": known, "endpoints": endpoints}
        return {"id": name, "url": self.fake.account(user_id).url, "credentials": credentials}

    def gateway(self, *accounts: Mapping[str, Any], **http: Any) -> Gateway:
        """Return a gateway that is not started; it is stopped at the end."""
        config: dict[str, Any] = {
            "data_dir": str(self._directory / "data"),
            "durability": "normal",
            "http": {"listen": "127.0.0.1:0", **http},
            "connect": {"rate_per_s": 1000, "burst": 1000, "deadline_s": 20.0},
            "history": {"rate_per_s": 10_000, "burst": 10_000},
            "defaults": HASTE,
            "accounts": list(accounts),
        }
        gateway = Gateway(from_mapping(config), log=self.log)
        self._stack.callback(gateway.stop, 10.0)
        return gateway

    def serve(self, gateway: Gateway) -> str:
        """Serve it; return where."""
        found = self._stack.enter_context(serving(gateway, log=self.log))
        assert found is not None
        return found.url


def reached(gateway: Gateway, state: ConnectionState, *names: str) -> None:
    """Wait until accounts are in a state."""
    for name in names:
        view = gateway.accounts[name]
        assert view.wait_for(state, WAIT_S), (view, view.last_error)


def well(street: Street) -> Stage:
    """All is well; of one account the name is odd."""
    accounts = [
        street.seller("shop-a", "2201"),
        street.plain("阿明的小店", "2202")[1],
        street.plain(ODD, "2203")[1],
    ]
    gateway = street.gateway(*accounts)
    url = street.serve(gateway)
    gateway.start()
    reached(gateway, ConnectionState.CONNECTED, *gateway.accounts)
    return Stage(gateway, url)


def trouble(street: Street) -> Stage:
    """One has no login; one has letters and a send nobody knows about; one is out of reach."""
    shop, shaky = street.plain("shop-b", "2202")
    shaky["send"] = {**HASTE["send"], "review_s": 0.3}
    away = f"http://owner:{PASSWORD}@127.0.0.1:9"
    gateway = street.gateway(
        street.seller("shop-a", "2201", None),
        shaky,
        street.plain("shop-c", "2203", proxy=away)[1],
        street.seller("shop-d", "2204"),
        street.plain("shop-e", "2205")[1],
        token=TOKEN,
    )
    source: Any = gateway._registry.plans["shop-d"].source  # the test knows what to look for
    url = street.serve(gateway)

    @gateway.on(ChatMessage)
    def refuse(event: ChatMessage) -> None:
        lanes.append(event.conversation_id or "")
        raise ValueError(f"the shelf says {cookie}")

    cookie = street.web.seller("2204").cookie
    lanes: list[str] = []
    gateway.start()
    gateway.accounts.pause("shop-e")
    reached(gateway, ConnectionState.FAILED, "shop-a")
    reached(gateway, ConnectionState.CONNECTED, "shop-b", "shop-d")
    street.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Answer(code=500)))
    street.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
    sent = gateway.send("shop-b", "c1", "到了吗", to="77001")
    sent.result(WAIT_S)
    shop.buyer("77001").says("还在吗？")
    street.log.wait("event.dead_lettered", account="shop-b")
    street.log.wait("connection.state_changed", account="shop-c", after="reconnecting")
    secrets = {"token": TOKEN, "password": PASSWORD, "grant": source.stored().token}
    for pair in cookie.split("; "):
        name, _, value = pair.partition("=")
        if len(value) > 8:  # user ids and the like are no secrets
            secrets[f"cookie {name}"] = value
    ends_s = time.monotonic() + WAIT_S
    while not (letters := gateway.dead_letters.list(account="shop-b")):  # until it is stored
        assert time.monotonic() < ends_s, "no letter is stored"
    paths = {
        "chat": addresses.chat("shop-b", lanes[0]),
        "letter": addresses.letter(letters[0].event_id),
        "send": addresses.send(sent.outbox_id),
    }
    while status(url + paths["chat"], TOKEN) != HTTPStatus.OK:  # until the copy has it
        assert time.monotonic() < ends_s, "the reading copy does not follow"
    return Stage(gateway, url, TOKEN, secrets, needs="shop-a", paths=paths)


def status(url: str, token: str) -> int:
    """Return what is answered to a request for a page."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=WAIT_S)) as asked:
        asked.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"})
        return asked.getresponse().status


def many(street: Street) -> Stage:
    """More accounts than one page shows, and one that needs a person."""
    names = [f"shop-{number:03}" for number in range(MANY)]
    accounts = [street.plain(name, str(3000 + number))[1] for number, name in enumerate(names[:-1])]
    gateway = street.gateway(*accounts, street.seller(names[-1], "2999", None))
    url = street.serve(gateway)
    gateway.start()
    reached(gateway, ConnectionState.CONNECTED, *names[:-1])
    reached(gateway, ConnectionState.FAILED, names[-1])
    return Stage(gateway, url, needs=names[-1])


def empty(street: Street) -> Stage:
    """Nothing is configured yet."""
    gateway = street.gateway()
    url = street.serve(gateway)
    gateway.start()
    return Stage(gateway, url)


STAGES: Final[Mapping[str, Callable[[Street], Stage]]] = {
    each.__name__: each for each in (well, trouble, many, empty)
}


@contextmanager
def staged(name: str, directory: Path) -> Iterator[Stage]:
    """Set a stage; nothing of it is left afterwards."""
    with ExitStack() as stack:
        yield STAGES[name](Street(directory, stack))


@pytest.fixture(scope="module", autouse=True)
def no_thread_outlives_the_test() -> Iterator[None]:
    """Stand in for the check of each test: a stage starts threads while it is looked at."""
    with leaving_no_thread():
        yield


@pytest.fixture(scope="module")
def stage(
    no_thread_outlives_the_test: None,  # noqa: ARG001  # its check comes after ours
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """Yield the stage of the parameter; tests of one stage share it and change nothing."""
    with staged(request.param, tmp_path_factory.mktemp("stage")) as found:
        yield found


def names_of(found: Stage) -> Sequence[str]:
    """Return the names of its accounts, the longest first."""
    return sorted(found.gateway.accounts, key=len, reverse=True)
