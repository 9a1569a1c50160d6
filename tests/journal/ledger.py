"""A journal to care for: what its rows are, and a clock that a test sets."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from actors.ports.commands import SettleEvents, Settlement, StoreDelivery, StoreFrames
from actors.ports.journal import Pending
from actors.runtime.clock import SystemClock
from actors.sections import JournalSettings
from actors.values import Content, Decoded, Delivery, Disposition, Event, Outcome
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.upkeep.quota import UNBOUNDED

DAY_MS = 24 * 3600 * 1000


class Calendar(SystemClock):
    """Real seconds, and the date a test says."""

    __slots__ = ("now_ms",)

    def __init__(self, now_ms: int = 100 * DAY_MS) -> None:
        self.now_ms = now_ms

    def unix_ms(self) -> int:
        """Return the test's date."""
        return self.now_ms


class Lines:
    """A log that keeps its warnings."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.lines.append((event, fields))

    def names(self) -> list[str]:
        """Return the names of what was logged."""
        return [name for name, _ in self.lines]


def keeping(**limits: Any) -> JournalSettings:
    """Return limits of a journal that has no others."""
    return dataclasses.replace(UNBOUNDED, **limits)


def opened(
    path: Path,
    clock: Calendar | None = None,
    limits: JournalSettings = UNBOUNDED,
    log: Any = None,
) -> SqliteJournal:
    """Open a journal that syncs nothing a test would wait for."""
    return SqliteJournal(
        path, synchronous="NORMAL", clock=clock or Calendar(), limits=limits, log=log or Lines()
    )


def open_rows(journal: SqliteJournal, account: str = "a") -> list[Pending]:
    """Return all that is pending, page by page."""
    found: list[Pending] = []
    page = journal.pending(account, 0, 1000)
    found += page
    while page.more:
        page = journal.pending(account, page.through, 1000)
        found += page
    return found


def push(
    journal: SqliteJournal,
    *names: str,
    at_ms: int = 100 * DAY_MS,
    raw: str = "raw",
    account: str = "a",
    lane: str | None = "c",
) -> StoreFrames:
    """Make a frame with an event a name."""
    numbers = journal.numbers()
    events = [
        Event(
            account=account,
            event_id=f"{account}/{name}",
            conversation_id=lane,
            lane_seq=next(numbers),
        )
        for name in names
    ]
    return StoreFrames(
        account=account,
        generation=1,
        received_at_ms=at_ms,
        frames=[Decoded(raw=raw, events=events)],
    )


def store(journal: SqliteJournal, *names: str, **fields: Any) -> list[Event]:
    """Store a frame; give its new events."""
    (answer,) = journal.commit([push(journal, *names, **fields)])
    assert isinstance(answer, list)
    return [event for event in answer if isinstance(event, Event)]


def settle(
    journal: SqliteJournal, events: Sequence[Event], disposition: Disposition = Disposition.DONE
) -> None:
    """Settle events of one account."""
    outcome = Outcome(disposition=disposition, reason="because")
    settlements = [Settlement(event=event, outcome=outcome) for event in events]
    journal.commit([SettleEvents(account=events[0].account, settlements=settlements)])


def sent(name: str) -> StoreDelivery:
    """Make a send."""
    return StoreDelivery(
        delivery=Delivery(
            outbox_id=name,
            uuid=name,
            account="a",
            conversation_id="c",
            to=None,
            content=Content(text="hi"),
            expires_at_ms=1,
        )
    )


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask a file that may be in use."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def pages_of(path: Path, table: str) -> list[int]:
    """Return the leaf pages of a table, in no order, its root left out.

    Read from the file's own structure: page type 13 is a table leaf (SQLite file format 1.6).
    """
    size = 4096
    content = path.read_bytes()
    (root,) = rows(path, f"SELECT rootpage FROM sqlite_schema WHERE name='{table}'")[0]
    found: list[int] = []

    def walk(page: int) -> None:
        begin = (page - 1) * size
        if content[begin] == 13:
            found.append(page)
            return
        cells = int.from_bytes(content[begin + 3 : begin + 5], "big")
        for cell in range(cells):
            at = begin + 12 + 2 * cell
            pointer = begin + int.from_bytes(content[at : at + 2], "big")
            walk(int.from_bytes(content[pointer : pointer + 4], "big"))
        walk(int.from_bytes(content[begin + 8 : begin + 12], "big"))

    walk(root)
    return [page for page in found if page != root]


def overwrite(path: Path, page: int) -> None:
    """Destroy one page of a file that nobody has open."""
    with path.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
        os.fsync(file.fileno())
