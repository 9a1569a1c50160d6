"""``journal``: upkeep of the journal file, through its gateway or without one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gateway.cli import show
from gateway.cli.control import Control, FileControl, as_problems, open_control
from gateway.web import shapes
from gateway.web.problems import Problem

LONGEST_S = 600.0
"""Seconds the upkeep of a big file may take."""


def main(arguments: argparse.Namespace) -> int:
    """Check, back up, prune, repair or salvage; 1 if the check found something wrong."""
    with open_control(arguments, file_too=True) as control:
        told = _told(control, arguments)
    if arguments.json:
        show.as_json(told)
    elif arguments.action == "check":
        show.line("sound" if told["ok"] else "damaged")
        for problem in told.get("problems") or ():
            show.line(f"  {problem}")
        show.pairs(told.get("report") or {})
    else:
        show.pairs(told)
    return 1 if arguments.action == "check" and not told["ok"] else 0


def _told(control: Control, arguments: argparse.Namespace) -> Any:
    if arguments.action == "check":
        return control.ask("GET", "v1", "journal", "check", wait_s=LONGEST_S)
    if arguments.action == "prune":
        return control.ask("POST", "v1", "journal", "prune", wait_s=LONGEST_S)
    if arguments.action == "salvage":
        with as_problems():
            return shapes.plain(_file(control, "salvaged").gateway.journal.salvage())
    if arguments.action == "repair":
        with as_problems():
            return shapes.plain(_file(control, "repaired").gateway.journal.repair())
    target: str | None = arguments.target
    if isinstance(control, FileControl) and target is not None:
        with as_problems():
            return _copied(control, Path(target))
    given = {"name": target, "keep": arguments.keep}
    body = {key: value for key, value in given.items() if value is not None}
    return control.ask("POST", "v1", "journal", "backup", body=body, wait_s=LONGEST_S)


def _copied(control: FileControl, target: Path) -> Any:
    try:
        report = shapes.plain(control.gateway.journal.backup(target))
    except FileExistsError:
        told = f"{target} is there already"
        raise Problem(409, "exists", told, "name a file that is not there") from None
    return {"done": "backed up", "path": str(target), "report": report}


def _file(control: Control, done: str) -> FileControl:
    if isinstance(control, FileControl):
        return control
    told = f"the gateway runs, and a journal in use is not {done}"
    raise Problem(409, "in_use", told, "stop the gateway first, then give this command again")
