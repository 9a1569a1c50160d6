"""What people ask a reading copy of all at a glance: counts by minute, changes of state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from actors.values import AccountId
from gateway import arguments
from gateway.reading.answers import Change, Minute
from gateway.reading.asking import most, rows
from gateway.reading.writing import MINUTE_MS

MOST_ACCOUNTS: Final = 200
"""Accounts whose minutes are asked for at once."""


class Overview:
    """Reads a copy. Any thread.

    Args:
        path: The copy's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def minutes(self, account: AccountId | None, since_ms: int) -> list[Minute]:
        """Return the minutes in which something happened, the oldest first.

        Args:
            account: Of this; None: of all together.
            since_ms: Our Unix time.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
        """
        table, whose = ("total", "") if account is None else ("minute", "AND account=:a ")
        query = (
            "SELECT minute, received, answered, reconnects, slowest "  # noqa: S608  # ours
            f"FROM {table} WHERE minute>=:m {whose}ORDER BY minute"
        )
        whom = None if account is None else arguments.account(account)
        return [
            Minute(
                minute=minute, received=received, answered=answered, reconnects=reconnects,
                slowest_ms=slowest,
            )
            for minute, received, answered, reconnects, slowest in rows(self._path,
                query, {"m": since_ms // MINUTE_MS, "a": whom}
            )
        ]  # fmt: skip

    def changes(self, account: AccountId, *, since_ms: int = 0, limit: int = 20) -> list[Change]:
        """Return changes of an account's state, the newest first.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
        """
        query = (
            "SELECT at, state, cause, why, reason, detail FROM state "
            "WHERE account=? AND at>=? ORDER BY at DESC, number DESC LIMIT ?"
        )
        values = arguments.account(account), since_ms, most(limit)
        return [
            Change(at_ms=at, state=state, cause=cause, why=why, reason=reason, detail=detail)
            for at, state, cause, why, reason, detail in rows(self._path, query, values)
        ]

    def minutes_of(
        self, accounts: Sequence[AccountId], since_ms: int
    ) -> Mapping[AccountId, Sequence[Minute]]:
        """Return the minutes in which something happened, by account, the oldest first.

        Args:
            accounts: Whose; 200 at most.
            since_ms: Our Unix time.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
            ValueError: There are more accounts.
        """
        arguments.whole("the number of accounts", len(accounts), least=0, most=MOST_ACCOUNTS)
        query = (
            "SELECT account, minute, received, answered, reconnects, slowest FROM minute "  # noqa: S608  # ours
            f"WHERE account IN ({','.join('?' * len(accounts))}) AND minute>=? ORDER BY minute"
        )
        found: dict[AccountId, list[Minute]] = {}
        for account, *counts in rows(self._path, query, (*accounts, since_ms // MINUTE_MS)):
            minute, received, answered, reconnects, slowest = counts
            found.setdefault(account, []).append(
                Minute(
                    minute=minute, received=received, answered=answered, reconnects=reconnects,
                    slowest_ms=slowest,
                )
            )  # fmt: skip
        return found

    def state_at(self, account: AccountId, at_ms: int) -> str | None:
        """Return the state an account was in at a time; None: nobody knows.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
        """
        newest = "ORDER BY at DESC, number DESC LIMIT 1"
        query = f"SELECT state FROM state WHERE account=? AND at<=? {newest}"  # noqa: S608  # ours
        found = rows(self._path, query, (arguments.account(account), at_ms))
        return found[0][0] if found else None

    def asking(self) -> int:
        """Return in how many conversations a buyer waits for an answer.

        Raises:
            CopyUnreadableError: There is no copy, or it cannot be read just now.
        """
        query = "SELECT count(*) FROM lane WHERE waits_since IS NOT NULL"
        return int(rows(self._path, query, ())[0][0])
