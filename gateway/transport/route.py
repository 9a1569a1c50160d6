"""The way to a server: name, TCP, proxy and TLS, under one deadline. What is said there is others'.

Nothing is retried here beyond the addresses of one name; what a failure leads to is the
policy's business. Environment variables for proxies are not read: a proxy is what the
account's settings say, and if it is down the account is down.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from actors.values import Failure, Phase
from gateway.settings import DeadlineSettings, TlsSettings
from gateway.settings.addresses import AddressError, Proxy, Target, ascii_host, parse_proxy
from gateway.transport.errors import Place, failure_of
from gateway.transport.lookup import Address, Resolve, addresses_of
from gateway.transport.proxy import tunnel
from gateway.transport.tcp import connect
from gateway.transport.timed import Deadline
from gateway.transport.tls import secure, shared_context

_Parts = TypeVar("_Parts")


def parsed(key: str, parse: Callable[[str], _Parts], address: str) -> _Parts:
    """Return the parts of an address of the settings.

    Raises:
        ValueError: It is none; names the key, shows no secret.
    """
    try:
        return parse(address)
    except AddressError as error:
        raise ValueError(f"{key}: {error}") from None


class Attempt:
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


class Route:
    """How one account reaches servers.

    Args:
        proxy: ``http://`` or ``socks5://`` URL; never bypassed. None: directly.
        tls: For targets that are secure.
        deadlines: Seconds for each phase, before stretching; the deadline of an attempt cuts
            them all.
        resolve: Called like ``socket.getaddrinfo``.
        check_tls: Tell at once of a ``tls.ca_file`` that cannot be used.
        scheme: That of secure targets, for people.

    Raises:
        ValueError: A setting cannot work; names it and the fix, shows no secret.
    """

    __slots__ = (
        "_deadlines", "_resolve", "_scheme", "_server_name", "_tls", "_turn", "proxy",
    )  # fmt: skip

    def __init__(
        self,
        *,
        proxy: str | None,
        tls: TlsSettings | None,
        deadlines: DeadlineSettings,
        resolve: Resolve,
        check_tls: bool,
        scheme: str = "wss",
    ) -> None:
        self.proxy: Proxy | None = parsed("proxy", parse_proxy, proxy) if proxy else None
        self._tls = tls or TlsSettings()
        if check_tls:
            shared_context(self._tls)
        named = self._tls.server_name
        self._server_name = None if named is None else ascii_host(named)
        if named is not None and self._server_name is None:
            raise ValueError(f"tls.server_name: {named!r:.80} is no host name")
        self._turn = 0
        self._deadlines = deadlines
        self._resolve = resolve
        self._scheme = scheme

    def open(self, target: Target, attempt: Attempt) -> socket.socket:
        """Return a socket that speaks to the target, secured if the target is.

        Raises:
            ProxyRefusedError: The proxy did not let us through.
            OSError: Anything else; TimeoutError at a deadline.
        """
        sock = (
            self._reach(target, attempt)
            if self.proxy is None
            else self._reach_through(self.proxy, target, attempt)
        )
        if not target.secure:
            return sock
        with attempt.enter(Phase.TLS) as factor:
            # Neither SNI nor certificates have the dot of the root.
            name = (self._server_name or target.name).removesuffix(".")
            until = attempt.until.within(self._deadlines.tls_s * factor)
            try:
                context = shared_context(self._tls)
            except BaseException:
                sock.close()
                raise
            return secure(sock, context, server_name=name, until=until)

    def failure(self, error: Exception, target: Target, attempt: Attempt, now_s: float) -> Failure:
        """Return what ended an attempt; the next one begins with another address.

        Of several addresses this one may answer and fail each time.
        """
        proxied = self.proxy is not None and attempt.phase is Phase.PROXY
        self._turn += 1
        place = Place(
            phase=attempt.phase,
            peer=self.proxy.peer if self.proxy and proxied else target.peer,
            now_s=now_s,
            own_store=self._tls.ca_file is not None,
            scheme=self._scheme,
        )
        return failure_of(error, place)

    def _reach(self, target: Target, attempt: Attempt) -> socket.socket:
        """Connect to the server itself."""
        with attempt.enter(Phase.DNS) as factor:
            until = attempt.until.within(self._deadlines.dns_s * factor)
            addresses = self._addresses(target.host, target.port, until)
        with attempt.enter(Phase.TCP) as factor:
            each_s = self._deadlines.tcp_s * factor
            return connect(addresses, each_s=each_s, until=attempt.until)

    def _addresses(self, host: str, port: int, until: Deadline) -> list[Address]:
        """Return the addresses of a host, after a failure beginning with another one."""
        found = addresses_of(host, port, resolve=self._resolve, until=until)
        first = self._turn % len(found)
        return found[first:] + found[:first]

    def _reach_through(self, proxy: Proxy, target: Target, attempt: Attempt) -> socket.socket:
        """Connect to the proxy and through it; all of that is one phase."""
        limits = self._deadlines
        with attempt.enter(Phase.PROXY) as factor:
            until = attempt.until.within(limits.dns_s * factor)
            addresses = self._addresses(proxy.host, proxy.port, until)
            sock = connect(addresses, each_s=limits.tcp_s * factor, until=attempt.until)
            try:
                until = attempt.until.within(limits.proxy_s * factor)
                tunnel(sock, proxy, target, until)
            except BaseException:
                sock.close()
                raise
            return sock
