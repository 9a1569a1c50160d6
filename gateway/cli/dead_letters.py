"""``dead-letters``: events that will not be tried again by themselves."""

from __future__ import annotations

import argparse

from gateway.cli import show
from gateway.cli.control import open_control

COLUMNS = ("event_id", "account", "conversation_id", "status", "reason", "attempts", "at_ms")


def main(arguments: argparse.Namespace) -> int:
    """List, show, replay or drop."""
    with open_control(arguments, file_too=True) as control:
        match arguments.action:
            case "list":
                query = {"account": arguments.account, "limit": arguments.limit}
                told = control.ask("GET", "v1", "dead-letters", query=query)
            case "show":
                told = control.ask("GET", "v1", "dead-letters", arguments.event_id)
            case verb:
                told = control.ask("POST", "v1", "dead-letters", arguments.event_id, verb)
    if arguments.json:
        show.as_json(told)
    elif arguments.action == "list":
        show.table(told["dead_letters"], COLUMNS, empty="no dead letters")
    elif arguments.action == "show":
        show.pairs(told)
    else:
        show.line(f"{arguments.event_id} {told['done']}")
    return 0
