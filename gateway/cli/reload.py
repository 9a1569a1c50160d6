"""``reload``: a running gateway reads its configuration again and takes over new credentials."""

from __future__ import annotations

import argparse
from typing import Final

from gateway.cli import show
from gateway.cli.control import open_control

RELOAD_S: Final = 60.0
"""Longest wait: a configuration of 10,000 accounts is read and compared."""


def main(arguments: argparse.Namespace) -> int:
    """Reload; say what was taken over, and what takes a restart."""
    with open_control(arguments) as control:
        told = control.ask("POST", "v1", "reload", wait_s=RELOAD_S)
    if arguments.json:
        show.as_json(told)
        return 1 if told["refused"] else 0
    replaced, left, refused = told["replaced"], told["left"], told["refused"]
    show.line(f"new credentials: {', '.join(replaced) if replaced else 'none'}")
    if left:
        show.line(f"left until a restart: {', '.join(left)}")
    for account, why in refused.items():
        show.line(f"{account} keeps its old credentials: {why}")
    return 1 if refused else 0
