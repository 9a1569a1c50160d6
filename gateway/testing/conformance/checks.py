"""A check and how it fails."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, TypeVar

import msgspec

FEWEST_WORDS: Final = 3
MOST_WORDS_CHARS: Final = 1000
"""Longest text for a person or a log."""

_CONSTANT = re.compile(r"[a-z][a-z0-9_]*")

ValueT = TypeVar("ValueT")


class ConformanceError(AssertionError):
    """Raised when a promise is not kept; says which, and with what."""


class Check(msgspec.Struct, frozen=True):
    """One promise. Call it; ``str`` is its name, fit for a test's id.

    Attributes:
        name: What is promised, in snake_case.
        run: Raises :class:`ConformanceError` if it is not kept.
    """

    name: str
    run: Callable[..., None]

    def __call__(self, *given: Any) -> None:
        """Run it."""
        self.run(*given)

    def __str__(self) -> str:
        return self.name


class Aside:
    """A call on a thread of its own, and what came of it: a value, or what it raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._found: list[object] = []
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            self._found.append(call())
        except BaseException as error:  # noqa: BLE001  # the kernel shows its type, no more
            self._found.append(error)

    def within(self, seconds: float) -> list[object]:
        """Return it; nothing if it does not return in time."""
        self._thread.join(seconds)
        return list(self._found)


def must(kept: object, told: str) -> None:
    """Refuse with ``told`` unless a promise is kept."""
    if not kept:
        raise ConformanceError(told)


def must_be(value: object, kind: type[ValueT], told: str) -> ValueT:
    """Return a value of a type; refuse another."""
    if not isinstance(value, kind):
        raise ConformanceError(f"{told} must be {kind.__name__}, not {type(value).__name__}")
    return value


@contextlib.contextmanager
def raising_nothing(told: str) -> Iterator[None]:
    """Refuse whatever is raised inside."""
    try:
        yield
    except ConformanceError:
        raise
    except Exception as error:
        raise ConformanceError(f"{told} raised {type(error).__name__}: {error}") from error


def or_refusal(call: Callable[[], ValueT], told: str, secrets: Collection[str]) -> ValueT | None:
    """Return what a call gives; None if it refuses by a ValueError in words."""
    try:
        return call()
    except ValueError as error:
        words_for_people(f"{told}: the refusal", str(error), secrets)
        return None
    except ConformanceError:
        raise
    except Exception as error:
        raise ConformanceError(
            f"{told} raised {type(error).__name__}: {error}; a refusal is a ValueError"
        ) from error


def words_for_people(told: str, text: str, secrets: Collection[str]) -> None:
    """Refuse an error that says nothing to a person, too much, or a secret."""
    must(len(text.split()) >= FEWEST_WORDS, f"{told} says too little: {text!r}")
    safe(told, text, secrets)


def safe(told: str, text: str, secrets: Collection[str]) -> None:
    """Refuse a text that is unfit for a log: too long, or with a secret."""
    must(len(text) <= MOST_WORDS_CHARS, f"{told} has {len(text)} characters")
    for secret in secrets:
        must(secret not in text, f"{told} shows a secret")


def constant(told: str, text: object) -> None:
    """Refuse a reason that is no constant in snake_case."""
    found = isinstance(text, str) and _CONSTANT.fullmatch(text)
    must(found, f"{told} must be a constant in snake_case, not {text!r}")
