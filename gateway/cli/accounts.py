"""``accounts``: the state of each account, and the verbs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.cli import credentials, joining, show, sign_in, speaking
from gateway.cli.control import Control, open_control
from gateway.cli.speaking import Tongue
from gateway.web.request import MOST_ROWS
from gateway.words import WORDS

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
                tongue = speaking.of(arguments)
                seen = [row | {"paused": row.get("paused") or None} for row in rows]
                empty = tongue.text("no accounts")
                show.table(spoken_states(seen, tongue), COLUMNS, empty=empty, say=tongue.label)
                details(rows, "reconnecting", "failed", tongue=tongue)
            return 0
        if arguments.action == "add":
            return joining.add(control, arguments.file, json=arguments.json)
        if arguments.action == "remove":
            return joining.remove(control, arguments.account, json=arguments.json)
        if arguments.action == "take-over":
            told = _take_over(control, arguments)
            line = f"{arguments.conversation} of {arguments.account} {told['done']}"
        else:
            told = control.ask("POST", "v1", "accounts", arguments.account, arguments.action)
            line = f"{arguments.account} {told['done']}; it was {told['account']['state']}"
    if arguments.json:
        show.as_json(told)
    else:
        show.line(line)
    return 0


def _take_over(control: Control, arguments: argparse.Namespace) -> Any:
    body = {"conversation": arguments.conversation, "minutes": arguments.minutes}
    return control.ask("POST", "v1", "accounts", arguments.account, "takeover", body=body)


def spoken_states(rows: Sequence[dict[str, Any]], tongue: Tongue) -> list[dict[str, Any]]:
    """Return the same rows, their states in a language."""
    return [row | {"state": tongue.label(row["state"])} for row in rows]


def details(rows: Sequence[dict[str, Any]], *states: str, tongue: Tongue) -> None:
    """Print what is wrong with the accounts in these states, and what to do, if anything."""
    wrong = [row for row in rows if row["state"] in states and row["last_error"]]
    for row in wrong[:MOST_DETAILS]:
        detail = row["last_error"]["detail"]
        told = tongue.text(detail)
        show.line(told if row["id"] in detail else f"{row['id']}: {told}")
        step = _step(row, tongue)
        if step:
            show.line(f"  {step}")
    if len(wrong) > MOST_DETAILS:
        show.line(tongue.text(f"and {len(wrong) - MOST_DETAILS} more; --json has them all"))


def _step(row: Mapping[str, Any], tongue: Tongue) -> str:
    """Return what helps an account, in our words or else in the gateway's; empty: nothing does.

    The gateway may be of another version: an older one gives no advice, a newer one more of it.
    """
    advice = row.get("advice")
    if not advice or not advice["action"]:
        return ""
    known = WORDS[tongue.language].advice.get(advice["key"])
    return str(advice["next_step"]) if known is None else known[1]


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
