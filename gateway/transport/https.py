"""HTTP requests of an account: the way of its link, one total deadline, a bounded answer.

A library bounds each wait, and a peer that drips a byte at a time makes as many waits as it
likes; here the whole ends in time. Proxy, authorities, server name and name lookup are those of
the account's link. Redirects are answers like others. Nothing is tried twice.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

import msgspec

from actors.values import ErrorClass, Failure, Phase
from gateway.commands import install
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.settings import DeadlineSettings, TlsSettings
from gateway.settings.addresses import AddressError, Target, parse_http
from gateway.transport.bodies import UnusableAnswerError
from gateway.transport.errors import retry_after
from gateway.transport.lookup import Resolve
from gateway.transport.proxy import ProxyRefusedError
from gateway.transport.route import Attempt, Route
from gateway.transport.upgrade import checked_headers, take

BODY_MAX_BYTES: Final = 256 * 1024
"""Bound of a decoded body, unless told."""

_METHODS: Final = frozenset({"GET", "POST"})
_OWN: Final = ("host", "accept-encoding", "transfer-encoding")
"""Headers of the performer, beside those no upgrade may carry either."""


class HttpsClient:
    """Performs HTTP requests of one account; any thread, any number at once.

    Each has a connection of its own, which is closed after it.

    Args:
        proxy: ``http://`` or ``socks5://`` URL; never bypassed. None: directly.
        tls: For ``https``.
        deadlines: Seconds for each phase up to TLS; the deadline of a request cuts them all.
        resolve: Called like ``socket.getaddrinfo``.
        unix_s: Wall time, for a ``Retry-After`` that is a date.

    Raises:
        ValueError: A setting cannot work; names it and the fix, shows no secret.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        tls: TlsSettings | None = None,
        deadlines: DeadlineSettings | None = None,
        resolve: Resolve = socket.getaddrinfo,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self._route = Route(
            proxy=proxy,
            tls=tls,
            deadlines=deadlines or DeadlineSettings(),
            resolve=resolve,
            check_tls=True,
            scheme="https",
        )
        self._unix_s = unix_s

    def __repr__(self) -> str:
        """Show the way, and nothing that is sent."""
        proxy = self._route.proxy
        return f"HttpsClient({f'{proxy.scheme}://{proxy.peer}' if proxy else 'direct'!r})"

    def perform(
        self,
        request: HttpRequest,
        *,
        deadline_s: float,
        body_limit: int = BODY_MAX_BYTES,
        on_head: Callable[[HttpAnswer], None] | None = None,
    ) -> HttpAnswer | Failure:
        """Ask once, and return the answer whatever its status, within ``deadline_s`` seconds.

        Blocks. Raises nothing for what network, proxy or server may do, nor for a request that
        cannot be sent. A failure's phase is the dialer's up to TLS, ``CREDENTIALS`` for the
        request and its answer.

        Args:
            request: https, or http to loopback.
            deadline_s: Seconds over everything together.
            body_limit: Most bytes of the decoded body; an answer above it is a failure.
            on_head: Told status and headers as soon as they are there, on this thread: the
                cookies of an answer count although its body never comes.
        """
        try:
            target, headers = _checked(request)
        except _UnfitError as error:
            return _failure(ErrorClass.CONFIG, error.reason, str(error))
        try:
            # 70 ms and 3 MB that a gateway which asks nothing need not pay.
            from gateway.transport.exchange import exchange  # noqa: PLC0415
        except ImportError:
            told = (
                "the package urllib3 (2.3 or newer) cannot be imported; run: "
                f"{install('urllib3>=2.3,<3')}"
            )
            return _failure(ErrorClass.CONFIG, "library_missing", told)
        attempt = Attempt(deadline_s, lambda _phase: 1.0)
        try:
            sock = self._route.open(target, attempt)
        except (OSError, ProxyRefusedError) as error:
            return self._route.failure(error, target, attempt, self._unix_s())
        with sock, attempt.enter(Phase.CREDENTIALS):
            try:
                return exchange(
                    sock,
                    target,
                    method=request.method,
                    headers=headers,
                    body=request.body,
                    until=attempt.until,
                    body_limit=body_limit,
                    on_head=on_head,
                )
            except UnusableAnswerError as error:
                return _failure(ErrorClass.OTHER, error.reason, f"{target.peer} {error.what}")
            except OSError as error:
                failure = self._route.failure(error, target, attempt, self._unix_s())
                if isinstance(error, ConnectionError):
                    told = f"{target.peer}: closed the connection before it answered"
                    failure = msgspec.structs.replace(failure, detail=told)
                return failure

    def retry_after_s(self, answer: HttpAnswer) -> float | None:
        """Return the seconds an answer's ``Retry-After`` asks for; None if it does not."""
        return retry_after(dict(answer.headers), self._unix_s())


class _UnfitError(ValueError):
    """A request that cannot be sent; the text names what is wrong and shows no value."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(told)
        self.reason = reason


def _checked(request: HttpRequest) -> tuple[Target, dict[str, str]]:
    """Return where to, and the headers as bytes that the library will not change.

    Raises:
        _UnfitError: It cannot be sent.
    """
    if request.method not in _METHODS:
        raise _UnfitError("bad_method", "the method must be GET or POST")
    try:
        target = parse_http(request.url)
    except AddressError as error:
        raise _UnfitError("bad_url", f"url: {error}") from None
    except ValueError:
        raise _UnfitError("bad_url", "url: it holds half of a letter") from None
    try:
        headers = checked_headers(request.headers)
        for name in _OWN:
            take(headers, name)
        # The library encodes in Latin-1; this way UTF-8 leaves, as from the dialer.
        sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    except UnicodeError:
        raise _UnfitError("bad_header", "headers: a value holds half of a letter") from None
    except ValueError as error:
        raise _UnfitError("bad_header", str(error)) from None
    return target, sent


def _failure(error_class: ErrorClass, reason: str, detail: str) -> Failure:
    return Failure(error_class=error_class, reason=reason, detail=detail, phase=Phase.CREDENTIALS)
