"""Keeping a reading copy small, and forgetting what a person wants forgotten."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from gateway.journal.sqlite import following
from gateway.reading import schema
from gateway.reading.writing import MINUTE_MS, forget
from gateway.settings import ReadingSettings

DAY_MS: Final = 86_400_000

PART: Final = 5_000
"""Rows of a table deleted in one transaction."""

MERGED_PAGES: Final = 2_000
"""Pages of the index of words that are written anew at a time: what was deleted lies in it."""

_WORDS: Final = ("words", "sent_words")
_OLDEST: Final = (
    "SELECT max(at) FROM (SELECT at FROM said UNION ALL SELECT at FROM sent "
    "UNION ALL SELECT at FROM state ORDER BY at LIMIT ?)"
)
"""When the newest of the oldest rows was."""
_PLAIN: Final = tuple(
    f"DELETE FROM {table} WHERE {old} AND ({key}) IN "  # noqa: S608  # ours
    f"(SELECT {key} FROM {table} WHERE {old} ORDER BY {at} LIMIT :n)"
    for table, key, at, old in (
        ("lane", "account, lane", "at", "at<:b"),
        ("state", "number", "at", "at<:b"),
        ("minute", "account, minute", "minute", "minute<:m"),
        ("total", "minute", "minute", "minute<:m"),
    )
)
"""Tables without words."""


def delete_old(copy: sqlite3.Connection, settings: ReadingSettings, now_ms: int) -> bool:
    """Delete a part of what is older than it is kept, or of the oldest where the file is full.

    Returns:
        Whether there is more to delete.

    Raises:
        DamagedError: The copy is damaged; nothing was done.
        sqlite3.Error: The file cannot be written; nothing was done.
    """
    before_ms = now_ms - round(settings.keep_days * DAY_MS)
    with schema.transaction(copy):
        full = size_of(copy) > settings.max_bytes
        if full:
            (oldest_ms,) = copy.execute(_OLDEST, (PART,)).fetchone()
            before_ms = max(before_ms, 0 if oldest_ms is None else oldest_ms + 1)
        deleted = [forget(copy, each, "at<?", (before_ms,), PART) for each in ("said", "sent")]
        values = {"b": before_ms, "m": before_ms // MINUTE_MS, "n": PART}
        deleted += [copy.execute(query, values).rowcount for query in _PLAIN]
        for words in _WORDS if full else ():
            _merge(copy, words)
    return max(deleted) >= PART or (full and any(deleted))


def _merge(copy: sqlite3.Connection, words: str) -> int:
    """Write a part of an index of words anew; return how many rows of it that changed."""
    before = copy.total_changes
    copy.execute(f"INSERT INTO {words}({words}, rank) VALUES('merge', ?)", (-MERGED_PAGES,))
    return copy.total_changes - before


def size_of(copy: sqlite3.Connection) -> int:
    """Return the bytes of the pages that are in use."""
    (pages,) = copy.execute("PRAGMA page_count").fetchone()
    (free,) = copy.execute("PRAGMA freelist_count").fetchone()
    (size,) = copy.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def purge(path: Path, account: str, before_ms: int | None = None) -> int:
    """Forget what was said to and by an account, while the copy is in use or not.

    Args:
        path: The copy.
        account: Whose.
        before_ms: Only what was said before this Unix time; None: all.

    Returns:
        How many lines were deleted.

    Raises:
        DamagedError: The copy is damaged.
        sqlite3.Error: The file cannot be written; what was deleted so far stays deleted.
    """
    with contextlib.closing(schema.connect(path)) as copy:
        copy.execute("PRAGMA secure_delete=ON").fetchall()
        before = before_ms if before_ms is not None else 1 << 62
        whose, values = "account=? AND at<?", (account, before)
        total, more = 0, True
        while more:
            with schema.transaction(copy):
                deleted = [forget(copy, table, whose, values, PART) for table in ("said", "sent")]
            total += sum(deleted)
            more = PART in deleted
        with schema.transaction(copy):
            for table in ("lane", "state"):
                copy.execute(f"DELETE FROM {table} WHERE {whose}", values)  # noqa: S608  # ours
        for words in _WORDS:  # a part at a time: who copies has its turn in between
            changed = 2
            while changed > 1:
                with schema.transaction(copy):
                    changed = _merge(copy, words)
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return total


def standing(path: Path, journal: Path) -> dict[str, int | None]:
    """Return how a copy stands: its size, what it holds, how far it is behind.

    Raises:
        DamagedError: The copy is damaged.
        sqlite3.Error: It cannot be read.
    """
    with contextlib.closing(schema.connect(path, read_only=True)) as copy:
        about = schema.kept(copy)
        with schema.guarded():
            counts = {
                name: copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # ours
                for name, table in (("messages", "said"), ("sends", "sent"), ("talks", "lane"))
            }
            (oldest_ms,) = copy.execute("SELECT min(at) FROM said").fetchone()
            size = size_of(copy)
    behind = None
    if journal.is_file():
        with contextlib.closing(following.connect(journal)) as journal_:
            behind = max(0, following.newest(journal_) - int(about.get("high", 0)))
    return {
        "bytes": size,
        "messages": counts["messages"],
        "sends": counts["sends"],
        "conversations": counts["talks"],
        "oldest_ms": oldest_ms,
        "behind_events": behind,
    }
