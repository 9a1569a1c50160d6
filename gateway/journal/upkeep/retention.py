"""Retention in small transactions: deletes settled events, ended sends, frames without events.

Pending, running, parked and dead events and open sends stay whatever their age. The identity
by which a repeated message is known is its row, so it stays until the horizon
(``contract.md`` I6).

Our wall clock alone ages nothing: set ahead for nine seconds, it would empty that memory. So
the horizon lies no later than the platform's own times allow, and an event goes only when
the platform's time of it is old, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.journal.schema import TOLD, FrameKind, Status

BATCH_ROWS: Final = 128
"""Frames or sends that one transaction reads; a commit waits for at most one of these."""

_GONE: Final = f"({Status.DONE.value}, {Status.IGNORED.value}, {Status.EXPIRED.value})"
"""States in which an event may be deleted."""

_NEWEST: Final = (
    f"SELECT max(at) FROM (SELECT value AS at FROM log_meta WHERE key='{TOLD}' UNION ALL "  # noqa: S608
    "SELECT * FROM (SELECT server_time FROM event ORDER BY lane_seq DESC LIMIT 256))"
)
"""A time that the platform's clock has passed; NULL: it told none."""

_THEIRS: Final = "coalesce(server_time, 0)"
"""When an event happened, by the platform's clock; an event without a time may be deleted."""

_FRAMES: Final = "SELECT raw_id, received_at FROM inbox WHERE raw_id>? ORDER BY raw_id LIMIT ?"
_SENDS: Final = (
    "SELECT position, outbox_id, state>=3 AND ended_at<? AND coalesce((SELECT max(platform_at) "
    "FROM attempt WHERE attempt.outbox_id=outbox.outbox_id), 0)<?, accepted_at FROM outbox "
    "WHERE position>? ORDER BY position LIMIT ?"
)
_FLOOR: Final = (
    "INSERT INTO log_meta VALUES('numbers', ?) ON CONFLICT DO UPDATE "
    "SET value=max(value, excluded.value)"
)
_TALLY: Final = (
    "INSERT INTO tally VALUES(?,?,?) ON CONFLICT DO UPDATE SET count=count+excluded.count"
)


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction deleted.

    Attributes:
        events: Settled events.
        frames: Frames none of whose events is left.
        stripped: Frames that lost their content before their time, for want of room.
        sends: Ended sends.
        more: There may be more to take away now.
    """

    events: int = 0
    frames: int = 0
    stripped: int = 0
    sends: int = 0
    more: bool = False

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(
            events=self.events + other.events,
            frames=self.frames + other.frames,
            stripped=self.stripped + other.stripped,
            sends=self.sends + other.sends,
            more=other.more,
        )


class Retention:
    """Goes over the file, round by round; remembers how far the current round came."""

    def __init__(self) -> None:
        self._frames_after = self._sends_after = self._stripped_after = 0

    def step(self, connection: sqlite3.Connection, *, now_ms: int, kept_ms: int) -> Pruned:
        """Take away the next rows that are old, in a transaction of its own.

        Args:
            connection: The journal.
            now_ms: Our wall clock.
            kept_ms: How long rows are kept.

        Raises:
            sqlite3.Error: Nothing was done.
        """
        (newest_ms,) = connection.execute(_NEWEST).fetchone()
        horizon_ms = (now_ms if newest_ms is None else min(now_ms, newest_ms)) - kept_ms
        frames, old = self._old_frames(connection, horizon_ms)
        sends, ended = self._ended_sends(connection, horizon_ms)
        events = gone = 0
        if old or ended:
            with Transaction(connection):
                events, gone = _delete_frames(connection, old, horizon_ms)
                _delete_sends(connection, ended)
        more = bool(frames or sends)
        self._frames_after = frames[-1] if frames else 0
        self._sends_after = sends[-1] if sends else 0
        return Pruned(events=events, frames=gone, sends=len(ended), more=more)

    def strip(self, connection: sqlite3.Connection) -> Pruned:
        """Empty the oldest frames all of whose events may go; their identities stay.

        Raises:
            sqlite3.Error: Nothing was done.
        """
        values = (self._stripped_after, BATCH_ROWS)
        numbers = [number for number, _ in connection.execute(_FRAMES, values).fetchall()]
        self._stripped_after = numbers[-1] if numbers else 0
        if not numbers:
            return Pruned()
        with Transaction(connection):
            stripped = connection.execute(
                f"UPDATE inbox SET raw='' WHERE raw_id IN ({_marks(numbers)}) AND raw<>'' "  # noqa: S608
                f"AND kind<>{FrameKind.FAULT.value} AND NOT EXISTS (SELECT 1 FROM event "
                f"WHERE event.raw_id=inbox.raw_id AND status NOT IN {_GONE})",
                numbers,
            ).rowcount
        return Pruned(stripped=stripped, more=True)

    def _old_frames(
        self, connection: sqlite3.Connection, horizon_ms: int
    ) -> tuple[list[int], list[int]]:
        """Return the frames looked at (none: the round is over) and the old ones of them."""
        rows = connection.execute(_FRAMES, (self._frames_after, BATCH_ROWS)).fetchall()
        old = [number for number, at in rows if at < horizon_ms]
        return [number for number, _ in rows] if old else [], old

    def _ended_sends(
        self, connection: sqlite3.Connection, horizon_ms: int
    ) -> tuple[list[int], list[str]]:
        values = (horizon_ms, horizon_ms, self._sends_after, BATCH_ROWS)
        rows = connection.execute(_SENDS, values).fetchall()
        ended = [name for _, name, gone, _ in rows if gone]
        aged = any(at < horizon_ms for _, _, _, at in rows)
        return [position for position, _, _, _ in rows] if aged else [], ended


class Transaction:
    """BEGIN IMMEDIATE … COMMIT; rolled back if anything fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        del error, trace
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _delete_frames(
    connection: sqlite3.Connection, old: Sequence[int], horizon_ms: int
) -> tuple[int, int]:
    """Delete settled events of old frames, then the frames that are empty; give how many.

    What came while our clock was set back looks old and is not: the platform's time says so.
    """
    if not old:
        return 0, 0
    of_them = f"raw_id IN ({_marks(old)})"
    settled = f"FROM event WHERE {of_them} AND status IN {_GONE} AND {_THEIRS}<{horizon_ms}"
    counted = connection.execute(
        f"SELECT account, status, count(*), max(lane_seq) {settled} GROUP BY account, status",
        old,
    ).fetchall()
    for account, status, count, _ in counted:
        connection.execute(_TALLY, (account, Status(status).name.lower(), count))
    highest = max((number for _, _, _, number in counted), default=0)
    connection.execute(_FLOOR, (max(old[-1], highest),))
    events = connection.execute(f"DELETE {settled}", old).rowcount
    frames = connection.execute(
        f"DELETE FROM inbox WHERE {of_them} "  # noqa: S608
        "AND NOT EXISTS (SELECT 1 FROM event WHERE event.raw_id=inbox.raw_id)",
        old,
    ).rowcount
    return events, frames


def _delete_sends(connection: sqlite3.Connection, ended: Sequence[str]) -> None:
    for table in ("attempt", "outbox") if ended else ():
        connection.execute(f"DELETE FROM {table} WHERE outbox_id IN ({_marks(ended)})", ended)  # noqa: S608


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
