"""What every sink promises, over the registry; ``sample``, or a line here, says how to make one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import sinks
from gateway.errors import ConfigError, GatewayError
from gateway.events import ChatMessage
from gateway.settings import SinkSettings

TAKEN: list[Any] = []
"""What :func:`take` got; the configuration can only name a place, not an object."""


def take(event: Any) -> None:
    TAKEN.append(event)


OPTIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "jsonl": lambda folder: {"path": str(folder / "deep" / "events.jsonl")},
    "python": lambda _: {"call": f"{__name__}:take"},
}


def options_of(kind: str, folder: Path) -> dict[str, Any]:
    """Return options of a sink that may use a folder."""
    factory: Any = sinks.SINKS[kind]
    return dict((OPTIONS.get(kind) or factory.sample)(folder))


def event(number: int = 1) -> ChatMessage:
    return ChatMessage(account="shop-a", event_id=f"shop-a/{number}", text="在吗？", raw=b"\xff")


@pytest.fixture(params=sorted(sinks.SINKS))
def kind(request: pytest.FixtureRequest) -> str:
    TAKEN.clear()
    return str(request.param)


@pytest.fixture
def sink(kind: str, tmp_path: Path) -> sinks.Sink:
    return sinks.make(SinkSettings(kind=kind, options=options_of(kind, tmp_path)))


def test_it_takes_events_from_several_threads_and_closes_twice(sink: sinks.Sink) -> None:
    threads = [threading.Thread(target=sink.deliver, args=(event(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    sink.close()
    sink.close()


def test_nothing_is_delivered_after_it_is_closed(sink: sinks.Sink) -> None:
    sink.close()

    with pytest.raises(GatewayError, match="is closed"):
        sink.deliver(event())


def test_closing_an_unused_one_is_fine(sink: sinks.Sink) -> None:
    sink.close()


def test_its_options_are_checked_by_name_and_type_before_it_is_made(
    kind: str, tmp_path: Path
) -> None:
    options = options_of(kind, tmp_path)
    first = next(iter(options))

    assert sinks.check([SinkSettings(kind=kind, options=options)]) == ()
    (unknown,) = sinks.check([SinkSettings(kind=kind, options={**options, f"{first}x": 1})])
    assert unknown == f"settings: sinks[0].{first}x: unknown key; did you mean {first!r}?"
    (wrong,) = sinks.check([SinkSettings(kind=kind, options={**options, first: [1]})])
    assert wrong.startswith(f"settings: sinks[0].{first}: expected ")
    (missing,) = sinks.check([SinkSettings(kind=kind)], source="x.yaml")
    assert missing == f"x.yaml: sinks[0].{first}: is missing; it has no default"
    with pytest.raises(ConfigError, match="did you mean"):
        sinks.make(SinkSettings(kind=kind, options={**options, f"{first}x": 1}))


def test_an_unknown_kind_names_the_nearest() -> None:
    assert sinks.check([SinkSettings(kind="json")]) == (
        "settings: sinks[0].kind: there is no sink 'json'; did you mean 'jsonl'?",
    )
    with pytest.raises(ConfigError, match=r"known are .*jsonl, python"):
        sinks.make(SinkSettings(kind="kafka"))
