"""Refusals of the control API: one shape for server and client.

The server turns exceptions into it, the command line reads it back. Knows no route and no
socket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from actors.ports.journal import JournalError
from gateway import arguments
from gateway.commands import command, page
from gateway.errors import (
    AccountExistsError,
    ConfigError,
    GatewayError,
    KeyReusedError,
    OverloadedError,
    ShuttingDownError,
    UnknownAccountError,
)

_KNOWN: Final[list[tuple[type[Exception], int, str, str]]] = [
    (UnknownAccountError, 404, "unknown_account", f"{command('accounts list')} names them"),
    (AccountExistsError, 409, "account_exists", "choose another id"),
    (KeyReusedError, 422, "key_reused", "give another key, or repeat the first call as it was"),
    (OverloadedError, 429, "overloaded", "wait until some have left, then try again"),
    (ShuttingDownError, 503, "shutting_down", "start it again, then try again"),
    (
        JournalError,
        503,
        "journal_unavailable",
        f"do that; {command('doctor -c FILE')} looks at the disk",
    ),
    (TimeoutError, 504, "timeout", "look whether it was done before trying again"),
    (ConfigError, 409, "config", "correct the configuration"),
]

NOT_A_GATEWAY = "not_a_gateway"
"""The error of what is no answer of ours."""

RETRY_S = 1
"""``Retry-After`` of what may work later, in seconds."""


class Problem(GatewayError):  # noqa: N818  # RFC 9457 calls it so
    """A refusal as JSON: ``{error, detail, next_step}``.

    Attributes:
        status: HTTP status.
        error: Constant in snake_case.
        detail: What is wrong, in a sentence; no secret, no payload.
        next_step: What a person can do about it.
        retry_s: ``Retry-After`` if it may work later, in seconds.
    """

    def __init__(
        self, status: int, error: str, detail: str, next_step: str, *, retry_s: int = RETRY_S
    ) -> None:
        super().__init__(status, error, detail, next_step)
        self.status = status
        self.error = error
        self.detail = detail
        self.next_step = next_step
        self.retry_s = retry_s

    def __str__(self) -> str:
        return f"{self.detail}\n  → {self.next_step}"

    def body(self) -> dict[str, str]:
        """Return what is sent."""
        return {"error": self.error, "detail": self.detail, "next_step": self.next_step}


def bad_request(detail: str, next_step: str = f"see {page('docs/control.md')}") -> Problem:
    """Return the problem that the question itself is wrong."""
    return Problem(400, "bad_request", detail, next_step)


def not_found(what: str, name: str, next_step: str) -> Problem:
    """Return the problem that there is no such thing."""
    return Problem(404, f"unknown_{what.replace(' ', '_')}", f"no {what} {name!r}", next_step)


def of_exception(error: Exception) -> Problem | None:
    """Return the problem for an exception; None if it is unexpected."""
    if isinstance(error, Problem):
        return error
    for kind, status, name, next_step in _KNOWN:
        if isinstance(error, kind):
            return Problem(status, name, str(error) or "it took too long", next_step)
    if isinstance(error, GatewayError):
        return _named(error)
    if isinstance(error, TypeError | ValueError) and _refused_by_a_check(error):
        return bad_request(str(error))
    return None


def _refused_by_a_check(error: Exception) -> bool:
    """Return whether a check of arguments raised it: then it names the argument, and no value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == arguments.__name__


def _named(error: GatewayError) -> Problem:
    """Read an error of ours by its name: unknown is 404, everything else a refusal."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).lower()
    status = 404 if name.startswith("unknown_") else 409
    return Problem(status, name, str(error), "list what there is, then ask again")


def from_body(status: int, body: Any) -> Problem:
    """Read a refusal as it came over the wire; what is not ours gets words of its own."""
    if isinstance(body, Mapping) and {"error", "detail", "next_step"} <= set(body):
        return Problem(status, str(body["error"]), str(body["detail"]), str(body["next_step"]))
    return Problem(
        status,
        NOT_A_GATEWAY,
        f"something that is no gateway answered, with HTTP status {status}",
        "check the address: -c FILE (http.listen) or --url",
    )
