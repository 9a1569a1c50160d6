"""The settings of one account: what only the gateway knows, and the kernel's sections.

Only data. Everything here may also stand under ``defaults`` in a file, for all accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from actors.sections import (
    DeadlineSettings,
    FlowSettings,
    HeartbeatSettings,
    LimitSettings,
    ReconnectSettings,
    RecoverySettings,
    RetrySettings,
    SendSettings,
)
from gateway.settings.paths import resolved
from gateway.settings.record import Masked, Secret


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials(Masked):
    """The credentials of an account.

    Attributes:
        kind: ``static``: the values here, until they are changed.
        user_id: The platform's id of the account.
        device_id: The one the token was asked for; stays the same across reconnects.
        token: Proof for the registration.
        cookie: ``Cookie`` header of the upgrade, this account's only.
    """

    kind: Literal["static"] = "static"
    user_id: str | None = None
    device_id: Secret | None = None
    token: Secret | None = None
    cookie: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TlsSettings(Masked):
    """Which certificates to trust.

    Attributes:
        ca_file: PEM file with own authorities, resolved as ``data_dir`` is; None: those of the
            system.
        verify: False accepts any certificate; for tests only.
        server_name: Name the certificate must bear, if not the URL's host.
    """

    ca_file: str | None = None
    verify: bool = True
    server_name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ca_file", resolved(self.ca_file))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AccountSettings(Masked):
    """One account.

    Attributes:
        id: Our name of it; unique.
        url: ``ws://`` or ``wss://``.
        platform: Its name in the registry, e.g. ``goofish`` or ``plain``.
        enabled: False: known, not connected.
        headers: Added to the upgrade; never a cookie.
        user_agent: Sent in the upgrade and the registration; None: the platform's own.
        proxy: ``http://`` or ``socks5://`` URL, never bypassed; None: none.
    """

    id: str
    url: str
    platform: str = "goofish"
    enabled: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    user_agent: str | None = None
    credentials: Credentials = Credentials()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    reconnect: ReconnectSettings = ReconnectSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    proxy: str | None = None
    tls: TlsSettings = TlsSettings()
    limits: LimitSettings = LimitSettings()
    handlers: RetrySettings = RetrySettings()
    flow: FlowSettings = FlowSettings()
    send: SendSettings = SendSettings()
    recovery: RecoverySettings = RecoverySettings()
