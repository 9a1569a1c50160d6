"""Finds conversations that wait too long or are too long, in small steps over the pending events.

Only accounts that have many or old events are read; their rows a few hundred at a time.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from actors.policy.alerts import Alert
from actors.sections import JournalSettings
from gateway.journal.rows import text
from gateway.journal.schema import Flag

STEP_ACCOUNTS: Final = 32
STEP_ROWS: Final = 256
"""Accounts or rows that one step reads; a commit waits for at most one step."""

LANES_TOLD: Final = 10
"""Conversations of one account with an alert of their own, the oldest first."""

LANES_KEPT: Final = 50_000
"""Most conversations kept of one account while it is read; those beyond began later."""

RELIEF: Final = 0.8
"""An alert about a lane ends below this share of its bound."""

# a replayed event is as old as it ever was, and yet it has just come to its lane
_FRESH: Final = f"flags & {Flag.REPLAYED.value} = 0"
_NEXT: Final = "SELECT min(account) FROM event WHERE status=0 AND account>?"
_OLDEST: Final = (
    "SELECT received_at FROM event CROSS JOIN inbox USING(raw_id) "  # noqa: S608  # ours
    f"WHERE event.account=? AND status=0 AND {_FRESH} ORDER BY lane_seq LIMIT 1"
)
_NTH: Final = "SELECT 1 FROM event WHERE account=? AND status=0 ORDER BY lane_seq LIMIT 1 OFFSET ?"
_ROWS: Final = (
    f"SELECT lane, lane_seq, received_at, {_FRESH} FROM event CROSS JOIN inbox USING(raw_id) "  # noqa: S608  # ours
    "WHERE event.account=? AND status=0 AND lane_seq>? ORDER BY lane_seq LIMIT ?"
)


class _Lane:
    """What was read of one conversation: how many events wait, and when the oldest came."""

    __slots__ = ("came_ms", "count")

    def __init__(self) -> None:
        self.count = 0
        self.came_ms: int | None = None


class Backlog:
    """Looks at all accounts, round by round; remembers how far the current round came.

    Args:
        limits: When a lane is too long or too old.

    Attributes:
        found: What the last whole round found, an alert a lane.
        oldest_ms: Our Unix time when the oldest event came that it saw; None: it saw none. What a
            person put back is as new as that.
    """

    def __init__(self, limits: JournalSettings) -> None:
        self._limits = limits
        self._after = ""
        self._account: str | None = None
        self._number = 0
        self._lanes: dict[str | bytes | None, _Lane] = {}
        self._finding: list[Alert] = []
        self.found: tuple[Alert, ...] = ()
        self._oldest_ms: int | None = None
        self.oldest_ms: int | None = None

    def step(self, connection: sqlite3.Connection, now_ms: int) -> bool:
        """Look a little further; False: a round is over.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        if self._account is not None:
            self._read(connection, self._account, now_ms)
            return True
        for _ in range(STEP_ACCOUNTS):
            (account,) = connection.execute(_NEXT, (self._after,)).fetchone()
            if account is None:
                self.found, self._finding, self._after = tuple(self._finding), [], ""
                self.oldest_ms, self._oldest_ms = self._oldest_ms, None
                return False
            self._after = account
            if self._suspect(connection, account, now_ms):
                self._account, self._number = account, 0
                break
        return True

    def _suspect(self, connection: sqlite3.Connection, account: str, now_ms: int) -> bool:
        """Return whether any lane of an account can be too long or too old."""
        oldest = connection.execute(_OLDEST, (account,)).fetchone()
        if oldest is not None and (self._oldest_ms is None or oldest[0] < self._oldest_ms):
            self._oldest_ms = oldest[0]
        if oldest is not None and now_ms - oldest[0] >= RELIEF * self._limits.lane_alert_s * 1000:
            return True
        least = int(RELIEF * self._limits.lane_alert_events)
        nth = (account, max(0, least - 1))
        return connection.execute(_NTH, nth).fetchone() is not None

    def _read(self, connection: sqlite3.Connection, account: str, now_ms: int) -> None:
        rows = connection.execute(_ROWS, (account, self._number, STEP_ROWS)).fetchall()
        for name, self._number, came_ms, fresh in rows:
            lane = self._lanes.get(name)
            if lane is None:
                if len(self._lanes) >= LANES_KEPT:
                    continue
                lane = self._lanes[name] = _Lane()
            lane.count += 1
            if fresh and lane.came_ms is None:
                lane.came_ms = came_ms
        if len(rows) < STEP_ROWS:
            self._finding += self._judge(account, now_ms)
            self._account = None
            self._lanes.clear()

    def _judge(self, account: str, now_ms: int) -> list[Alert]:
        told = {alert.lane for alert in self.found if alert.account == account}
        bad: list[tuple[float, int, str]] = []
        for name, lane in self._lanes.items():
            lane_name = "" if name is None else text(name)
            age_s = 0.0 if lane.came_ms is None else (now_ms - lane.came_ms) / 1000
            share = RELIEF if lane_name in told else 1.0
            long = lane.count >= share * self._limits.lane_alert_events
            if long or age_s >= share * self._limits.lane_alert_s:
                bad.append((age_s, lane.count, lane_name))
        bad.sort(reverse=True)
        alerts = [
            _alert(account, lane, f"{count} events wait, the oldest for {age_s:.0f} s")
            for age_s, count, lane in bad[:LANES_TOLD]
        ]
        if len(bad) > LANES_TOLD:
            more = sum(count for _, count, _ in bad[LANES_TOLD:])
            told_of = f"{more} events wait in {len(bad) - LANES_TOLD} more conversations"
            alerts.append(_alert(account, None, told_of))
        return alerts


def _alert(account: str, lane: str | None, detail: str) -> Alert:
    return Alert(
        name="lane.backlogged",
        account=account,
        lane=lane,
        detail=detail,
        next_step="see handler.failed and handler.abandoned of the account; "
        "other conversations go on",
    )
