"""Gateway: the façade that wires settings, platforms, transports and journal to the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from actors.account import AccountPlan
from actors.messages import StateChanged
from actors.policy.alerts import Alert
from actors.ports import Clock
from actors.runtime.handlers import handling
from actors.storage import Journal, StorePaused, Tally
from actors.system import System
from actors.values import (
    AccountId,
    Content,
    Delivery,
    Event,
    Recovered,
    SendResult,
)
from gateway import answering, arguments, listeners, logs, planning, sending, sinks, stopping
from gateway.accounts import Accounts, AccountView, masked_alert, masked_change
from gateway.calls import Calls
from gateway.config import check, load
from gateway.errors import (
    AccountExistsError,
    ConfigError,
    ShuttingDownError,
    UnknownAccountError,
)
from gateway.events import note_name
from gateway.handlers import Handlers
from gateway.letters import DeadLetters
from gateway.life import Life
from gateway.sending import ASK_S, ClientIds, Sends, SendTicket, Tickets
from gateway.settings import AccountSettings, Settings
from gateway.transport import library
from gateway.undisturbed import run, undisturbed
from gateway.wishes import OnCrash, Session
from gateway.wishes import check as check_wish

EventT = TypeVar("EventT", bound=Event)
StateListener = Callable[[StateChanged], None]
RecoveryListener = Callable[[Recovered], None]

_NOT_GIVEN: Any = None


class Gateway:
    """Many accounts in one process: events in, replies out, honest results.

    Nothing runs before :meth:`start`. All methods may be called from any thread. An argument of
    another type is a TypeError in the call, one out of bounds a ValueError.

    Args:
        settings: What to run; see :meth:`from_config`.
        log: A logger of structlog or of the standard library; None: the package's polite default.
        clock: Time; None: the machine's. A test moves its own (``docs/testing.md``).
        journal: Opens the journal; None: the one the settings name.

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
    ) -> None:
        given: object = settings  # callers without a type checker pass anything
        if not isinstance(given, Settings):
            told = "Gateway takes Settings; use Gateway.from_config or gateway.config.from_mapping"
            raise TypeError(f"{told}, not {type(given).__name__}")
        self._notes = check(settings)
        self.settings = settings
        self._redactor = logs.redactor_of(settings)
        self._log = logs.logger_for(log, self._redactor)
        self._clock = planning.clock(clock)
        self._open_journal = planning.opener(journal, self._log)
        self._ids = ClientIds(self._clock.unix_ms)
        self._tickets = Tickets()
        self._listeners: list[StateListener] = []
        self._recovery_listeners: list[RecoveryListener] = []
        self._calls = Calls(lambda: self._system, self._log)
        self._sinks = sinks.Sinks(settings.sinks, log=self._log, mask=self._redactor.text)
        self._plans: dict[AccountId, AccountPlan] = {}
        self._addressee = partial(answering.addressee, self._plans)
        self._handlers = Handlers(
            self._sinks.runners,
            self._reply,
            addressee=self._addressee,
            log=self._log,
            mask=self._redactor.text,
        )
        self._heard_of: set[AccountId] = set()
        self._send_limits: dict[AccountId, tuple[int, float]] = {}
        self._disabled = {each.id for each in settings.accounts if not each.enabled}
        self._lock = threading.RLock()
        self._system: System | None = None
        self._journal: Journal | None = None
        self._life = Life()
        self.accounts = Accounts(
            add=self._add_account,
            verb=self._account_verb,
            tally=self._tally,
            alerts=self._alerts,
            look=self._life.here,
        )
        self.dead_letters = DeadLetters(lambda: self._life.running(self._system))
        self.sends = Sends(lambda: self._life.running(self._system), self._tickets)
        for account in settings.accounts:
            self._register(account)

    @classmethod
    def from_config(cls, path: str | Path) -> Gateway:
        """Make one from a YAML file.

        Raises:
            ConfigError: All that is wrong with the file, a line each.
        """
        arguments.path("path", path)
        return cls(load(path))

    # --- handlers ---------------------------------------------------------------------

    def on(
        self,
        event_type: type[EventT] = _NOT_GIVEN,
        *,
        account: AccountId | None = None,
        own: bool = False,
        on_crash: OnCrash = "redeliver",
        sessions: Collection[Session] | None = None,
    ) -> Callable[[Callable[[EventT], None]], Callable[[EventT], None]]:
        """Decorate a function that takes one event of this type.

        A plain ``def``: an ``async def`` or a generator is refused, its body would never run.

        Args:
            event_type: An event class; ``Event`` for everything.
            account: Only this account's events; one that comes later is added first.
            own: Also what the account itself wrote; off, so that answers answer nobody twice.
            on_crash: ``redeliver``: an event whose handling the process did not survive is
                handled again, marked ``redelivered``. ``park``: it is kept for a person
                (:attr:`dead_letters`); for handlers whose effects must never happen twice.
            sessions: Kinds of conversations, as in ``sessions=("private", "group", "system")``;
                None: private ones, so that nobody answers a group or the platform's helper
                unasked, and orders and notifications wherever they are told. What does not
                say its kind counts as private. Sinks get all.

        Raises:
            TypeError: No event class, no function of one argument, or one whose body would
                not run; names it and the remedy.
            UnknownAccountError: No such account was configured or added; add it first.
            ValueError: ``on_crash`` or ``sessions`` is none of the words there are.
        """
        check_wish(event_type, account=account, own=own, on_crash=on_crash, sessions=sessions)
        if account is not None and account not in self._heard_of:
            raise UnknownAccountError(account, list(self._plans))

        def decorate(handler: Callable[[EventT], None]) -> Callable[[EventT], None]:
            self._handlers.add(
                event_type, handler, account=account, own=own, on_crash=on_crash, sessions=sessions
            )
            return handler

        return decorate

    def on_state(self, listener: StateListener) -> StateListener:
        """Call a function with each state change, in order per account.

        Raises:
            TypeError: It is no function of one argument that a plain call runs.
        """
        listeners.listener("the listener", listener, takes=1)
        self._listeners.append(listener)
        return listener

    def tap(self, listener: Callable[[Event], None] | None) -> None:
        """Show each event to a listener before its handlers, an attempt a time.

        Args:
            listener: Must neither raise nor block; None: nobody any more.

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
        listeners.listener("the listener", listener, takes=1)
        self._recovery_listeners.append(listener)
        return listener

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
            JournalError: The journal can not be opened; says why and what to do.
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
            journal = self._journal = self._open_journal(self.settings, self._clock)
            paused = frozenset(journal.paused())
            system = planning.system(
                self.settings,
                journal,
                handlers=self._handlers,
                observer=self,
                clock=self._clock,
                log=self._log,
                on_exhausted=self._give_up,
            )
            try:
                system.start()
            except BaseException:  # the machine has no thread left
                system.stop(journal_s=stopping.JOURNAL_S, threads_s=1.0)
                raise
            self._system = system
            self._sinks.start(system.services.alerts)
            self._life.began(on_fork=self.accounts.forget_states)
            self._warn(self._notes)
            self._log.info("gateway.started", accounts=len(self._plans))
            for name in paused & self._plans.keys():
                self.accounts[name].paused = True
                self._log.info("account.stays_paused", account=name)
            for name, plan in self._plans.items():
                system.add(plan, connect=name not in self._disabled | paused)

    def _give_up(self) -> None:
        """Have :meth:`run_forever` end the process: only a new one helps."""
        self._life.end(broken=True)

    def _warn(self, notes: Iterable[str]) -> None:
        for note in notes:
            self._log.warning("config.noted", detail=note)

    @property
    def alerts(self) -> Sequence[Alert]:
        """Tell what a person should look at now, of all accounts, the oldest first.

        Each was logged once, under its name, when it began. Empty before the start and after
        the stop.
        """
        return self._alerts(None)

    @undisturbed
    def _alerts(self, account: AccountId | None) -> Sequence[Alert]:
        system = self._system
        if system is None:
            return ()
        self._life.here()
        return [masked_alert(each, self._redactor) for each in system.services.alerts.on(account)]

    @property
    def log_lines_lost(self) -> int:
        """Lines that the host's logging did not take, about; nothing else follows from that."""
        return self._log.lost

    @property
    def ready(self) -> bool:
        """Tell whether it takes work: it was started, and is not being stopped."""
        return self._system is not None and self._life.parent is None

    def stop(self, timeout: float = 30.0) -> bool:
        """Stop in order; see :mod:`gateway.stopping` for the steps. Idempotent.

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
        if handling() or any(runner.is_here for runner in self._sinks.runners):
            self._life.stop_elsewhere(self.stop, timeout)
            return False
        return run(partial(self._stop, timeout), last=True)

    def _stop(self, timeout: float) -> bool:
        with self._lock:
            self._life.stopping = True
            system, self._system = self._system, None
        self._life.end()
        if system is None:
            return self._life.wait_ended(timeout)
        survivors = stopping.stop(
            system,
            self.accounts,
            list(self._plans),
            stopping.STEPS.within(timeout * stopping.SHARE),
            self._log,
        )
        self._calls.rest()
        survivors += self._sinks.stop(timeout * (1 - stopping.SHARE))
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

    def run_forever(self) -> int:
        """Run until SIGINT or SIGTERM, then stop in order. For scripts: takes the signals.

        A second signal ends the process at once. On another thread than the main one it takes no
        signals; :meth:`stop` ends it on any. More handlers that hang than are replaced, and a
        part of all accounts that keeps dying, end it in order, too: only a new process helps.

        Returns:
            Exit code: 0, or 70 if it gave up or threads survived.
        """
        return self._life.run(self.start, self.stop)

    # --- sends ------------------------------------------------------------------------

    @undisturbed
    def send(
        self,
        account: AccountId,
        conversation: str,
        text: str | None = None,
        *,
        to: str | None = None,
        image_url: str | None = None,
        width: int = 0,
        height: int = 0,
        expires_s: float | None = None,
    ) -> SendTicket:
        """Accept a message for sending; returns once it is in the outbox.

        Args:
            account: Who sends.
            conversation: Id of the conversation.
            text: What to say, up to 65,536 bytes in UTF-8; None for an image.
            image_url: Where an uploaded image lies (http or https); None for a text.
            width: Of the image, in pixels; 0: not known.
            height: Of the image, in pixels; 0: not known.
            to: The other user's id; Goofish wants it.
            expires_s: Seconds after which it is not sent any more, a year at most; None: the
                setting.

        Raises:
            UnknownAccountError: There is no such account.
            OverloadedError: The account's outbox is full; nothing was accepted.
            ShuttingDownError: The gateway is not running; nothing was accepted.
            ValueError: Neither a text nor an image, or both.
            TimeoutError: The journal did not answer in 10 s; whether it is in is unknown.
        """
        account = arguments.account(account)
        conversation = arguments.identifier("conversation", conversation)
        to = arguments.optional_identifier("to", to)
        content = sending.content_of(text, image_url, width=width, height=height)
        if expires_s is not None:
            expires_s = arguments.seconds("expires_s", expires_s, most=arguments.LONGEST_S)
        system = self._life.running(self._system)
        if account not in self._plans:
            raise UnknownAccountError(account, list(self._plans))
        limit, _ = self._send_limits[account]
        delivery = self._delivery(account, conversation, content, to=to, expires_s=expires_s)
        try:
            return sending.accept(system, self._tickets, delivery, limit)
        except KeyError:  # it was removed, or all are: a stop began
            self._life.running(self._system)
            raise UnknownAccountError(account, list(self._plans)) from None

    def ticket(self, outbox_id: str) -> SendTicket:
        """Give a ticket for a send, perhaps of an earlier life; see :meth:`Sends.ticket`."""
        return self.sends.ticket(outbox_id)

    @undisturbed
    def note(self, account: AccountId, conversation: str | None, key: str) -> str | None:
        """Give what handlers noted last with ``event.note``; None if nothing.

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
        system = self._life.running(self._system)
        return system.services.writer.read(lambda journal: journal.note(account, lane, key), ASK_S)

    @undisturbed
    def _tally(self, account: AccountId) -> Tally:
        self._life.here()
        return Tally() if self._journal is None else self._journal.tally(account)

    def _reply(self, event: Event, content: Content) -> Delivery:
        """Make the send of a reply.

        Raises:
            OverloadedError: The account's outbox is full: the event is tried again later.
        """
        if self._system is not None:
            limit, _ = self._send_limits[event.account]
            sending.refuse_full(self._system.services.sends, event.account, limit)
        return self._delivery(
            event.account,
            event.conversation_id or "",
            content,
            to=self._addressee(event),
            event_id=event.event_id,
        )

    def _delivery(
        self,
        account: AccountId,
        conversation: str,
        content: Content,
        *,
        to: str | None,
        expires_s: float | None = None,
        event_id: str | None = None,
    ) -> Delivery:
        now_ms, draw = self._ids.draw()
        plan = self._plans[account]
        if expires_s is None:
            expires_s = self._send_limits[account][1]
        return Delivery(
            outbox_id=System.new_outbox_id(),
            uuid=plan.platform.uuid(now_ms, draw),
            account=account,
            conversation_id=conversation,
            to=to,
            content=content,
            expires_at_ms=self._clock.unix_ms() + int(expires_s * 1000),
            event_id=event_id,
        )

    # --- the kernel tells (Observer) --------------------------------------------------

    def state_changed(self, change: StateChanged) -> None:
        """Take a change over and pass it to the listeners, without our secrets.

        A server may repeat a token in its words; they go on in the failure's detail.
        """
        change = masked_change(change, self._redactor)
        if change.account in self.accounts:
            self.accounts[change.account].apply(change)
        for listener in self._listeners:
            self._calls.call(change.account, listener, change)

    def recovery_ended(self, outcome: Recovered) -> None:
        """Pass it to the listeners."""
        for listener in self._recovery_listeners:
            self._calls.call(outcome.account, listener, outcome)

    def send_ended(self, account: AccountId, outbox_id: str, result: SendResult) -> None:
        """Resolve the ticket."""
        del account
        self._tickets.end(outbox_id, sending.masked_result(result, self._redactor))

    def retry_scheduled(self, account: AccountId, attempt: int, delay_s: float) -> None:
        """Show when the next attempt is due."""
        if account in self.accounts:
            view = self.accounts[account]
            view.attempt, view.next_retry_s = attempt, delay_s

    def dead_lettered(self, account: AccountId, event: Event, reason: str) -> None:
        """Count it; the journal keeps it."""
        del reason
        self._handlers.forget(event)
        if account in self.accounts:
            self.accounts[account].dead_letters += 1

    # --- accounts ---------------------------------------------------------------------

    def _register(self, account: AccountSettings) -> AccountView:
        if account.id in self._plans:
            raise AccountExistsError(account.id)
        try:
            self._plans[account.id] = planning.plan(account, self.settings)
        except ValueError as error:
            raise ConfigError([f"account {account.id!r}: {error}"]) from error
        self._heard_of.add(account.id)
        self._send_limits[account.id] = planning.shared(
            (account.send.limit, account.send.expires_s)
        )
        return self.accounts.open_view(account.id)

    @undisturbed
    def _add_account(self, settings: object) -> AccountView:
        if not isinstance(settings, AccountSettings):
            raise TypeError(f"accounts.add takes AccountSettings, not {type(settings).__name__}")
        self._life.here()
        notes = check(Settings(accounts=(settings,)), source="accounts.add")
        with self._lock:
            logs.teach(self._redactor, settings)
            view = self._register(settings)
            self._warn(notes)
            if self._system is not None:
                self._system.add(self._plans[settings.id], connect=settings.enabled)
            elif not settings.enabled:
                self._disabled.add(settings.id)
        return view

    @undisturbed
    def _account_verb(self, verb: str, account: AccountId) -> None:
        self._life.here()
        with self._lock:
            if account not in self._plans:
                if verb == "remove":
                    return
                raise UnknownAccountError(account, list(self._plans))
            if verb != "remove" or self._system is not None:
                self._perform(self._life.running(self._system), verb, account)
            if verb == "remove":
                self._disabled.discard(account)
                del self._plans[account]
                self.accounts.close_view(account)

    def _perform(self, system: System, verb: str, account: AccountId) -> None:
        """Do it; an account that is switched off hears that it is switched on, or leaves.

        A pause is in the journal before its account hears of it, and a resume after.

        Raises:
            TimeoutError: The journal did not answer in 10 s; it may come true at the next start.
        """
        paused = verb == "pause"
        if verb != "reset" and paused != self.accounts[account].paused:
            sending.commit(system, StorePaused(account=account, paused=paused))
            self.accounts[account].paused = paused
        if account not in self._disabled or verb == "remove":
            getattr(system, verb)(account)
        elif verb == "resume":
            self._disabled.discard(account)
            system.resume(account)
