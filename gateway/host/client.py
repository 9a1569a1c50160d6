"""WebSocketClient: one connection behind seven methods, over the gateway's own machinery.

For people who come from a single-file client: blocking calls, booleans instead of
exceptions, text stays text and binary stays bytes. Only :meth:`WebSocketClient.run`
reconnects by itself.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from actors.plan import AccountPlan
from actors.policy import retries
from actors.ports import Identity
from actors.runtime.links.flow import Flow
from actors.runtime.links.link import Link
from actors.sections import ConnectSettings, Delays, FlowSettings, HeartbeatSettings, LimitSettings
from actors.state import ConnectionState
from actors.values import ErrorClass, Failure, Frame
from gateway import arguments, listeners, logs
from gateway.host.life import watch_forks
from gateway.host.line import Line
from gateway.host.masking import masked_failure
from gateway.host.undisturbed import run
from gateway.platforms.plain import Plain
from gateway.settings import TlsSettings
from gateway.settings.paths import resolved
from gateway.transport.dialer import WebSocketDialer

NAME: Final = "client"

LONGEST_S: Final = 86_400.0
"""Longest time that may be set, a day."""

_DISCONNECTED: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="disconnected",
    detail="disconnect() was called meanwhile; call connect() again if that is wanted.",
)
_BUSY: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="busy",
    detail="This thread is connecting already, and a signal handler interrupted it.",
)
_NO_ANSWER: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="attempt_timed_out",
    detail="No link and no reason within the deadline; try again, and please report it.",
)


_CONNECT: Final = ConnectSettings()
_HEARTBEAT: Final = HeartbeatSettings()
_LIMITS: Final = LimitSettings()


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
        connect_timeout_s: float = _CONNECT.deadline_s,
        heartbeat_interval_s: float = _HEARTBEAT.interval_s,
        heartbeat_reply_s: float = _HEARTBEAT.reply_timeout_s,
        proxy: str | None = None,
        ca_file: str | None = None,
        verify: bool = True,
        max_message_bytes: int = _LIMITS.max_message_bytes,
        max_fragments: int = _LIMITS.max_fragments,
        queue_limit: int = 1024,
        delays: Delays | None = None,
        log: Any = None,
    ) -> None:
        self.url = url = arguments.text("url", url, most=arguments.URL_CHARS)
        headers = arguments.texts("headers", headers)
        if proxy is not None:
            proxy = arguments.text("proxy", proxy, most=arguments.URL_CHARS)
        if ca_file is not None:
            ca_file = os.fspath(arguments.path("ca_file", ca_file))
        arguments.flag("verify", verify)
        most = arguments.whole(
            "max_message_bytes", max_message_bytes, least=1, most=arguments.LARGEST_BYTES
        )
        max_fragments = arguments.whole(
            "max_fragments", max_fragments, least=1, most=arguments.LARGEST_BYTES
        )
        queue_limit = arguments.whole(
            "queue_limit", queue_limit, least=2, most=arguments.LARGEST_BYTES
        )
        if not isinstance(delays, Delays | None):
            raise TypeError(f"delays must be Delays, not {arguments.kind(delays)}")
        if on_message is not None:
            listeners.listener("on_message", on_message, takes=1)
        self.on_message = on_message
        self.reconnect_delay = 0.0
        self.last_error: Failure | None = None
        redactor = logs.redactor_of_link(url=url, headers=headers, proxy=proxy)
        self._redactor = redactor
        self._log = logs.logger_for(log, redactor)
        delays = delays or Delays()
        self._plan = AccountPlan(
            account=NAME,
            platform=Plain(),
            dialer=WebSocketDialer(
                url=url,
                headers=headers,
                proxy=proxy,
                tls=TlsSettings(ca_file=resolved(ca_file), verify=verify),
                limits=LimitSettings(
                    max_frame_bytes=most, max_message_bytes=most, max_fragments=max_fragments
                ),
            ),
            identity=lambda: Identity(account=NAME),
            connect=ConnectSettings(deadline_s=_lasting_s("connect_timeout_s", connect_timeout_s)),
            heartbeat=HeartbeatSettings(
                interval_s=_lasting_s("heartbeat_interval_s", heartbeat_interval_s),
                reply_timeout_s=_lasting_s("heartbeat_reply_s", heartbeat_reply_s),
            ),
            reconnect=delays,
            flow=FlowSettings(high=queue_limit, low=max(1, queue_limit // 4)),
        )
        self._retries = retries.Retries(delays)
        self._dice = random.Random()  # noqa: S311  # jitter, not secrets
        self._flow = Flow(self._plan.flow.high, self._plan.flow.low)
        # Held while a line is made, dialled or taken down; whoever holds it, and nobody else,
        # changes ``_line``. Taken again by a signal handler of the thread that has it.
        self._lifecycle = threading.RLock()
        self._inside = False
        # Guards what follows, and is notified of each change.
        self._changed = threading.Condition()
        self._messages: deque[Frame] = deque()
        self._line: Line | None = None
        self._left_behind: Line | None = None
        self._epoch = 0  # grows with each disconnect(); what began before it is over
        self._dials = 0
        self._ended: Failure | None = None  # why the last line ended; None: we took it down
        self._gave_up = False
        self._runner: tuple[int, int] | None = None  # the thread in run(), and its epoch

    # --- attributes -------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Return whether there is a connection now."""
        return self.websocket is not None

    @property
    def state(self) -> ConnectionState:
        """Return the state of the connection."""
        line = self._line
        return ConnectionState.DISCONNECTED if line is None else line.state

    @property
    def websocket(self) -> Link | None:
        """Return the open link, or None."""
        line = self._line
        return None if line is None else line.link

    # --- the seven methods ------------------------------------------------------------

    def connect(self) -> bool:
        """Connect; wait until it succeeded or failed. Who calls meanwhile shares the outcome.

        Returns:
            False with a logged reason, also in :attr:`last_error`; False, too, if
            :meth:`disconnect` is called meanwhile.
        """
        return self._connect(self._epoch)

    def disconnect(self) -> None:
        """Close in order and end the threads of this client. Idempotent, from any thread.

        A dial under way is given up; its thread ends by its own deadline. Whatever was called
        before ends, too: ``connect()`` and ``reconnect()`` with False,
        ``receive()`` with None, ``run()`` after the message it is at.
        """
        with self._changed:
            self._epoch += 1
            self._changed.notify_all()
        with self._step():
            pass  # its end takes down what is of an earlier epoch

    def send(self, message: Frame) -> bool:
        """Write a message; never blocks.

        Returns:
            True if it was taken for writing. False with a logged reason otherwise.
        """
        link = self.websocket
        if link is None:
            return self._refuse("not_connected", "call connect()")
        plain = _plain(message)
        if plain is None:
            return self._refuse(f"not_a_message: {arguments.kind(message)}", "send str or bytes")
        try:
            taken = link.write_frames((plain,))
        except UnicodeEncodeError:
            return self._refuse("half_a_character", "decode the text it came from as UTF-8")
        if not taken:
            lost = link.failure
            reason = "closing" if lost is None else lost.reason
            return self._refuse(reason, "receive() until it returns None, then reconnect()")
        return True

    def receive(self, timeout: float | None = None) -> Frame | None:
        """Wait for the next message.

        Args:
            timeout: Seconds at most, none if below 0; None or infinity waits as long as the
                connection lives.

        Returns:
            The message, or None: the time ran out, or the connection is gone and every
            message that came over it was given out.
        """
        wait_s = None if timeout is None else _waiting_s("timeout", timeout)
        with self._changed:
            self._changed.wait_for(lambda: self._messages or not self.is_connected, wait_s)
            message = self._messages.popleft() if self._messages else None
        if message is not None:
            self._flow.returned(1, len(message))
        return message

    def reconnect(self) -> bool:
        """Leave the connection, wait :attr:`reconnect_delay` seconds and connect anew.

        Returns:
            True if connected; False if that failed or :meth:`disconnect` was called.
        """
        epoch = self._epoch
        with self._step() as nested:
            if nested:
                return self._failed(_BUSY)
            self._take_down()
            self._ended = None
            if self._pause(self.reconnect_delay, epoch):
                return self._dial(epoch)
            return self._failed(_DISCONNECTED)

    def run(self) -> None:
        """Deliver every message to ``on_message`` until :meth:`disconnect`; blocks.

        Reconnects by error class. Ends by itself only where trying again is pointless:
        see :attr:`last_error`. One thread delivers at a time: a second ``run()`` waits, and
        returns when the first one ends.
        """
        epoch = self._epoch
        me = threading.get_ident()
        if not self._may_run(me, epoch):
            return
        before, self._runner = self._runner, (me, epoch)
        try:
            self._run(epoch)
        finally:
            with self._step() as nested:
                if not nested and self._epoch == epoch:
                    self._take_down()
            with self._changed:
                self._runner = before
                self._changed.notify_all()

    # --- inside -----------------------------------------------------------------------

    def forked(self) -> None:
        """Hear that this is a child of the process that has the connection: here is none.

        Nothing is closed: the sockets are the parent's. ``connect()`` makes one of its own.
        """
        self._left_behind = self._line
        self._line = self._runner = self._ended = None
        self._epoch += 1
        self._lifecycle, self._inside = threading.RLock(), False
        self._changed = threading.Condition()
        self._messages.clear()
        self._flow = Flow(self._plan.flow.high, self._plan.flow.low)

    def _may_run(self, me: int, epoch: int) -> bool:
        """Wait until no other thread is in :meth:`run`; False: there is nothing left to run."""
        with self._changed:
            while (runner := self._runner) is not None and runner[0] != me:
                while self._runner is runner and self._epoch == epoch:
                    self._changed.wait()
                if runner[1] == epoch:
                    return False
                if self._epoch != epoch:
                    break
            return self._epoch == epoch

    def _run(self, epoch: int) -> None:
        while self._epoch == epoch:
            if self._connect(epoch):
                self._deliver(epoch)
            ended = self._ended
            if ended is None or self._epoch != epoch:
                continue
            if self._gave_up:
                self._log.error("client.failed", reason=ended.reason)
                return
            self._log.warning(
                "reconnect.scheduled",
                delay_s=round(self.reconnect_delay, 2),
                reason=ended.reason,
            )
            self._pause(self.reconnect_delay, epoch)

    def _deliver(self, epoch: int) -> None:
        while self._epoch == epoch and (message := self.receive()) is not None:
            if self.on_message is None:
                continue
            try:
                listeners.ran(self.on_message, self.on_message(message))
            except Exception as error:  # noqa: BLE001  # strangers' code
                self._log.error("handler.failed", reason=type(error).__name__, exc_info=True)

    @contextlib.contextmanager
    def _step(self) -> Iterator[bool]:
        """Hold the right to make, dial or take down a line, exclusively.

        Yields:
            True inside another step of the same thread, which a signal handler interrupted:
            that one does what is to be done at its end.
        """
        with self._lifecycle:
            nested, self._inside = self._inside, True
            try:
                yield nested
            finally:
                self._inside = nested
                line = self._line
                stale = line is not None and line.epoch != self._epoch
                if stale and not nested:
                    self._take_down()

    def _connect(self, epoch: int) -> bool:
        dials = self._dials
        with self._step() as nested:
            if nested:
                return self._failed(_BUSY)
            if self._epoch != epoch:
                return self._failed(_DISCONNECTED)
            if self.is_connected:
                return True
            if self._dials != dials:  # another thread's, while this one waited for its turn
                line = self._line
                return line is not None and line.opened
            return self._dial(epoch)

    def _dial(self, epoch: int) -> bool:
        """Make a line and wait for its link; in a step."""
        self._take_down()
        line = Line(
            plan=self._plan,
            flow=self._flow,
            log=self._log,
            changed=self._changed,
            owner=self,
            epoch=epoch,
        )
        self._begin(line)
        with self._changed:
            self._changed.wait_for(
                lambda: line.state is not ConnectionState.CONNECTING or self._epoch != epoch,
                self._plan.connect.deadline_s + 5.0,
            )
            self._dials += 1
            if line.opened and self._epoch == epoch:  # and perhaps closed, with messages to receive
                return True
        self._take_down()
        return self._failed(self._ended or _NO_ANSWER if self._epoch == epoch else _DISCONNECTED)

    def _begin(self, line: Line) -> None:
        with self._changed:
            self._line, self._ended, self._gave_up = line, None, False
        watch_forks(self)
        line.start()

    def _take_down(self) -> None:
        """Leave the line there is, to the end of its threads; in a step."""
        if self._line is not None:
            run(self._take_down_now, last=True)

    def _take_down_now(self) -> None:
        with self._changed:
            line, self._line = self._line, None
            self._changed.notify_all()
        if line is not None:
            line.take_down()

    def _pause(self, delay_s: float, epoch: int) -> bool:
        """Wait; cut short by :meth:`disconnect`, or by a connection of another thread's."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._epoch != epoch or self.is_connected,
                _waiting_s("reconnect_delay", delay_s),
            )
            return self._epoch == epoch

    def _refuse(self, reason: str, next_step: str) -> bool:
        self._log.warning("send.refused", reason=reason, next_step=next_step)
        return False

    def _failed(self, failure: Failure) -> bool:
        self._log.warning("connection.attempt_failed", reason=failure.reason, detail=failure.detail)
        return False

    # --- the line tells; not for users ---------------------------------------------------

    def heard(self, frames: Sequence[Frame]) -> None:
        """Keep messages for :meth:`receive`. Not for users."""
        with self._changed:
            self._messages.extend(frames)
            self._changed.notify_all()

    def went_up(self) -> None:
        """Note that the link is open. Not for users."""
        self._retries.connected(time.monotonic())

    def went_down(self, failure: Failure) -> None:
        """Note why there is no link, and what follows. Not for users."""
        self.last_error = self._ended = masked_failure(failure, self._redactor)
        verdict = self._retries.failed(failure, time.monotonic(), self._dice.random())
        self._gave_up = isinstance(verdict, retries.GiveUp)
        if isinstance(verdict, retries.Retry):
            self.reconnect_delay = verdict.delay_s


def _plain(message: object) -> Frame | None:
    """Return a message as a plain ``str`` or ``bytes``; None: it is neither."""
    if isinstance(message, str):
        return str.__str__(message)
    return bytes(message) if isinstance(message, bytes) else None


def _waiting_s(name: str, value: object) -> float:
    """Return how long a thread may wait: not below 0, and no longer than the system can."""
    if isinstance(value, int | float) and not value >= 0.0:  # NaN is not, either
        return 0.0
    return min(arguments.seconds(name, value), threading.TIMEOUT_MAX)


def _lasting_s(name: str, value: float) -> float:
    """Check a duration that is set once."""
    if plain := arguments.seconds(name, value, most=LONGEST_S):
        return plain
    raise ValueError(f"{name} must be above 0 seconds")
