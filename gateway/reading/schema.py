"""Tables of the reading copy. Knows SQL, no thread.

``said``: one message, ours or a buyer's; ``sent``: one row of the outbox; ``lane``: one
conversation, its last word and since when it waits; ``minute``, ``total``: counts of an account,
of all; ``state``: changes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FILE: Final = "reading.sqlite3"
"""Its name in ``data_dir``."""

VERSION: Final = 1
"""``PRAGMA user_version``; a file of another version is built anew."""

APPLICATION_ID: Final = 0x58595243
"""``PRAGMA application_id``; a file without it is nobody's to delete."""

_TABLES: Final = """
CREATE TABLE about(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE said(
  seq INTEGER PRIMARY KEY, account TEXT NOT NULL, lane TEXT NOT NULL, event_id TEXT NOT NULL,
  at INTEGER NOT NULL, came INTEGER NOT NULL, own INTEGER NOT NULL, kind TEXT NOT NULL,
  subtype TEXT, who TEXT, text TEXT, message_id TEXT, flags INTEGER NOT NULL,
  UNIQUE(account, event_id));
CREATE INDEX said_lane ON said(account, lane, at, seq);
CREATE INDEX said_at ON said(at);
CREATE INDEX said_message ON said(account, message_id) WHERE own = 1;
CREATE TABLE sent(
  number INTEGER PRIMARY KEY, position INTEGER NOT NULL, outbox_id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL, lane TEXT NOT NULL, at INTEGER NOT NULL, text TEXT, state TEXT NOT NULL,
  reason TEXT, message_id TEXT, event_id TEXT, ended INTEGER NOT NULL);
CREATE INDEX sent_lane ON sent(account, lane, at);
CREATE INDEX sent_message ON sent(account, message_id);
CREATE INDEX sent_open ON sent(position) WHERE ended = 0;
CREATE INDEX sent_at ON sent(at);
CREATE TABLE lane(
  account TEXT NOT NULL, lane TEXT NOT NULL, peer TEXT, nick TEXT, item TEXT,
  at INTEGER NOT NULL, text TEXT, own INTEGER NOT NULL, waits_since INTEGER,
  PRIMARY KEY(account, lane)) WITHOUT ROWID;
CREATE INDEX lane_of ON lane(account, at);
CREATE INDEX lane_at ON lane(at);
CREATE INDEX lane_waits ON lane(waits_since) WHERE waits_since IS NOT NULL;
CREATE INDEX lane_waits_of ON lane(account, waits_since) WHERE waits_since IS NOT NULL;
CREATE TABLE minute(
  account TEXT NOT NULL, minute INTEGER NOT NULL, received INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0, reconnects INTEGER NOT NULL DEFAULT 0,
  slowest INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(account, minute)) WITHOUT ROWID;
CREATE INDEX minute_at ON minute(minute);
CREATE TABLE total(
  minute INTEGER PRIMARY KEY, received INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0, reconnects INTEGER NOT NULL DEFAULT 0,
  slowest INTEGER NOT NULL DEFAULT 0);
CREATE TABLE state(
  account TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL,
  why TEXT, reason TEXT, detail TEXT, number INTEGER PRIMARY KEY);
CREATE INDEX state_of ON state(account, at);
CREATE INDEX state_at ON state(at);
CREATE VIRTUAL TABLE words USING fts5(
  text, content='said', content_rowid='seq', tokenize='trigram');
CREATE VIRTUAL TABLE sent_words USING fts5(
  text, content='sent', content_rowid='number', tokenize='trigram');
"""


# Nothing is lost with it: what a power cut damages is built anew.
_PRAGMAS: Final = (
    "synchronous=OFF",
    "temp_store=MEMORY",
    "cache_size=-8192",
    f"journal_size_limit={64 << 20}",
)


def is_ours(path: Path) -> bool:
    """Return whether a file may be deleted: it is a reading copy, or what is left of one.

    A file that cannot be read as a database is one that was damaged; a sound database of another
    application is not.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        (found,) = connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()
    return bool(found == APPLICATION_ID)


def create(path: Path) -> sqlite3.Connection:
    """Make an empty copy, mode 0600, and return it open.

    Raises:
        sqlite3.Error, OSError: It cannot be made.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = connect(path)
    try:
        connection.executescript(
            f"PRAGMA journal_mode=WAL; BEGIN; {_TABLES}"
            f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; COMMIT;"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a copy that exists; any thread may use it, one at a time.

    Raises:
        DamagedError: It is damaged.
        sqlite3.Error: It cannot be opened.
    """
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=5.0,
        check_same_thread=False,
    )
    try:
        with guarded():
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


class DamagedError(Exception):
    """SQLite found something in the copy that cannot be right."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Tell damage of a copy from other errors.

    Raises:
        DamagedError: Instead of the error of SQLite that says so.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        raise DamagedError(str(error)) from error


@contextlib.contextmanager
def transaction(copy: sqlite3.Connection) -> Iterator[None]:
    """Write all of it or nothing.

    Raises:
        DamagedError: The copy is damaged.
        sqlite3.Error: It cannot be written.
    """
    with guarded():
        copy.execute("BEGIN IMMEDIATE")
        try:
            yield
            copy.execute("COMMIT")
        except BaseException:
            copy.rollback()
            raise


def problem(copy: sqlite3.Connection, *, whole: bool) -> str | None:
    """Return why a file is no copy to go on with; None: it is one.

    Args:
        copy: The file.
        whole: Read all of it, which takes a second for some hundred MiB.

    Raises:
        DamagedError: It is damaged.
        sqlite3.Error: It cannot be read just now.
    """
    with guarded():
        if copy.execute("PRAGMA user_version").fetchone() != (VERSION,):
            return "it is of another version"
        if whole and copy.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise DamagedError("its pages contradict each other")
    return None


def kept(copy: sqlite3.Connection) -> dict[str, int | str]:
    """Return what a copy tells of itself."""
    with guarded():
        return dict(copy.execute("SELECT key, value FROM about").fetchall())


def keep(copy: sqlite3.Connection, **values: int | str) -> None:
    """Note what a copy tells of itself."""
    with guarded():
        copy.executemany("INSERT OR REPLACE INTO about VALUES(?,?)", values.items())


def delete(path: Path) -> None:
    """Delete a copy with what lies beside it.

    Raises:
        OSError: It cannot be deleted.
    """
    for ending in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}{ending}").unlink()
