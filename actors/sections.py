"""The settings the kernel knows: each key with its unit, default, bounds and meaning, once.

A section is a frozen record. Its class is its only home: ``gateway.settings`` holds these very
classes, a plan hands them to actors, policies read them. ``config/default.yaml`` is compared with
them by a test. Names tell units: ``_s`` seconds, ``_bytes`` bytes, ``_per_s`` a second.

Nothing is checked when a section is made: whoever reads a file wants all that is wrong at once
(:mod:`gateway.config`). Pure; imports no library.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of a number, both included."""

    least: float
    most: float


Wait: TypeAlias = Annotated[float, Within(0.0, 86_400.0)]
"""Seconds; zero is allowed."""
Deadline: TypeAlias = Annotated[float, Within(0.01, 86_400.0)]
"""Seconds; neither zero nor unlimited."""
Share: TypeAlias = Annotated[float, Within(0.0, 1.0)]
Factor: TypeAlias = Annotated[float, Within(1.0, 100.0)]
Rate: TypeAlias = Annotated[float, Within(0.001, 1_000_000.0)]
Count: TypeAlias = Annotated[int, Within(1, 1_000_000)]
Bytes: TypeAlias = Annotated[int, Within(126, 1 << 30)]
"""Bytes, above the size of a control frame (125, RFC 6455 5.5)."""

MOST_TAKEN_MINUTES: Final = 10_080
"""Minutes for which a conversation may be taken over at once: a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of all settings."""


def hints_of(cls: type) -> dict[str, Any]:
    """Return the annotations of a record, bounds and marks included."""
    key: Any = cls  # a class is hashable, whatever its instances are
    return _hints(key)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def bounds_of(cls: type, name: str) -> Within | None:
    """Return the bounds of a number, or of each in a list; None if there are none."""
    return _bounds(hints_of(cls)[name])


def _bounds(hint: Any) -> Within | None:
    marks = getattr(hint, "__metadata__", ())
    found = [mark for mark in marks if isinstance(mark, Within)]
    found += filter(None, map(_bounds, typing.get_args(hint)))
    return found[0] if found else None


