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
    RenewalSettings,
    RetrySettings,
    SendSettings,
)
from gateway.settings.paths import resolved
from gateway.settings.record import Masked, Secret


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EndpointSettings(Masked):
    """Where the platform's HTTP services are; others than its own are for tests.

    Attributes:
        mtop: The gateway of the signed calls; https, or http to this machine.
        passport: Sign-in and renewal.
        upload: Images.
    """

    mtop: str = "https://h5api.m.goofish.com"
    passport: str = "https://passport.goofish.com"
    upload: str = "https://stream-upload.goofish.com"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials(Masked):
    """Who the account is, and where its token comes from.

    Attributes:
        kind: ``static``: what stands here. ``goofish``: the gateway asks for tokens and renews
            them by the account's cookie. ``file``, ``env``, ``python``, ``http``: somebody else
            gives them, and is asked again.
        user_id: The platform's id of the account.
        device_id: The one the token was asked for; stays the same across reconnects.
        token: Proof for the registration; of ``static``.
        cookie: Of ``static``: ``Cookie`` header of the upgrade. Of ``goofish``: what a browser
            that is signed in sends; without one the account waits for a sign-in.
        upgrade_cookie: Of ``goofish``: send the cookies to the WebSocket host, too.
        path: Of ``file``: a JSON file, read again each time.
        variables: Of ``env``: environment variables that hold user_id, device_id, token, cookie.
        call: Of ``python``: ``module:function``.
        url: Of ``http``: asked by POST; https, or http to this machine.
        bearer: Of ``http``: sent as ``Authorization: Bearer``.
        endpoints: Of ``goofish``.
    """

    kind: Literal["static", "goofish", "file", "env", "python", "http"] = "static"
    user_id: str | None = None
    device_id: Secret | None = None
    token: Secret | None = None
    cookie: Secret | None = None
    upgrade_cookie: bool = False
    path: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    call: str | None = None
    url: str | None = None
    bearer: Secret | None = None
    endpoints: EndpointSettings = EndpointSettings()

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", resolved(self.path))


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
    renewal: RenewalSettings = RenewalSettings()
