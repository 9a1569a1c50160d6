"""Where a link goes: the parts of ``url`` and ``proxy``, checked once, secrets not in print."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

from gateway.hostnames import ascii_host

_DEFAULT_PORT = {"ws": 80, "wss": 443}
_PROXY_SCHEMES = {"http": "http", "socks5": "socks5", "socks5h": "socks5"}
_KEPT_IN_PATH = "/%:@!$&'()*+,=~-._?"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A WebSocket server.

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
    """Give the host as URLs and headers write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def authority(host: str, port: int) -> str:
    """Give ``host:port``."""
    return f"{bracketed(host)}:{port}"


@lru_cache(maxsize=64)
def parse_target(url: str) -> Target:
    """Read a WebSocket URL. Thousands of accounts have the same: they share what it gives.

    Raises:
        ValueError: Names what is wrong with it; repeats neither path nor query.
    """
    parts = _split("url", url, "ws://host/path or wss://host/path")
    if parts.scheme not in _DEFAULT_PORT:
        raise ValueError(f"url: the scheme must be ws or wss, not {parts.scheme!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url: name and password do not belong there; use an Authorization header")
    if ";" in parts.path:
        raise ValueError("url: a ';' in the path must be written as %3B")
    host = _host("url", parts)
    path = quote(parts.path or "/", safe=_KEPT_IN_PATH)
    query = quote(parts.query, safe=_KEPT_IN_PATH + ";[]")
    return Target(
        secure=parts.scheme == "wss",
        host=host,
        port=_port("url", parts) or _DEFAULT_PORT[parts.scheme],
        resource=f"{path}?{query}" if query else path,
    )


def parse_proxy(url: str) -> Proxy:
    """Read a proxy URL: ``http://`` or ``socks5://``, with or without name and password.

    Raises:
        ValueError: Names what is wrong with it; repeats neither name nor password.
    """
    parts = _split("proxy", url, "http://host:port or socks5://name:password@host:port")
    if parts.scheme not in _PROXY_SCHEMES:
        raise ValueError(f"proxy: the scheme must be http or socks5, not {parts.scheme!r}")
    host = _host("proxy", parts)
    port = _port("proxy", parts)
    if not port:
        raise ValueError(
            f"proxy: the port is missing; write {parts.scheme}://{bracketed(host)}:PORT"
        )
    # Bytes that are no UTF-8 stay what they are: many a proxy has its logins in Latin-1.
    username = unquote(parts.username or "", errors="surrogateescape")
    password = unquote(parts.password or "", errors="surrogateescape")
    if parts.scheme != "http" and max(len(login_bytes(username)), len(login_bytes(password))) > 255:
        raise ValueError("proxy: SOCKS5 takes at most 255 bytes of name and of password")
    return Proxy(
        scheme=_PROXY_SCHEMES[parts.scheme],
        host=host,
        port=port,
        username=username if username or password else None,
        password=password,
    )


def _split(setting: str, url: str, example: str) -> SplitResult:
    if any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url):
        raise ValueError(f"{setting}: there is a space or a line break in it; write {example}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{setting}: it is no URL; write {example}") from None
    if "://" not in url or not parts.scheme:
        raise ValueError(f"{setting}: the scheme is missing; write {example}")
    return parts


def _host(setting: str, parts: SplitResult) -> str:
    host = parts.hostname
    if not host:
        raise ValueError(f"{setting}: the host is missing")
    return host.replace("%25", "%", 1) if ":" in host else host_name(setting, host)


def host_name(setting: str, host: str) -> str:
    """Give a host name in ASCII, as DNS, SNI and SOCKS5 want it.

    Raises:
        ValueError: It is none; names the setting.
    """
    name = ascii_host(host)
    if name is None:
        raise ValueError(f"{setting}: {host[:80]!r} is no host name")
    return name


def _port(setting: str, parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{setting}: the port must be a number from 1 to 65535")
    return port
