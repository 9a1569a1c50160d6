"""Checks of a sink: options by name and type, taking events over, closing, refusing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from actors.values import Event
from gateway.errors import ConfigError
from gateway.events import (
    ChatMessage,
    OrderStatusChanged,
    SystemNotification,
    UndecodableEvent,
    UnknownEvent,
    UserInteraction,
)
from gateway.settings import SinkSettings
from gateway.sinks import registry
from gateway.sinks.base import Sink
from gateway.sinks.runner import SinkRunner
from gateway.testing.conformance.checks import Check, must, raising_nothing, words_for_people

Options: TypeAlias = Callable[[Path], Mapping[str, Any]]
Arrived: TypeAlias = Callable[[Path], Collection[str]]

_WAIT_S: Final = 20.0


def sink_checks(
    kind: str, options: Options | None = None, *, arrived: Arrived | None = None
) -> list[Check]:
    """Return the checks of a sink; each is called with an empty folder it may use.

    Args:
        kind: In the registry: built in, or of an installed package.
        options: Gives its options, from the folder; None: its class has a static method
            ``sample`` that does.
        arrived: Gives the ``event_id`` of all that a sink made with these options took over
            in that folder; None: that cannot be looked up.
    """
    it = _Subject(kind, options, arrived)
    return [
        Check("its_options_are_checked_before_it_is_made", it.checks_options),
        Check("it_takes_every_event", it.takes_every_event),
        Check("it_takes_an_event_twice", it.takes_twice),
        Check("it_takes_events_from_several_threads", it.takes_from_threads),
        Check("an_unused_one_closes_twice", it.closes_unused),
        Check("a_closed_one_refuses", it.refuses_once_closed),
        Check("it_is_made_again_after_it_was_closed", it.is_made_again),
        Check("it_runs_on_a_thread_of_its_own", it.runs),
    ]


def sample_events() -> list[Event]:
    """Return an event of each kind, with odd values in it."""
    shared: dict[str, Any] = {
        "account": "shop-a",
        "conversation_id": "50000000001",
        "lane_seq": 7,
        "occurred_at_ms": 1_795_469_246_000,
        "received_at_ms": 1_795_469_246_123,
    }
    odd = '在吗？\n"quoted"\t\x00\u2028\U0001f600 ' + "x" * 4096
    return [
        ChatMessage(event_id="shop-a/1", text=odd, subtype="text", sender_id="3301", **shared),
        OrderStatusChanged(event_id="shop-a/2", order_id="9", order_status="paid", **shared),
        UserInteraction(event_id="shop-a/3", subtype="typing", **shared),
        SystemNotification(event_id="shop-a/4", summary=odd, **shared),
        UnknownEvent(event_id="shop-a/5", raw=b"\xff\x00", **shared),
        UndecodableEvent(event_id="shop-a/6", raw="{", reason="truncated", **shared),
        ChatMessage(event_id="shop-a/7"),
    ]


class _Subject:
    """One kind of sink under its checks."""

    def __init__(self, kind: str, options: Options | None, arrived: Arrived | None) -> None:
        self._kind = kind
        self._options = options
        self._arrived = arrived

    def _settings(self, folder: Path) -> SinkSettings:
        options = self._options
        if options is None:
            with raising_nothing(f"the registry, asked for {self._kind!r},"):
                options = getattr(registry.factory_of(self._kind), "sample", None)
        must(
            options is not None,
            f"nobody says how to make a sink {self._kind!r}: give its class a static method "
            "sample(folder) that returns options",
        )
        assert options is not None
        return SinkSettings(kind=self._kind, options=dict(options(folder)))

    @contextmanager
    def _made(self, folder: Path) -> Iterator[Sink]:
        settings = self._settings(folder)
        with raising_nothing("making it"):
            sink = registry.make(settings)
        try:
            yield sink
        finally:
            with raising_nothing("close()"):
                sink.close()

    def _must_have(self, folder: Path, *ids: str) -> None:
        if self._arrived is not None:
            lost = sorted(set(ids) - set(self._arrived(folder)))
            must(not lost, f"deliver() returned, but what it was given is not there: {lost}")

    def checks_options(self, folder: Path) -> None:
        settings = self._settings(folder)
        found = registry.check([settings])
        must(found == (), f"its own options are refused: {found}")
        odd = SinkSettings(kind=self._kind, options={**settings.options, "no_such_option": 1})
        must(registry.check([odd]), "an option it does not have is not refused; name all of them")
        try:
            registry.make(odd)
        except ConfigError as error:
            words_for_people("the refusal of an option", str(error), ())
        else:
            must(kept=False, told="it is made with an option it does not have")

    def takes_every_event(self, folder: Path) -> None:
        given = sample_events()
        with self._made(folder) as sink:
            for event in given:
                with raising_nothing(f"deliver({event.kind})"):
                    sink.deliver(event)
                self._must_have(folder, event.event_id)
        self._must_have(folder, *(event.event_id for event in given))

    def takes_twice(self, folder: Path) -> None:
        event = sample_events()[0]
        with self._made(folder) as sink, raising_nothing("deliver() of the same event"):
            sink.deliver(event)
            sink.deliver(event)

    def takes_from_threads(self, folder: Path) -> None:
        wrong: list[Exception] = []

        def deliver(sink: Sink, number: int) -> None:
            try:
                sink.deliver(ChatMessage(account="shop-a", event_id=f"shop-a/t{number}", text="x"))
            except Exception as error:  # noqa: BLE001  # told below
                wrong.append(error)

        with self._made(folder) as sink:
            threads = [threading.Thread(target=deliver, args=(sink, n)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(_WAIT_S)
            must(not any(thread.is_alive() for thread in threads), "deliver() does not return")
            must(not wrong, f"deliver() raised on one of several threads: {wrong!r}")
        self._must_have(folder, *(f"shop-a/t{number}" for number in range(8)))

    def closes_unused(self, folder: Path) -> None:
        with self._made(folder) as sink, raising_nothing("close()"):
            sink.close()

    def refuses_once_closed(self, folder: Path) -> None:
        with self._made(folder) as sink:
            sink.close()
            try:
                sink.deliver(sample_events()[0])
            except Exception as error:  # noqa: BLE001  # any refusal is one
                words_for_people("the refusal of a closed sink", str(error), ())
            else:
                must(kept=False, told="deliver() returned after close(): the event is lost")

    def is_made_again(self, folder: Path) -> None:
        first, second = sample_events()[:2]
        for event in (first, second):
            with self._made(folder) as sink, raising_nothing("deliver()"):
                sink.deliver(event)
        self._must_have(folder, first.event_id, second.event_id)

    def runs(self, folder: Path) -> None:
        given = sample_events()
        with self._made(folder) as sink:
            runner = SinkRunner(sink, self._kind)
            runner.start()
            try:
                for event in given:
                    runner.take(event)
            finally:
                ended = runner.stop(_WAIT_S)
            must(ended, "it does not end in time")
            standing = runner.standing()
            must(standing.delivered == len(given), f"not all was delivered: {standing}")
        self._must_have(folder, *(event.event_id for event in given))
