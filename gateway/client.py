"""WebSocketClient: one connection behind seven methods, over the gateway's own machinery.

For people who come from a single-file client: blocking calls, booleans instead of
exceptions, text stays text and binary stays bytes. Only :meth:`WebSocketClient.run`
reconnects by itself.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from actors.account import Account, AccountPlan, LinkEnded, LinkOpened, Peers, Role
from actors.connection import ConnectionActor
from actors.heartbeat import HeartbeatActor
from actors.messages import (
    ActorDied,
    Flush,
    Flushed,
    FramesReceived,
    LinkDown,
    Open,
    Shut,
    StateChanged,
)
from actors.policy import retries
from actors.policy.backoff import Delays
from actors.policy.gate import ConnectGate
from actors.ports import Identity
from actors.runtime.flow import Flow
from actors.runtime.link import Link
from actors.state import ConnectionState
from actors.system import System
from actors.values import DONE, ErrorClass, Event, Failure, Frame, Outcome, Recovered, SendResult
from gateway import logs
from gateway.accounts import masked_failure
from gateway.journal.memory import MemoryJournal
from gateway.platforms import registry
from gateway.transport.dialer import WebSocketDialer
from gateway.transport.tls import TlsOptions

NAME = "client"

_CRASHED = Failure(
    error_class=ErrorClass.OTHER,
    reason="actor_crashed",
    detail="An actor of the connection died; connect again, and please report it.",
)


class WebSocketClient:
    """A WebSocket connection to any server.

    Args:
        url: ``ws://`` or ``wss://``.
        headers: Sent with the upgrade.
        on_message: Called by :meth:`run` with each message, on the thread that called it.
        connect_timeout_s: Seconds over DNS, TCP, proxy, TLS and upgrade together.
        heartbeat_interval_s: Seconds between pings.
        heartbeat_reply_s: Seconds until a pong is due.
        proxy: ``http://…`` or ``socks5://…``; never bypassed.
        ca_file: Certificates to trust instead of the system's.
        verify: False trusts every certificate; for tests only.
        max_message_bytes: Largest message accepted.
        max_fragments: Most frames a message may be cut into.
        queue_limit: Messages kept for :meth:`receive`; reading pauses beyond.
        delays: Delays by error class for :meth:`run` and :meth:`reconnect`.
        log: A structlog logger.

    Attributes:
        reconnect_delay: Seconds :meth:`reconnect` waits; follows the last failure's class.
        last_error: Why the last connection ended or could not be made.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        on_message: Callable[[Frame], None] | None = None,
        *,
        connect_timeout_s: float = 20.0,
        heartbeat_interval_s: float = 15.0,
        heartbeat_reply_s: float = 10.0,
        proxy: str | None = None,
        ca_file: str | None = None,
        verify: bool = True,
        max_message_bytes: int = 4 << 20,
        max_fragments: int = 1024,
        queue_limit: int = 1024,
        delays: Delays | None = None,
        log: Any = None,
    ) -> None:
        self.url = url
        self.on_message = on_message
        self.reconnect_delay = 0.0
        self.last_error: Failure | None = None
        redactor = logs.redactor_of_link(url=url, headers=headers or {}, proxy=proxy)
        self._redactor = redactor
        self._log = logs.logger_for(log, redactor)
        delays = delays or Delays()
        self._plan = AccountPlan(
            account=NAME,
            platform=registry.get("plain"),
            dialer=WebSocketDialer(
                url=url,
                headers=dict(headers or {}),
                proxy=proxy,
                tls=TlsOptions(ca_file=ca_file, verify=verify),
                max_frame_bytes=max_message_bytes,
                max_message_bytes=max_message_bytes,
                max_fragments=max_fragments,
            ),
            identity=lambda: Identity(account=NAME),
            attempt_deadline_s=connect_timeout_s,
            heartbeat_interval_s=heartbeat_interval_s,
            heartbeat_reply_s=heartbeat_reply_s,
            delays=delays,
            flow_high=queue_limit,
            flow_low=max(1, queue_limit // 4),
        )
        self._retries = retries.Retries(delays)
        self._dice = random.Random()  # noqa: S311  # jitter, not secrets
        self._changed = threading.Condition()
        self._messages: deque[Frame] = deque()
        self._state = ConnectionState.DISCONNECTED
        self._link: Link | None = None
        self._account: Account | None = None
        self._system: System | None = None
        self._wanted = False
        self._gave_up = False
        self._opened = False

    # --- attributes -------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection now."""
        return self._up()

    @property
    def state(self) -> ConnectionState:
        """Give the state of the connection."""
        return self._state

    @property
    def websocket(self) -> Link | None:
        """Give the open link, or None."""
        return self._link

    # --- the seven methods ------------------------------------------------------------

    def connect(self) -> bool:
        """Connect; wait until it succeeded or failed.

        Returns:
            False with a logged reason, also in :attr:`last_error`.
        """
        self._wanted = True
        return self._connect()

    def disconnect(self) -> None:
        """Close in order and end every thread of this client. Idempotent, from any thread."""
        with self._changed:
            self._wanted = False
            self._changed.notify_all()
        self._tear_down()

    def send(self, message: Frame) -> bool:
        """Write a message; never blocks.

        Returns:
            True if it was taken for writing. False with a logged reason otherwise.
        """
        link = self._link
        if link is None:
            self._log.warning("send.refused", reason="not_connected", next_step="call connect()")
            return False
        if not link.write_frames((message,)):
            self._log.warning("send.refused", reason="peer_does_not_read")
            return False
        return True

    def receive(self, timeout: float | None = None) -> Frame | None:
        """Wait for the next message.

        Args:
            timeout: Seconds at most; None waits as long as the connection lives.

        Returns:
            The message, or None: the time ran out, or the connection is gone and every
            message that came over it was given out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._link is None, timeout)
            message = self._messages.popleft() if self._messages else None
        if message is None:
            if self._link is None:
                self._settle()
            return None
        if self._account is not None:
            self._account.flow.returned(1, len(message))
        return message

    def reconnect(self) -> bool:
        """Wait :attr:`reconnect_delay` seconds and connect anew.

        Returns:
            True if connected; False if that failed or :meth:`disconnect` was called.
        """
        self._tear_down()
        self._wanted = True
        return self._pause(self.reconnect_delay) and self._connect()

    def run(self) -> None:
        """Deliver every message to ``on_message`` until :meth:`disconnect`; blocks.

        Reconnects by error class. Ends by itself only where trying again is pointless:
        see :attr:`last_error`.
        """
        self._wanted = True
        while self._wanted:
            if self.is_connected or self._connect():
                self._deliver()
            if self.last_error is None or not self._wanted:
                continue
            if self._gave_up:
                self._log.error("client.failed", reason=self.last_error.reason)
                break
            self._log.warning(
                "reconnect.scheduled",
                delay_s=round(self.reconnect_delay, 2),
                reason=self.last_error.reason,
            )
            self._pause(self.reconnect_delay)
        self._tear_down()

    # --- inside -----------------------------------------------------------------------

    def _deliver(self) -> None:
        while (message := self.receive()) is not None:
            if self.on_message is None:
                continue
            try:
                self.on_message(message)
            except Exception as error:  # noqa: BLE001  # strangers' code
                self._log.error("handler.failed", reason=type(error).__name__, exc_info=True)

    def _settle(self) -> None:
        """Wait until the end of the link has its reason."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._state is not ConnectionState.CONNECTED or not self._wanted, 5.0
            )

    def _connect(self) -> bool:
        if self._up():
            return True
        account = self._set_up()
        with self._changed:
            self._state = ConnectionState.CONNECTING
            self._gave_up = self._opened = False
        account.peers.connection.tell(Open(stretch={}, urgent=True))
        with self._changed:
            self._changed.wait_for(
                lambda: self._state is not ConnectionState.CONNECTING or not self._wanted,
                self._plan.attempt_deadline_s + 5.0,
            )
        if self._opened:  # and perhaps closed again, with messages to receive
            return True
        if self.last_error is not None:
            self._log.warning(
                "connection.attempt_failed",
                reason=self.last_error.reason,
                detail=self.last_error.detail,
            )
        self._tear_down()
        return False

    def _set_up(self) -> Account:
        if self._account is not None:
            return self._account
        system = System(
            journal=MemoryJournal(),
            handle=_unused,
            observer=self,
            log=self._log,
            gate=ConnectGate(rate_per_s=1000.0, burst=1000, max_in_flight=2),
            pool_threads=1,
        )
        system.start()
        plan = self._plan
        account = Account(
            plan=plan,
            services=system.services,
            peers=Peers(),
            flow=Flow(plan.flow_high, plan.flow_low),
        )
        peers, pool = account.peers, system.services.pool
        peers.decoder.ref = self
        peers.outbox.ref = self
        peers.supervisor.ref = self
        peers.heartbeat.ref = HeartbeatActor.start(pool, account)
        peers.connection.ref = ConnectionActor.start(pool, account)
        self._system, self._account = system, account
        return account

    def _tear_down(self) -> None:
        with self._changed:
            system, self._system = self._system, None
            account, self._account = self._account, None
        if system is None or account is None:
            return
        account.peers.decoder.ref = Flushing(account.peers.connection)
        account.peers.connection.tell(Shut(for_good=True))
        with self._changed:
            self._changed.wait_for(
                lambda: self._state is ConnectionState.CLOSED, self._plan.close_timeout_s + 2.0
            )
        system.stop(journal_s=1.0, threads_s=4.0)
        with self._changed:
            self._link = None
            self._state = ConnectionState.DISCONNECTED
            self._changed.notify_all()

    def _up(self) -> bool:
        return self._link is not None and self._state is ConnectionState.CONNECTED

    def _pause(self, delay_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted, delay_s)
            return self._wanted

    # --- the kernel tells -------------------------------------------------------------

    def tell(self, message: object) -> None:
        """Hear what a decoder, an outbox and a supervisor would hear. Not for users."""
        match message:
            case FramesReceived():
                with self._changed:
                    self._messages.extend(message.frames)
                    self._changed.notify_all()
            case LinkOpened():
                with self._changed:
                    self._link = message.link
                    self._opened = True
                    self._state = ConnectionState.CONNECTED
                    self._changed.notify_all()
            case LinkDown():
                with self._changed:
                    self._link = None
                    self._changed.notify_all()
            case LinkEnded():
                account = self._account
                if account is not None:
                    account.peers.connection.tell(message)
            case StateChanged():
                self._moved(message)
            case ActorDied():
                with self._changed:
                    self._link = None
                    self.last_error = _CRASHED
                    self._state = ConnectionState.RECONNECTING
                    self._changed.notify_all()
            case _:
                return

    def _moved(self, change: StateChanged) -> None:
        system = self._system
        now = 0.0 if system is None else system.services.clock.monotonic()
        with self._changed:
            if change.new is ConnectionState.CONNECTED:
                self._retries.connected(now)
                return
            if change.failure is not None:
                self.last_error = masked_failure(change.failure, self._redactor)
                verdict = self._retries.failed(change.failure, now, self._dice.random())
                self._gave_up = isinstance(verdict, retries.GiveUp)
                if isinstance(verdict, retries.Retry):
                    self.reconnect_delay = verdict.delay_s
            self._state = change.new
            self._changed.notify_all()

    def state_changed(self, change: StateChanged) -> None:
        """Observe nothing: :meth:`tell` hears it as the supervisor."""

    def send_ended(self, account: str, outbox_id: str, result: SendResult) -> None:
        """Observe nothing: there is no outbox."""

    def retry_scheduled(self, account: str, attempt: int, delay_s: float) -> None:
        """Observe nothing: :meth:`run` decides."""

    def dead_lettered(self, account: str, event: Event, reason: str) -> None:
        """Observe nothing: there are no events."""

    def recovery_ended(self, outcome: Recovered) -> None:
        """Observe nothing: there is no history."""


class Flushing:
    """Plays the decoder while the link is closed: there is no journal to wait for."""

    def __init__(self, connection: Role) -> None:
        self._connection = connection

    def tell(self, message: object) -> None:
        """Answer a flush at once; pass the end of the link on."""
        if isinstance(message, Flush):
            self._connection.tell(Flushed(generation=message.generation))
        elif isinstance(message, LinkEnded):
            self._connection.tell(message)


def _unused(event: Event) -> Outcome:
    del event
    return DONE
