"""One request: its path, query and body, with bounds. Knows no route."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from gateway.web.callers import Caller
from gateway.web.problems import Problem, bad_request

ShapeT = TypeVar("ShapeT")

MOST_ROWS = 1000
"""Most rows of one answer."""

LONGEST_WAIT_S = 60.0
"""Seconds a request may wait for something to happen."""


def _never() -> bool:
    return False


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request. Its ``repr`` shows no body: a cookie may be in it.

    Attributes:
        method: GET, POST, PUT or DELETE.
        name: What stands for ``<…>`` in the path; empty if nothing does.
        query: The parameters; the last of a name counts.
        body: As received.
        idempotency_key: The header of that name, without quotes; None: there is none.
        accept: Header ``Accept``.
        caller: Who asks; None where everybody may, and for a command on the files of a gateway.
        address: Of the other end of the connection; ``localhost`` where it has none.
        secure: It came by TLS, to us or to a proxy that we know.
        gone: Returns True if the client went away, so that no one reads the answer.
    """

    method: str = "GET"
    name: str = ""
    query: Mapping[str, str] = {}
    body: bytes = b""
    idempotency_key: str | None = None
    accept: str = ""
    caller: Caller | None = None
    address: str = "localhost"
    secure: bool = False
    gone: Callable[[], bool] = _never

    def __repr__(self) -> str:
        """Show what is asked, and of how many bytes."""
        return f"Request({self.method} {self.name!r}, body of {len(self.body)} bytes)"

    __str__ = __repr__

    def text(self, name: str) -> str | None:
        """Return a parameter, or None if it is not there or empty."""
        return self.query.get(name) or None

    def limit(self) -> int:
        """Return ``limit``, the most rows that are wanted.

        Raises:
            Problem: 400; no whole number from 1 to 1000.
        """
        told = self.query.get("limit", "100").lstrip("0")
        # Its length first: the interpreter refuses to read thousands of digits.
        if not (told.isascii() and told.isdigit() and len(told) <= 4 and int(told) <= MOST_ROWS):
            raise bad_request(f"limit must be a whole number from 1 to {MOST_ROWS}")
        return int(told)

    def choice(self, name: str, known: Iterable[str]) -> str | None:
        """Return a parameter that is one of a few words, or None if it is not there or empty.

        Raises:
            Problem: 400; another word. Names those there are.
        """
        told, words = self.text(name), tuple(known)
        if told is not None and told not in words:
            raise bad_request(f"{name} must be one of {', '.join(words)}")
        return told

    def wait_s(self) -> float:
        """Return ``wait_s``, how long the answer may take; 0 if it is not there.

        Raises:
            Problem: 400; no number from 0 to 60.
        """
        try:
            return bounded_wait(float(self.query.get("wait_s", "0")))
        except ValueError:
            raise bounds_of_wait() from None

    def json(self, shape: type[ShapeT]) -> ShapeT:
        """Read the body; 1.0 is a whole number in JSON.

        Raises:
            Problem: 400; it is no such JSON. Says where, never what.
        """
        try:
            return msgspec.convert(_whole(msgspec.json.decode(self.body or b"{}")), shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise bad_request(f"the body is not as it should be: {_where(error)}") from None


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _whole(inner) for key, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value


def bounded_wait(wait_s: float) -> float:
    """Return the wait if it is within bounds.

    Raises:
        Problem: 400; it is not.
    """
    if not 0.0 <= wait_s <= LONGEST_WAIT_S:
        raise bounds_of_wait()
    return wait_s


def bounds_of_wait() -> Problem:
    """Return what a wait may be."""
    return bad_request(f"wait_s must be a number from 0 to {LONGEST_WAIT_S:.0f}")


def query_of(text: str) -> dict[str, str]:
    """Read a query string.

    Raises:
        Problem: 400; it is none.
    """
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=32, errors="strict"))
    except ValueError:
        raise bad_request("the query of the address cannot be read") from None


def _where(error: Exception) -> Any:
    # msgspec names type and place, never the value; its syntax errors name a position.
    if isinstance(error, RecursionError):
        return "nested too deep"
    return error if isinstance(error, msgspec.MsgspecError) else "no UTF-8"
