"""Whoever tells of a stranger's exception runs the stranger's code; that may do anything."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from actors.runtime.pool.error_location import error_location
from gateway import ChatMessage, arguments, listeners
from gateway.logs import GuardedLog
from gateway.redaction import Redactor
from gateway.testing import HandlerBench


class QuitError(BaseException):
    """No ``Exception``, so that it passes where only those are caught."""


class ExitsInStrError(ValueError):
    """A program that wants to end at its worst, and says so in the wrong place."""

    def __str__(self) -> str:
        raise SystemExit(3)


class QuitsInStrError(ValueError):
    """The same, with what nobody expects."""

    def __str__(self) -> str:
        raise QuitError


class Nameless(type):
    """The metaclass of an exception that does not tell its name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise QuitError


class NamelessError(ValueError, metaclass=Nameless):
    """Raises even where only its type is asked for."""


class BadNotesError(ValueError):
    """Its traceback cannot be written."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__notes__":
            raise SystemExit(3)
        return super().__getattribute__(name)


ERRORS = [
    ExitsInStrError("x"),
    QuitsInStrError("x"),
    BadNotesError("x"),
    QuitError("x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=range(len(ERRORS)))
def test_one_handlers_exception_keeps_no_other_from_its_turn(error: BaseException) -> None:
    """``sys.exit`` in its words ended the try: the next handler was never called."""
    bench, called = HandlerBench(), list[str]()

    @bench.on(ChatMessage)
    def sick(_: ChatMessage) -> None:
        raise error

    @bench.on(ChatMessage)
    def well(event: ChatMessage) -> None:
        called.append(event.text or "")
        event.reply("answered all the same")

    handled = bench.chat("hello")

    assert called == ["hello"]
    assert (handled.outcome, handled.texts) == ("dead", ["answered all the same"])


def test_what_is_told_of_them_is_their_place_at_least() -> None:
    for error in [*ERRORS, NamelessError("x")]:
        assert listeners.told(error, str).startswith(error_location(error))
    assert listeners.told(ExitsInStrError("x"), str) == "ExitsInStrError"
    assert error_location(NamelessError("x")) == "exception"


def test_a_line_about_them_is_not_lost() -> None:
    """Else nobody ever hears why the handler failed."""
    lines: list[dict[str, Any]] = []

    class Log:
        def warning(self, event: str, **fields: Any) -> None:
            lines.append({"event": event, **fields})

    class ExitsInRepr:
        def __repr__(self) -> str:
            sys.exit(3)

    log = GuardedLog(Log(), Redactor())
    for error in ERRORS:
        log.warning("handler.raised", exc_info=(type(error), error, None))
    log.warning("handler.raised", value=ExitsInRepr())

    assert log.lost == 0
    assert len(lines) == len(ERRORS) + 1
    assert lines[-1]["value"] == "<ExitsInRepr>"


def test_a_callable_that_hides_its_name_has_that_of_its_class() -> None:
    class Hides:
        def __call__(self, _: ChatMessage) -> None: ...

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert arguments.called(Hides()).endswith("Hides")


def test_what_a_signal_raises_in_a_check_is_not_the_arguments_fault() -> None:
    """A deadline by SIGALRM came out as ``width must be int, not int``."""

    class DeadlineError(Exception):
        """What a signal's handler raises, at whatever moment."""

    def strike(_frame: object, event: str, what: object) -> None:
        if event == "c_call" and getattr(what, "__name__", "") == "index":
            raise DeadlineError

    sys.setprofile(strike)
    try:
        assert arguments.whole("width", 5, least=1, most=9) == 5
    finally:
        sys.setprofile(None)
