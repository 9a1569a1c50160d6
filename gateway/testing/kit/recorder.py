"""A recorder for one test: what a gateway did, and which invariants that broke.

Watches the platform's side (acknowledgements, sessions), the journal's commits, the handlers
and the states of a gateway (``contract.md`` 7, V1 to V9). It changes nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from actors.messages import StateChanged
from actors.ports import Clock
from actors.ports.commands import JournalCommand, StoreFrames
from actors.ports.journal import Journal
from actors.state import ConnectionState, IllegalTransitionError, advance
from actors.values import ErrorClass, Event, Failure
from gateway.host import assembly
from gateway.host.gateway import Gateway
from gateway.settings import ReconnectSettings, Settings
from gateway.testing.kit.watching import WatchedHandle, WatchedJournal, WatchedObserver, key_of
from gateway.testing.platform import FakePlatform
from gateway.testing.platform.accounts import Push, Session

_WAIT_S: Final = 5.0
_CAPS: Final = {
    ErrorClass.UNEXPECTED_CLOSE: ("unexpected_close_cap_s",),
    ErrorClass.NETWORK: ("network_cap_s",),
    ErrorClass.PROTOCOL: ("other_cap_s",),
    ErrorClass.OTHER: ("other_cap_s",),
    ErrorClass.SERVER_RESTART: ("server_restart_max_s", "unexpected_close_cap_s"),
    ErrorClass.SERVER_OVERLOAD: ("overload_cap_s",),
    ErrorClass.AUTH: ("auth_cap_s",),
    ErrorClass.KICKED: ("kicked_max_s",),
    ErrorClass.TLS_TRUST: ("tls_trust_cap_s",),
    ErrorClass.CONFIG: ("config_cap_s",),
}
_SLACK_S: Final = 0.001


class Recorder:
    """Watches gateways in front of a fake platform; :meth:`check` says what broke.

    Example:
        >>> recorder = Recorder(fake)
        >>> gateway = recorder.attach(Gateway(settings, journal=recorder.journal))
        >>> ...
        >>> recorder.check()

    One recorder may watch a gateway and the one that follows it on the same data.

    Args:
        fake: The platform; None: only the gateway's side is watched.
    """

    def __init__(self, fake: FakePlatform | None = None) -> None:
        self._fake = fake
        self._changed = threading.Condition()
        self._broken: list[tuple[str, str]] = []
        self._committed: set[tuple[str, str]] = set()
        self._watches_journal = False
        self._acked: dict[str, str] = {}
        self._handled: Counter[str] = Counter()
        self._messages: set[str] = set()
        self._last: dict[tuple[str, str | None], tuple[int, str]] = {}
        self._running: dict[tuple[str, str | None], str] = {}
        self._states: dict[str, ConnectionState] = {}
        if fake is not None:
            with fake.lock:
                fake.engine.on_ack.append(self.acked)

    # --- what it hears --------------------------------------------------------------

    def journal(self, settings: Settings, clock: Clock) -> Journal:
        """Open the journal of the settings, and watch its commits; for ``Gateway(journal=…)``."""
        self._watches_journal = True
        return WatchedJournal(assembly.journal(settings, clock), self.committed)

    def attach(self, gateway: Gateway) -> Gateway:
        """Watch the handlers, states and delays of a gateway that was not started."""
        plans = {each.id: each.reconnect for each in gateway.settings.accounts}

        def scheduled(account: str, delay_s: float) -> None:
            if account in plans and account in gateway.accounts:
                self.delayed(account, delay_s, gateway.accounts[account].last_error, plans[account])

        gateway._wrap(  # noqa: SLF001  # of one house
            lambda handle: WatchedHandle(handle, self.handling),
            lambda observer: WatchedObserver(observer, scheduled, self.given_up),
        )
        gateway.on_state(self.moved)
        with self._changed:
            self._states.clear()  # another gateway begins anew
            self._running.clear()
        return gateway

    def committed(self, command: JournalCommand) -> None:
        """Note what a commit stored, after it returned."""
        if not isinstance(command, StoreFrames):
            return
        with self._changed:
            for decoded in command.frames:
                key = key_of(decoded)
                if key is not None:
                    self._committed.add(key)

    def acked(self, session: Session, push: Push) -> None:
        """Note an acknowledgement, as the platform reads it."""
        with self._changed:
            account = session.account.user_id
            for entry in push.entries:
                if entry.message_id is not None:
                    self._acked[entry.message_id] = account
            if self._watches_journal and (session.sid, push.mid) not in self._committed:
                told = f"the push {push.mid!r} of account {account} was acknowledged before it "
                self._break("ack_before_commit", f"{told}was committed")

    def moved(self, change: StateChanged) -> None:
        """Note a state."""
        with self._changed:
            account, old, new = change.account, change.old, change.new
            known = self._states.get(account, old)
            self._states[account] = new
            try:
                legal = advance(old, change.cause) is new
            except IllegalTransitionError:
                legal = False
            if not legal or known is not old:
                told = f"account {account} went from {old.value} to {new.value} by "
                self._break("transition", f"{told}{change.cause.value}, it was {known.value}")

    def delayed(
        self, account: str, delay_s: float, failure: Failure | None, delays: ReconnectSettings
    ) -> None:
        """Note the wait before an attempt."""
        cap_s = _cap_s(failure, delays)
        flapping_s = delays.flapping_wait_s * (1 - delays.flapping_spread)
        longest_s = delays.flapping_wait_s * (1 + delays.flapping_spread)
        within = delay_s <= cap_s + _SLACK_S or flapping_s <= delay_s <= longest_s + _SLACK_S
        if not within or delay_s < 0:
            reason = failure.reason if failure is not None else "nothing"
            with self._changed:
                told = f"account {account} waits {delay_s:.2f} s after {reason}"
                self._break("delay", f"{told}, the cap is {cap_s:g} s")

    def given_up(self, event: Event) -> None:
        """Note a dead letter: it is not handled, and not lost."""
        with self._changed:
            self._note_message(event)
            self._changed.notify_all()

    @contextmanager
    def handling(self, event: Event) -> Iterator[Callable[[], None]]:
        """Note one run of an event's handlers; call what it gives when they have succeeded."""
        lane = (event.account, event.conversation_id)
        with self._changed:
            self._begin(event, lane)
        done = False

        def succeeded() -> None:
            nonlocal done
            done = True

        try:
            yield succeeded
        finally:
            with self._changed:
                if self._running.get(lane) == event.event_id:
                    del self._running[lane]
                if done:
                    self._end(event)
                self._changed.notify_all()

    def _begin(self, event: Event, lane: tuple[str, str | None]) -> None:
        other = self._running.get(lane)
        where = f"conversation {event.conversation_id} of account {event.account}"
        if other is not None and other != event.event_id:
            told = f"{where}: {event.event_id} began while {other} was in its handler"
            self._break("lane_overlap", told)
        self._running[lane] = event.event_id
        number, before = self._last.get(lane, (0, ""))
        if event.lane_seq is None or event.event_id == before or event.late:
            return
        if event.lane_seq > number:
            self._last[lane] = (event.lane_seq, event.event_id)
        elif not event.redelivered:
            told = f"{where}: {event.event_id} ({event.lane_seq}) came after {before} ({number})"
            self._break("lane_order", told)

    def _end(self, event: Event) -> None:
        self._handled[event.event_id] += 1
        self._note_message(event)
        if self._handled[event.event_id] > 1 and not event.redelivered:
            times = self._handled[event.event_id]
            told = f"{event.event_id} of account {event.account} was handled {times} times"
            self._break("handled_again", told)

    def _note_message(self, event: Event) -> None:
        message = getattr(event, "message_id", None)
        if message is not None:
            self._messages.add(message)

    def _break(self, rule: str, sentence: str) -> None:
        self._broken.append((rule, sentence))

    # --- what it says ---------------------------------------------------------------

    @property
    def handled(self) -> int:
        """How many events were handled, each counted once."""
        with self._changed:
            return len(self._handled)

    def problems(self) -> list[tuple[str, str]]:
        """Return the name and a sentence of everything that broke so far, the platform's too."""
        with self._changed:
            found = list(self._broken)
        if self._fake is not None:
            found += [(breach.rule, str(breach)) for breach in self._fake.breaches]
        return found

    def check(self, *, allow: Iterable[str] = (), all_handled: bool = False) -> None:
        """Fail if an invariant broke.

        Checked are: each message handled once (``handled_again``), each lane in order and one at
        a time (``lane_order``, ``lane_overlap``), no acknowledgement before its commit
        (``ack_before_commit``), waits within their caps (``delay``), legal moves only
        (``transition``), and all that :meth:`FakePlatform.check` checks, one session an account
        (``two_sessions``) among it. What a crash let a handler see again (``redelivered``) is no
        breach.

        Args:
            allow: Names of invariants that may break here.
            all_handled: Also fail if a message was acknowledged and never handled; those on
                their way are waited for.

        Raises:
            AssertionError: Lists what broke, a sentence each.
        """
        allowed = set(allow)
        lines = [sentence for rule, sentence in self.problems() if rule not in allowed]
        if all_handled:
            lines += [
                f"message {message} of account {account} was acknowledged and never handled"
                for message, account in self._unhandled(_WAIT_S)
            ]
        if lines:
            raise AssertionError("\n".join(["it broke:", *lines]))

    def _unhandled(self, timeout_s: float) -> list[tuple[str, str]]:
        with self._changed:
            self._changed.wait_for(lambda: self._acked.keys() <= self._messages, timeout_s)
            return [item for item in self._acked.items() if item[0] not in self._messages]


def _cap_s(failure: Failure | None, delays: ReconnectSettings) -> float:
    if failure is None:
        return 0.0
    caps = _CAPS.get(failure.error_class, ())
    cap_s: float = max((getattr(delays, name) for name in caps), default=0.0)
    if failure.retry_after_s is not None:
        return max(cap_s, min(failure.retry_after_s, delays.retry_after_cap_s))
    return cap_s
