"""Tables of the journal file, and the check that a file is one we can use.

Names and columns follow ``reliability.md`` 2.12. Knows SQL, no message and no lock.
"""

from __future__ import annotations

import enum
import sqlite3
from pathlib import Path
from typing import Final

from actors.storage import JournalError

VERSION: Final = 2
"""``PRAGMA user_version`` of the tables below; a change of any table raises it."""

APPLICATION_ID: Final = 0x58594757
"""``PRAGMA application_id``; tells a journal from any other SQLite file."""

FULL_CHECK_BYTES: Final = 128 * 1024 * 1024
"""Files up to this size are checked whole at each start; larger ones without their frames."""

PAGE_BYTES: Final = 4096
"""A small commit writes four or five pages, whatever their size: larger ones only cost."""

WAL_BYTES: Final = 64 * 1024 * 1024
"""Size of the write-ahead log at which a commit also checkpoints."""


class Status(enum.IntEnum):
    """State of an event. PENDING and RUNNING are open; only PENDING is handed to handlers."""

    PENDING = 0
    DONE = 1
    IGNORED = 2
    DEAD = 3
    PARKED = 4
    STALE = 5
    RUNNING = 6
    EXPIRED = 7


class SendState(enum.IntEnum):
    """State of an outbox row. Below CONFIRMED it is open."""

    QUEUED = 0
    SENDING = 1
    UNKNOWN = 2
    CONFIRMED = 3
    REJECTED = 4
    EXPIRED = 5
    CANCELLED = 6
    FAILED = 7


class FrameKind(enum.IntEnum):
    """How ``inbox.raw`` is to be read."""

    TEXT = 0
    BINARY = 1
    FAULT = 2


class Flag(enum.IntFlag):
    """Bits of ``event.flags``."""

    OWN = 1
    WEAK_ID = 2
    LATE = 4
    REPLAYED = 8


# raw_id and lane_seq come from one sequence: the raw_id of a frame is the number of its
# first event, so both tables grow at their end. event.event_id lacks its account
# (inbound.local_id). Text is kept as text; what UTF-8 cannot say, as bytes (rows.storable).
# event_open: the rowid (lane_seq) is part of any index, so it is in lane order already.
# dead_letter also holds what is running (letters.RUNNING), so that a start finds it at once.
_NOTE = """
CREATE TABLE note(
  account TEXT NOT NULL, lane NOT NULL, key NOT NULL, value, at INTEGER NOT NULL,
  PRIMARY KEY(account, lane, key)) WITHOUT ROWID;
"""
_TABLES = """
CREATE TABLE log_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE inbox(
  raw_id INTEGER PRIMARY KEY, account TEXT NOT NULL, gen INTEGER NOT NULL,
  received_at INTEGER NOT NULL, kind INTEGER NOT NULL, raw NOT NULL);
CREATE TABLE event(
  lane_seq INTEGER PRIMARY KEY, event_id NOT NULL, raw_id INTEGER NOT NULL,
  idx INTEGER NOT NULL, account TEXT NOT NULL, lane, server_time INTEGER,
  source INTEGER NOT NULL, flags INTEGER NOT NULL,
  status INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  UNIQUE(event_id, account));
CREATE INDEX event_open ON event(account) WHERE status = 0;
CREATE TABLE dead_letter(
  lane_seq INTEGER PRIMARY KEY, account TEXT NOT NULL, event_id NOT NULL,
  reason TEXT, at INTEGER NOT NULL);
CREATE TABLE effect(
  event_id NOT NULL, idx INTEGER NOT NULL, kind TEXT NOT NULL, body,
  PRIMARY KEY(event_id, idx)) WITHOUT ROWID;
CREATE TABLE outbox(
  position INTEGER PRIMARY KEY, outbox_id NOT NULL UNIQUE, uuid NOT NULL UNIQUE,
  account TEXT NOT NULL, lane NOT NULL, recipient, body NOT NULL, expires_at INTEGER NOT NULL,
  event_id, accepted_at INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0,
  server_message_id, reason, ended_at INTEGER);
CREATE INDEX outbox_open ON outbox(account) WHERE state < 3;
CREATE TABLE attempt(
  mid NOT NULL, outbox_id NOT NULL, gen INTEGER NOT NULL, epoch INTEGER NOT NULL,
  started_at INTEGER NOT NULL, result TEXT, UNIQUE(outbox_id, mid));
CREATE TABLE cursor(
  account TEXT PRIMARY KEY, stream_marker, position, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE account_state(
  account TEXT PRIMARY KEY, desired TEXT, failed_reason TEXT, n INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER, history, duplicates INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""

UPGRADES: Final = {
    1: f"ALTER TABLE event ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0; {_NOTE}",
}
"""What makes the tables of a version those of the next."""


def create(connection: sqlite3.Connection, now_ms: int) -> None:
    """Make an empty file a journal."""
    connection.executescript(f"PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL;")
    connection.executescript(
        f"BEGIN; {_TABLES} {_NOTE}"
        f"INSERT INTO log_meta VALUES('epoch', 1), ('created_at', {int(now_ms)});"
        f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; COMMIT;"
    )


def tune(connection: sqlite3.Connection, synchronous: str) -> None:
    """Set what a connection forgets when it is closed."""
    for pragma in (
        f"synchronous={synchronous}",
        f"wal_autocheckpoint={WAL_BYTES // PAGE_BYTES}",
        "cache_size=-32768",
        "temp_store=MEMORY",
        "secure_delete=FAST",
        "busy_timeout=0",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def verify(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not ours, is newer than we are, or is damaged.

    Up to :data:`FULL_CHECK_BYTES` every page is read. Above, the frames, which are nine
    tenths of a file, are left out, so that a start stays within seconds: the tables that
    say what is pending are always proven before anything is built on them.

    Raises:
        JournalError: Names the file, the cause and what to do.
        sqlite3.DatabaseError: SQLite itself could not read it.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(
            f"{path} is not a journal of this program and was left as it is; "
            "move it away, restore the journal there, or set another data_dir"
        )
    if version != VERSION and version not in UPGRADES:
        raise JournalError(
            f"{path} has journal schema {version}, this program knows {VERSION}; "
            "run the version that wrote it, or a newer one"
        )
    tables = [""]
    if path.stat().st_size > FULL_CHECK_BYTES:
        named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = [f"({name})" for (name,) in named if name != "inbox"]
    for table in tables:
        (found,) = connection.execute(f"PRAGMA quick_check{table}").fetchone()
        if found != "ok":
            raise JournalError(damaged(path, "quick_check failed"))
    if version != VERSION:
        upgrade(connection, version)


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from an older version to ours, in one transaction."""
    steps = " ".join(UPGRADES[step] for step in range(version, VERSION))
    try:
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version={VERSION}; COMMIT;")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def damaged(path: Path, cause: str) -> str:
    """Say that a file is damaged and that it was not touched."""
    return (
        f"the journal {path} is damaged ({cause}) and was left as it is; stop the gateway, "
        "copy the file with its -wal away, then restore a backup or salvage it"
    )
