"""Opens the link of one account: the way to the server, then the upgrade, under one deadline."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping

from actors.ports import Dialed
from actors.values import ErrorClass, Failure, Phase
from gateway.settings import DeadlineSettings, LimitSettings, TlsSettings
from gateway.settings.addresses import parse_target
from gateway.transport import library
from gateway.transport.frames import FrameWire
from gateway.transport.lookup import Resolve
from gateway.transport.proxy import ProxyRefusedError
from gateway.transport.route import Attempt, Route, parsed
from gateway.transport.upgrade import (
    BadUpgradeError,
    Request,
    UpgradeRefusedError,
    checked_headers,
    merged,
    take,
    upgrade,
)


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
        self._target = parsed("url", parse_target, url)
        self._headers = checked_headers(headers)
        self._cookie = take(self._headers, "cookie")
        self._deadlines = deadlines or DeadlineSettings()
        self._route = Route(
            proxy=proxy,
            tls=tls,
            deadlines=self._deadlines,
            resolve=resolve,
            check_tls=self._target.secure,
        )
        self._limits = limits or LimitSettings()
        self._mask_source = mask_source
        self._unix_s = unix_s
        scheme = "wss" if self._target.secure else "ws"
        proxied = self._route.proxy
        through = f" via {proxied.scheme}://{proxied.peer}" if proxied else ""
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
        attempt = Attempt(deadline_s, stretch)
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
            return self._route.failure(error, self._target, attempt, self._unix_s())
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

    def _open(self, attempt: Attempt, request: Request) -> socket.socket:
        sock = self._route.open(self._target, attempt)
        try:
            with attempt.enter(Phase.UPGRADE) as factor:
                upgrade(sock, request, attempt.until.within(self._deadlines.upgrade_s * factor))
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        return sock
