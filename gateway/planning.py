"""From settings to what the kernel needs: one account's plan, and the journal."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from actors.account import AccountPlan, Observer, RecoveryPlan
from actors.policy.gate import ConnectGate
from actors.policy.tries import TryRules
from actors.ports import Clock, Handle, Identity
from actors.runtime.clock import SystemClock
from actors.runtime.sends import OpenSends
from actors.storage import Journal
from actors.system import System
from gateway import arguments
from gateway.handlers import Handlers
from gateway.journal import files
from gateway.journal.memory import MemoryJournal
from gateway.journal.quota import Limits
from gateway.journal.sqlite import SqliteJournal
from gateway.platforms import registry
from gateway.settings import AccountSettings, Settings
from gateway.transport.dialer import PhaseLimits, WebSocketDialer
from gateway.transport.tls import TlsOptions

DAY_S = 24 * 3600
JOURNAL_FILE = files.JOURNAL_FILE

T = TypeVar("T", bound=Hashable)


def journal(settings: Settings, clock: Clock, log: Any = None) -> Journal:
    """Open the journal the settings name.

    Raises:
        JournalError: It can not be opened; says why and what to do.
    """
    if settings.durability == "memory":
        return MemoryJournal(clock=clock)
    return SqliteJournal(
        Path(settings.data_dir) / JOURNAL_FILE,
        synchronous="FULL" if settings.durability == "full" else "NORMAL",
        clock=clock,
        limits=Limits(
            retention_days=settings.journal.retention_days,
            max_bytes=settings.journal.max_bytes,
            min_free_bytes=settings.journal.min_free_bytes,
            dead_letter_max_bytes=settings.journal.dead_letter_max_bytes,
            lane_alert_events=settings.journal.lane_alert_events,
            lane_alert_s=settings.journal.lane_alert_s,
        ),
        log=log,
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
        handlers: Know which events are parked, and what was given up.
        handle: Gets the events.
        observer: Hears what happens.
        clock: Time.
        log: A structlog logger.
        on_exhausted: Called when only a new process helps.
    """
    connect, run, outbox = settings.connect, settings.handlers, settings.outbox
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
        handlers_per_account=run.per_account,
        handler_threads=run.threads,
        handler_deadline_s=run.deadline_s,
        history_rate_per_s=settings.history.rate_per_s,
        history_burst=settings.history.burst,
        sends=OpenSends(limit=outbox.limit, rate_per_s=outbox.rate_per_s, burst=outbox.burst),
        parking=handlers,
        given_up=handlers.given_up,
        journal_limit_s=settings.journal.limit_s,
        on_exhausted=on_exhausted,
    )


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


@lru_cache(maxsize=256)
def shared(part: T) -> T:
    """Give the part of an earlier plan that is equal: thousands of accounts differ in little."""
    return part


class _Fixed:
    """Gives the same credentials to every attempt."""

    __slots__ = ("_identity",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def __call__(self) -> Identity:
        return self._identity


def plan(account: AccountSettings, settings: Settings) -> AccountPlan:
    """Give one account's plan.

    Raises:
        ValueError: The URL, the proxy or the CA file can not be used, or the platform is not known;
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
    deadlines, reconnect, send = account.deadlines, account.reconnect, account.send
    return AccountPlan(
        account=account.id,
        platform=registry.get(account.platform),
        dialer=WebSocketDialer(
            url=account.url,
            headers=account.headers,
            proxy=account.proxy,
            tls=shared(
                TlsOptions(
                    ca_file=account.tls.ca_file,
                    verify=account.tls.verify,
                    server_name=account.tls.server_name,
                )
            ),
            limits=shared(
                PhaseLimits(
                    dns_s=deadlines.dns_s,
                    tcp_s=deadlines.tcp_s,
                    proxy_s=deadlines.proxy_s,
                    tls_s=deadlines.tls_s,
                    upgrade_s=deadlines.upgrade_s,
                )
            ),
            max_frame_bytes=account.limits.max_frame_bytes,
            max_message_bytes=account.limits.max_message_bytes,
            max_fragments=account.limits.max_fragments,
        ),
        identity=_Fixed(identity),
        user_id=credentials.user_id,
        attempt_deadline_s=settings.connect.deadline_s,
        register_timeout_s=deadlines.register_s,
        close_timeout_s=deadlines.close_s,
        heartbeat_interval_s=account.heartbeat.interval_s,
        heartbeat_reply_s=account.heartbeat.reply_timeout_s,
        heartbeat_probe_s=account.heartbeat.probe_timeout_s,
        delays=shared(reconnect.delays()),
        max_attempts=reconnect.max_attempts,
        stable_s=reconnect.stable_s,
        tries=shared(
            TryRules(
                pauses_s=account.handlers.retry_delays_s,
                crash_limit=account.handlers.crash_limit,
                expire_s=account.handlers.expire_s,
                # memory forgets by number and at the end, so that an age tells nothing
                horizon_s=None
                if settings.durability == "memory"
                else settings.journal.retention_days * DAY_S,
            )
        ),
        flow_high=account.flow.high,
        flow_low=account.flow.low,
        flow_high_bytes=account.flow.high_bytes,
        backpressure_limit_s=account.flow.backpressure_s,
        send_reply_s=send.reply_s,
        send_rate_per_s=send.rate_per_s,
        send_burst=send.burst,
        send_limit=send.limit,
        send_buffer_bytes=send.buffer_bytes,
        send_deadline_s=send.deadline_s,
        recovery=shared(
            RecoveryPlan(
                **{name: getattr(account.recovery, name) for name in RecoveryPlan.__struct_fields__}
            )
        ),
        answer_limit_bytes=min(account.limits.max_frame_bytes, account.limits.max_message_bytes),
        send_recheck_s=send.recheck_s,
        send_review_s=send.review_s,
        send_strict_lane=send.strict_lane,
    )
