from __future__ import annotations

from pathlib import Path

import pytest

from actors.values import Event
from gateway.errors import SinkError
from gateway.sinks.callable import CallableSink


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
        ("no.such.module:f", "can not import 'no.such.module' (ModuleNotFoundError"),
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
