"""A whole gateway in front of the fake platform, with waits that take milliseconds."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from actors.messages import StateChanged
from actors.ports import Clock
from actors.runtime.clock import SystemClock
from actors.runtime.pool.inbox import InboxActor
from actors.state import ConnectionState
from actors.values import Event, SendOutcome
from gateway import ChatMessage, Gateway
from gateway.config import from_mapping
from gateway.testing import Behaviour, FakePlatform, Shop

WAIT_S = 20.0
"""Longest wait for something that should take milliseconds; a machine may be very busy."""

CROWD = tuple(str(2202 + number) for number in range(49))
"""Neighbours of a sick account: whatever becomes of it, they keep their first session."""

HASTE: dict[str, Any] = {
    "heartbeat": {"interval_s": 0.2, "reply_timeout_s": 0.5, "probe_timeout_s": 0.5},
    "handlers": {"retry_delays_s": [0.01, 0.01]},
    "send": {"rate_per_s": 1000, "burst": 1000, "reply_s": 0.5, "recheck_s": 0.1},
    "deadlines": {"close_s": 0.5, "register_s": 2.0, "upgrade_s": 2.0, "tls_s": 2.0, "tcp_s": 2.0},
    "recovery": {
        "rate_per_s": 1000,
        "burst": 1000,
        "retry_s": 0.01,
        "reply_s": 2.0,
        "first_contact": "deliver",  # what buyers say before the start is part of most stories
    },
    "reconnect": {
        "unexpected_close_step_s": 0.05,
        "unexpected_close_cap_s": 0.05,
        "network_step_s": 0.05,
        "network_cap_s": 0.05,
        "other_step_s": 0.05,
        "other_cap_s": 0.05,
        "auth_base_s": 0.05,
        "auth_cap_s": 0.05,
        "kicked_min_s": 0.01,
        "kicked_max_s": 0.05,
        "tls_trust_base_s": 0.05,
        "tls_trust_cap_s": 0.05,
        "config_base_s": 0.05,
        "config_cap_s": 0.05,
        "flapping_wait_s": 0.05,
    },
}


SILENT_S: Final = float(sum(HASTE["heartbeat"].values()))
"""Interval, answer and probe of the heartbeat: a link may be silent as long as that."""

PATIENCE: dict[str, Any] = {
    "heartbeat": {"interval_s": 0.5, "reply_timeout_s": 0.5, "probe_timeout_s": 9.0},
    "deadlines": {"register_s": 10.0, "upgrade_s": 10.0, "tls_s": 10.0, "tcp_s": 10.0},
}
"""Of neighbours: what they may notice is the sick account, not that 50 share a busy machine."""


class Log:
    """Keeps what is logged; a structlog logger as far as the gateway cares."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self._changed = threading.Condition()

    def _note(self, level: str, event: str, fields: Mapping[str, Any]) -> None:
        with self._changed:
            self.lines.append((level, event, dict(fields)))
            self._changed.notify_all()

    def debug(self, event: str, **fields: Any) -> None:
        self._note("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._note("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._note("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._note("error", event, fields)

    def found(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines of an event with these fields."""
        return [
            line
            for _, name, line in list(self.lines)
            if name == event and fields.items() <= line.items()
        ]

    def wait(self, event: str, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
        """Wait until an event was logged that often."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.found(event, **fields)) >= count, WAIT_S)
        assert done, f"{event} {fields} was not logged {count} times: {self.found(event)}"
        return self.found(event, **fields)


class Ledger:
    """What handlers saw, in the order they saw it; a handler itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.events: list[Event] = []
        self._counts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._counts[event.account] += 1
            self._changed.notify_all()

    def texts(self, account: str | None = None) -> list[str]:
        """Return the texts, in order."""
        return [
            getattr(event, "text", None) or ""
            for event in list(self.events)
            if account in (None, event.account)
        ]

    def wait(self, count: int, account: str | None = None, timeout_s: float = WAIT_S) -> list[str]:
        """Wait until that many events were seen, and give their texts."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._count(account) >= count, timeout_s)
        assert done, f"{len(self.texts(account))} of {count} events: {self.texts(account)[-5:]}"
        return self.texts(account)

    def _count(self, account: str | None) -> int:
        return len(self.events) if account is None else self._counts[account]

    def until(self, there: Callable[[list[str]], bool], timeout_s: float = WAIT_S) -> None:
        """Wait until the texts are as wanted."""
        with self._changed:
            assert self._changed.wait_for(lambda: there(self.texts()), timeout_s), self.texts()


class States:
    """Every state change, as listeners hear it."""

    def __init__(self) -> None:
        self.changes: list[StateChanged] = []
        self._changed = threading.Condition()

    def __call__(self, change: StateChanged) -> None:
        with self._changed:
            self.changes.append(change)
            self._changed.notify_all()

    def of(self, account: str) -> list[StateChanged]:
        """Return an account's changes."""
        return [change for change in list(self.changes) if change.account == account]

    def wait(self, account: str, until: Callable[[StateChanged], bool]) -> StateChanged:
        """Wait for a change of an account."""

        def there() -> list[StateChanged]:
            return [change for change in self.of(account) if until(change)]

        with self._changed:
            assert self._changed.wait_for(there, WAIT_S), self.of(account)
        return there()[0]


class Market:
    """A platform, shops, and a gateway that serves them; use as a context manager.

    Each shop is an account of its user id. ``start`` makes the gateway; a second one after
    ``stop`` finds the same data directory. Both live by ``clock``, the platform by
    ``their_ms`` if that is given.
    """

    def __init__(
        self,
        directory: Path,
        *names: str,
        behaviour: Behaviour | None = None,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        defaults: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        their_ms: Callable[[], int] | None = None,
        **keys: Any,
    ) -> None:
        self._clock = clock or SystemClock()
        behaviour = behaviour or Behaviour(backlog="push")
        self.fake = FakePlatform(behaviour, unix_ms=their_ms or self._clock.unix_ms)
        self.fake.start()
        self.shops = {name: self.fake.account(name) for name in names}
        self.log, self.states, self.ledger = Log(), States(), Ledger()
        overrides = overrides or {}
        crowded = len(names) > len(CROWD)
        patience = dict.fromkeys(CROWD if crowded else (), merged(PATIENCE, defaults or {}))
        self.config: dict[str, Any] = {
            "data_dir": str(directory),
            "durability": "normal",
            "connect": {"rate_per_s": 1000, "burst": 1000, "deadline_s": 2.0},
            "history": {"rate_per_s": 10_000, "burst": 10_000},
            "outbox": {"rate_per_s": 10_000, "burst": 10_000},
            "defaults": merged(HASTE, defaults or {}),
            "accounts": [
                merged(merged(account_of(shop), patience.get(name, {})), overrides.get(name, {}))
                for name, shop in self.shops.items()
            ],
            **keys,
        }
        self.gateway = self.make()

    def make(self) -> Gateway:
        """Make a gateway; the ledger is its handler unless the test adds others."""
        gateway = Gateway(from_mapping(self.config), log=self.log, clock=self._clock)
        gateway.on_state(self.states)
        return gateway

    def listen(self) -> None:
        """Note every chat message in the ledger."""
        self.gateway.on(ChatMessage)(self.ledger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.gateway.stop(5.0)
        finally:
            self.fake.stop()

    def start(self, *names: str) -> None:
        """Start, and wait for these accounts; none given: all."""
        self.gateway.start()
        for name in names or tuple(self.shops):
            self.connected(name)

    def connected(self, name: str) -> None:
        """Wait until an account is CONNECTED."""
        view = self.gateway.accounts[name]
        assert view.wait_for(ConnectionState.CONNECTED, WAIT_S), (view, view.last_error)

    def reached(self, name: str, state: ConnectionState) -> None:
        """Wait until an account is in a state."""
        view = self.gateway.accounts[name]
        assert view.wait_for(state, WAIT_S), (view, view.last_error)

    def actor(self, kind: str, account: str | None = None) -> Any:
        """Return the living actor of a class, of an account."""
        for actor in self.actors():
            owner = getattr(getattr(actor, "_account", None), "name", None)
            if type(actor).__name__ == kind and owner == account:
                return actor
        raise LookupError(f"no {kind} of {account}")

    def actors(self) -> list[InboxActor]:
        """Return all living actors."""
        system = self.gateway._system  # the test reaches into the machine
        assert system is not None
        return list(system.services.pool.live.values())

    def serves(self, name: str, text: str = "还在吗？") -> None:
        """Check that an account answers: a buyer asks, the gateway's ledger hears it."""
        before = self.ledger.texts(name).count(text)
        self.shops[name].wait_registered()
        self.shops[name].buyer("77001").says(text)
        self.ledger.until(partial(self._heard_more, name, text, before))

    def serves_sends(self, name: str) -> None:
        """Check that an account still sends."""
        result = self.gateway.send(name, "checks", "checked", to="77001").result(WAIT_S)
        assert result.outcome is SendOutcome.ACCEPTED, result

    def keep_their_sessions(self, *names: str) -> None:
        """Check that accounts have the session they began with, and no other."""
        for name in names:
            self.shops[name].wait_registered()
            assert len(self.shops[name].sessions) == 1, self.states.of(name)

    def undisturbed(self, *names: str) -> None:
        """Check that accounts still have their first session and answer."""
        before = {name: self.ledger.texts(name).count("and you?") for name in names}
        self.keep_their_sessions(*names)
        for name in names:
            self.shops[name].buyer("77001").says("and you?")
        for name, heard in before.items():
            self.ledger.until(partial(self._heard_more, name, "and you?", heard))

    def _heard_more(self, name: str, text: str, before: int, _: list[str]) -> bool:
        return self.ledger.texts(name).count(text) > before


class Held:
    """A handler that keeps what it is given until it is let go, but for one text."""

    def __init__(self, but: str | None = None) -> None:
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        self._but = but

    def __call__(self, event: ChatMessage) -> None:
        if self._but is None or event.text != self._but:
            self.entered.release()
            self.release.wait(60.0)

    def has(self, count: int = 1) -> bool:
        """Wait until it was given so many more."""
        return all(self.entered.acquire(timeout=WAIT_S) for _ in range(count))


@contextmanager
def held_up(
    market: Market, *, account: str | None = None, but: str | None = None
) -> Iterator[Held]:
    """Add that handler, of an account or of all; it is let go at the end, whatever happens."""
    held = Held(but)
    market.gateway.on(ChatMessage, account=account)(held)
    try:
        yield held
    finally:
        held.release.set()


def account_of(shop: Shop) -> dict[str, Any]:
    """Return the configuration of a shop's account."""
    return {"id": shop.user_id, "url": shop.url, "credentials": shop.credentials}


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over another; who changes the result changes neither."""
    result: dict[str, Any] = {}
    for key, value in {**under, **over}.items():
        below = under.get(key)
        if isinstance(value, Mapping):
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result
