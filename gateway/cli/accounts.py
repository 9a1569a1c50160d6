"""``accounts``: the state of each account, and the verbs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from gateway.cli import credentials, joining, show, sign_in
from gateway.cli.control import Control, open_control
from gateway.web.request import MOST_ROWS

MOST_DETAILS = 10
"""Accounts of which a sentence is printed."""

COLUMNS = (
    "id",
    "state",
    "paused",
    "since_ms",
    "attempt",
    "next_retry_s",
    "dead_letters",
    "last_error",
)


def main(arguments: argparse.Namespace) -> int:
    """List accounts, or do something to one."""
    if arguments.action == "credentials":
        return credentials.main(arguments)
    if arguments.action == "sign-in":
        return sign_in.main(arguments)
    with open_control(arguments, file_too=arguments.action == "reset") as control:
        if arguments.action == "list":
            rows = _all(control, arguments.state)
            if arguments.json:
                show.as_json({"accounts": rows})
            else:
                seen = [row | {"paused": row.get("paused") or None} for row in rows]
                show.table(seen, COLUMNS, empty="no accounts")
                details(rows, "reconnecting", "failed")
            return 0
        if arguments.action == "add":
            return joining.add(control, arguments.file, json=arguments.json)
        if arguments.action == "remove":
            return joining.remove(control, arguments.account, json=arguments.json)
        told = control.ask("POST", "v1", "accounts", arguments.account, arguments.action)
    if arguments.json:
        show.as_json(told)
    else:
        show.line(f"{arguments.account} {told['done']}; it was {told['account']['state']}")
    return 0


def details(rows: Sequence[dict[str, Any]], *states: str) -> None:
    """Print what is wrong with the accounts in these states, in a sentence each."""
    wrong = [row for row in rows if row["state"] in states and row["last_error"]]
    for row in wrong[:MOST_DETAILS]:
        detail = row["last_error"]["detail"]
        show.line(detail if row["id"] in detail else f"{row['id']}: {detail}")
    if len(wrong) > MOST_DETAILS:
        show.line(f"and {len(wrong) - MOST_DETAILS} more; --json has them all")


def _all(control: Control, state: str | None) -> list[dict[str, Any]]:
    """Return all of them, page by page."""
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        query = {"limit": MOST_ROWS, "state": state, "after": after}
        page = control.ask("GET", "v1", "accounts", query=query)
        rows += page["accounts"]
        after = page["next"]
        if after is None:
            return rows
