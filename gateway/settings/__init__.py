"""All settings, as frozen values: names, units, defaults, bounds.

A section the kernel works with is defined in :mod:`actors.sections` and held here; what only
the gateway knows is defined here. Only data. Reading a file is :mod:`gateway.config`;
``config/default.yaml`` shows the same tree as YAML. No ``repr`` or ``str`` here tells a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from actors import sections
from actors.sections import (
    ConnectSettings,
    DeadlineSettings,
    FlowSettings,
    HandlerSettings,
    HeartbeatSettings,
    HistorySettings,
    JournalSettings,
    LimitSettings,
    OutboxSettings,
    ReconnectSettings,
    Record,
    RecoverySettings,
    RenewalSettings,
    RetrySettings,
    SendSettings,
    TakeoverSettings,
    Within,
)
from gateway.settings.account import AccountSettings, Credentials, EndpointSettings, TlsSettings
from gateway.settings.listen import resolved_listen
from gateway.settings.notify import NotifySettings
from gateway.settings.paths import resolved
from gateway.settings.record import Masked, Secret
from gateway.words import Language

__all__ = [
    "AccountSettings",
    "ConnectSettings",
    "CredentialSettings",
    "Credentials",
    "DeadlineSettings",
    "EndpointSettings",
    "FlowSettings",
    "HandlerSettings",
    "HeartbeatSettings",
    "HistorySettings",
    "HttpSettings",
    "JournalSettings",
    "LimitSettings",
    "LogSettings",
    "MetricsSettings",
    "NotifySettings",
    "OutboxSettings",
    "ReadingSettings",
    "ReconnectSettings",
    "Record",
    "RecoverySettings",
    "RenewalSettings",
    "RetrySettings",
    "SendSettings",
    "Settings",
    "SinkSettings",
    "TakeoverSettings",
    "TlsSettings",
]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LogSettings(Masked):
    """What the launcher logs.

    Attributes:
        level: What is below it is not logged.
        format: For a person or for a program.
        file: Where to; None: stderr. Resolved as ``data_dir`` is.
        file_bytes: Size at which the file is rotated.
        file_count: Rotated files that are kept.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
    file: str | None = None
    file_bytes: Annotated[int, Within(1 << 16, 1 << 40)] = 10 << 20
    file_count: Annotated[int, Within(1, 1000)] = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", resolved(self.file))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpSettings(Masked):
    """Status page and HTTP API.

    Attributes:
        listen: ``host:port``, or ``unix:PATH``, resolved as ``data_dir`` is; None: off.
        token: Bearer token; required unless it listens on loopback.
        metrics_token: Bearer token that opens the metrics and nothing else; None: there is none.
        viewer_token: Bearer token of those who may look and change nothing; None: there is none.
        viewer_chats: They may see what buyers wrote, too.
        hosts: Further names it is asked by, e.g. that of a reverse proxy.
    """

    listen: str | None = None
    token: Secret | None = None
    metrics_token: Secret | None = None
    viewer_token: Secret | None = None
    viewer_chats: bool = False
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "listen", resolved_listen(self.listen))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MetricsSettings(Masked):
    """What the metrics show.

    Attributes:
        per_account: Metrics with names of accounts: ``auto``: at ``/metrics`` up to 500 accounts,
            and at ``/metrics/accounts``; ``always``: at both; ``never``: at neither.
    """

    per_account: Literal["auto", "always", "never"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReadingSettings(Masked):
    """The reading copy: what was said, for the page. Off where ``http.listen`` is null.

    Attributes:
        keep_days: What was said is kept so long; the journal has its own ``retention_days``.
        max_bytes: Beyond, the oldest is deleted.
        events_per_s: So many are read of a journal that is ahead, at most.
    """

    keep_days: Annotated[float, Within(0.01, 3_660.0)] = 30.0
    max_bytes: Annotated[int, Within(1 << 20, 1 << 44)] = 4 << 30
    events_per_s: Annotated[float, Within(1.0, 1_000_000.0)] = 2_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSettings(sections.CredentialSettings):
    """How all accounts renew their credentials, and how they are kept.

    Attributes:
        key_file: Holds the keys that seal what is kept, a line each; None: it is not encrypted.
            Resolved as ``data_dir`` is.
    """

    key_file: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_file", resolved(self.key_file))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SinkSettings(Masked):
    """A sink: where events go besides the handlers.

    Attributes:
        kind: Its name in :mod:`gateway.sinks`, e.g. ``jsonl``.
        options: What that sink takes.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, weakref_slot=True)
class Settings(Masked):
    """The settings of a gateway.

    Attributes:
        language: Of what is said to the operator; None: that of the process (``LANG``), English
            unless it is Chinese. Logs and JSON are English.
        data_dir: The journal lives here; ``~`` is a home directory. It is relative to the
            working directory of the moment when the settings are made.
        durability: ``full`` (fsync each group commit), ``normal`` or ``memory``.
        notes: What the loader wants a person to know; no key of the file.
    """

    language: Language | None = None
    data_dir: str = "var/gateway"
    durability: Literal["full", "normal", "memory"] = "full"
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()
    http: HttpSettings = HttpSettings()
    metrics: MetricsSettings = MetricsSettings()
    reading: ReadingSettings = ReadingSettings()
    connect: ConnectSettings = ConnectSettings()
    credentials: CredentialSettings = CredentialSettings()
    handlers: HandlerSettings = HandlerSettings()
    history: HistorySettings = HistorySettings()
    outbox: OutboxSettings = OutboxSettings()
    takeover: TakeoverSettings = TakeoverSettings()
    notify: NotifySettings = NotifySettings()
    accounts: tuple[AccountSettings, ...] = ()
    sinks: tuple[SinkSettings, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_dir", resolved(self.data_dir))
