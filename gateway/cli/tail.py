"""``tail``: events as they come, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

from gateway import escaping
from gateway.cli import show
from gateway.cli.control import Control, open_control

TURN_S = 25.0
"""Seconds one request waits for new events."""

MISSED = "… some events were not kept for watchers; the journal has them"


def main(arguments: argparse.Namespace) -> int:
    """Print a line an event."""
    with open_control(arguments) as control, contextlib.suppress(KeyboardInterrupt):
        _follow(control, arguments)
    return 0


def _follow(control: Control, arguments: argparse.Namespace) -> None:
    query: dict[str, Any] = {"account": arguments.account}
    query["after"] = control.ask("GET", "v1", "events", query=query)["next"]
    sys.stderr.write("watching; Ctrl-C ends\n")
    sys.stderr.flush()
    left = arguments.count
    while left is None or left > 0:
        query["wait_s"] = TURN_S
        page = control.ask("GET", "v1", "events", query=query, wait_s=TURN_S)
        query["after"] = page["next"]
        if page["missed"]:
            sys.stderr.write(f"{MISSED}\n")
        for event in page["events"][:left]:
            _tell(event, as_json=arguments.json)
        left = None if left is None else left - len(page["events"])


def _tell(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(escaping.dumps(event) + "\n")
        sys.stdout.flush()
        return
    who = event.get("sender_nick") or event.get("sender_id") or ""
    what = event.get("text") or event.get("summary") or event.get("subtype") or ""
    at = show.moment(event["received_at_ms"]) if event.get("received_at_ms") else "-"
    sign = "→" if event.get("own") else "←"
    show.line(f"{at}  {event['account']}  {sign} {event['kind']}  {who} {what}".rstrip())
