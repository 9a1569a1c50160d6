"""What callers hand in is checked in the call: a wrong value never reaches an actor or a row."""

from __future__ import annotations

import contextlib
import enum
import functools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import arguments


class Markup(str):
    """As templating libraries make them."""

    __slots__ = ()

    def __str__(self) -> str:
        return "escaped"


class Number:
    """What counts as an index, as numpy's numbers do."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize("wrong", [None, 4, 4.5, b"x", ["x"], {"x": 1}, Path("x"), object()])
def test_text_names_argument_type_and_remedy(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"^text must be str, not \w+"):
        arguments.text("text", wrong, most=9)


def test_bytes_and_numbers_get_their_remedy() -> None:
    with pytest.raises(TypeError, match=r"decode it first"):
        arguments.text("text", b"x", most=9)
    with pytest.raises(TypeError, match=r"str\(value\)"):
        arguments.identifier("to", 3302)
    with pytest.raises(TypeError, match="ids are text"):
        arguments.identifier("to", 3302, remedy="ids are text")


def test_subclass_of_str_becomes_a_plain_one() -> None:
    plain = arguments.text("text", Markup("<b>"), most=9)
    assert (type(plain), plain) == (str, "<b>")
    assert type(arguments.text("text", enum.StrEnum("E", ["A"]).A, most=9)) is str  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [("", "not be empty"), ("x" * 10, "10 characters, at most 9"), ("a\ud83d", "surrogate")],
)
def test_text_that_cannot_be_sent(wrong: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        arguments.text("text", wrong, most=9)


@pytest.mark.parametrize("wrong", [" ", "a\nb", "a\x00", "\u202e1"])
def test_identifier_is_printable(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^to "):
        arguments.identifier("to", wrong)
    assert arguments.optional_identifier("to", None) is None


def test_whole_numbers() -> None:
    assert arguments.whole("width", Number(), least=1, most=9) == 7
    for wrong in (True, 1.0, "1", None):
        with pytest.raises(TypeError, match="width must be int"):
            arguments.whole("width", wrong, least=1, most=9)
    with pytest.raises(ValueError, match="1 to 9"):
        arguments.whole("width", 10, least=1, most=9)


def test_seconds() -> None:
    assert arguments.seconds("timeout", 10**400) == math.inf
    for wrong in (True, "1", None):
        with pytest.raises(TypeError, match="timeout must be seconds"):
            arguments.seconds("timeout", wrong)
    for number in (-1, math.nan, 11):
        with pytest.raises(ValueError, match="timeout must be 0 to 10 seconds"):
            arguments.seconds("timeout", number, most=10)


def test_choice_and_flag() -> None:
    assert arguments.choice("state", Markup("queued"), ["queued"]) == "queued"
    with pytest.raises(ValueError, match=r"did you mean 'queued'"):
        arguments.choice("state", "queud", ["queued", "sending"])
    with pytest.raises(TypeError, match="state must be one of queued"):
        arguments.choice("state", 4, ["queued"])
    assert arguments.flag("own", True) is True
    with pytest.raises(TypeError, match="own must be True or False, not int"):
        arguments.flag("own", 1)


def test_function() -> None:
    def one(event: object) -> object:
        return event

    assert arguments.function("handler", one, takes=1) is one
    assert arguments.function("handler", print, takes=1) is print
    bound = functools.partial(one)
    assert arguments.function("handler", bound, takes=1) is bound
    for wrong in (lambda: None, lambda _a, _b: None):
        with pytest.raises(TypeError, match="handler must take one argument"):
            arguments.function("handler", wrong, takes=1)
    with pytest.raises(TypeError, match="handler must be a function, not str"):
        arguments.function("handler", "x", takes=1)
    assert arguments.called(functools.partial(one)).endswith("one")


@given(st.from_type(type).flatmap(st.from_type) | st.binary() | st.text() | st.floats())
def test_any_value_is_an_error_of_two_kinds_or_checked(value: object) -> None:
    for check in (
        lambda: arguments.text("x", value, most=99),
        lambda: arguments.identifier("x", value),
        lambda: arguments.whole("x", value, least=0, most=9),
        lambda: arguments.seconds("x", value),
        lambda: arguments.flag("x", value),
        lambda: arguments.choice("x", value, ["y"]),
        lambda: arguments.function("x", value, takes=1),
    ):
        with contextlib.suppress(TypeError, ValueError):
            check()


def test_a_message_is_bounded_in_bytes() -> None:
    """Letters of Chinese take three; a platform closes the link of who sends megabytes."""
    assert arguments.message("text", "长" * (arguments.TEXT_BYTES // 3))
    with pytest.raises(ValueError, match=r"65,538 bytes, at most 65,536; send it in parts"):
        arguments.message("text", "长" * (arguments.TEXT_BYTES // 3 + 1))


@pytest.mark.parametrize(
    "wrong", ["", "x", "file:///x", "https://", "https:///", "https://a b", "https://a\n", "//a/b"]
)
def test_what_is_no_web_address(wrong: str) -> None:
    with pytest.raises(ValueError, match="url"):
        arguments.web_address("url", wrong)
    assert arguments.web_address("url", "HTTPS://img/x.jpg") == "HTTPS://img/x.jpg"


def test_a_wait_for_ever_is_a_long_one() -> None:
    """``Event.wait(inf)`` is an OverflowError."""
    assert arguments.wait_s("timeout", math.inf) == arguments.LONGEST_S
    assert arguments.wait_s("timeout", 3) == 3.0
    for wrong in (-1, math.nan):
        with pytest.raises(ValueError, match="timeout"):
            arguments.wait_s("timeout", wrong)


def test_an_index_that_raises_is_no_number() -> None:
    class Broken:
        def __index__(self) -> int:
            raise RuntimeError

    for wrong in (Broken(), int):
        with pytest.raises(TypeError, match="width must be int"):
            arguments.whole("width", wrong, least=0, most=9)


def test_a_path_is_no_number() -> None:
    """``open(5)`` reads whatever file the process has open under it."""
    with pytest.raises(TypeError, match="path must be str or Path, not int"):
        arguments.path("path", 5)
    assert arguments.path("path", Path("x")) == Path("x")
