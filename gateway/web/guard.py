"""Which requests are allowed: pure checks of ``Host``, ``Origin`` and the token. Reads no socket.

A page in somebody's browser can reach a server on loopback. It cannot choose ``Host``
(unless its own name was re-bound to our address, so foreign names are refused), it cannot
hide ``Origin``, and it does not know the token.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.settings.addresses import is_loopback
from gateway.web.problems import Problem, bad_request

_LOCAL_NAMES = frozenset({"localhost"})


class Role(enum.Enum):
    """What a caller may do."""

    OWNER = "owner"
    VIEWER = "viewer"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    role: Role
    who: str


class Guard:
    """Lets a request in, or says why not.

    Args:
        host: Name or address the server listens on.
        token: What ``Authorization: Bearer`` must carry; None: nothing.
        hosts: Further names that may stand in ``Host``, e.g. of a reverse proxy.
        metrics_token: Opens the metrics, too, and nothing else; None: there is none.
    """

    def __init__(
        self,
        host: str,
        token: str | None,
        hosts: Iterable[str] = (),
        *,
        metrics_token: str | None = None,
    ) -> None:
        self._loopback = is_loopback(host)
        self._names = _LOCAL_NAMES | {host.lower(), *(each.lower() for each in hosts)}
        self._token = None if token is None else _digest(token)
        self._metrics_token = None if metrics_token is None else _digest(metrics_token)

    def admit_page(self, host: str | None, origin: str | None, fetch_site: str | None) -> None:
        """Refuse what a foreign page could have made.

        Args:
            host: Header ``Host``.
            origin: Header ``Origin``.
            fetch_site: Header ``Sec-Fetch-Site``.

        Raises:
            Problem: 403, 400 without a ``Host``.
        """
        if not host:
            raise Problem(400, "no_host", "the request has no Host", "send a Host header")
        if not self._is_ours(host):
            raise Problem(
                403,
                "foreign_host",
                "the Host of the request is none of this server's names",
                "ask by its address, or add the name to http.hosts",
            )
        foreign = origin is not None and _place(origin) != host.lower()
        if foreign or fetch_site == "cross-site":
            raise Problem(
                403,
                "foreign_origin",
                "the request comes from a page of another origin",
                "ask from a program, or from a page of this server",
            )

    def admit_caller(self, authorization: str | None, *, metrics: bool = False) -> None:
        """Refuse a request without the token; takes the same time for any wrong one.

        Args:
            authorization: Header ``Authorization``.
            metrics: It asks for metrics, which have a token of their own.

        Raises:
            Problem: 401.
        """
        if self._token is None:
            return
        scheme, _, given = (authorization or "").partition(" ")
        digest = _digest(given.strip())
        right = hmac.compare_digest(digest, self._token)
        if metrics and self._metrics_token is not None:
            right |= hmac.compare_digest(digest, self._metrics_token)
        if scheme.lower() != "bearer" or not right:
            raise Problem(
                401,
                "unauthorized",
                "the token is missing or wrong",
                "give http.token as a bearer; commands: --token-file or XIANYU_GATEWAY_TOKEN",
            )

    def caller_of(self, environ: Any) -> Caller:
        self.admit_caller(environ.get("HTTP_AUTHORIZATION"))
        return Caller(role=Role.OWNER, who="local")

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        if name is None:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # An address cannot be re-bound; on loopback only its own are ours.
        return address.is_loopback or not self._loopback


def _place(origin: str) -> str:
    """Return the ``name:port`` of an origin.

    Raises:
        Problem: 400; it is none.
    """
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        raise bad_request("Origin cannot be read", "send none, or that of a page") from None


def host_name(host: str) -> str | None:
    """Return the name of ``name[:port]`` or ``[address][:port]``; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    clean = parts.netloc == host and "@" not in host
    return name if clean and name else None


def _digest(text: str) -> bytes:
    # Of one length, so that the comparison does not tell the token's.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
