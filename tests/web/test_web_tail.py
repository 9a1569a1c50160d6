"""The last events: cursors, bounds, and no cost while nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from actors.values import Event
from gateway.events import ChatMessage
from gateway.web import tail as module
from gateway.web.problems import Problem
from gateway.web.tail import Page, Tail


class Bench:
    """A tail, the clock it reads and the tap it turns."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.listener: Callable[[Event], None] | None = None
        self.tail = Tail(self.tap, lambda value: value, monotonic=lambda: self.now_s)

    def tap(self, listener: Callable[[Event], None] | None) -> None:
        self.listener = listener

    def happen(self, *texts: str, account: str = "a") -> None:
        """Let events pass the tap, if it is open."""
        for text in texts:
            if self.listener is not None:
                self.listener(ChatMessage(account=account, text=text))


def texts(page: Page) -> list[str]:
    """Return what was said on a page."""
    rows: list[dict[str, Any]] = [msgspec.json.decode(line) for line in page.events]
    return [row["text"] for row in rows]


def test_a_watcher_sees_everything_once_in_order() -> None:
    bench = Bench()
    start = bench.tail.read(None)
    assert not start.events
    bench.happen("1", "2", "3")
    first = bench.tail.read(start.next, limit=2)
    second = bench.tail.read(first.next, limit=2)
    assert (texts(first), texts(second)) == (["1", "2"], ["3"])
    assert not texts(bench.tail.read(second.next))
    assert not first.missed
    assert not second.missed


def test_nothing_is_kept_while_nobody_looks() -> None:
    """The tap is closed by the first event after the lease; the next look says what is missing."""
    bench = Bench()
    assert bench.listener is None
    start = bench.tail.read(None)
    bench.happen("1")
    bench.now_s += module.LEASE_S + 1
    bench.happen("2")
    assert bench.listener is None
    bench.happen("3")
    page = bench.tail.read(start.next)
    assert page.missed
    assert not page.events
    bench.happen("4")
    assert texts(bench.tail.read(page.next)) == ["4"]


@pytest.mark.peer(14)
def test_what_does_not_fit_is_missed_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 3)
    bench = Bench()
    start = bench.tail.read(None)
    bench.happen("1", "2", "3")
    assert not bench.tail.read(start.next).missed
    bench.happen("4")
    page = bench.tail.read(start.next)
    assert page.missed
    assert texts(page) == ["2", "3", "4"]
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    bench.happen("5" * 60)
    assert len(bench.tail.read(page.next).events) <= 1


def test_one_account_can_be_watched() -> None:
    bench = Bench()
    start = bench.tail.read(None)
    bench.happen("1", account="a")
    bench.happen("2", account="b")
    page = bench.tail.read(start.next, account="b")
    assert texts(page) == ["2"]
    assert not texts(bench.tail.read(page.next))


def test_a_cursor_of_another_life_begins_anew() -> None:
    bench = Bench()
    bench.tail.read(None)
    bench.happen("1")
    page = bench.tail.read("00000000.7")
    assert page.missed
    assert texts(page) == ["1"]


@pytest.mark.parametrize("cursor", ["x", "x.", "x.-1", "x.1e3", "x." + "9" * 30])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        Bench().tail.read(cursor)
    assert caught.value.status == 400


def test_a_watcher_is_woken_by_an_event_and_by_the_end() -> None:
    bench = Bench()
    start = bench.tail.read(None)
    pages: list[Page] = []

    def watch() -> None:
        pages.append(bench.tail.read(start.next, wait_s=10.0))
        pages.append(bench.tail.read(pages[0].next, wait_s=10.0))
        done.set()

    done = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    bench.happen("1")
    bench.tail.close()
    assert done.wait(5.0)
    thread.join()
    assert [text for page in pages for text in texts(page)] == ["1"]
    assert bench.listener is None
