from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from actors.values import Event
from gateway import Gateway
from gateway.errors import ConfigError, SinkError
from gateway.settings import Settings, SinkSettings
from gateway.sinks.callable import CallableSink
from gateway.testing import HandlerBench
from gateway.testing.kit.bench import bench_settings


def with_sink(sink: SinkSettings) -> Settings:
    """Return settings with this sink."""
    return dataclasses.replace(bench_settings(), sinks=(sink,))


class Collector:
    """Takes events and counts its ends."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.closed = 0

    def __call__(self, event: Event) -> None:
        """Keep it."""
        self.seen.append(event)

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_a_function_gets_each_event_and_is_closed_once() -> None:
    collector = Collector()
    sink = CallableSink(call=collector)
    event = Event(account="a", event_id="a/1")

    sink.deliver(event)
    sink.close()
    sink.close()

    assert collector.seen == [event]
    assert collector.closed == 1


def test_what_it_raises_reaches_the_caller() -> None:
    """The dispatcher tries the event again; swallowing it would lose it."""

    def refuse(event: Event) -> None:
        raise LookupError(event.event_id)

    with pytest.raises(LookupError, match="a/1"):
        CallableSink(call=refuse).deliver(Event(event_id="a/1"))


def test_a_method_of_a_class_in_a_module_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_sink_module.py").write_text(
        "class Shop:\n    seen = []\n"
        "    @classmethod\n    def take(cls, event): cls.seen.append(event)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    sink = CallableSink(call="shop_sink_module:Shop.take")
    sink.deliver(Event(event_id="a/1"))

    import shop_sink_module  # type: ignore[import-not-found]

    assert [event.event_id for event in shop_sink_module.Shop.seen] == ["a/1"]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nothing", "'nothing' is no place; write call: mypackage.mymodule:on_event"),
        ("no.such.module:f", "cannot import 'no.such.module' (ModuleNotFoundError"),
        ("json:nothing", "'json' has no function 'nothing'"),
        ("json:__name__", "'json' has no function '__name__'"),
        (":f", "is no place"),
    ],
)
def test_a_place_that_is_none_is_told_at_the_start(place: str, told: str) -> None:
    with pytest.raises(SinkError) as caught:
        CallableSink(call=place)

    assert told in str(caught.value)


def test_a_module_that_fails_on_import_is_told_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_sink_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(SinkError, match="ZeroDivisionError"):
        CallableSink(call="broken_sink_module:f")


def test_settings_made_in_python_take_the_function_itself() -> None:
    """The docstring said so, and the settings wanted a text."""
    collector = Collector()
    settings = SinkSettings(kind="python", options={"call": collector})
    bench = HandlerBench(Gateway(with_sink(settings)))

    bench.chat("hello")

    assert [getattr(event, "text", None) for event in collector.seen] == ["hello"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"call": lambda: None}, "call must take one argument"),
        ({"call": 5}, "call: expected text"),
        ({"cal": print}, "cal.*did you mean"),
        ({}, "call: is missing"),
    ],
)
def test_what_is_no_function_of_an_event_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises((ConfigError, SinkError), match=told):
        Gateway(with_sink(SinkSettings(kind="python", options=options)))


def test_only_where_a_function_may_stand_one_is_taken() -> None:
    with pytest.raises(ConfigError, match="path: expected"):
        Gateway(with_sink(SinkSettings(kind="jsonl", options={"path": print})))
