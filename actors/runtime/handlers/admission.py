"""Admission: the last check on a handler thread before the handlers of an event run.

Most events need none of it: a run without an :class:`Admission` goes straight to its
handlers. It decides nothing about pauses or lanes; that is the dispatcher's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from actors.policy import reasons
from actors.policy.attempts import UNTRIED, AttemptRules, verdict
from actors.policy.platform_time import PlatformTime
from actors.ports import Clock
from actors.ports.commands import BeginEvent, JournalAnswer
from actors.runtime.journal.writer import JournalWriter
from actors.values import Attempts, Disposition, Event, Outcome

BEGIN_S: Final = 5.0
"""Longest a handler thread waits for the journal; well below the deadline of a handler."""

NOT_BEGUN: Final = Outcome(disposition=Disposition.RETRY, reason="journal_unavailable")
"""The journal did not answer: no handler ran, and no attempt is counted."""

UNKNOWN_EFFECT: Final = Outcome(disposition=Disposition.PARKED, reason=reasons.UNKNOWN_EFFECT)


class Admission:
    """Lets the events of one run pass, or ends them.

    With ``begin`` the journal must hold that an event is about to be handled before it is;
    such a run has one event. The admission may be used again after :data:`NOT_BEGUN`, for
    the same event: then it goes on waiting for the same answer.
    """

    __slots__ = (
        "_answered",
        "_attempts",
        "_begin",
        "_clock",
        "_open",
        "_platform",
        "_rules",
        "_writer",
    )  # fmt: skip

    def __init__(
        self,
        *,
        rules: AttemptRules,
        clock: Clock,
        platform: Callable[[], PlatformTime],
        writer: JournalWriter,
        attempts: Attempts = UNTRIED,
        begin: BeginEvent | None = None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._platform = platform
        self._writer = writer
        self._attempts = attempts
        self._begin = begin
        self._answered: threading.Event | None = None
        self._open: bool | None = None

    def __call__(self, event: Event) -> Outcome | None:
        """Return None to let it pass, or how it ends without its handlers."""
        clock = self._clock
        platform_ms = self._platform().earliest_ms(clock.monotonic())
        ended = verdict(self._rules, self._attempts, event, clock.unix_ms(), platform_ms)
        if ended is not None or self._begin is None:
            return ended
        if self._answered is None:
            self._answered = threading.Event()
            self._writer.submit(self._begin, self._begun, refused=self._refused)
        if not self._answered.wait(BEGIN_S) or self._open is None:
            return NOT_BEGUN
        return None if self._open else UNKNOWN_EFFECT

    def _begun(self, answer: JournalAnswer) -> None:
        self._open = bool(answer)
        self._set()

    def _refused(self, _: str) -> None:
        self._set()

    def _set(self) -> None:
        assert self._answered is not None
        self._answered.set()
