"""The conversations that a person answers himself for a time: who has them, and until when."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from actors.policy.takeover import MINUTE_MS
from actors.ports.commands import StoreKept
from actors.runtime.journal.answer import Answer
from actors.runtime.journal.writer import JournalWriter
from actors.runtime.log import SILENT, Log
from actors.values import AccountId

KEPT: Final = "takeover/"
"""Begin of the names under which the journal keeps them, a text each."""

MOST: Final = 100_000
"""Conversations taken over at once; for one more, the one that ends first is handed back."""

PATIENCE_S: Final = 1.0
"""Longest time a handler waits until it is known who wrote the message before."""

By: TypeAlias = Literal["own_message", "person"]
_Lane: TypeAlias = tuple[AccountId, str]


class TakeOvers:
    """The only owner of who answers which conversation. Any thread.

    What is over is forgotten, so that memory holds those that are taken over, and hardly more.

    Args:
        auto_minutes: So long after a message that a person wrote as the account; 0: never.
        unix_ms: Our Unix time.
        log: Told of each begin and of each hand back.

    Attributes:
        auto_ms: The same in ms.
        busy: Some conversation is taken over, or about to be told; else nobody needs to ask.
    """

    def __init__(
        self, *, auto_minutes: int = 0, unix_ms: Callable[[], int] = int, log: Log = SILENT
    ) -> None:
        self.auto_ms = auto_minutes * MINUTE_MS
        self.busy = False
        self._unix_ms = unix_ms
        self._log = log
        self._until: dict[_Lane, int] = {}
        self._handed_back: dict[_Lane, int] = {}  # when a person did it, for as long as it matters
        self._unclear: Counter[_Lane] = Counter()
        self._clear_at = 64
        self._changed = threading.Condition()
        self._writer: JournalWriter | None = None

    def begin(self, writer: JournalWriter, kept: Mapping[str, str]) -> None:
        """Go on with what an earlier life kept.

        Args:
            writer: Keeps what changes.
            kept: What the journal has under :data:`KEPT`.
        """
        with self._changed:
            self._writer = writer
            for name, text in kept.items():
                with contextlib.suppress(ValueError):  # another version's
                    account, lane = json.loads(name.removeprefix(KEPT))
                    self._until[account, lane] = int(text)
            self._forget_over()
            self._note()

    # --- asked ------------------------------------------------------------------------

    def holds(self, account: AccountId, lane: str) -> bool:
        """Return whether a conversation is taken over now.

        While it is unclear who wrote a message before, it waits: :data:`PATIENCE_S` at most.
        """
        key = account, lane
        if key in self._unclear:
            self._wait_clear(key)
        until_ms = self._until.get(key)
        return until_ms is not None and until_ms > self._unix_ms()

    def of(self, account: AccountId) -> dict[str, int]:
        """Return an account's conversations that are taken over now, and until when (Unix ms)."""
        with self._changed:
            self._forget_over()
            self._note()
            return {lane: until for (name, lane), until in self._until.items() if name == account}

    def until(self, account: AccountId, lane: str) -> int | None:
        """Return until when a conversation is taken over, in our Unix time; None: it is not."""
        until_ms = self._until.get((account, lane))
        return None if until_ms is None or until_ms <= self._unix_ms() else until_ms

    # --- who wrote it -----------------------------------------------------------------

    def doubt(self, account: AccountId, lane: str) -> None:
        """Note that somebody said something as the account; :meth:`clear` ends it.

        Told before the message is handed out, so that none behind it is handled too early.
        """
        with self._changed:
            self._unclear[account, lane] += 1
            self.busy = True

    def clear(self, account: AccountId, lane: str) -> None:
        """Note that it is known who said it, or that it will take long."""
        key = account, lane
        with self._changed:
            if key in self._unclear:
                self._unclear[key] -= 1
                if not self._unclear[key]:
                    del self._unclear[key]
                self._note()
                self._changed.notify_all()

    def _wait_clear(self, key: _Lane) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: key not in self._unclear, PATIENCE_S):
                self._unclear.pop(key, None)  # who was to tell died
                self._note()

    # --- changed ----------------------------------------------------------------------

    def prolong(self, account: AccountId, lane: str, until_ms: int) -> None:
        """Take a conversation over because of an own message; one that lasts longer stays.

        A message from before a person handed it back, which is known only now, does nothing.
        """
        with self._changed:
            handed_ms = self._handed_back.get((account, lane))
            if handed_ms is not None and until_ms - self.auto_ms <= handed_ms:
                return
            before_ms = self.until(account, lane)
            if before_ms is None or before_ms < until_ms:
                self._set(account, lane, until_ms, by="own_message", new=before_ms is None)

    def take(self, account: AccountId, lane: str, minutes: int, timeout_s: float) -> int | None:
        """Take a conversation over because a person says so, or hand it back.

        It holds at once; on return it survives the process.

        Args:
            account: Whose.
            lane: Which.
            minutes: From now on; 0 hands it back.
            timeout_s: How long to wait for the journal.

        Returns:
            Until when, in our Unix time; None: it was handed back.

        Raises:
            CommandRefusedError: The journal was closed.
            TimeoutError: The journal did not answer in time; it holds in this life.
        """
        until_ms = self._unix_ms() + minutes * MINUTE_MS if minutes else None
        with self._changed:
            if until_ms is None:
                self._forget_over()
                self._handed_back[account, lane] = self._unix_ms()
                kept = self._hand_back(account, lane)
            else:
                kept = self._set(account, lane, until_ms, by="person", new=True)
        if kept is not None:
            kept.take(timeout_s)
        return until_ms

    def _set(
        self, account: AccountId, lane: str, until_ms: int, *, by: By, new: bool
    ) -> Answer[object] | None:
        if len(self._until) >= min(self._clear_at, MOST):
            self._forget_over()
        if len(self._until) >= MOST and (account, lane) not in self._until:
            self._hand_back(*min(self._until, key=self._until.__getitem__))
        self._until[account, lane] = until_ms
        self._note()
        if new:
            self._log.info(
                "conversation.taken_over",
                account=account,
                conversation=lane,
                until_ms=until_ms,
                by=by,
            )
        return self._keep(account, lane, until_ms)

    def _hand_back(self, account: AccountId, lane: str) -> Answer[object] | None:
        was = self.until(account, lane)
        if self._until.pop((account, lane), None) is None:
            return None
        self._note()
        if was is not None:
            self._log.info("conversation.handed_back", account=account, conversation=lane)
        return self._keep(account, lane, None)

    def _forget_over(self) -> None:
        now_ms = self._unix_ms()
        for account, lane in [key for key, until in self._until.items() if until <= now_ms]:
            del self._until[account, lane]
            self._keep(account, lane, None)
        for key in [key for key, at in self._handed_back.items() if at + self.auto_ms <= now_ms]:
            del self._handed_back[key]
        self._clear_at = max(64, 2 * len(self._until))

    def _note(self) -> None:
        self.busy = bool(self._until or self._unclear)

    def _keep(self, account: AccountId, lane: str, until_ms: int | None) -> Answer[object] | None:
        """Have it kept, in the order of the changes."""
        if self._writer is None:
            return None
        answer = Answer[object]()
        text = None if until_ms is None else str(until_ms)
        self._writer.submit(
            StoreKept(name=KEPT + json.dumps([account, lane]), text=text),
            answer.give,
            refused=answer.refuse,
        )
        return answer
