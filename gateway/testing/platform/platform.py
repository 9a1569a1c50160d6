"""A Goofish platform in a thread: the face a test sees.

Example:
    >>> with FakePlatform() as fake:
    ...     shop = fake.account("2201")
    ...     # connect a gateway to shop.url with shop.credentials, then:
    ...     shop.wait_registered()
    ...     shop.buyer("3301", nick="小王").says("还在吗？")
    ...     print(shop.wait_sent(1)[0].text)
    ...     fake.check()
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from gateway.testing.faults.rules import Rule
from gateway.testing.platform.accounts import Behaviour
from gateway.testing.platform.engine import Engine
from gateway.testing.platform.logbook import Breach, ConnectionLog
from gateway.testing.platform.server import Server
from gateway.testing.platform.shop import WAIT_S, Shop

ResultT = TypeVar("ResultT")


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


class FakePlatform:
    """A real WebSocket server that speaks the platform's protocol, on 127.0.0.1 unless told.

    All its connections are served by one thread; every method may be called from any other.
    Nothing is listening before :meth:`start`; accounts and rules may be added at any time.

    Args:
        behaviour: What is not established about the platform; the defaults are its mildest
            reading.
        tls: Speak ``wss://`` with this context.
        host: An IPv4 address of this machine, e.g. that of a network namespace.
        port: 0 takes a free one, which is kept over :meth:`stop` and :meth:`start`.
        beat_limit_s: Heartbeats further apart are a breach; None: that is not checked.
        unix_ms: The platform's wall clock.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        beat_limit_s: float | None = 20.0,
        unix_ms: Callable[[], int] = _unix_ms,
    ) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.engine = Engine(
            self.lock,
            behaviour=behaviour or Behaviour(),
            beat_limit_s=beat_limit_s,
            unix_ms=unix_ms,
        )
        self._tls = tls
        self._host = host
        self._port = port
        self._shops: dict[str, Shop] = {}

    # --- life ---------------------------------------------------------------------

    def start(self) -> None:
        """Listen. Does nothing if it listens already.

        Raises:
            OSError: The port is taken.
        """
        with self.lock:
            if self.engine.server is None:
                server = Server(
                    self.engine, self.lock, tls=self._tls, host=self._host, port=self._port
                )
                server.start()
                self._port = server.port
                self.engine.server = server

    def stop(self) -> None:
        """Close every connection and the port; idempotent. What was seen stays readable.

        Raises:
            RuntimeError: The platform itself had failed; the cause is chained.
        """
        with self.lock:
            server, self.engine.server = self.engine.server, None
        if server is not None:
            server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"{'wss' if self._tls else 'ws'}://{self._host}:{self._port}/"

    def stop_accepting(self) -> None:
        """Refuse connections; those that are there stay."""
        with self.lock:
            if self.engine.server is not None:
                self.engine.server.unlisten()

    def resume(self) -> None:
        """Accept connections again, on the same port."""
        with self.lock:
            if self.engine.server is not None:
                self.engine.server.listen()

    def cut_all(self) -> None:
        """RST on every connection."""
        with self.lock:
            for peer in list(self.engine.peers.values()):
                peer.link.reset("we_reset")

    # --- accounts and rules -------------------------------------------------------

    def account(
        self,
        user_id: str,
        *,
        token: str | None = None,
        device_id: str | None = None,
        cookie: str = "",
    ) -> Shop:
        """Return an account, a new one if the id is new.

        Args:
            user_id: The platform's id.
            token: What the registration must bear; None: ``token-<user_id>``.
            device_id: What ``did`` must be; None: anything, as long as it stays the same.
            cookie: This account's ``Cookie``; seen on another account's connection it is a
                breach.

        Raises:
            ValueError: The token is another account's.
        """
        with self.lock:
            shop = self._shops.get(user_id)
            if shop is None:
                account = self.engine.model.open_account(
                    user_id,
                    token=token or f"token-{user_id}",
                    device_id=device_id,
                    cookie=cookie,
                )
                shop = self._shops[user_id] = Shop(self, account)
            return shop

    @property
    def shops(self) -> list[Shop]:
        """All accounts, oldest first."""
        with self.lock:
            return list(self._shops.values())

    def config_file(self, directory: Path, **keys: object) -> Path:
        """Write the configuration of a gateway for all accounts there are, and give its path.

        Each account is called ``shop-<user_id>``. Nothing is kept on disk beyond the test
        (``durability: memory``).

        Args:
            directory: Where to write ``gateway.yaml``, readable by the owner only.
            keys: Top-level keys to add or to replace, e.g. ``durability="full"``.
        """
        accounts = [
            {
                "id": f"shop-{shop.user_id}",
                "platform": "goofish",
                "url": shop.url,
                "credentials": shop.credentials,
            }
            for shop in self.shops
        ]
        config: dict[str, object] = {
            "data_dir": str(directory / "data"),
            "durability": "memory",
            "accounts": accounts,
        }
        path = directory / "gateway.yaml"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(config | keys)))
        return path

    def inject(self, *rules: Rule | Iterable[Rule]) -> None:
        """Arm rules of :mod:`gateway.testing.faults`; they bite from now on."""
        with self.lock:
            self.engine.book.arm(_flat(rules))

    def heal(self, *rules: Rule | Iterable[Rule]) -> None:
        """Take rules away; none given: all."""
        with self.lock:
            self.engine.book.heal(_flat(rules) if rules else None)

    def fired(self, rule: Rule) -> int:
        """Return how often a rule bit since it was armed."""
        with self.lock:
            return self.engine.book.fired(rule)

    # --- what was seen ------------------------------------------------------------

    @property
    def dials(self) -> list[float]:
        """When connections came in, in monotonic seconds."""
        with self.lock:
            return list(self.engine.dials)

    @property
    def connections(self) -> list[ConnectionLog]:
        """The connections that are there."""
        with self.lock:
            return [peer.log for peer in self.engine.peers.values()]

    @property
    def logs(self) -> list[ConnectionLog]:
        """All connections there ever were, oldest first (the last 100,000)."""
        with self.lock:
            return list(self.engine.recorder.logs)

    @property
    def breaches(self) -> list[Breach]:
        """Every promise a client broke so far."""
        with self.lock:
            return self.engine.recorder.verdict(time.monotonic())

    def check(self, *, allow: Iterable[str] = (), all_acked: bool = False) -> None:
        """Fail if a client broke a promise.

        Checked are: each push acknowledged once a delivery with the right ``sid``, never an
        unknown ``mid``; one session an account; heartbeats in time; no cookie of another
        account; the same device id for the same token; ``ackDiff`` only with a state that
        ``getState`` gave; no ``uuid`` accepted twice; valid frames.

        Args:
            allow: Names of rules that may be broken here, e.g. ``two_sessions``.
            all_acked: Also fail if a pushed message was never acknowledged; those on their way are
                waited for.

        Raises:
            AssertionError: Lists what is broken.
        """
        if all_acked:
            with self.lock:
                self.lock.wait_for(lambda: not any(shop.unacked for shop in self.shops), WAIT_S)
        allowed = set(allow)
        lines = [str(breach) for breach in self.breaches if breach.rule not in allowed]
        if all_acked:
            lines += [
                f"not_acked: account {shop.user_id}: {len(shop.unacked)} messages"
                for shop in self.shops
                if shop.unacked
            ]
        if lines:
            raise AssertionError("\n".join(["the client broke:", *lines]))

    def wait(
        self,
        until: Callable[[], ResultT],
        timeout_s: float = WAIT_S,
        what: str | Callable[[], str] = "it",
    ) -> ResultT:
        """Wait for anything about the platform; woken by what happens, not by time.

        Args:
            until: Called under the lock; what it gives is given back once it is true.
            timeout_s: At most this long.
            what: For the error.

        Raises:
            TimeoutError: It did not become true, or the platform itself failed.
        """
        with self.lock:
            result = self.lock.wait_for(until, timeout_s)
            if not result:
                name = what if isinstance(what, str) else what()
                server = self.engine.server
                raise TimeoutError(f"waited {timeout_s:g} s in vain for {name}") from (
                    server.error if server is not None else None
                )
            return result

    def wait_connections(self, count: int, timeout_s: float = WAIT_S) -> None:
        """Wait until that many connections are there.

        Raises:
            TimeoutError: There are more or fewer.
        """
        peers = self.engine.peers
        self.wait(
            lambda: len(peers) == count,
            timeout_s,
            lambda: f"{count} connections, there are {len(peers)}",
        )


def _flat(rules: Iterable[Rule | Iterable[Rule]]) -> list[Rule]:
    flat: list[Rule] = []
    for rule in rules:
        flat.extend([rule] if isinstance(rule, Rule) else rule)
    return flat
