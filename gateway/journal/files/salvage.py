"""Salvage: copies what can be read out of a damaged journal (``contract.md`` J4).

Into a new file, beside the old one, which is set aside whole and never written. What is lost
is listed; cursors are left out, so that recovery reads the platform's history again; and an
event that waited for a handler but lost its frame is left out, too, so that history may bring
it once more.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.ports import Clock
from actors.ports.journal import JournalError
from gateway.journal import schema
from gateway.journal.files import integrity, opening
from gateway.journal.files.lock import ProcessLock

LEFT_OUT: Final = frozenset({"cursor"})
"""Tables that are not copied: their rows would claim that lost messages were read."""

_FARTHEST: Final = 1 << 62
_GROUP_ROWS: Final = 512
_FORGET: Final = "DELETE FROM event WHERE status=0 AND raw_id NOT IN (SELECT raw_id FROM inbox)"


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that could not be read.

    Attributes:
        table: Where they were.
        after: Key of the last row read before them; None: there was none.
        before: Key of the first row read after them; None: there was none.
    """

    table: str
    after: int | str | None
    before: int | str | None


class Salvage(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a salvage.

    Attributes:
        path: The new journal, in the old one's place.
        aside: Where the damaged one lies now.
        rows: Rows saved, by table.
        losses: What could not be read.
        reopened: Events that waited, lost their frame and were forgotten for history to bring.
        cleared: Cursors left out; every account reads its history again.
    """

    path: str
    aside: str
    rows: dict[str, int]
    losses: list[Loss]
    reopened: int
    cleared: int


def salvage(path: Path, *, clock: Clock) -> Salvage:
    """Save what can be read, and put it in the damaged journal's place.

    A kill at any moment loses nothing: until the new file is whole the old one stays where it
    is, and from then on the journal cannot be opened until a second call has finished the move.

    Raises:
        JournalError: In use, or nothing at all can be read; the file was left as it is.
    """
    lock = ProcessLock(opening.beside(path, ".lock"))
    try:
        if path.exists():
            lock.guard(path)
        whole = opening.beside(path, opening.SALVAGED)
        if whole.exists():
            found = _finished(path, whole)
        else:
            draft = opening.beside(path, ".salvaging")
            _clear(draft)
            found = _save(path, draft, clock.unix_ms())
            opening.sync(draft)
            opening.put(draft, whole)
        _swap(path, whole, Path(found.aside))
    finally:
        lock.release()
    return found


def _swap(path: Path, whole: Path, aside: Path) -> None:
    """Set the damaged file aside, its log first, and put the new one in its place."""
    for ending in ("-wal", ""):
        old = opening.beside(path, ending)
        if old.exists():
            old.rename(opening.beside(aside, ending))
    opening.beside(path, "-shm").unlink(missing_ok=True)
    whole.rename(path)
    opening.sync_directory(path)


def _save(path: Path, draft: Path, now_ms: int) -> Salvage:
    """Fill a new file from a damaged one; its result is noted inside."""
    opening.begin(draft, now_ms)
    reading = opening.reader(path)
    writing = sqlite3.connect(draft, isolation_level=None)
    try:
        writing.execute("PRAGMA synchronous=OFF")
        version = integrity.identify(reading, path)
        rows: dict[str, int] = {}
        losses: list[Loss] = []
        writing.execute("BEGIN")
        for table in _tables(writing):
            if table not in LEFT_OUT and (version >= schema.VERSION or table in _tables(reading)):
                rows[table] = _copy(reading, writing, table, losses)
        reopened = writing.execute(_FORGET).rowcount
        found = Salvage(
            path=str(path),
            aside=str(_aside(path, now_ms)),
            rows=rows,
            losses=losses,
            reopened=reopened,
            cleared=_count(reading, "cursor"),
        )
        noted = msgspec.json.encode(found).decode()
        writing.execute("DELETE FROM log_meta WHERE key IN ('clean_shutdown', 'counts')")
        writing.execute("INSERT OR REPLACE INTO log_meta VALUES('salvaged', ?)", (noted,))
        writing.execute("COMMIT")
        writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        raise JournalError(
            f"nothing of {path} can be read ({error}) and it was left as it is; "
            "move it and its -wal away, then put a backup in its place"
        ) from error
    finally:
        writing.close()
        reading.close()
    return found


def _copy(
    reading: sqlite3.Connection, writing: sqlite3.Connection, table: str, losses: list[Loss]
) -> int:
    """Copy the readable rows of a table; note where there were others. Gives how many."""
    there = {row[1] for row in reading.execute(f"PRAGMA table_info({table})")}
    ours = writing.execute(f"PRAGMA table_info({table})").fetchall()
    columns = [row[1] for row in ours if row[1] in there]  # an older schema has fewer
    keys = [row[1] for row in ours if row[5]]
    key = keys[0] if _keyed_by_text(writing, table) else "rowid"
    names = ",".join(columns)
    marks = ",".join("?" * len(columns))
    insert = f"INSERT OR IGNORE INTO {table}({names}) VALUES({marks})"  # our own names
    scan = _by_text if key != "rowid" else _by_number
    copied = 0
    for row in scan(reading, table, f"{key}, {names}", key, losses):
        with contextlib.suppress(sqlite3.IntegrityError, sqlite3.DataError):  # not a row of ours
            copied += writing.execute(insert, row[1:]).rowcount
    return copied


def _by_number(
    reading: sqlite3.Connection, table: str, names: str, key: str, losses: list[Loss]
) -> Iterator[tuple[Any, ...]]:
    """Yield rows by rising rowid; jump over what cannot be read, as little as possible."""
    after = -_FARTHEST
    query = (
        f"SELECT {names} FROM {table} NOT INDEXED "  # noqa: S608  # our own names
        f"WHERE {key}>? ORDER BY {key} LIMIT {_GROUP_ROWS}"
    )
    while True:
        rows, whole = _read(reading, query, after)
        yield from rows
        if rows:
            after = rows[-1][0]
        if whole and not rows:
            return
        if whole:
            continue
        found = _beyond(reading, table, key, after)
        losses.append(Loss(table=table, after=None if after == -_FARTHEST else after, before=found))
        if found is None:
            return
        after = found - 1


def _beyond(reading: sqlite3.Connection, table: str, key: str, after: int) -> int | None:
    """Return the next key after a damaged place that can be read; None: there is none.

    Pages hold neighbours, so the place is found by doubling the distance, then halving it.
    """
    query = f"SELECT * FROM {table} NOT INDEXED WHERE {key}>? ORDER BY {key} LIMIT 1"  # noqa: S608
    query = query.replace("*", f"{key}, *", 1)
    start, far = max(after, 0), 1
    while far < _FARTHEST:
        rows, whole = _read(reading, query, start + far)
        if whole:
            break
        far *= 2
    else:
        return None
    near = far // 2
    while far - near > 1:
        middle = (near + far) // 2
        if _read(reading, query, start + middle)[1]:
            far = middle
        else:
            near = middle
    rows, whole = _read(reading, query, start + far)
    return int(rows[0][0]) if rows else None


def _by_text(
    reading: sqlite3.Connection, table: str, names: str, key: str, losses: list[Loss]
) -> Iterator[tuple[Any, ...]]:
    """Yield rows from the front until something cannot be read, then from the back."""
    last: Any = None
    try:
        for row in reading.execute(f"SELECT {names} FROM {table} ORDER BY {key}"):  # noqa: S608
            last = row[0]
            yield row
    except sqlite3.DatabaseError:
        first: Any = None
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in reading.execute(f"SELECT {names} FROM {table} ORDER BY {key} DESC"):  # noqa: S608
                if last is not None and row[0] <= last:
                    break
                first = row[0]
                yield row
        losses.append(Loss(table=table, after=last, before=first))


def _read(
    reading: sqlite3.Connection, query: str, after: int
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the rows up to the first that cannot be read, and whether there was none."""
    rows: list[tuple[Any, ...]] = []
    try:
        rows.extend(reading.execute(query, (after,)))
    except sqlite3.DatabaseError:
        return rows, False
    return rows, True


def _keyed_by_text(connection: sqlite3.Connection, table: str) -> bool:
    (text,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE type='table' AND name=?", (table,)
    ).fetchone()
    return "WITHOUT ROWID" in text


def _tables(connection: sqlite3.Connection) -> list[str]:
    named = connection.execute("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name")
    return [name for (name,) in named.fetchall() if not name.startswith("sqlite_")]


def _count(connection: sqlite3.Connection, table: str) -> int:
    with contextlib.suppress(sqlite3.DatabaseError):
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
    return 0


def _finished(path: Path, whole: Path) -> Salvage:
    """Read what a salvage that was cut short had found."""
    connection = sqlite3.connect(f"{whole.absolute().as_uri()}?mode=ro", uri=True)
    try:
        (noted,) = connection.execute("SELECT value FROM log_meta WHERE key='salvaged'").fetchone()
    finally:
        connection.close()
    del path
    return msgspec.json.decode(noted, type=Salvage)


def _aside(path: Path, now_ms: int) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_ms / 1000))
    return opening.beside(path, f".damaged-{stamp}")


def _clear(draft: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        opening.beside(draft, ending).unlink(missing_ok=True)
