"""Opens the link of one account: DNS, TCP, proxy, TLS, upgrade, under one deadline.

Nothing is retried here beyond the addresses of one name; what a failure leads to is the
policy's business. Environment variables for proxies are not read: a proxy is what the
account's settings say, and if it is down the account is down.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from actors.ports import Dialed
from actors.values import ErrorClass, Failure, Phase
from gateway.settings import DeadlineSettings, LimitSettings, TlsSettings
from gateway.settings.addresses import AddressError, ascii_host, parse_proxy, parse_target
from gateway.transport import library
from gateway.transport.errors import Place, failure_of
from gateway.transport.frames import FrameWire
from gateway.transport.lookup import Address, Resolve, addresses_of
from gateway.transport.proxy import ProxyRefusedError, tunnel
from gateway.transport.tcp import connect
from gateway.transport.timed import Deadline
from gateway.transport.tls import secure, shared_context
from gateway.transport.upgrade import (
    BadUpgradeError,
    Request,
    UpgradeRefusedError,
    checked_headers,
    merged,
    take,
    upgrade,
)

_Parts = TypeVar("_Parts")


def _parsed(key: str, parse: Callable[[str], _Parts], address: str) -> _Parts:
    try:
        return parse(address)
    except AddressError as error:
        raise ValueError(f"{key}: {error}") from None


class _Attempt:
    """One dial: the deadline of the whole, the phase it is in, and what each took."""

    def __init__(self, deadline_s: float, stretch: Callable[[Phase], float]) -> None:
        self.until = Deadline(deadline_s)
        self.phase = Phase.DNS
        self.phases: list[tuple[Phase, float]] = []
        self._stretch = stretch

    @contextlib.contextmanager
    def enter(self, phase: Phase) -> Iterator[float]:
        """Be in a phase; give the factor on its limits."""
        self.phase = phase
        began = time.monotonic()
        yield self._stretch(phase)
        self.phases.append((phase, time.monotonic() - began))


class WebSocketDialer:
    """Dials one URL with one account's headers; an :class:`actors.ports.Dialer`.

    Args:
        url: ``ws://`` or ``wss://``.
        headers: Sent as they are. A ``Cookie`` among them is this account's and gives way
            to the one of a dial; those the handshake writes itself are left out.
        proxy: ``http://`` or ``socks5://`` URL; never bypassed. None: directly.
        tls: For ``wss``.
        deadlines: Seconds for each phase, before stretching; the deadline of a dial cuts them all.
        limits: What the server may send, as in :class:`FrameWire`.
        mask_source: Where mask keys come from.
        resolve: Called like ``socket.getaddrinfo``.
        unix_s: Wall time, for a ``Retry-After`` that is a date.

    Raises:
        ValueError: A setting cannot work; names it and the fix, shows no secret.
    """

    def __init__(
        self,
        *,
        url: str,
        headers: Mapping[str, str],
        proxy: str | None = None,
        tls: TlsSettings | None = None,
        deadlines: DeadlineSettings | None = None,
        limits: LimitSettings | None = None,
        mask_source: Callable[[int], bytes] = os.urandom,
        resolve: Resolve = socket.getaddrinfo,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self._target = _parsed("url", parse_target, url)
        self._headers = checked_headers(headers)
        self._cookie = take(self._headers, "cookie")
        self._proxy = _parsed("proxy", parse_proxy, proxy) if proxy else None
        options = tls or TlsSettings()
        self._tls = options if self._target.secure else None
        if self._tls is not None:
            shared_context(self._tls)  # a file that cannot be used is told now
        named = options.server_name
        name = self._target.name if named is None else ascii_host(named)
        if name is None:
            raise ValueError(f"tls.server_name: {named!r:.80} is no host name")
        self._server_name = name.removesuffix(".")  # neither SNI nor certificates have the root's
        self._turn = 0
        self._deadlines = deadlines or DeadlineSettings()
        self._limits = limits or LimitSettings()
        self._mask_source = mask_source
        self._resolve = resolve
        self._unix_s = unix_s
        scheme = "wss" if self._target.secure else "ws"
        through = f" via {self._proxy.scheme}://{self._proxy.peer}" if self._proxy else ""
        self.endpoint = sys.intern(f"{scheme}://{self._target.peer}{through}")

    def __repr__(self) -> str:
        """Show where it dials, and nothing it sends."""
        return f"WebSocketDialer({self.endpoint!r})"

    def dial(
        self,
        headers: dict[str, str],
        cookie: str | None,
        *,
        deadline_s: float,
        stretch: Callable[[Phase], float],
    ) -> Dialed | Failure:
        """Open the link within ``deadline_s`` seconds, whatever stalls.

        Blocks. Raises nothing for what network, server, proxy or credentials may do.

        Args:
            headers: Added to the configured ones, which win; a ``Cookie`` is ignored.
            cookie: The only ``Cookie`` that is sent; None: the configured one, if any.
            deadline_s: Seconds over all phases together.
            stretch: Factor on a phase's own limit.
        """
        attempt = _Attempt(deadline_s, stretch)
        wrong = library.problem()
        if wrong is not None:
            return Failure(
                error_class=ErrorClass.CONFIG,
                reason="websocket_shadowed",
                detail=wrong,
                phase=Phase.UPGRADE,
            )
        try:
            request = self._request(headers, cookie)
        except ValueError as error:
            return Failure(
                error_class=ErrorClass.CONFIG,
                reason="bad_header",
                detail=str(error),
                phase=Phase.UPGRADE,
            )
        try:
            sock = self._open(attempt, request)
        except (OSError, ProxyRefusedError, UpgradeRefusedError, BadUpgradeError) as error:
            proxied = self._proxy is not None and attempt.phase is Phase.PROXY
            peer = self._proxy.peer if self._proxy and proxied else self._target.peer
            # Of several addresses another is the first next time: this one may answer and fail.
            self._turn += 1
            place = Place(
                phase=attempt.phase,
                peer=peer,
                now_s=self._unix_s(),
                own_store=self._tls is not None and self._tls.ca_file is not None,
            )
            return failure_of(error, place)
        wire = FrameWire(
            max_frame_bytes=self._limits.max_frame_bytes,
            max_message_bytes=self._limits.max_message_bytes,
            max_fragments=self._limits.max_fragments,
            mask_source=self._mask_source,
        )
        return Dialed(sock=sock, wire=wire, phases=tuple(attempt.phases), address=self._target.peer)

    def _request(self, headers: Mapping[str, str], cookie: str | None) -> Request:
        added = checked_headers(headers)
        take(added, "cookie")
        cookies = checked_headers({"Cookie": cookie} if cookie else {})
        return Request(
            target=self._target,
            headers=merged(self._headers, added),
            cookie=cookies.get("Cookie") or self._cookie or None,
        )

    def _open(self, attempt: _Attempt, request: Request) -> socket.socket:
        limits = self._deadlines
        sock = self._reach(attempt) if self._proxy is None else self._reach_through(attempt)
        try:
            if self._tls is not None:
                with attempt.enter(Phase.TLS) as factor:
                    sock = secure(
                        sock,
                        shared_context(self._tls),
                        server_name=self._server_name,
                        until=attempt.until.within(limits.tls_s * factor),
                    )
            with attempt.enter(Phase.UPGRADE) as factor:
                upgrade(sock, request, attempt.until.within(limits.upgrade_s * factor))
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        return sock

    def _reach(self, attempt: _Attempt) -> socket.socket:
        """Connect to the server itself."""
        with attempt.enter(Phase.DNS) as factor:
            until = attempt.until.within(self._deadlines.dns_s * factor)
            addresses = self._addresses(self._target.host, self._target.port, until)
        with attempt.enter(Phase.TCP) as factor:
            each_s = self._deadlines.tcp_s * factor
            return connect(addresses, each_s=each_s, until=attempt.until)

    def _addresses(self, host: str, port: int, until: Deadline) -> list[Address]:
        """Return the addresses of a host, after a failure beginning with another one."""
        found = addresses_of(host, port, resolve=self._resolve, until=until)
        first = self._turn % len(found)
        return found[first:] + found[:first]

    def _reach_through(self, attempt: _Attempt) -> socket.socket:
        """Connect to the proxy and through it; all of that is one phase."""
        assert self._proxy is not None
        limits = self._deadlines
        with attempt.enter(Phase.PROXY) as factor:
            until = attempt.until.within(limits.dns_s * factor)
            addresses = self._addresses(self._proxy.host, self._proxy.port, until)
            sock = connect(addresses, each_s=limits.tcp_s * factor, until=attempt.until)
            try:
                until = attempt.until.within(limits.proxy_s * factor)
                tunnel(sock, self._proxy, self._target, until)
            except BaseException:
                sock.close()
                raise
            return sock
