"""Tables of the journal file, version by version.

Names follow ``contract.md`` 2.12. Knows SQL, no message, file or lock.
"""

from __future__ import annotations

import enum
import sqlite3
from typing import Final

VERSION: Final = 4
"""``PRAGMA user_version`` of the tables below; a change of any table raises it."""

OLDEST: Final = 1
"""The oldest version that is brought up to date at the start."""

APPLICATION_ID: Final = 0x58594757
"""``PRAGMA application_id``; tells a journal from any other SQLite file."""

PAGE_BYTES: Final = 4096
"""Page size. A small commit writes four or five pages of any size, so larger pages only cost."""

WAL_BYTES: Final = 64 * 1024 * 1024
"""Size of the write-ahead log at which a commit itself copies the rest of it, so that it begins
anew."""


class Status(enum.IntEnum):
    """State of an event. PENDING and RUNNING are open; only PENDING is handed to handlers."""

    PENDING = 0
    DONE = 1
    IGNORED = 2
    DEAD = 3
    PARKED = 4  # 5 was never written
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


TOLD: Final = "platform_ms"
"""Key of ``log_meta``: what the platform's clock said last."""


class FrameKind(enum.IntEnum):
    """The encoding of ``inbox.raw``."""

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
# (frames.local_id). Text is kept as text; what UTF-8 cannot say, as bytes (rows.storable).
# event_open: the rowid (lane_seq) is part of any index, so it is in lane order already.
# dead_letter also holds what is running (dead_letters.RUNNING), so that a start finds it at once.
_FIRST = """
CREATE TABLE log_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE inbox(
  raw_id INTEGER PRIMARY KEY, account TEXT NOT NULL, gen INTEGER NOT NULL,
  received_at INTEGER NOT NULL, kind INTEGER NOT NULL, raw NOT NULL);
CREATE TABLE event(
  lane_seq INTEGER PRIMARY KEY, event_id NOT NULL, raw_id INTEGER NOT NULL,
  idx INTEGER NOT NULL, account TEXT NOT NULL, lane, server_time INTEGER,
  source INTEGER NOT NULL, flags INTEGER NOT NULL,
  status INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
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

_SECOND = """
ALTER TABLE event ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE note(
  account TEXT NOT NULL, lane NOT NULL, key NOT NULL, value, at INTEGER NOT NULL,
  PRIMARY KEY(account, lane, key)) WITHOUT ROWID;
"""

# event_frame: which events a frame carried; without it a duplicate reads the whole table.
# tally: what the rows that retention deleted were, so that counts go on over the file's life.
_THIRD = """
CREATE INDEX event_frame ON event(raw_id);
CREATE TABLE tally(
  account TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(account, name)) WITHOUT ROWID;
"""

# platform_at: the platform's time; started_at is ours, and may be hours off.
_FOURTH = "ALTER TABLE attempt ADD COLUMN platform_at INTEGER;"

_STEPS: Final = {1: _FIRST, 2: _SECOND, 3: _THIRD, 4: _FOURTH}
"""Statements that make each version from the one before. A new file runs all of them, so it cannot
differ from a migrated one."""


def create(connection: sqlite3.Connection, now_ms: int, *, version: int = VERSION) -> None:
    """Make an empty file a journal (of an older version, to test with)."""
    connection.executescript(f"PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL;")
    connection.executescript(
        f"BEGIN; {steps(0, version)}"
        f"INSERT INTO log_meta VALUES('epoch', 1), ('created_at', {int(now_ms)});"
        f"PRAGMA application_id={APPLICATION_ID}; COMMIT;"
    )


def steps(found: int, wanted: int = VERSION) -> str:
    """Return the statements from one version to another, the number of the last one included."""
    text = "".join(_STEPS[version] for version in range(found + 1, wanted + 1))
    return f"{text} PRAGMA user_version={wanted};"


def tune(connection: sqlite3.Connection, synchronous: str) -> None:
    """Set what a connection forgets when it is closed."""
    for pragma in (
        f"synchronous={synchronous}",
        f"wal_autocheckpoint={WAL_BYTES // PAGE_BYTES}",
        f"journal_size_limit={WAL_BYTES}",
        "cache_size=-32768",
        "temp_store=MEMORY",
        "secure_delete=FAST",
        "busy_timeout=0",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
