"""Classifies failed dials: exception or status in, :class:`Failure` out.

Decided by exception type, phase and HTTP status, never by the text of a message. The one
sentence of a failure names host and port and the next step; never a path, a query, a
header or a login.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import socket
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from actors.values import ErrorClass, Failure, Phase
from gateway.settings.addresses import bracketed
from gateway.transport.proxy import ProxyRefusedError
from gateway.transport.tls import system_store_is_empty
from gateway.transport.upgrade import BadUpgradeError, UpgradeRefusedError

_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
_NO_ISSUER = {18, 19, 20, 21}
"""OpenSSL's codes for a chain without a trusted root."""
_OVERLOAD = {429, 502, 503, 504}
_AUTH = {401, 403}
_CONFIG = {400, 404, 426}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The step and circumstances of an attempt that failed.

    Attributes:
        phase: Step.
        peer: Host and port of the server, or of the proxy in Phase.PROXY.
        now_s: Unix time in seconds, for dates the server names.
        own_store: The authorities to trust are those of ``tls.ca_file``.
        scheme: What the port should speak.
    """

    phase: Phase
    peer: str
    now_s: float
    own_store: bool = False
    scheme: str = "wss"


def failure_of(error: Exception, place: Place) -> Failure:
    """Return what ended a dial."""
    match error:
        case UpgradeRefusedError():
            return _refused_upgrade(error, place)
        case BadUpgradeError():
            detail = f"{place.peer} answered, but not as a WebSocket server: {error}; check `url`"
            return _failure(place, "bad_upgrade", detail, ErrorClass.OTHER)
        case ProxyRefusedError():
            return _failure(place, error.reason, error.detail)
        case OSError():
            return _broken_link(error, place)
        case _:
            raise error


def _failure(
    place: Place,
    reason: str,
    detail: str,
    error_class: ErrorClass = ErrorClass.NETWORK,
    *,
    timed_out: bool = False,
) -> Failure:
    return Failure(
        error_class=error_class,
        reason=reason,
        detail=detail,
        phase=place.phase,
        timed_out=timed_out,
    )


def _broken_link(error: OSError, place: Place) -> Failure:
    import ssl  # noqa: PLC0415 - loaded by the library anyway once something was dialled

    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NO_ISSUER and not place.own_store and system_store_is_empty():
            detail = (
                f"the certificate of {place.peer} cannot be checked: this system has no store of "
                "authorities; install ca-certificates, or set SSL_CERT_FILE or tls.ca_file"
            )
            return _failure(place, "no_certificate_store", detail, ErrorClass.TLS_TRUST)
        detail = (
            f"the certificate of {place.peer} was not accepted ({error.verify_message}); if the "
            "server is yours set tls.ca_file or tls.server_name, otherwise somebody is in between"
        )
        return _failure(place, "certificate_rejected", detail, ErrorClass.TLS_TRUST)
    reason, what = _named(error, place.phase)
    if isinstance(error, ssl.SSLError):
        what = (
            f"the TLS handshake failed ({error.reason or 'cut off'}); is it a {place.scheme} port?"
        )
        reason = "tls_failed"
    if place.phase is Phase.PROXY:
        reason = f"proxy_{reason.removeprefix('proxy_')}"
        what = f"{what}; this is the proxy of the account"
    detail = f"{place.peer}: {what}"
    return _failure(place, reason, detail, timed_out=isinstance(error, TimeoutError))


def _named(error: OSError, phase: Phase) -> tuple[str, str]:
    """Return reason and words for an error of the operating system."""
    match error:
        case TimeoutError():
            named = f"{phase.value}_timeout", f"no answer in time in the {phase.value} phase"
        case socket.gaierror():
            named = "dns_failed", "the name was not found; check its spelling and the DNS"
        case ConnectionRefusedError():
            named = "connection_refused", "refused the connection; check the port and the server"
        case ConnectionError() | OSError(errno=errno.ENOTCONN):
            named = "connection_lost", "closed the connection during the handshake"
        case OSError(errno=number) if number in _UNREACHABLE:
            named = "unreachable", "there is no route to it; check the network"
        case OSError(errno=number) if number in _TOO_MANY_FILES:
            named = "too_many_files", "this process has no free file descriptor; raise `ulimit -n`"
        case _:
            code = errno.errorcode.get(error.errno or 0, type(error).__name__)
            named = "connect_failed", f"the connection failed ({code}); check the network"
    return named


def _refused_upgrade(error: UpgradeRefusedError, place: Place) -> Failure:
    status, headers = error.status, error.headers
    reason, retry_after_s = f"http_{status}", None
    if status in _AUTH:
        error_class, hint = ErrorClass.AUTH, "token or cookie are not accepted; renew them"
    elif status in _OVERLOAD:
        error_class, hint = ErrorClass.SERVER_OVERLOAD, "it is busy; it will be tried later"
        retry_after_s = retry_after(headers, place.now_s)
    elif 300 <= status < 400:
        error_class, reason = ErrorClass.CONFIG, "redirect_refused"
        hint = (
            f"it points to {_host_of(headers.get('location', ''))}; redirects are not followed "
            "because the headers carry credentials; if that host is meant, set `url` to it"
        )
    elif status in _CONFIG:
        error_class, hint = ErrorClass.CONFIG, "check host and path of `url` and the headers"
    else:
        error_class, hint = ErrorClass.OTHER, "it is no answer to a WebSocket handshake"
    return Failure(
        error_class=error_class,
        reason=reason,
        detail=f"{place.peer} answered HTTP {status}: {hint}",
        phase=place.phase,
        retry_after_s=retry_after_s,
        http_status=status,
    )


def _host_of(location: str) -> str:
    try:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
        return f"{bracketed(parts.hostname)}{port}" if parts.hostname else "another path"
    except ValueError:
        return "a place that is no URL"


def retry_after(headers: Mapping[str, str], now_s: float) -> float | None:
    """Read ``Retry-After`` (RFC 9110 10.2.3) as seconds from now; None if there is none.

    Args:
        headers: Names in lower case.
        now_s: Our Unix time, used where the answer has no ``Date``: the two clocks differ.
    """
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = _unix_s(value)
    if until is None:
        return None
    since = _unix_s(headers.get("date", ""))
    return max(0.0, until - (now_s if since is None else since))


def _unix_s(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.timestamp()
