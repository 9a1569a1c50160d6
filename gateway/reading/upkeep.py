"""Keeping a reading copy small, and forgetting what a person wants forgotten."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from gateway.reading import schema
from gateway.reading.writing import MINUTE_MS, forget
from gateway.settings import ReadingSettings

DAY_MS: Final = 86_400_000

PART: Final = 5_000
"""Lines deleted in one transaction."""

MERGED_PAGES: Final = 2_000
"""Pages of the index of words that are written anew at a time: what was deleted lies in it."""

_OLD: Final = (
    ("lane", "at<?", 1),
    ("state", "at<?", 1),
    ("minute", "minute<?", MINUTE_MS),
)
"""Tables without words: what is old in each, and the unit of its time in ms."""


def delete_old(copy: sqlite3.Connection, settings: ReadingSettings, now_ms: int) -> bool:
    """Delete a part of what is older than it is kept, or of the oldest where the file is full.

    Returns:
        Whether there is more to delete.

    Raises:
        sqlite3.Error: The file cannot be written; nothing was done.
    """
    before_ms = now_ms - round(settings.keep_days * DAY_MS)
    full = size_of(copy) > settings.max_bytes
    where, values = ("1", ()) if full else ("at<?", (before_ms,))
    copy.execute("BEGIN IMMEDIATE")
    try:
        deleted = [forget(copy, table, where, values, PART) for table in ("said", "sent")]
        for words in ("words", "sent_words") if full else ():
            merge = f"INSERT INTO {words}({words}, rank) VALUES('merge', ?)"  # ours
            copy.execute(merge, (-MERGED_PAGES,))
        for table, old, unit in _OLD:
            query = f"DELETE FROM {table} WHERE {old}"  # noqa: S608  # ours
            copy.execute(query, (before_ms // unit,))
        copy.execute("COMMIT")
    except BaseException:
        copy.rollback()
        raise
    return PART in deleted


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
        sqlite3.Error: The file cannot be written; what was deleted so far stays deleted.
    """
    copy = schema.connect(path)
    try:
        copy.execute("PRAGMA secure_delete=ON").fetchall()
        before = before_ms if before_ms is not None else 1 << 62
        whose, values = "account=? AND at<?", (account, before)
        total, more = 0, True
        while more:
            copy.execute("BEGIN IMMEDIATE")
            try:
                deleted = [forget(copy, table, whose, values, PART) for table in ("said", "sent")]
                more = PART in deleted
                if not more:
                    for table in ("lane", "state"):
                        copy.execute(f"DELETE FROM {table} WHERE {whose}", values)  # noqa: S608  # ours
                    for words in ("words", "sent_words"):
                        copy.execute(f"INSERT INTO {words}({words}) VALUES('optimize')")  # ours
                copy.execute("COMMIT")
            except BaseException:
                copy.rollback()
                raise
            total += sum(deleted)
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        copy.close()
    return total
