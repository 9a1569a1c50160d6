"""Errors of the kernel that a host may see, whatever port they come from."""

from __future__ import annotations


class GatewayError(Exception):
    """Root of what a host may see; :mod:`gateway.errors` has the tree.

    Attributes:
        retryable: The same call may succeed later without anybody changing anything.
    """

    retryable: bool = False


class OverloadedError(GatewayError):
    """Raised before anything was accepted, because a bound is reached.

    Attributes:
        what: The queue that is full, e.g. ``outbox of shop-a``.
        limit: Its bound.
    """

    retryable = True

    def __init__(self, what: str, limit: int, next_step: str = "try again later") -> None:
        super().__init__(what, limit, next_step)
        self.what = what
        self.limit = limit
        self._next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} is full ({self.limit}); nothing was accepted, {self._next_step}"
