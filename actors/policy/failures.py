"""Every failure the gateway tells apart, from codes and from its own verdicts.

The class comes from types and codes, never from message text (``contract.md`` 2.5).
Failures of a dial are made where the exceptions are known (``gateway/transport``), those
of a registration by the platform. ``reason`` is a constant; ``detail`` says what a person can
do, and never what becomes of the link: that is for whoever has it to say.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from actors.values import ErrorClass, Failure, Phase, SignalKind

AUTH_WINDOW_S: Final = 5.0
"""A policy close (1008) this soon after the registration is the answer to it."""

LATE_HEARTBEAT_S: Final = 15.0
"""A kick after a heartbeat later than this is the server's idea of a dead client."""

SESSION_REMOVED: Final = "session_removed"
"""Reason of the kick that is never answered by a reclaim."""


class _Close(NamedTuple):
    error_class: ErrorClass
    detail: str


_ENDED: Final = "The peer ended the link."
_OURS: Final = "The peer objects to what we sent; look at what left before."
_CLOSES: Final = {
    1000: _Close(ErrorClass.UNEXPECTED_CLOSE, _ENDED),
    1001: _Close(ErrorClass.UNEXPECTED_CLOSE, _ENDED),
    1002: _Close(ErrorClass.PROTOCOL, _OURS),
    1003: _Close(ErrorClass.PROTOCOL, _OURS),
    1005: _Close(ErrorClass.UNEXPECTED_CLOSE, _ENDED),
    1006: _Close(ErrorClass.UNEXPECTED_CLOSE, _ENDED),
    1007: _Close(ErrorClass.PROTOCOL, _OURS),
    1009: _Close(ErrorClass.PROTOCOL, _OURS),
    1010: _Close(ErrorClass.PROTOCOL, _OURS),
    1011: _Close(ErrorClass.UNEXPECTED_CLOSE, _ENDED),
    1012: _Close(
        ErrorClass.SERVER_RESTART, "The server restarts; wait a little before the next attempt."
    ),
    1013: _Close(
        ErrorClass.SERVER_OVERLOAD, "The server is overloaded; wait before the next attempt."
    ),
}
_OTHER_CLOSE: Final = _Close(ErrorClass.OTHER, _ENDED)
_REFUSED: Final = "The credentials are refused; replace them if renewed ones are refused, too."
_REFUSED_CLOSE: Final = _Close(ErrorClass.AUTH, _REFUSED)
_POLICY: Final = 1008

_SECRETIVE: Final = re.compile(r"[A-Za-z0-9_.=+/%~-]{20,}")
_SPOKEN_CHARS: Final = 80


