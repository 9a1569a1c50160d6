"""``outbox``: sends, and what became of them."""

from __future__ import annotations

import argparse

from gateway.cli import show
from gateway.cli.control import open_control

COLUMNS = (
    "outbox_id",
    "account",
    "conversation_id",
    "state",
    "reason",
    "attempts",
    "accepted_at_ms",
    "text",
)


def main(arguments: argparse.Namespace) -> int:
    """List, show, cancel or resolve."""
    with open_control(arguments, file_too=True) as control:
        match arguments.action:
            case "list":
                query = {
                    "account": arguments.account,
                    "state": arguments.state,
                    "limit": arguments.limit,
                }
                told = control.ask("GET", "v1", "outbox", query=query)
            case "show":
                told = control.ask("GET", "v1", "outbox", arguments.outbox_id)
            case "resolve":
                body = {"outcome": arguments.outcome, "message_id": arguments.message_id}
                resolve = ("v1", "outbox", arguments.outbox_id, "resolve")
                told = control.ask("POST", *resolve, body=body)
            case verb:
                told = control.ask("POST", "v1", "outbox", arguments.outbox_id, verb)
    if arguments.json:
        show.as_json(told)
    elif arguments.action == "list":
        show.table(told["sends"], COLUMNS, empty="no sends")
    elif arguments.action == "show":
        show.pairs(told)
    else:
        show.line(f"{arguments.outbox_id} {told['done']}")
    return 0