# --- of an account ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectSettings(Record):
    """How long to wait after a failure.

    ``step`` is added to the wait with each failure, ``base`` doubles with each, ``cap`` is a true
    maximum, before jitter (``contract.md`` 2.5).

    Attributes:
        max_attempts: Failures in a row that end in FAILED; None: never.
        stable_s: After this long CONNECTED the failures are forgotten.
        jitter: Random share of the wait: 0.5 draws from its upper half.
        stretch_factor: Growth of a phase's deadline by a timeout of it, up to ``stretch_cap``.
        flapping_wait_s: Wait of an account whose links end soon, ± ``flapping_spread``.
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
        """Return them as a client without a file takes them, checked."""
        return Delays(**{key.name: getattr(self, key.name) for key in dataclasses.fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays(ReconnectSettings):
    """The same for a client without a file: what is senseless is refused when they are made."""

    def __post_init__(self) -> None:
        """Refuse what would make a delay negative or a deadline shrink.

        Raises:
            ValueError: Says which field, its value and what it may be.
        """
        for key in dataclasses.fields(self):
            value, within = getattr(self, key.name), bounds_of(type(self), key.name)
            if within and value is not None and not within.least <= value <= within.most:
                raise ValueError(
                    f"{key.name} is {value}: it must lie in {within.least:g}…{within.most:g}"
                )
        for low, high in ORDERED[ReconnectSettings]:
            # A step above its cap is allowed: then every wait is the cap.
            if low.endswith("_min_s") and getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is above {high}: exchange them")


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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

    @property
    def answer_bytes(self) -> int:
        """Bytes of one frame above which the link that carries it ends."""
        return min(self.max_frame_bytes, self.max_message_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSettings(Record):
    """How far an account may be behind.

    Attributes:
        high: Events in flight at which its socket is not read any more.
        low: Events at which it is read again.
        high_bytes: Bytes in flight at which its socket is not read any more.
        backpressure_s: Longest time without reading; then the link is closed.
    """

    high: Count = 256
    low: Annotated[int, Within(0, 1_000_000)] = 64
    high_bytes: Bytes = 8 << 20
    backpressure_s: Deadline = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettings(Record):
    """How messages leave (``contract.md`` 2.3).

    Attributes:
        expires_s: A message that could not leave within this is not sent any more.
        reply_s: The platform's answer is due within this; then the outcome is unknown.
        rate_per_s: Sends a second, on average.
        burst: Sends that may leave at once after a pause.
        limit: Most that wait; more are refused before they are accepted.
        buffer_bytes: Most bytes that wait behind a message the peer does not take.
        deadline_s: Longest time in which the peer takes less than 1 KiB/s; then the link is lost.
        recheck_s: Between two looks into the history for a send without an answer; one that
            two looks did not find is sent again.
        review_s: How long such a send is looked for; then only a person can decide
            (``needs_review``).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySettings(Record):
    """How history is read again for what was not pushed (``contract.md`` 2.2).

    Attributes:
        probe_s: Time between two checks whether the platform is ahead of the journal, ± 20 %;
            once a day the check is a recovery. 0: no checks.
        zombie_s: If the platform is ahead for this long and pushes nothing, the link is closed.
        first_contact: What was said before the first contact of the account with this journal:
            ``ignore``: history is not read, and what is pushed and ten minutes older is not
            handled. ``deliver``: it is read and handled.
        first_s: How far back ``deliver`` reads; 0: not at all.
        margin_s: How much before the last known point is read again.
        reply_s: The platform's answer is due within this.
        retry_s: Wait before a request is tried again, twice.
        rate_per_s: Requests a second, on average.
        burst: Requests at once after a pause.
        pages: After this many pages it counts as not recovered and continues in the background.
        hold_s: Longest time that live events wait for older ones; 0: they do not wait.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings(Record):
    """What happens when a handler raises or the process dies in it (``contract.md`` 2.1).

    Attributes:
        retry_delays_s: Wait before each further try; after the last the event is a dead letter.
        crash_limit: An event that ends the process this often is a dead letter.
        expire_s: An event older than this is counted as expired, not handled; None: never.
    """

    retry_delays_s: tuple[Wait, ...] = (1.0, 5.0, 25.0)
    crash_limit: Annotated[int, Within(3, 1000)] = 3
    expire_s: Deadline | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSettings(Record):
    """When the credentials of an account that can renew them are renewed.

    Attributes:
        early_share: From this share of a token's life on, a reconnect renews it first.
        late_share: At this share it is renewed although the link stands; the account reconnects.
        fallback_life_s: Life of a token whose life the platform does not tell.
        min_gap_s: Seconds between two renewals.
        per_hour: Calls to the platform's sign-in in an hour at most, repeated ones included.
        per_day: The same in a day.
        deadline_s: A renewal is given up after this.
        request_s: One call of it is given up after this.
    """

    early_share: Share = 0.75
    late_share: Share = 0.9
    fallback_life_s: Deadline = 1800.0
    min_gap_s: Wait = 60.0
    per_hour: Count = 6
    per_day: Count = 24
    deadline_s: Deadline = 30.0
    request_s: Deadline = 10.0


# --- of the process -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSettings(Record):
    """How all accounts renew their credentials.

    Attributes:
        workers: Renewals at a time.
        rate_per_s: Renewals a second through one egress (a proxy, or none), on average.
        burst: Renewals through one egress that may begin at once.
    """

    workers: Count = 4
    rate_per_s: Rate = 1.0
    burst: Count = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings(Record):
    """How fast history is read, over all accounts; each has its own limit, too.

    Attributes:
        rate_per_s: Pages a second, on average.
        burst: Pages at once after a pause.
    """

    rate_per_s: Rate = 20.0
    burst: Count = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerSettings(Record):
    """Where the host's code runs (``contract.md`` 2.10).

    Attributes:
        threads: Most handlers at once, over all accounts.
        per_account: Most of them for one account.
        deadline_s: Longest time of a handler; then its thread is given up.
    """

    threads: Count = 32
    per_account: Count = 4
    deadline_s: Deadline = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeoverSettings(Record):
    """A person answers a conversation himself, and the handlers are quiet.

    Attributes:
        auto_minutes: So long after a message that somebody wrote as the account, on a phone say;
            0: only when a person asks for it.
    """

    auto_minutes: Annotated[int, Within(0, MOST_TAKEN_MINUTES)] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings(Record):
    """How the journal stays well over years (``contract.md`` 2.10, 2.12).

    Attributes:
        retention_days: How long settled events and ended sends are kept, and with them the ids
            by which a repeated message is recognised. An event that is older than this when
            it comes is parked as ``stale``.
        max_bytes: Bound of the file: above 80 % the frames of settled events go first, above
            95 % nothing more is stored.
        min_free_bytes: With less free on the disk nothing more is stored.
        limit_s: Seconds without a successful commit after which all links are closed.
        dead_letter_max_bytes: Bound of the frames kept for dead letters: above 50 % an alert is
            on, at 100 % nothing new is stored until a person drops or replays some.
        lane_alert_events: If this many events of one conversation wait, an alert is on.
        lane_alert_s: If an event waits this long, an alert is on.
    """

    retention_days: Annotated[float, Within(1.0, 36_500.0)] = 7.0
    max_bytes: Annotated[int, Within(1 << 20, 1 << 50)] = 20 << 30
    min_free_bytes: Annotated[int, Within(0, 1 << 50)] = 1 << 30
    limit_s: Deadline = 10.0
    dead_letter_max_bytes: Annotated[int, Within(1, 1 << 50)] = 1 << 30
    lane_alert_events: Count = 10_000
    lane_alert_s: Deadline = 3600.0


ORDERED: Final[Mapping[type[Record], Sequence[tuple[str, str]]]] = {
    FlowSettings: [("low", "high")],
    LimitSettings: [("max_frame_bytes", "max_message_bytes")],
    ReconnectSettings: [
        ("unexpected_close_step_s", "unexpected_close_cap_s"),
        ("network_step_s", "network_cap_s"),
        ("other_step_s", "other_cap_s"),
        ("server_restart_min_s", "server_restart_max_s"),
        ("overload_base_s", "overload_cap_s"),
        ("auth_base_s", "auth_cap_s"),
        ("kicked_min_s", "kicked_max_s"),
        ("tls_trust_base_s", "tls_trust_cap_s"),
        ("config_base_s", "config_cap_s"),
    ],
}
"""Pairs of keys of a section; the first must not be above the second."""
