"""Makes what the kernel needs from settings: the plan of each account, and the journal."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from actors.account.services import Observer
from actors.plan import AccountPlan
from actors.policy.attempts import AttemptRules
from actors.policy.gate import ConnectGate
from actors.ports import Clock, Handle, Identity
from actors.ports.journal import Journal
from actors.runtime.clock import SystemClock
from actors.runtime.quotas import OpenSends
from actors.system import System
from gateway import arguments
from gateway.compiled import REMEDY, not_compiled
from gateway.credentials.registry import Surroundings, source_of
from gateway.host.handlers import Handlers
from gateway.journal.files import opening
from gateway.journal.memory.journal import MemoryJournal
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.platforms import registry
from gateway.settings import AccountSettings, Record, RetrySettings, Settings
from gateway.transport.dialer import WebSocketDialer

DAY_S = 24 * 3600
JOURNAL_FILE = opening.JOURNAL_FILE

_SECTIONS = [
    key.name
    for key in dataclasses.fields(AccountSettings)
    if isinstance(key.default, Record) and key.name in AccountPlan.__struct_fields__
]
"""Settings of an account that the kernel has under the same name."""


def journal(
    settings: Settings, clock: Clock, log: Any = None, *, backup_first: bool = False
) -> Journal:
    """Open the journal the settings name.

    Args:
        settings: Of the gateway.
        clock: Time.
        log: A structlog logger.
        backup_first: Copy even a large file before its schema is brought up to date.

    Raises:
        JournalError: It cannot be opened; says why and what to do.
    """
    if settings.durability == "memory":
        return MemoryJournal(clock=clock)
    return SqliteJournal(
        Path(settings.data_dir) / JOURNAL_FILE,
        synchronous="FULL" if settings.durability == "full" else "NORMAL",
        clock=clock,
        limits=settings.journal,
        log=log,
        backup_first=backup_first,
    )


def system(
    settings: Settings,
    journal: Journal,
    *,
    handlers: Handlers,
    handle: Handle,
    observer: Observer,
    clock: Clock,
    log: Any,
    on_exhausted: Callable[[], None],
) -> System:
    """Make what all accounts share, not started.

    Args:
        settings: Of the gateway.
        journal: Open.
        handlers: Know which events are parked, what was given up, and what is taken over.
        handle: Gets the events.
        observer: Hears what happens.
        clock: Time.
        log: A structlog logger.
        on_exhausted: Called when only a new process helps.
    """
    connect, outbox = settings.connect, settings.outbox
    return System(
        journal=journal,
        handle=handle,
        observer=observer,
        log=log,
        gate=ConnectGate(
            rate_per_s=connect.rate_per_s,
            burst=connect.burst,
            max_in_flight=connect.max_in_flight,
        ),
        clock=clock,
        handlers=settings.handlers,
        history=settings.history,
        renewals=settings.credentials,
        sends=OpenSends(limit=outbox.limit, rate_per_s=outbox.rate_per_s, burst=outbox.burst),
        takeovers=handlers.takeovers,
        parking=handlers,
        given_up=handlers.given_up,
        journal_limit_s=settings.journal.limit_s,
        on_exhausted=on_exhausted,
    )


def log_start(log: Any, notes: Iterable[str], *, accounts: int) -> None:
    """Log that a gateway started, what its settings lack, and what makes it slow."""
    for note in notes:
        log.warning("config.noted", detail=note)
    if plain := not_compiled():
        log.info("gateway.plain_readers", modules=plain, next_step=REMEDY)
    log.info("gateway.started", accounts=accounts)


def opener(given: object, log: Any) -> Callable[[Settings, Clock], Journal]:
    """Return what opens the journal: what a host gave, or :func:`journal`.

    Raises:
        TypeError: It is no function of settings and a clock.
    """
    if given is None:
        return partial(journal, log=log)
    if not callable(given):
        raise TypeError(
            f"journal must be a function of settings and a clock that opens one, not "
            f"{arguments.kind(given)}; where the file lies is data_dir of the settings"
        )
    found: Callable[..., Any] = arguments.function("journal", given, takes=2)
    return found


def clock(given: object) -> Clock:
    """Return the time to use: what a host gave, or the machine's.

    Raises:
        TypeError: It is no clock.
    """
    if given is None:
        return SystemClock()
    found: Any = given
    if isinstance(given, type) or not all(
        callable(getattr(given, name, None)) for name in ("monotonic", "unix_ms")
    ):
        what = f"the class {given.__name__}" if isinstance(given, type) else arguments.kind(given)
        raise TypeError(
            f"clock must be an object with monotonic() and unix_ms(), not {what}; "
            "a test has gateway.testing.ManualClock()"
        )
    return found  # type: ignore[no-any-return]  # it has what is asked of it


class _Fixed:
    """Gives the same credentials to every attempt."""

    __slots__ = ("_identity",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def __call__(self) -> Identity:
        return self._identity


def plan(
    account: AccountSettings, settings: Settings, around: Surroundings | None = None
) -> AccountPlan:
    """Return one account's plan.

    Args:
        account: Its settings.
        settings: Of the gateway.
        around: What a source of credentials is given; None: nobody will renew any.

    Raises:
        ValueError: The URL, the proxy or the CA file cannot be used, or the platform is not known;
            names the setting and the fix.
    """
    credentials = account.credentials
    identity = Identity(
        account=account.id,
        user_id=credentials.user_id,
        device_id=credentials.device_id,
        token=credentials.token,
        cookie=credentials.cookie,
        user_agent=account.user_agent,
    )
    return AccountPlan(
        account=account.id,
        platform=registry.get(account.platform),
        dialer=WebSocketDialer(
            url=account.url,
            headers=account.headers,
            proxy=account.proxy,
            tls=account.tls,
            deadlines=account.deadlines,
            limits=account.limits,
        ),
        identity=_Fixed(identity),
        source=None if around is None else source_of(account, around),
        fingerprint=_fingerprint(account, around),
        user_id=credentials.user_id,
        connect=settings.connect,
        tries=_attempt_rules(account.handlers, _horizon_s(settings)),
        **{name: getattr(account, name) for name in _SECTIONS},
    )


def _fingerprint(account: AccountSettings, around: Surroundings | None) -> str:
    """Return what changes with the credentials of the settings, and tells nothing of them.

    It changes with the keys, too: what could not be opened may be by now.
    """
    parts: list[object] = [account.id, dataclasses.asdict(account.credentials)]
    if around is not None and around.store.keys:
        parts.append(around.store.keys)
    text = msgspec.json.encode(parts)
    return hashlib.sha256(text).hexdigest()[:16]


def _horizon_s(settings: Settings) -> float | None:
    # Memory forgets by number and at the end, so that an age tells nothing.
    return None if settings.durability == "memory" else settings.journal.retention_days * DAY_S


@lru_cache(maxsize=256)
def _attempt_rules(handlers: RetrySettings, horizon_s: float | None) -> AttemptRules:
    """Return the rules of thousands of accounts that differ in little."""
    return AttemptRules(**dataclasses.asdict(handlers), horizon_s=horizon_s)
