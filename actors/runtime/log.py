"""The log that the kernel is given; the kernel makes none of its own.

Whoever makes the kernel gives one that never raises, whatever the host's logging does
(``gateway.logs``): a line is written on threads that must go on.
"""

from __future__ import annotations

from typing import Any, Final, Protocol


class Log(Protocol):
    """A structlog logger; the kernel does not import the library."""

    def debug(self, event: str, **fields: Any) -> Any:
        """Log a detail of a connection."""

    def info(self, event: str, **fields: Any) -> Any:
        """Log a state change."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Log what will be retried or was refused."""

    def error(self, event: str, **fields: Any) -> Any:
        """Log what a person must read."""


class _Silent:
    """A log that nobody reads."""

    def debug(self, event: str, **fields: Any) -> None:
        """Drop it."""

    info = warning = error = debug


SILENT: Final[Log] = _Silent()
"""For parts that are used without a host."""
