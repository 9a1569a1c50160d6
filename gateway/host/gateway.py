"""Gateway: the façade that wires settings, platforms, transports and journal to the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from actors.account.services import Observer
from actors.policy import alerts
from actors.policy.alerts import Alert
from actors.ports import Clock, Handle
from actors.ports.journal import Journal
from actors.runtime.handlers.pool import handling
from actors.runtime.pool.timers import Timers
from actors.system import System
from actors.values import AccountId, Event
from gateway import arguments, listeners, logs, sinks
from gateway.config import check, load
from gateway.errors import ConfigError, ShuttingDownError, UnknownAccountError
from gateway.events import note_name
from gateway.host import answering, assembly, stopping
from gateway.host.access import RunningJournal
from gateway.host.announcing import AlertListener
from gateway.host.calls import Calls
from gateway.host.dead_letters import DeadLetters
from gateway.host.handlers import Handlers
from gateway.host.images import Images
from gateway.host.life import Life
from gateway.host.observer import (
    CredentialsListener,
    GatewayObserver,
    RecoveryListener,
    StateListener,
)
from gateway.host.overseeing import Overseer, overseen
from gateway.host.registry import Registry
from gateway.host.sender import Sender
from gateway.host.sending import Sending
from gateway.host.sends import Sends, Tickets
from gateway.host.subscriptions import OnCrash, Session, Wish
from gateway.host.subscriptions import check as check_wish
from gateway.host.telling import Telling
from gateway.host.undisturbed import run, undisturbed
from gateway.metrics.collector import Collector
from gateway.metrics.reading import Source
from gateway.settings import Settings
from gateway.transport import library

EventT = TypeVar("EventT", bound=Event)
_NOT_GIVEN: Any = None


class Gateway(Sending):
    """Many accounts in one process: events in, replies out, honest results.

    Nothing runs before :meth:`start`. All methods may be called from any thread. An argument of
    another type is a TypeError in the call, one out of bounds a ValueError.

    Args:
        settings: What to run; see :meth:`from_config`.
        log: A logger of structlog or of the standard library; None: the package's polite default.
        clock: Time; None: the machine's. A test moves its own (``docs/testing.md``).
        journal: Opens the journal; None: the one the settings name.
        reread: Reads the settings again, for ``accounts.reload``; None: nobody can.

    Raises:
        ConfigError: All that is wrong with the settings, a line each.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        log: Any = None,
        clock: Clock | None = None,
        journal: Callable[[Settings, Clock], Journal] | None = None,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        given: object = settings  # callers without a type checker pass anything
        if not isinstance(given, Settings):
            told = "Gateway takes Settings; use Gateway.from_config or gateway.config.from_mapping"
            raise TypeError(f"{told}, not {type(given).__name__}")
        self._notes = check(settings)
        self.settings = settings
        self._redactor = logs.redactor_of(settings)
        self._log = logs.logger_for(log, self._redactor)
        self._clock = assembly.clock(clock)
        self._open_journal = assembly.opener(journal, self._log)
        self._life = Life()
        self._system: System | None = None
        self._tickets = Tickets()
        self._calls = Calls(lambda: self._system, self._log)
        self._access = RunningJournal(lambda: self._life.running(self._system))
        self._registry = Registry(
            settings,
            life=self._life,
            system=lambda: self._system,
            access=self._access,
            redactor=self._redactor,
            clock=self._clock,
            log=self._log,
            reread=reread,
        )
        self._lock = self._registry.lock
        self._plans = self._registry.plans
        self.accounts = self._registry.accounts
        self.credentials = self._registry.credentials
        self.dead_letters = DeadLetters(self._access)
        self.sends = Sends(self._access, self._tickets)
        images = Images(
            self._registry,
            handler_s=settings.handlers.deadline_s,
            mask=self._redactor.text,
        )
        self._telling = Telling(
            settings.notify,
            language=settings.language,
            accounts=self.accounts,
            hung=lambda: self.hung,
            clock=self._clock,
            redactor=self._redactor,
            log=self._log,
        )
        self._sender = Sender(
            self._registry,
            self._tickets,
            self.sends,
            self._clock,
            images=images,
            sent=self._telling.sent,
        )
        self._sinks = sinks.Sinks(settings.sinks, log=self._log, mask=self._redactor.text)
        self._handlers = Handlers(
            self._sinks.runners,
            self._sender.reply,
            addressee=partial(answering.addressee, self._plans),
            upload=self._sender.upload,
            log=self._log,
            mask=self._redactor.text,
            takeovers=self._registry.takeovers,
        )
        self._listeners = GatewayObserver(
            accounts=self.accounts,
            tickets=self._tickets,
            calls=self._calls,
            forget=self._handlers.forget,
            redactor=self._redactor,
            heard=self._registry.credentials.heard,
        )
        self._handle: Handle = self._handlers
        self._observer: Observer = self._listeners
        self._collecting = threading.Lock()
        self._collector: Collector | None = None

    def _wrap(
        self, handle: Callable[[Handle], Handle], observer: Callable[[Observer], Observer]
    ) -> None:
        """Put something around what the kernel calls, before the start; for the testing kit."""
        self._handle, self._observer = handle(self._handle), observer(self._observer)

    @classmethod
    def from_config(cls, path: str | Path) -> Gateway:
        """Make one from a YAML file.

        Raises:
            ConfigError: All that is wrong with the file, a line each.
        """
        arguments.path("path", path)
        return cls(load(path), reread=partial(load, path))

    # --- handlers ---------------------------------------------------------------------

    def on(
        self,
        event_type: type[EventT] = _NOT_GIVEN,
        *,
        account: AccountId | None = None,
        own: bool = False,
        on_crash: OnCrash = "redeliver",
        sessions: Collection[Session] | None = None,
        taken_over: bool = False,
    ) -> Callable[[Callable[[EventT], None]], Callable[[EventT], None]]:
        """Decorate a function that takes one event of this type.

        A plain ``def``: an ``async def`` or a generator is refused, its body would never run.

        Args:
            event_type: An event class; ``Event`` for everything.
            account: Only this account's events; one that comes later is added first.
            own: Also messages of the account itself; off, so that no reply is answered again.
            on_crash: ``redeliver``: an event whose handling the process did not survive is
                handled again, marked ``redelivered``. ``park``: it is kept for a person
                (:attr:`dead_letters`); for handlers whose effects must never happen twice.
            sessions: Kinds of conversations, as in ``sessions=("private", "group", "system")``;
                None: private ones, so that nobody answers a group or the platform's helper
                unasked, and orders and notifications wherever they are told. What does not
                say its kind counts as private. Sinks get all.
            taken_over: Also what is said in conversations that a person answers himself
                (:meth:`Accounts.take_over`); off, so that no bot talks in between.

        Raises:
            TypeError: No event class, no function of one argument, or one whose body would
                not run; names it and the remedy.
            UnknownAccountError: No such account was configured or added; add it first.
            ValueError: ``on_crash`` or ``sessions`` is none of the words there are.
        """
        wish = Wish(
            account=account, own=own, on_crash=on_crash, sessions=sessions, taken_over=taken_over
        )
        check_wish(event_type, **wish)
        if account is not None and account not in self._registry.heard_of:
            raise UnknownAccountError(account, list(self._plans))

        def decorate(handler: Callable[[EventT], None]) -> Callable[[EventT], None]:
            self._handlers.add(event_type, handler, **wish)
            return handler

        return decorate

    def on_state(self, listener: StateListener) -> StateListener:
        """Call a function with each state change, in order per account.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        return listeners.kept(self._listeners.on_state, listener)

    def tap(self, listener: Callable[[Event], None] | None) -> None:
        """Show each event to a listener before its handlers, an attempt a time.

        Args:
            listener: Must neither raise nor block; None removes it.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        if listener is not None:
            listeners.listener("the listener", listener, takes=1)
        self._handlers.tap = listener

    @property
    def redact(self) -> Callable[[Any], Any]:
        """Masks every secret of these settings in a value, at any depth."""
        return self._redactor.value

    def on_recovery(self, listener: RecoveryListener) -> RecoveryListener:
        """Call a function each time an account's history was read again, or could not be.

        It gets a :class:`Recovered`; ``recovered`` False says that messages of the interval
        may be missing for now. State changes and these come in order per account.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        return listeners.kept(self._listeners.on_recovery, listener)

    def on_credentials(self, listener: CredentialsListener) -> CredentialsListener:
        """Call a function when credentials were renewed or replaced, or could not be.

        It gets a :class:`CredentialsChanged`, without a secret; ``what`` is ``renewed``,
        ``failed`` (it is tried again), ``needs_human`` or ``replaced``.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        return listeners.kept(self._listeners.on_credentials, listener)

    def on_alert(self, listener: AlertListener) -> AlertListener:
        """Call a function with each alert that begins, and with each that is over.

        It gets an :class:`AlertChanged`, in the order of the changes, on one thread for all such
        listeners; 256 changes wait for them, beyond which the oldest is left out
        (``listener.left_out``). What it raises is logged as ``listener.failed``.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        return listeners.kept(self._telling.on_alert, listener)

    # --- life -------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it was started and is not being stopped."""
        return self.ready and not self._life.stopping

    def start(self) -> None:
        """Start the threads and begin to connect; returns at once. Idempotent.

        Raises:
            ShuttingDownError: It was stopped before; make a new one.
            ForkedError: It runs in the process this one was forked from.
            JournalError: The journal cannot be opened; says why and what to do.
            ConfigError: ``import websocket`` gives another module than the library.
        """
        self._life.here()
        run(
            self._start,
            interrupted=lambda: self._life.stop_elsewhere(self.stop, stopping.STEPS.total),
        )

    def _start(self) -> None:
        with self._lock:
            if self._life.stopping:
                raise ShuttingDownError
            if self._system is not None:
                return
            wrong = library.problem() if self._plans else None
            if wrong is not None:
                raise ConfigError([wrong])
            journal = self._open_journal(self.settings, self._clock)
            paused = frozenset(journal.paused())
            system = assembly.system(
                self.settings,
                journal,
                handlers=self._handlers,
                handle=self._telling.around(self._handle),
                observer=self._observer,
                clock=self._clock,
                log=self._log,
                on_exhausted=partial(self._life.end, broken=True),
            )
            self._telling.listen(system, journal)
            stopping.start_or_stop(system)
            self._system = system
            self._telling.start()
            self._sinks.start(system.services.alerts)
            self._life.began(on_fork=self.accounts.forget_states)
            assembly.log_start(self._log, self._notes, accounts=len(self._plans))
            self._registry.begin(system, journal, paused)

    @property
    def alerts(self) -> Sequence[Alert]:
        """Return what a person should look at now, of all accounts, the oldest first.

        Each was logged once, under its name, when it began. Empty before the start and after
        the stop.
        """
        return self._registry.alerts(None)

    @property
    def collector(self) -> Collector:
        """Return its metrics, for a registry of prometheus-client: ``registry.register(it)``.

        ``/metrics`` has a registry of its own; nothing is added to the global one. Counters count
        from the start and never fall.

        Raises:
            ConfigError: prometheus-client is not installed; says how to.
        """
        with self._collecting:
            if self._collector is None:
                self._collector = Collector(
                    Source(
                        system=lambda: self._system,
                        states=self.accounts.states,
                        storing=lambda: self.storing,
                        rung=lambda: self._telling.rung,
                        settings=self.settings,
                    )
                )
            return self._collector

    @property
    def log_lines_lost(self) -> int:
        """Lines that the host's logging did not take, about; nothing else follows from that."""
        return self._log.lost

    @property
    def hung(self) -> str | None:
        """What of it stands still, for a person; None: nothing does, or it does not run."""
        return None if self._system is None else self._system.watch.hung()

    @property
    def storing(self) -> bool:
        """Whether it runs and its journal takes what comes."""
        system = self._system
        if not self.running or system is None or system.services.health.down:
            return False
        return not any(each.why == alerts.NO_ROOM for each in system.services.alerts.on())

    @property
    def ready(self) -> bool:
        """Return whether it takes work: it was started, and is not being stopped."""
        return self._system is not None and self._life.parent is None

    def stop(self, timeout: float = 30.0) -> bool:
        """Stop in order; see :mod:`gateway.host.stopping` for the steps. Idempotent.

        A second call waits for the first one, which a signal does not cut short.

        Args:
            timeout: Seconds for all of it.

        Returns:
            True if every thread ended in time; survivors are logged by name. In a handler,
            listener or sink False at once: it is waited for, so another thread stops.

        Raises:
            ForkedError: It runs in the process this one was forked from.
        """
        timeout = arguments.wait_s("timeout", timeout)
        self._life.here()
        here = [self._telling.is_here, *(runner.is_here for runner in self._sinks.runners)]
        if handling() or any(here):
            self._life.stop_elsewhere(self.stop, timeout)
            return False
        return run(partial(self._stop, timeout), last=True)

    def _stop(self, timeout: float) -> bool:
        with self._lock:
            self._life.stopping = True
            system, self._system = self._system, None
        self._life.end()
        self._telling.end()
        timeout -= stopping.end_sign_ins(self._registry.credentials, timeout)
        if system is None:
            return self._life.wait_ended(timeout)
        survivors = stopping.stop(
            system,
            self.accounts,
            list(self._plans),
            stopping.STEPS.within(timeout * stopping.SHARE),
            self._log,
            sources={name: each.source for name, each in self._plans.items() if each.source},
        )
        self._calls.rest()
        survivors += self._sinks.stop(timeout * (1 - stopping.SHARE))
        survivors += self._telling.stop(timeout * (1 - stopping.SHARE))
        self._log.info("gateway.stopped")
        self._life.ended(survivors=bool(survivors))
        return not survivors

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._life.parent is None:  # a child that leaves the block ends nothing
            self.stop()

    def run_forever(self, overseer: Overseer | None = None) -> int:
        """Run until SIGINT or SIGTERM, then stop in order. For scripts: takes the signals.

        A second signal ends the process at once. On another thread than the main one it takes no
        signals; :meth:`stop` ends it on any. More handlers that hang than are replaced, and a
        part of all accounts that keeps dying, end it in order, too: only a new process helps.

        Args:
            overseer: Hears of the start, of beats meanwhile, and of the stop; None: nobody does.

        Returns:
            Exit code: 0, or 70 if it gave up or threads survived.
        """
        if overseer is None:
            return self._life.run(self.start, self.stop)
        start, stop = overseen(overseer, start=self.start, stop=self.stop, timers=self._timers)
        return self._life.run(start, stop)

    def _timers(self) -> Timers | None:
        return None if self._system is None else self._system.services.timers

    # --- notes ------------------------------------------------------------------------

    @undisturbed
    def note(self, account: AccountId, conversation: str | None, key: str) -> str | None:
        """Return what handlers noted last with ``event.note``; None if nothing.

        Args:
            account: Whose note.
            conversation: Id of the conversation; None: noted ``account_wide``.
            key: Its name.

        Raises:
            ShuttingDownError: The gateway is not running.
            TimeoutError: The journal did not answer in 10 s.
        """
        account = arguments.account(account)
        lane, key = note_name(conversation, key)
        return self._access.read(lambda journal: journal.note(account, lane, key))
