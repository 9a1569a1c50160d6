"""``dead-letters``: events that will not be tried again by themselves."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from gateway.cli import show
from gateway.cli.control import Control, open_control
from gateway.web.problems import Problem
from gateway.web.request import MOST_ROWS

COLUMNS = ("event_id", "account", "conversation_id", "status", "reason", "attempts", "at_ms")

_FIRST: Final = (
    "account",
    "conversation_id",
    "sender_nick",
    "sender_id",
    "text",
    "summary",
    "kind",
)
"""What a person looks for: who waits for an answer, and to what."""

_FRAME: Final = "frame"
"""As it came from the platform; for programs only."""


def main(arguments: argparse.Namespace) -> int:
    """List, show, replay or drop."""
    with open_control(arguments, file_too=True) as control:
        match arguments.action:
            case "list":
                query = {"account": arguments.account, "limit": arguments.limit}
                told = control.ask("GET", "v1", "dead-letters", query=query)
            case "show":
                told = control.ask("GET", "v1", "dead-letters", arguments.event_id)
            case "replay" if arguments.all:
                return _replay_all(control, arguments.account, json=arguments.json)
            case verb:
                told = control.ask("POST", "v1", "dead-letters", arguments.event_id, verb)
    if arguments.json:
        show.as_json(told)
    elif arguments.action == "list":
        show.table(told["dead_letters"], COLUMNS, empty="no dead letters")
    elif arguments.action == "show":
        show.pairs(_for_a_person(told))
    else:
        show.line(f"{arguments.event_id} {told['done']}")
    return 0


def _for_a_person(told: Mapping[str, Any]) -> dict[str, Any]:
    first = {name: told[name] for name in _FIRST if told.get(name) is not None}
    return first | {name: told[name] for name in told if name not in first and name != _FRAME}


def _replay_all(control: Control, account: str | None, *, json: bool) -> int:
    """Replay each once, the oldest of a page first: conversations go on in their order."""
    replayed: dict[str, None] = {}
    while due := [each for each in _page(control, account) if each not in replayed]:
        for event_id in reversed(due):
            try:
                control.ask("POST", "v1", "dead-letters", event_id, "replay")
            except Problem as problem:  # somebody was before us
                if problem.status != HTTPStatus.NOT_FOUND:
                    raise
            replayed[event_id] = None
    if json:
        show.as_json({"done": "replayed", "event_ids": list(replayed)})
    else:
        show.line(f"{len(replayed)} replayed" if replayed else "no dead letters")
    return 0


def _page(control: Control, account: str | None) -> list[str]:
    """Return the ids of the newest, the newest first."""
    query = {"account": account, "limit": MOST_ROWS}
    told = control.ask("GET", "v1", "dead-letters", query=query)
    return [str(each["event_id"]) for each in told["dead_letters"]]
