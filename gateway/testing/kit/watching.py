"""Wrappers that let a recorder hear what a gateway does, and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import msgspec

from actors.account.services import Observer
from actors.messages import StateChanged
from actors.ports import Handle
from actors.ports.commands import JournalAnswer, JournalCommand
from actors.ports.journal import Journal
from actors.values import AccountId, Decoded, Disposition, Event, Outcome, Recovered, SendResult

Handling: TypeAlias = Callable[[Event], AbstractContextManager[Callable[[], None]]]


class _AckHeaders(msgspec.Struct):
    mid: str = ""
    sid: str = ""


class _Ack(msgspec.Struct):
    headers: _AckHeaders = msgspec.field(default_factory=_AckHeaders)


_read_ack = msgspec.json.Decoder(_Ack).decode


class WatchedJournal:
    """A journal that tells what it committed, after it did; otherwise the one it wraps.

    Args:
        inner: Does the work.
        committed: Told each command of a transaction that held, on the writer's thread.
    """

    def __init__(self, inner: Journal, committed: Callable[[JournalCommand], None]) -> None:
        self._inner: Any = inner
        self._committed = committed
        self.durable: bool = inner.durable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Commit, then tell."""
        answers: Sequence[JournalAnswer] = self._inner.commit(commands)
        for command in commands:
            self._committed(command)
        return answers


class WatchedHandle:
    """Handlers with a note around each call.

    Args:
        inner: Runs a gateway's handlers.
        handling: Notes one run; gives what is called once the run has succeeded.
    """

    def __init__(self, inner: Handle, handling: Handling) -> None:
        self._inner = inner
        self._handling = handling

    def __call__(self, event: Event) -> Outcome:
        """Run what it wraps, and note how it went."""
        with self._handling(event) as succeeded:
            outcome = self._inner(event)
            if outcome.disposition is not Disposition.RETRY:
                succeeded()
            return outcome


class WatchedObserver(Observer):
    """An observer that tells of waits and of dead letters, after the one it wraps has heard.

    Args:
        inner: A gateway's.
        scheduled: Told an account and the seconds until its next attempt.
        buried: Told each event that will not be tried again.
    """

    def __init__(
        self,
        inner: Observer,
        scheduled: Callable[[AccountId, float], None],
        buried: Callable[[Event], None],
    ) -> None:
        self._inner = inner
        self._scheduled = scheduled
        self._buried = buried

    def state_changed(self, change: StateChanged) -> None:
        """Pass it on."""
        self._inner.state_changed(change)

    def send_ended(self, account: AccountId, outbox_id: str, result: SendResult) -> None:
        """Pass it on."""
        self._inner.send_ended(account, outbox_id, result)

    def retry_scheduled(self, account: AccountId, attempt: int, delay_s: float) -> None:
        """Pass it on, and tell."""
        self._inner.retry_scheduled(account, attempt, delay_s)
        self._scheduled(account, delay_s)

    def dead_lettered(self, account: AccountId, event: Event, reason: str) -> None:
        """Pass it on, and tell."""
        self._inner.dead_lettered(account, event, reason)
        self._buried(event)

    def recovery_ended(self, outcome: Recovered) -> None:
        """Pass it on."""
        self._inner.recovery_ended(outcome)


def key_of(decoded: Decoded) -> tuple[str, str] | None:
    """Return session and number of the push a frame was, as its acknowledgement names them."""
    if decoded.ack is None:
        return None
    try:
        headers = _read_ack(decoded.ack).headers
    except msgspec.MsgspecError:
        return None
    return headers.sid, headers.mid
