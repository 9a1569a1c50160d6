"""The real journal on a disk that a test holds up, fills, or whose writer it kills."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from market import Market

from actors.ports.commands import JournalAnswer, JournalCommand, StoreFrames
from actors.ports.journal import JournalError
from gateway.journal.sqlite.journal import SqliteJournal


class SlowDisk(SqliteJournal):
    """What the platform sent is committed when the test lets it; the rest is as ever.

    Attributes:
        may_commit: Cleared, such a commit waits.
        asked: Set when one has begun.
        full: Then it fails.
        deadly: Then the writer's thread dies of it, once and without a word.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.asked = threading.Event()
        self.full = self.deadly = False
        super().__init__(*args, **kwargs)

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Commit when the test lets us."""
        if any(isinstance(each, StoreFrames) and each.frames for each in commands):
            self.asked.set()
            self.may_commit.wait(30.0)
            if self.full:
                raise JournalError("disk full: free some space")
            if self.deadly:
                self.deadly = False
                raise SystemExit  # nobody catches it, and threading says nothing of it
        return super().commit(commands)


def disk_of(market: Market) -> SlowDisk:
    """Return a market's disk; use ``monkeypatch.setattr(assembly, "SqliteJournal", SlowDisk)``."""
    system = market.gateway._system  # the journal is nobody's business
    assert system is not None
    journal = system.services.writer._journal
    assert isinstance(journal, SlowDisk)
    return journal
