"""Which places a request may come from, and under which names. Pure; reads no socket.

A page in somebody's browser can reach a server on loopback. It cannot choose ``Host``
(unless its own name was re-bound to our address, so foreign names are refused), and it cannot
hide ``Origin`` where something changes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from gateway.settings.addresses import is_loopback
from gateway.web.head import Head
from gateway.web.problems import Problem, bad_request

_LOCAL_NAMES = frozenset({"localhost"})
_FOREIGN: Final = frozenset({"cross-site", "same-site"})


class Origins:
    """Knows our names, and the pages that are ours.

    Args:
        host: Name or address the server listens on.
        hosts: Further names that may stand in ``Host``, e.g. of a reverse proxy.
    """

    def __init__(self, host: str, hosts: Iterable[str] = ()) -> None:
        self._loopback = is_loopback(host)
        self._hosts = frozenset(each.lower() for each in hosts)
        self._names = _LOCAL_NAMES | {host.lower()} | self._hosts

    def admit_page(self, head: Head) -> None:
        """Refuse what a foreign page could have made.

        Args:
            head: Of the request.

        Raises:
            Problem: 403, 400 without a ``Host``.
        """
        if not head.host:
            raise Problem(400, "no_host", "the request has no Host", "send a Host header")
        if not self._is_ours(head.host):
            raise Problem(
                403,
                "foreign_host",
                "the Host of the request is none of this server's names",
                "ask by its address, or add the name to http.hosts",
            )
        if self._is_foreign(head) or (head.site in _FOREIGN and not head.is_navigation):
            raise _foreign_origin()
        if head.is_page and not head.bearer:
            admit_change(head)

    def is_secure(self, head: Head) -> bool:
        """Return whether a request came by TLS: to us, or to a proxy that we know by its name."""
        if head.scheme == "https":
            return True
        proto = (head.forwarded_proto or "").partition(",")[0].strip().lower()
        return proto == "https" and host_name(head.host or "") in self._hosts

    def _is_foreign(self, head: Head) -> bool:
        if head.origin is None:
            return False
        scheme, place = _origin(head.origin)
        # A page that came without TLS may be anybody's on the way.
        plain = scheme != "https" and self.is_secure(head)
        return plain or place != (head.host or "").lower()

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


def admit_change(head: Head) -> None:
    """Refuse what changes something and does not say that a page of ours asks for it.

    Raises:
        Problem: 403.
    """
    if head.is_safe:
        return
    if head.origin is None:
        raise Problem(
            403,
            "no_origin",
            "the request changes something, and does not say from which page",
            "send Origin, as browsers do; programs: give http.token as a bearer",
        )
    if head.site not in (None, "same-origin"):
        raise _foreign_origin()


def _foreign_origin() -> Problem:
    return Problem(
        403,
        "foreign_origin",
        "the request comes from a page of another origin",
        "ask from a program, or from a page of this server",
    )


def _origin(origin: str) -> tuple[str, str]:
    """Return the scheme of an origin and its ``name:port``.

    Raises:
        Problem: 400; it is none.
    """
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.netloc.lower()
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
