"""Through a proxy: HTTP CONNECT (RFC 9110 9.3.6) and SOCKS5 (RFC 1928, 1929).

Both speak on a socket that is already connected to the proxy, under a deadline, and read
no byte beyond the proxy's answer. That is why SOCKS5 is written out here: python-socks
dials and looks names up by itself, out of reach of any deadline. Names are resolved by
the proxy, never here, so a proxied account leaves no trace in the local DNS.
"""

from __future__ import annotations

import base64
import socket

from gateway.settings.addresses import Proxy, Target, authority, login_bytes
from gateway.transport.timed import Deadline, HeadTooLongError, read_exactly, read_head, send_all

_SOCKS5, _NO_LOGIN, _LOGIN, _CONNECT, _IPV4, _NAME, _IPV6 = 5, 0, 2, 1, 1, 3, 4
_MOST_ANSWERS = 8
_SOCKS5_REPLIES = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


class ProxyRefusedError(Exception):
    """The proxy did not let us through; carries the reason and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def tunnel(sock: socket.socket, proxy: Proxy, target: Target, until: Deadline) -> None:
    """Have the proxy connect to the target; afterwards the socket speaks to the target.

    Raises:
        ProxyRefusedError: It answered that it will not, or nonsense.
        OSError: It did not answer.
    """
    if proxy.scheme == "http":
        _http_connect(sock, proxy, target, until)
    else:
        _socks5_connect(sock, proxy, target, until)


def _http_connect(sock: socket.socket, proxy: Proxy, target: Target, until: Deadline) -> None:
    where = authority(target.name, target.port)
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if proxy.username is not None:
        login = base64.b64encode(login_bytes(f"{proxy.username}:{proxy.password}")).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    send_all(sock, "\r\n".join([*lines, "", ""]).encode(), until)
    status = b"100"
    for _ in range(_MOST_ANSWERS):
        try:
            head = read_head(sock, until)
        except HeadTooLongError:
            raise _nonsense(proxy) from None
        version, _, rest = head.partition(b" ")
        status = rest[:3]
        if not version.startswith(b"HTTP/1.") or not status.isdigit():
            raise _nonsense(proxy)
        if not status.startswith(b"1"):  # 100 and its like announce the answer
            break
    if status == b"407":
        raise _login_refused(proxy)
    if not status.startswith(b"2"):
        raise _not_reached(proxy, target, f"HTTP {status.decode()}")


def _socks5_connect(sock: socket.socket, proxy: Proxy, target: Target, until: Deadline) -> None:
    methods = bytes((_NO_LOGIN,) if proxy.username is None else (_NO_LOGIN, _LOGIN))
    send_all(sock, bytes((_SOCKS5, len(methods))) + methods, until)
    version, method = read_exactly(sock, 2, until)
    if version != _SOCKS5:
        raise _nonsense(proxy)
    if method not in methods:
        raise _login_refused(proxy)
    if method == _LOGIN:
        name, password = login_bytes(proxy.username or ""), login_bytes(proxy.password)
        login = bytes((1, len(name))) + name + bytes((len(password),)) + password
        send_all(sock, login, until)
        if read_exactly(sock, 2, until)[1] != 0:
            raise _login_refused(proxy)
    request = bytes((_SOCKS5, _CONNECT, 0)) + _socks5_address(target.name)
    send_all(sock, request + target.port.to_bytes(2), until)
    version, reply, _, kind = read_exactly(sock, 4, until)
    if version != _SOCKS5:
        raise _nonsense(proxy)
    if reply != 0:
        raise _not_reached(proxy, target, _SOCKS5_REPLIES.get(reply, f"code {reply}"))
    if kind not in {_IPV4, _IPV6, _NAME}:
        raise _nonsense(proxy)
    size = {_IPV4: 4, _IPV6: 16}.get(kind) or read_exactly(sock, 1, until)[0]
    read_exactly(sock, size + 2, until)  # the address it connected from; nobody needs it


def _socks5_address(host: str) -> bytes:
    for kind, family in ((_IPV4, socket.AF_INET), (_IPV6, socket.AF_INET6)):
        try:
            return bytes((kind,)) + socket.inet_pton(family, host)
        except OSError:
            continue
    name = host.encode("ascii")
    return bytes((_NAME, len(name))) + name


def _nonsense(proxy: Proxy) -> ProxyRefusedError:
    return ProxyRefusedError(
        "proxy_bad_answer",
        f"{proxy.peer} does not answer like a proxy for {proxy.scheme}; check scheme and port",
    )


def _login_refused(proxy: Proxy) -> ProxyRefusedError:
    return ProxyRefusedError(
        "proxy_auth_refused",
        f"the proxy {proxy.peer} refused name and password; check those in the proxy setting",
    )


def _not_reached(proxy: Proxy, target: Target, answer: str) -> ProxyRefusedError:
    return ProxyRefusedError(
        "proxy_connect_failed",
        f"the proxy {proxy.peer} did not connect to {target.peer}: {answer}; "
        "check that it may reach that host and port",
    )
