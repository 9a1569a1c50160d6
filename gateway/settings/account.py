"""The settings of one account: names, units, defaults, bounds.

Only data. Everything here may also stand under ``defaults`` in a file, for all accounts.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from gateway.settings.paths import resolved
from gateway.settings.record import (
    Bytes,
    Count,
    Deadline,
    Factor,
    Rate,
    Record,
    Secret,
    Share,
    Wait,
    Within,
)

if typing.TYPE_CHECKING:
    from actors.policy.backoff import Delays


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials(Record):
    """Who the account is.

    Attributes:
        kind: ``static``: what stands here, until somebody changes it.
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
class HeartbeatSettings(Record):
    """When to ask for a sign of life (``contract.md`` 2.4).

    Attributes:
        interval_s: Between two heartbeats.
        reply_timeout_s: An answer is due within this.
        probe_timeout_s: The answer to the last probe is due within this; then it is dead.
    """

    interval_s: Deadline = 15.0
    reply_timeout_s: Deadline = 10.0
    probe_timeout_s: Deadline = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReconnectSettings(Record):
    """How long to wait after a failure; the keys of :class:`actors.policy.backoff.Delays`.

    ``step`` grows the wait by so much a failure, ``base`` doubles it, ``cap`` is a true
    maximum, before jitter (``contract.md`` 2.5).

    Attributes:
        max_attempts: Failures in a row that end in FAILED; None: never.
        stable_s: So long CONNECTED and the failures are forgotten.
        jitter: Share of the wait the dice decide: 0.5 draws from its upper half.
        stretch_factor: Growth of a phase's deadline by a timeout of it, up to ``stretch_cap``.
        flapping_wait_s: Wait of an account whose links die young, ± ``flapping_spread``.
        crash_probe_s: Wait before an account that FAILED by crashes of its actors is tried
            again by itself, three times at most.
    """

    max_attempts: Count | None = None
    stable_s: Wait = 60.0
    unexpected_close_step_s: Wait = 3.0
    unexpected_close_cap_s: Wait = 15.0
    network_step_s: Wait = 10.0
    network_cap_s: Wait = 60.0
    other_step_s: Wait = 5.0
    other_cap_s: Wait = 30.0
    server_restart_min_s: Wait = 5.0
    server_restart_max_s: Wait = 30.0
    overload_base_s: Wait = 5.0
    overload_cap_s: Wait = 60.0
    auth_base_s: Wait = 60.0
    auth_cap_s: Wait = 600.0
    kicked_min_s: Wait = 30.0
    kicked_max_s: Wait = 60.0
    tls_trust_base_s: Wait = 30.0
    tls_trust_cap_s: Wait = 300.0
    config_base_s: Wait = 30.0
    config_cap_s: Wait = 300.0
    jitter: Share = 0.5
    retry_after_cap_s: Wait = 300.0
    stretch_factor: Factor = 1.5
    stretch_cap: Factor = 4.0
    flapping_wait_s: Wait = 300.0
    flapping_spread: Share = 0.2
    crash_probe_s: Wait = 900.0

    def delays(self) -> Delays:
        """Give them as the kernel takes them."""
        from actors.policy.backoff import Delays  # noqa: PLC0415 settings stay cheap to import

        return Delays(**{name: getattr(self, name) for name in Delays.__struct_fields__})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeadlineSettings(Record):
    """How long each step of a link may take; ``connect.deadline_s`` bounds dialling in all.

    Attributes:
        dns_s: Resolving the name.
        tcp_s: One address; the next is tried after it.
        proxy_s: The proxy's handshake.
        tls_s: The TLS handshake.
        upgrade_s: The WebSocket upgrade.
        register_s: The platform's answer to the registration.
        close_s: The peer's close frame after ours.
    """

    dns_s: Deadline = 5.0
    tcp_s: Deadline = 5.0
    proxy_s: Deadline = 10.0
    tls_s: Deadline = 5.0
    upgrade_s: Deadline = 10.0
    register_s: Deadline = 10.0
    close_s: Deadline = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TlsSettings(Record):
    """Whom to trust.

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
class LimitSettings(Record):
    """What a peer may send; beyond it the link is closed with 1009.

    Attributes:
        max_frame_bytes: One frame, enforced from its header.
        max_message_bytes: One message after reassembly.
        max_fragments: Frames a message may be cut into.
    """

    max_frame_bytes: Bytes = 1 << 20
    max_message_bytes: Bytes = 4 << 20
    max_fragments: Count = 1024


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FlowSettings(Record):
    """How far an account may be behind.

    Attributes:
        high: Events in flight at which its socket is not read any more.
        low: Events at which it is read again.
        high_bytes: Bytes in flight at which it is not read either.
        backpressure_s: Longest time without reading; then the link is left.
    """

    high: Count = 256
    low: Annotated[int, Within(0, 1_000_000)] = 64
    high_bytes: Bytes = 8 << 20
    backpressure_s: Deadline = 20.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendSettings(Record):
    """How messages leave (``contract.md`` 2.3).

    Attributes:
        expires_s: A message that could not leave within this is not sent any more.
        reply_s: The platform's answer is due within this; then the outcome is unknown.
        rate_per_s: Sends a second, on average.
        burst: Sends that may leave at once after a pause.
        limit: Most that wait; more are refused before they are accepted.
        buffer_bytes: Most bytes that wait behind a message the peer does not take.
        deadline_s: Longest time in which it takes less than 1 KiB/s; then the link is lost.
        recheck_s: Between two looks into the history for a send without an answer; one that
            two looks did not find is sent again.
        review_s: So long it is looked for; then only a person can tell (``needs_review``).
        strict_lane: Such a send holds up its conversation until it is resolved.
    """

    expires_s: Deadline = 300.0
    reply_s: Deadline = 10.0
    rate_per_s: Rate = 1.0
    burst: Count = 3
    limit: Count = 1000
    buffer_bytes: Bytes = 1 << 20
    deadline_s: Deadline = 5.0
    recheck_s: Wait = 5.0
    review_s: Deadline = 300.0
    strict_lane: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RecoverySettings(Record):
    """How history is read again for what was not pushed (``contract.md`` 2.2).

    Attributes:
        probe_s: Between two looks whether the platform is ahead of us, ± 20 %; once a day it is
            a recovery. 0: none.
        zombie_s: It may be ahead so long with nothing pushed; then the link is left.
        first_contact: What was said before the first contact of the account with this journal:
            ``ignore``: history is not read, and what is pushed and ten minutes older is not
            handled. ``deliver``: it is read and handled.
        first_s: So much of the past is then read; 0: none.
        margin_s: So much before the last known point is read again.
        reply_s: The platform's answer is due within this.
        retry_s: Wait before a request is tried again, twice.
        rate_per_s: Requests a second, on average.
        burst: Requests at once after a pause.
        pages: So many, and it counts as not recovered; it goes on in the background.
        hold_s: Live events wait so long at most for older ones; 0: they do not wait.
    """

    probe_s: Wait = 60.0
    zombie_s: Wait = 10.0
    first_contact: Literal["ignore", "deliver"] = "ignore"
    first_s: Wait = 600.0
    margin_s: Wait = 600.0
    reply_s: Deadline = 10.0
    retry_s: Wait = 1.0
    rate_per_s: Rate = 2.0
    burst: Count = 20
    pages: Count = 500
    hold_s: Wait = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RetrySettings(Record):
    """What happens when a handler raises or the process dies in it (``contract.md`` 2.1).

    Attributes:
        retry_delays_s: Wait before each further try; after the last the event is a dead letter.
        crash_limit: An event that ends the process so often is a dead letter.
        expire_s: An event older than this is counted as expired, not handled; None: never.
    """

    retry_delays_s: tuple[Wait, ...] = (1.0, 5.0, 25.0)
    crash_limit: Annotated[int, Within(3, 1000)] = 3
    expire_s: Deadline | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AccountSettings(Record):
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
