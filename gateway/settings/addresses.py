"""Addresses in settings: ``url``, ``proxy`` and ``listen``, read by one parser. Pure.

The check of a file and the dialer ask the same function, so they cannot disagree. No text
here repeats a name, a password, a path or a query.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

from gateway.redaction import mask_url

_DEFAULT_PORT = {"ws": 80, "wss": 443}
_HTTP_PORT = {"https": 443, "http": 80}
_PROXY_SCHEMES = {"http": "http", "socks5": "socks5", "socks5h": "socks5"}
_NAME_MAX = 253
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}").fullmatch
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]").search
_LOCAL_NAMES = frozenset({"localhost"})
_LONGEST_SHOWN = 60
_LONGEST_LOGIN_BYTES = 255
_PORT_RANGE = "the port must be a number from 1 to 65535"
_KEPT_IN_PATH = "/%:@!$&'()*+,=~-._?"


class AddressError(ValueError):
    """An address that cannot be used; its text follows the name of the key and a colon.

    Attributes:
        in_file: The same for a problem of a file, with what was expected there.
    """

    def __init__(self, told: str, in_file: str | None = None) -> None:
        super().__init__(told)
        self.in_file = in_file or told


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A WebSocket or HTTP server, and what is asked of it.

    Attributes:
        secure: TLS.
        host: Name in ASCII (IDNA) or address without brackets; a link-local one may name
            its interface behind a ``%``.
        port: 1 to 65535.
        resource: Path and query as the request line wants them; never shown to anybody.
    """

    secure: bool
    host: str
    port: int
    resource: str = dataclasses.field(repr=False)

    @property
    def peer(self) -> str:
        """Host and port, for people."""
        return authority(self.host, self.port)

    @property
    def name(self) -> str:
        """The host as others see it: which interface of ours leads there is not theirs."""
        return self.host.partition("%")[0]

    @property
    def host_header(self) -> str:
        """Value of ``Host``: without the port where it is the scheme's own."""
        usual = self.port == _DEFAULT_PORT["wss" if self.secure else "ws"]
        return bracketed(self.name) if usual else authority(self.name, self.port)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy every byte goes through. ``scheme`` is ``http`` (CONNECT) or ``socks5``.

    A name of None: there is no login. Some proxies want a password alone, under an empty name.
    """

    scheme: str
    host: str
    port: int
    username: str | None = dataclasses.field(default=None, repr=False)
    password: str = dataclasses.field(default="", repr=False)

    @property
    def peer(self) -> str:
        """Host and port, for people."""
        return authority(self.host, self.port)


def login_bytes(login: str) -> bytes:
    """Return a name or password as it was written in the URL, byte for byte."""
    return login.encode("utf-8", "surrogateescape")


def bracketed(host: str) -> str:
    """Return the host as URLs and headers write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def authority(host: str, port: int) -> str:
    """Return ``host:port``."""
    return f"{bracketed(host)}:{port}"


@lru_cache(maxsize=64)
def parse_target(url: str) -> Target:
    """Return the parts of a WebSocket URL. Thousands of accounts share what it returns.

    Raises:
        AddressError: It is none.
        UnicodeError: It holds half of a letter.
    """
    parts = split(url, _DEFAULT_PORT, "wss://host/")
    if ";" in parts.path:
        raise AddressError("a ';' in the path must be written as %3B")
    return _target(parts, secure=parts.scheme == "wss", port=_DEFAULT_PORT[parts.scheme])


def parse_http(url: str) -> Target:
    """Return the parts of an ``https://`` URL, or of an ``http://`` one to loopback.

    Nothing is kept: a query may hold a secret.

    Raises:
        AddressError: It is none.
        UnicodeError: It holds half of a letter.
    """
    parts = split(url, _HTTP_PORT, "https://host/")
    target = _target(parts, secure=parts.scheme == "https", port=_HTTP_PORT[parts.scheme])
    if not target.secure and not is_loopback(target.host):
        raise AddressError("http is for loopback only; write https://host/")
    return target


def parse_proxy(url: str) -> Proxy:
    """Return the parts of a proxy URL: ``http://`` or ``socks5://``, with or without a login.

    Raises:
        AddressError: It is none.
        UnicodeError: It holds half of a letter.
    """
    example = "http://host:port or socks5://host:port"
    parts = split(url, _PROXY_SCHEMES, example)
    if not parts.port:
        raise AddressError(f"the port is missing; write {example}")
    # Bytes that are no UTF-8 stay what they are: many a proxy has its logins in Latin-1.
    username = unquote(parts.username or "", errors="surrogateescape")
    password = unquote(parts.password or "", errors="surrogateescape")
    longest = max(len(login_bytes(username)), len(login_bytes(password)))
    if parts.scheme != "http" and longest > _LONGEST_LOGIN_BYTES:
        raise AddressError("SOCKS5 takes at most 255 bytes of name and of password")
    return Proxy(
        scheme=_PROXY_SCHEMES[parts.scheme],
        host=_host(parts),
        port=parts.port,
        username=username if username or password else None,
        password=password,
    )


def split(url: str, schemes: Collection[str], example: str) -> SplitResult:
    """Return the parts of a URL of one of these schemes, its host and port checked.

    Args:
        url: What is given.
        schemes: Those it may have.
        example: What to write instead.

    Raises:
        AddressError: It is none.
    """
    if _UNPRINTABLE(url):
        raise AddressError(f"there is a space or a line break in it; write {example}")
    malformed = f"is no URL, or its port is no number from 1 to 65535; write {example}"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise AddressError(f"it is no URL; write {example}", malformed) from None
    if parts.scheme not in schemes:
        if "://" not in url or not parts.scheme:
            told = f"the scheme is missing; write {example}"
            raise AddressError(told, f"expected {example}, got no scheme")
        told = f"the scheme must be {' or '.join(schemes)}, not {parts.scheme[:_LONGEST_SHOWN]!r}"
        raise AddressError(told, f"expected {example}, got {_shown(f'{parts.scheme}://')}")
    if not parts.hostname:
        raise AddressError("the host is missing", f"expected {example}, got no host")
    if ":" not in parts.hostname and ascii_host(parts.hostname) is None:
        raise AddressError(f"{_shown(parts.hostname)} is no host name; write {example}")
    try:
        port = parts.port
    except ValueError:
        raise AddressError(_PORT_RANGE, malformed) from None
    if port == 0:
        raise AddressError(_PORT_RANGE)
    return parts


def ascii_host(host: str) -> str | None:
    """Return a host name in ASCII, as DNS, SNI and SOCKS5 want it; None if it is none."""
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = name.removesuffix(".").split(".")
    return name if len(name) <= _NAME_MAX and all(map(_LABEL, labels)) else None


def is_loopback(host: str) -> bool:
    """Return True if an address, in brackets or not, can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in _LOCAL_NAMES


def is_header_name(name: str) -> bool:
    """Return True if a header can have this name."""
    return _HEADER_NAME(name) is not None


def _target(parts: SplitResult, *, secure: bool, port: int) -> Target:
    if "@" in parts.netloc:
        raise AddressError("name and password do not belong there; use an Authorization header")
    path = quote(parts.path or "/", safe=_KEPT_IN_PATH + ";")
    query = quote(parts.query, safe=_KEPT_IN_PATH + ";[]")
    return Target(
        secure=secure,
        host=_host(parts),
        port=parts.port or port,
        resource=f"{path}?{query}" if query else path,
    )


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host.replace("%25", "%", 1) if ":" in host else ascii_host(host) or ""


def _shown(text: str) -> str:
    return repr(mask_url(text)[:_LONGEST_SHOWN])
