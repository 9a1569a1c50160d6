"""Everything that can be set, as frozen values: names, units, defaults, bounds.

Only data. Reading a file is :mod:`gateway.config`; ``config/default.yaml`` shows the same
tree as YAML. No ``repr`` or ``str`` here tells a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from gateway.settings.account import (
    AccountSettings,
    Credentials,
    DeadlineSettings,
    FlowSettings,
    HeartbeatSettings,
    LimitSettings,
    ReconnectSettings,
    RecoverySettings,
    RetrySettings,
    SendSettings,
    TlsSettings,
)
from gateway.settings.paths import resolved
from gateway.settings.record import Count, Deadline, Rate, Record, Secret, Within

__all__ = [
    "AccountSettings",
    "ConnectSettings",
    "Credentials",
    "DeadlineSettings",
    "FlowSettings",
    "HandlerSettings",
    "HeartbeatSettings",
    "HistorySettings",
    "HttpSettings",
    "JournalSettings",
    "LimitSettings",
    "LogSettings",
    "OutboxSettings",
    "ReconnectSettings",
    "Record",
    "RecoverySettings",
    "RetrySettings",
    "SendSettings",
    "Settings",
    "SinkSettings",
    "TlsSettings",
]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LogSettings(Record):
    """What the launcher logs, to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpSettings(Record):
    """Status page and HTTP API.

    Attributes:
        listen: ``host:port``; None: off.
        token: Bearer token; a must beyond loopback.
        hosts: Further names it is asked by, e.g. that of a reverse proxy.
    """

    listen: str | None = None
    token: Secret | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectSettings(Record):
    """The gate all accounts go through (``contract.md`` 2.7).

    Attributes:
        rate_per_s: Dials a second.
        burst: Dials that may begin at once.
        max_in_flight: Handshakes at a time.
        deadline_s: DNS, proxy, TCP, TLS and upgrade together.
    """

    rate_per_s: Rate = 20.0
    burst: Count = 20
    max_in_flight: Count = 50
    deadline_s: Deadline = 20.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HistorySettings(Record):
    """How fast history is read, over all accounts; each has its own limit, too.

    Attributes:
        rate_per_s: Pages a second, on average.
        burst: Pages at once after a pause.
    """

    rate_per_s: Rate = 20.0
    burst: Count = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HandlerSettings(Record):
    """Where the host's code runs (``contract.md`` 2.10).

    Attributes:
        threads: Most handlers at once, over all accounts.
        per_account: Most of them for one account.
        deadline_s: A handler may take so long; then its thread is given up.
    """

    threads: Count = 32
    per_account: Count = 4
    deadline_s: Deadline = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OutboxSettings(Record):
    """What all accounts together may send (``contract.md`` 2.10, O8).

    Attributes:
        limit: Most that wait; more are refused before they are accepted.
        rate_per_s: Sends a second, on average.
        burst: Sends that may leave at once after a pause.
    """

    limit: Count = 100_000
    rate_per_s: Rate = 50.0
    burst: Count = 50


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JournalSettings(Record):
    """How the journal stays well over years (``contract.md`` 2.10, 2.12).

    Attributes:
        retention_days: Settled events and ended sends are kept so long, and with them the
            identities by which a repeated message is known. What is older when it comes is
            parked as ``stale``.
        max_bytes: Bound of the file: above 80 % the frames of settled events go first, above
            95 % nothing more is stored.
        min_free_bytes: With less free on the disk nothing more is stored.
        limit_s: So long without a commit that holds, and every link is left.
        dead_letter_max_bytes: Bound of the frames kept for dead letters: above 50 % a person is
            told, at 100 % nothing new is stored until somebody drops or replays some.
        lane_alert_events: So many events of one conversation wait, and a person is told.
        lane_alert_s: So long an event waits, and a person is told.
    """

    retention_days: Annotated[float, Within(1.0, 36_500.0)] = 7.0
    max_bytes: Annotated[int, Within(1 << 20, 1 << 50)] = 20 << 30
    min_free_bytes: Annotated[int, Within(0, 1 << 50)] = 1 << 30
    limit_s: Deadline = 10.0
    dead_letter_max_bytes: Annotated[int, Within(1, 1 << 50)] = 1 << 30
    lane_alert_events: Count = 10_000
    lane_alert_s: Deadline = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SinkSettings(Record):
    """Where events go besides the handlers.

    Attributes:
        kind: Its name in :mod:`gateway.sinks`, e.g. ``jsonl``.
        options: What that sink takes.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, weakref_slot=True)
class Settings(Record):
    """All of a gateway.

    Attributes:
        data_dir: The journal lives here; ``~`` is a home directory. It is relative to the
            working directory of the moment when the settings are made.
        durability: ``full`` (fsync each group commit), ``normal`` or ``memory``.
        notes: What the loader wants a person to know; no key of the file.
    """

    data_dir: str = "var/gateway"
    durability: Literal["full", "normal", "memory"] = "full"
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()
    http: HttpSettings = HttpSettings()
    connect: ConnectSettings = ConnectSettings()
    handlers: HandlerSettings = HandlerSettings()
    history: HistorySettings = HistorySettings()
    outbox: OutboxSettings = OutboxSettings()
    accounts: tuple[AccountSettings, ...] = ()
    sinks: tuple[SinkSettings, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_dir", resolved(self.data_dir))
