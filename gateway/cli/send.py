"""``send``: one text and its outcome."""

from __future__ import annotations

import argparse

from gateway.cli import show, streams
from gateway.cli.control import open_control


def main(arguments: argparse.Namespace) -> int:
    """Send; return 0 if it was accepted, or is in the outbox and ``--wait`` is 0."""
    text = streams.text() if arguments.text == "-" else arguments.text
    body = {
        "account": arguments.account,
        "conversation": arguments.conversation,
        "text": text,
        "to": arguments.to,
        "idempotency_key": arguments.idempotency_key,
        "wait_s": arguments.wait,
    }
    with open_control(arguments) as control:
        told = control.ask("POST", "v1", "send", body=body, wait_s=max(0.0, arguments.wait))
    outcome = told["outcome"]
    if arguments.json:
        show.as_json(told)
    elif outcome is None:
        show.line(f"{told['outbox_id']} is in the outbox; its outcome is not known yet")
    else:
        why = f" ({told['reason']})" if told.get("reason") else ""
        show.line(f"{told['outbox_id']} {outcome}{why} {told.get('message_id') or ''}".rstrip())
    return 0 if outcome == "accepted" or (outcome is None and not arguments.wait) else 1
