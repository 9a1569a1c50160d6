"""The web side of a fake platform in a thread: the face a test sees.

Example:
    >>> with FakePlatform() as fake, FakeWeb(fake) as web:
    ...     seller = web.seller(fake.account("2201"))
    ...     # have a client fetch a token from web.mtop.url with seller.cookie, then:
    ...     web.wait_calls(2)
    ...     web.check()
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Final, Self, TypeVar

from gateway.testing.platform import Breach, FakePlatform, Shop
from gateway.testing.platform.accounts import Account
from gateway.testing.platform.shop import WAIT_S
from gateway.testing.web.desk import Desk
from gateway.testing.web.logins import Logins
from gateway.testing.web.mtop import FakeMtop
from gateway.testing.web.passport import FakePassport
from gateway.testing.web.records import Records, WebCall
from gateway.testing.web.rules import WebBehaviour, WebRule
from gateway.testing.web.seller import Seller
from gateway.testing.web.server import WebServer
from gateway.testing.web.turns import Member, World

ResultT = TypeVar("ResultT")

_SITE: Final = "goofish.com"


class FakeWeb:
    """An HTTP server with both faces, beside a platform whose ``/reg`` takes its tokens.

    One thread of its own, one lock with the platform; every method may be called from any
    thread. Each connection carries one request.

    Args:
        platform: Accounts and clock are its.
        behaviour: What a test chooses.
        tls: Speak ``https`` with this context.
        host: An IPv4 address of this machine.
        port: 0 takes a free one, which is kept.

    Attributes:
        mtop: Tokens and uploads.
        passport: Sign-in.
    """

    def __init__(
        self,
        platform: FakePlatform,
        behaviour: WebBehaviour | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.lock = platform.lock
        self._platform = platform
        self._behaviour = behaviour or WebBehaviour()
        self._secure = tls is not None
        self._host = host
        logins = Logins()
        self._records = Records(self._behaviour, logins, self._now_ms)
        self._world = World(self._behaviour, logins, self._records)
        self._sellers: dict[str, Seller] = {}
        self.mtop = FakeMtop(self._world, self.lock, lambda: self.url)
        self.passport = FakePassport(self._world, self.lock, lambda: self.url)
        self._desk = Desk(self._world, self.mtop, self.passport, self._now_ms)
        self._server = WebServer(self._desk, self.lock, tls=tls, host=host, port=port)
        model = platform.engine.model
        model.judges.append(self._judge)
        model.on_registered.append(
            lambda _session, token: self.mtop.registered(token, self._now_ms())
        )

    # --- life ---------------------------------------------------------------------

    def start(self) -> None:
        """Listen. Does nothing if it listens already.

        Raises:
            OSError: The port is taken.
        """
        self._server.start()

    def stop(self) -> None:
        """Close every connection and the port; idempotent. What was seen stays readable.

        Raises:
            RuntimeError: The server itself had failed; the cause is chained.
        """
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def url(self) -> str:
        """Where to ask, if names are not resolved by :meth:`resolve`."""
        return f"{'https' if self._secure else 'http'}://{self._host}:{self.port}"

    def resolve(self, host: str, _port: int, **_: object) -> list[tuple[object, ...]]:
        """Say that every host of the platform is here; given in place of ``getaddrinfo``.

        Raises:
            OSError: It is no host of the platform's.
        """
        if host != _SITE and not host.endswith(f".{_SITE}"):
            raise socket.gaierror(socket.EAI_NONAME, "this is no host of the platform")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self._host, self.port))]

    # --- accounts and rules -------------------------------------------------------

    def seller(self, shop: Shop | str) -> Seller:
        """Return the person of an account, signed in; the same one each time."""
        with self.lock:
            if isinstance(shop, str):
                shop = self._platform.account(shop)
            seller = self._sellers.get(shop.user_id)
            if seller is None:
                login = self._world.logins.begin(shop.user_id)
                member = Member(shop.account, login, self._behaviour)
                self._world.members[shop.user_id] = member
                seller = Seller(self._world, member, self.lock, self._now_ms)
                self._sellers[shop.user_id] = seller
                captchas = member.captchas
                seller.sign_in()
                member.captchas = captchas
                member.login.over = self._behaviour.login_over
            return seller

    def inject(self, *rules: WebRule) -> None:
        """Arm rules; they bite from now on."""
        with self.lock:
            self._desk.book.arm(rules)

    def heal(self, *rules: WebRule) -> None:
        """Take rules away; none given: all."""
        with self.lock:
            self._desk.book.heal(rules or None)

    def fired(self, rule: WebRule) -> int:
        """Return how often a rule bit since it was armed."""
        with self.lock:
            return self._desk.book.fired(rule)

    def release(self) -> None:
        """Answer every call that is held."""
        with self.lock:
            self._desk.release()
            self.lock.notify_all()

    # --- what was seen ------------------------------------------------------------

    def calls(self, api: str | None = None) -> list[WebCall]:
        """Return all calls, oldest first."""
        with self.lock:
            return [call for call in self._records.calls if api in (None, call.api)]

    @property
    def breaches(self) -> list[Breach]:
        """Every promise a client broke so far."""
        with self.lock:
            return self._records.verdict()

    def check(self, *, allow: Iterable[str] = ()) -> None:
        """Fail if a client broke a promise.

        Checked are: ``two_calls_at_once`` of one account, uploads apart · ``call_after_person``
        · ``over_budget`` · ``stale_cookie`` · ``foreign_cookie`` · ``token_unused`` ·
        ``device_changed`` · ``bad_sign`` · ``bad_request``.

        Args:
            allow: Names of rules that may be broken here.

        Raises:
            AssertionError: Lists what is broken.
        """
        allowed = set(allow)
        lines = [f"{breach}" for breach in self.breaches if breach.rule not in allowed]
        if lines:
            raise AssertionError("\n".join(["the client broke:", *lines]))

    def wait(
        self, until: Callable[[], ResultT], timeout_s: float = WAIT_S, what: str = "it"
    ) -> ResultT:
        """Wait for anything about the web side; woken by what happens, not by time.

        Raises:
            TimeoutError: It did not become true, or the server itself failed.
        """
        with self.lock:
            result = self.lock.wait_for(until, timeout_s)
            if not result:
                raise TimeoutError(
                    f"waited {timeout_s:g} s in vain for {what}"
                ) from self._server.error
            return result

    def wait_calls(self, count: int, api: str | None = None, timeout_s: float = WAIT_S) -> None:
        """Wait until so many calls are over.

        Raises:
            TimeoutError: They are not.
        """
        self.wait(
            lambda: sum(call.ended for call in self.calls(api)) >= count,
            timeout_s,
            f"{count} calls",
        )

    def wait_held(self, count: int = 1, timeout_s: float = WAIT_S) -> None:
        """Wait until so many calls are held.

        Raises:
            TimeoutError: They are not.
        """
        self.wait(lambda: len(self._desk.held) >= count, timeout_s, f"{count} calls to be held")

    def _now_ms(self) -> int:
        ahead_ms = round(self._behaviour.clock_offset_s * 1000)
        return self._platform.engine.unix_ms() + ahead_ms

    def _judge(self, token: str, device_id: str, _platform_ms: int) -> Account | str | None:
        return self.mtop.judge(token, device_id, self._now_ms())
