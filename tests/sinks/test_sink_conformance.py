"""Every sink of the registry keeps what the gateway relies on, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway import sinks
from gateway.testing import conformance

TAKEN: list[str] = []
"""Ids of what :func:`take` got."""


def take(event: Any) -> None:
    TAKEN.append(event.event_id)


def lines_in(folder: Path) -> list[str]:
    """Return the ids of the events in the file of a sink ``jsonl``."""
    lines = (folder / "deep" / "events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line).get("event_id", "") for line in lines]


SAMPLES: dict[str, Callable[[Path], Mapping[str, Any]]] = {
    "jsonl": lambda folder: {"path": str(folder / "deep" / "events.jsonl")},
    "python": lambda _: {"call": f"{__name__}:take"},
}
ARRIVED: dict[str, Callable[[Path], list[str]]] = {"jsonl": lines_in, "python": lambda _: TAKEN}
CASES = [
    pytest.param(check, id=f"{kind}-{check}")
    for kind in sinks.kinds()
    for check in conformance.sink_checks(kind, SAMPLES.get(kind), arrived=ARRIVED.get(kind))
]


@pytest.mark.parametrize("check", CASES)
def test_sink(check: conformance.Check, tmp_path: Path) -> None:
    TAKEN.clear()
    check(tmp_path)
