"""Wrappers that let a recorder hear what a gateway does, and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import msgspec

from actors.storage import Journal, JournalAnswer, JournalCommand
from actors.values import Decoded, Disposition, Event, Outcome

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


class WatchedHandlers:
    """Handlers with a note around each call.

    Args:
        inner: A gateway's handlers.
        handling: Notes one run; gives what is called once the run has succeeded.
    """

    def __init__(self, inner: Any, handling: Handling) -> None:
        self._inner = inner
        self._handling = handling

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, event: Event) -> Outcome:
        """Run what it wraps, and note how it went."""
        with self._handling(event) as succeeded:
            outcome: Outcome = self._inner(event)
            if outcome.disposition is not Disposition.RETRY:
                succeeded()
            return outcome


def key_of(decoded: Decoded) -> tuple[str, str] | None:
    """Give session and number of the push a frame was, as its acknowledgement names them."""
    if decoded.ack is None:
        return None
    try:
        headers = _read_ack(decoded.ack).headers
    except msgspec.MsgspecError:
        return None
    return headers.sid, headers.mid
