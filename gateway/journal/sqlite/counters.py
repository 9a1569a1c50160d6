"""The accounting identity of each account (``contract.md`` I12), kept over the file's life.

A clean stop leaves the totals in the file, so that the next start need not read every row;
after any other end the rows are counted, and what retention deleted is in ``tally``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

import msgspec

from actors.policy.alerts import Alert, letters_wait
from actors.ports.journal import Standing, Tally
from gateway.journal.schema import Status

_LETTERS: Final = frozenset({"dead", "parked"})
_OPEN: Final = (Status.PENDING, Status.RUNNING)

BEGUN: Final = "UPDATE log_meta SET value=0 WHERE key='clean_shutdown'"
"""Marks the file as in use: its content may change until the next clean stop."""

_ROWS: Final = "SELECT account, status, count(*) FROM event GROUP BY account, status"
_PRUNED: Final = "SELECT account, name, count FROM tally"
_DUPLICATES: Final = "SELECT account, duplicates FROM account_state WHERE duplicates > 0"
_ENDED: Final = "INSERT OR REPLACE INTO log_meta VALUES('clean_shutdown', 1), ('counts', ?)"


class Counts:
    """Counters by account and name: ``stored``, ``duplicates``, and a name for each end.

    One thread changes them, any may read.

    Attributes:
        letters: Alerts about accounts with dead letters; another object when they change.
    """

    def __init__(self) -> None:
        self.letters: tuple[Alert, ...] = ()
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._lock = threading.Lock()

    def load(self, connection: sqlite3.Connection) -> bool:
        """Take them from the file; say whether it was stopped cleanly."""
        kept = dict(connection.execute("SELECT key, value FROM log_meta").fetchall())
        clean = kept.get("clean_shutdown") == 1
        if clean and "counts" in kept:
            found = msgspec.json.decode(kept["counts"], type=dict[str, dict[str, int]])
            self._counts.update((account, Counter(counts)) for account, counts in found.items())
        else:
            self._count(connection)
        self._look()
        return clean

    def recount(self, connection: sqlite3.Connection) -> None:
        """Count the rows anew: what a lost handle had committed may be lost with it (ADR 7)."""
        connection.execute(BEGUN)
        with self._lock:
            self._counts.clear()
            self._count(connection)
            self._look()

    def apply(self, changes: Mapping[tuple[str, str], int]) -> None:
        """Add what a transaction changed."""
        with self._lock:
            for (account, name), count in changes.items():
                self._counts[account][name] += count
            if any(name in _LETTERS for _, name in changes):
                self._look()

    def of(self, account: str) -> Tally:
        """Return what became of all messages of an account."""
        with self._lock:
            counts = Counter(self._counts.get(account))
        ended = {name: counts[name] for name in ("done", "dead", "ignored", "parked", "expired")}
        return Tally(
            received=counts["stored"] + counts["duplicates"],
            duplicates=counts["duplicates"],
            pending=counts["stored"] - sum(ended.values()),
            **ended,
        )

    def standings(self) -> dict[str, Standing]:
        """Return what waits, by account, without the lock: no commit waits for who asks."""
        return {account: _standing(each) for account, each in dict(self._counts).items()}

    def save(self, connection: sqlite3.Connection) -> None:
        """Leave them in the file with the word that it was stopped cleanly."""
        connection.execute(_ENDED, (msgspec.json.encode(self._counts).decode(),))

    def _look(self) -> None:
        """Count dead letters by account; called only when some came or went."""
        counts = ((name, each["dead"], each["parked"]) for name, each in self._counts.items())
        self.letters = letters_wait(counts)

    def _count(self, connection: sqlite3.Connection) -> None:
        for account, status, count in connection.execute(_ROWS):
            self._counts[account]["stored"] += count
            if status not in _OPEN:
                self._counts[account][Status(status).name.lower()] += count
        for account, name, count in connection.execute(_PRUNED):
            self._counts[account]["stored"] += count
            self._counts[account][name] += count
        for account, count in connection.execute(_DUPLICATES):
            self._counts[account]["duplicates"] = count


def _standing(counts: Counter[str]) -> Standing:
    get = counts.get  # what is not there would call Python
    dead, parked = get("dead", 0), get("parked", 0)
    ended = get("done", 0) + dead + get("ignored", 0) + parked + get("expired", 0)
    return Standing(max(0, get("stored", 0) - ended), dead, parked)
