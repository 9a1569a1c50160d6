"""Every error this package raises to its host, and nothing else.

A `GatewayError` is safe to print: it names what, where and the next step, and carries
neither a secret nor a payload. Errors that never leave the kernel live with the kernel.

    GatewayError
    ├── ConfigError            the settings can not be used; all that is wrong at once
    ├── UnknownAccountError    no account of that name
    ├── AccountExistsError     the name is taken
    ├── OverloadedError        a bound is reached; nothing was accepted       (retryable)
    ├── ShuttingDownError      the gateway is stopping; nothing was accepted
    ├── UnknownLetterError     the event is neither a dead letter nor parked
    ├── EventSettledError      the event is finished and can not be answered any more
    └── SinkError              a sink can not be opened or written to         (retryable)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that is most like ``name``, or None if none is near."""
    by_lower = {right.lower(): right for right in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give ``; did you mean 'x'?`` for the nearest known name, or nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


class GatewayError(Exception):
    """Root of the tree; catch it to catch all of ours.

    Attributes:
        retryable: The same call may succeed later without anybody changing anything.
    """

    retryable: ClassVar[bool] = False


class ConfigError(GatewayError):
    """Raised when settings can not be used.

    Attributes:
        problems: One line each: where, what is wrong, what would be right.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class UnknownAccountError(GatewayError):
    """Raised when no account has the name.

    Attributes:
        account: The name that was asked for.
    """

    def __init__(self, account: str, known: Iterable[str] = ()) -> None:
        super().__init__(account)
        self.account = account
        self._near = did_you_mean(account, known)

    def __str__(self) -> str:
        return f"no account {self.account!r}{self._near}"


class AccountExistsError(GatewayError):
    """Raised when an account is added under a name that is taken.

    Attributes:
        account: The name.
    """

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account

    def __str__(self) -> str:
        return f"account {self.account!r} exists; remove it first or choose another id"


class OverloadedError(GatewayError):
    """Raised before anything was accepted, because a bound is reached.

    Attributes:
        what: The queue that is full, e.g. ``outbox of shop-a``.
        limit: Its bound.
    """

    retryable = True

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, limit)
        self.what = what
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.what} is full ({self.limit}); nothing was accepted, try again later"


class ShuttingDownError(GatewayError):
    """Raised when the gateway is stopping and accepts nothing more."""

    def __str__(self) -> str:
        return "the gateway is stopping; nothing was accepted"


class UnknownLetterError(GatewayError):
    """Raised when an event is neither a dead letter nor parked.

    Attributes:
        event_id: Identity that was asked for.
    """

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id = event_id

    def __str__(self) -> str:
        return (
            f"event {self.event_id!r} is neither a dead letter nor parked; "
            "it was replayed, dropped, or never was one: list them"
        )


class EventSettledError(GatewayError):
    """Raised when an event is answered after its handling ended.

    Attributes:
        event_id: Identity of the event.
    """

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id = event_id

    def __str__(self) -> str:
        return (
            f"event {self.event_id!r} is settled; reply inside the handler, "
            "or use send() to write to the conversation later"
        )


class SinkError(GatewayError):
    """Raised when a sink can not be opened or written to.

    Attributes:
        sink: Kind of the sink, e.g. ``jsonl``.
        detail: What failed, where, and the next step.
    """

    retryable = True

    def __init__(self, sink: str, detail: str) -> None:
        super().__init__(sink, detail)
        self.sink = sink
        self.detail = detail

    def __str__(self) -> str:
        return f"sink {self.sink}: {self.detail}"
