"""The head of a request, as far as it decides who is let in. Only data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_NO_PAGES: Final = ("/v1/", "/metrics")
_MOST_TRIED: Final = 4


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a request; a header that was not sent is None. Its ``repr`` shows no header.

    Attributes:
        method: GET, POST, …
        path: What is asked for.
        host: ``Host``.
        origin: ``Origin``.
        site: ``Sec-Fetch-Site``.
        mode: ``Sec-Fetch-Mode``.
        dest: ``Sec-Fetch-Dest``.
        authorization: ``Authorization``.
        cookie: ``Cookie``.
        forwarded_proto: ``X-Forwarded-Proto``.
        scheme: ``http``, or ``https`` if the server itself speaks TLS.
        address: Of the other end of the connection; ``localhost`` on a socket of the file system.
    """

    method: str = "GET"
    path: str = "/"
    host: str | None = None
    origin: str | None = None
    site: str | None = None
    mode: str | None = None
    dest: str | None = None
    authorization: str | None = None
    cookie: str | None = None
    forwarded_proto: str | None = None
    scheme: str = "http"
    address: str = "localhost"

    @classmethod
    def of(cls, environ: Mapping[str, Any], path: str) -> Head:
        """Read the environment of a WSGI application; ``path`` is decoded."""
        return cls(
            method=str(environ["REQUEST_METHOD"]),
            path=path,
            host=environ.get("HTTP_HOST"),
            origin=environ.get("HTTP_ORIGIN"),
            site=environ.get("HTTP_SEC_FETCH_SITE"),
            mode=environ.get("HTTP_SEC_FETCH_MODE"),
            dest=environ.get("HTTP_SEC_FETCH_DEST"),
            authorization=environ.get("HTTP_AUTHORIZATION"),
            cookie=environ.get("HTTP_COOKIE"),
            forwarded_proto=environ.get("HTTP_X_FORWARDED_PROTO"),
            scheme=str(environ.get("wsgi.url_scheme", "http")),
            address=str(environ.get("REMOTE_ADDR") or "localhost"),
        )

    def __repr__(self) -> str:
        """Show what is asked."""
        return f"Head({self.method} {self.path!r})"

    __str__ = __repr__

    @property
    def is_page(self) -> bool:
        """Whether it asks for what a person looks at, not a program."""
        return not self.path.startswith(_NO_PAGES)

    @property
    def is_safe(self) -> bool:
        """Whether it changes nothing."""
        return self.method in SAFE

    @property
    def is_navigation(self) -> bool:
        """Whether a browser opens a page in a tab, e.g. from a link in a chat."""
        whole = (self.mode, self.dest) == ("navigate", "document")
        return self.method == "GET" and self.is_page and self.origin is None and whole

    @property
    def bearer(self) -> str | None:
        """The token of ``Authorization: Bearer``; None: there is none."""
        scheme, _, given = (self.authorization or "").partition(" ")
        return given.strip() or None if scheme.lower() == "bearer" else None

    def cookies(self, name: str) -> list[str]:
        """Return the values of a cookie; a browser may hold several, of other paths and ports."""
        pairs = (pair.strip().partition("=") for pair in (self.cookie or "").split(";"))
        return [value for key, _, value in pairs if key == name][:_MOST_TRIED]
