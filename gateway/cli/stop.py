"""``stop``: a running gateway stops in order; where no signal can be sent, and from afar."""

from __future__ import annotations

import argparse

from gateway.cli import show
from gateway.cli.control import open_control


def main(arguments: argparse.Namespace) -> int:
    """Stop it; 1 if something did not end in time."""
    with open_control(arguments) as control:
        query = {"wait_s": arguments.wait}
        told = control.ask("POST", "v1", "stop", query=query, wait_s=arguments.wait)
    if arguments.json:
        show.as_json(told)
    elif told["done"] == "stopping":
        show.line("it is stopping")
    elif told["clean"]:
        show.line("stopped; all is stored")
    else:
        names = "gateway.threads_survived, credentials.lost"
        show.line(f"stopped, but not in order; its log says why: {names}")
    return 0 if told.get("clean", not arguments.wait) else 1
