"""An HTTP request and its answer, as data: what a platform asks and judges, and who performs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``repr`` shows neither query, headers nor body: each may hold a secret.

    Attributes:
        method: ``GET`` or ``POST``.
        url: With its query; https, or http to loopback.
        headers: Names as they are sent; ``Host`` and ``Content-Length`` are the performer's.
        body: None: no body.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        """Show method and address only."""
        return f"HttpRequest({self.method} {self.url.partition('?')[0]})"

    __str__ = __repr__


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one request. ``repr`` shows the status only.

    Attributes:
        status: As received.
        headers: Names in lower case, in the order they came; a name may come twice.
        body: Decoded once, bounded by the performer.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def __repr__(self) -> str:
        """Show the status only."""
        return f"HttpAnswer({self.status})"

    __str__ = __repr__

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order; ``name`` in lower case."""
        return [value for each, value in self.headers if each == name]