def _spoken(text: str) -> str:
    """Make a peer's words safe to show: one short line, long tokens left out."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return _SECRETIVE.sub("…", line)[:_SPOKEN_CHARS].strip()


def from_close_code(
    code: int | None, *, reason: str = "", since_registered_s: float | None = None
) -> Failure:
    """Return what the end of a link means.

    Args:
        code: Close code of the peer (RFC 6455 section 7.4); None if it sent none, which is
            also a plain end of stream or a reset.
        reason: The peer's words; shown, never judged.
        since_registered_s: Seconds since the registration; None: it was not confirmed yet.
    """
    if code is None:
        close = _CLOSES[1006]
    elif code == _POLICY and (since_registered_s is None or since_registered_s < AUTH_WINDOW_S):
        close = _REFUSED_CLOSE
    else:
        close = _CLOSES.get(code, _OTHER_CLOSE)
    said = _spoken(reason)
    head = f"The peer said {said!r}. " if said else ""
    return Failure(
        error_class=close.error_class,
        reason="closed" if code is None else f"close_{code}",
        detail=head + close.detail,
        phase=Phase.REGISTER if since_registered_s is None else Phase.OPEN,
        close_code=code,
        close_reason=said,
    )


FINAL: Final = frozenset({ErrorClass.NEEDS_HUMAN, ErrorClass.CONFIG})
"""Classes of failures of credentials that only a person ends."""


def of_credentials(reason: str, detail: str, error_class: ErrorClass = ErrorClass.OTHER) -> Failure:
    """Return a failure of the credentials; ``detail`` holds no secret."""
    return Failure(error_class=error_class, reason=reason, detail=detail, phase=Phase.CREDENTIALS)


def from_signal(kind: SignalKind, *, heartbeat_late_s: float = 0.0) -> Failure:
    """Return what a signal means that ends the session.

    Args:
        kind: KICKED, SESSION_REMOVED or AUTH_EXPIRED.
        heartbeat_late_s: By how much our last heartbeat was late. A kick after a very late
            one is our own doing, not another login's.

    Raises:
        ValueError: The signal does not end a session.
    """
    if kind is SignalKind.KICKED and heartbeat_late_s > LATE_HEARTBEAT_S:
        return KICKED_FOR_SILENCE
    failure = _SIGNALS.get(kind)
    if failure is None:
        raise ValueError(f"signal {kind.value!r} does not end a session: keep the link")
    return failure


KICKED: Final = Failure(
    error_class=ErrorClass.KICKED,
    reason="kicked",
    detail="Another login took the session; it is reclaimed once, then a person must decide.",
)
KICKED_FOR_SILENCE: Final = Failure(
    error_class=ErrorClass.UNEXPECTED_CLOSE,
    reason="kicked_for_silence",
    detail="The server gave up waiting for our late heartbeat; the link is opened again.",
)
REMOVED: Final = Failure(
    error_class=ErrorClass.KICKED,
    reason=SESSION_REMOVED,
    detail="The platform removed the session; log in again and reset the account.",
)
AUTH_EXPIRED: Final = Failure(
    error_class=ErrorClass.AUTH,
    reason="auth_expired",
    detail="The token ran out; the credentials are renewed once at once.",
)
HEARTBEAT_DEAD: Final = Failure(
    error_class=ErrorClass.UNEXPECTED_CLOSE,
    reason="heartbeat_dead",
    detail="Nothing came from the peer, not even for a probe.",
)
HEARTBEAT_UNANSWERED: Final = Failure(
    error_class=ErrorClass.UNEXPECTED_CLOSE,
    reason="heartbeat_unanswered",
    detail="Messages come, but heartbeats stay unanswered.",
)
ZOMBIE: Final = Failure(
    error_class=ErrorClass.UNEXPECTED_CLOSE,
    reason="zombie",
    detail="The platform is ahead of what it pushes; the token is renewed, the link opened again.",
)
BACKPRESSURE: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="backpressure",
    detail="Events pile up faster than they are handled; see the handlers and the disk.",
    retry_after_s=5.0,
)
PROTOCOL_ERRORS: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="protocol_errors",
    detail="Three frames within a minute could not be read; see frame.rejected in the log.",
)
ATTEMPT_TIMED_OUT: Final = Failure(
    error_class=ErrorClass.NETWORK,
    reason="attempt_timed_out",
    detail="No link within the deadline; check name resolution, proxy and route.",
    phase=Phase.DNS,  # the one phase the dialer cannot cut short
    timed_out=True,
)
REGISTRATION_TIMED_OUT: Final = Failure(
    error_class=ErrorClass.OTHER,  # the endpoint was reached: no fault of the network's
    reason="registration_timed_out",
    detail="The link opened but the registration was not answered; it is tried again.",
    phase=Phase.REGISTER,
    timed_out=True,
)
CIRCUIT_OPEN: Final = Failure(
    error_class=ErrorClass.NETWORK,
    reason="circuit_open",
    detail="So many dials to this endpoint failed that all wait; nothing is to be done here.",
    phase=Phase.TCP,
)
GRANT_AWAITED: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="grant_awaited",
    detail="The account waits for its turn to renew its token; nothing is to be done here.",
    phase=Phase.CREDENTIALS,
)
NO_THREAD: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="no_thread",
    detail="The system starts no more threads: raise its limit, or run fewer accounts here.",
    phase=Phase.CREDENTIALS,  # nobody was asked: no fault of the endpoint's
)
JOURNAL_UNAVAILABLE: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="journal_unavailable",
    detail="Nothing can be stored; free the disk or repair the journal file.",
)
CONNECTION_CRASHED: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="connection_crashed",
    detail="The connection actor died; it is restarted. See actor.died in the log.",
)
DECODER_RESTARTED: Final = Failure(
    error_class=ErrorClass.OTHER,
    reason="decoder_restarted",
    detail="The decoder crashed; the link is opened again so that nothing is skipped.",
)

_SIGNALS: Final = {
    SignalKind.KICKED: KICKED,
    SignalKind.SESSION_REMOVED: REMOVED,
    SignalKind.AUTH_EXPIRED: AUTH_EXPIRED,
}
