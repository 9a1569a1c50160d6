"""Streams of hints: what changed, soon and not too often; places are given back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from gateway.web.pages.hints import COMMENT_S, KINDS, LEAST_S, LIFE_S, MOST_STREAMS, Hints


class Clock:
    """Moves when it is asked."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s = 100.0
        self._step_s = step_s

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s


def here() -> bool:
    return False


def opened(hints: Hints, gone: Callable[[], bool] = here) -> Iterator[bytes]:
    stream = hints.stream(gone)
    assert stream is not None
    assert next(stream).startswith(b"retry: 1000\n")
    return stream


def test_what_changed_before_the_next_look_is_one_hint() -> None:
    hints = Hints(threading.Event(), Clock(LEAST_S))
    stream = opened(hints)
    hints.hint("chats")
    hints.hint("accounts", "chats")
    assert next(stream) == b"data: accounts chats\n\n"


def test_every_stream_hears_it_once() -> None:
    closing = threading.Event()
    hints = Hints(closing, Clock(LEAST_S))
    first, second = opened(hints), opened(hints)
    hints.hint(*KINDS)
    assert next(first) == next(second) == b"data: accounts alerts chats waiting\n\n"
    closing.set()
    assert list(first) == list(second) == []


def test_hints_in_a_row_wait_for_one_another() -> None:
    hints = Hints(threading.Event())
    stream = opened(hints)
    hints.hint("chats")
    assert next(stream) == b"data: chats\n\n"
    hints.hint("alerts")
    later = threading.Timer(LEAST_S / 3, hints.hint, ["accounts"])
    later.start()
    try:
        assert next(stream) == b"data: accounts alerts\n\n"
    finally:
        later.join()


def test_the_17th_finds_no_place_until_one_is_given_back() -> None:
    hints = Hints(threading.Event())
    streams = [hints.stream(here) for _ in range(MOST_STREAMS)]
    assert None not in streams
    assert hints.stream(here) is None
    closing = streams[3]
    assert closing is not None
    closing.close()  # type: ignore[attr-defined]  # as a WSGI server does
    closing.close()  # type: ignore[attr-defined]  # the same
    assert hints.streams == MOST_STREAMS - 1
    assert hints.stream(here) is not None
    assert hints.stream(here) is None


def test_silence_has_comments_and_an_end() -> None:
    clock = Clock()
    hints = Hints(threading.Event(), clock)
    stream = opened(hints, lambda: _later(clock, COMMENT_S))
    assert next(stream) == b": still here\n\n"
    clock.now_s += LIFE_S
    with pytest.raises(StopIteration):
        next(stream)


def _later(clock: Clock, by_s: float) -> bool:
    clock.now_s += by_s
    return False


def test_one_that_went_away_ends_its_stream() -> None:
    gone = threading.Event()
    stream = opened(Hints(threading.Event()), gone.is_set)
    gone.set()
    with pytest.raises(StopIteration):
        next(stream)


def test_nobody_listens_and_nothing_is_kept() -> None:
    hints = Hints(threading.Event(), Clock(LEAST_S))
    hints.hint("chats")
    stream = opened(hints)
    hints.hint("alerts")
    assert next(stream) == b"data: alerts\n\n"
