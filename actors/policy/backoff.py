"""How long to wait after a failure: arithmetic on settings, no history.

The history of an account is in :mod:`actors.policy.retries`. A class that has a step waits
longer by it with each failure; a class that has a base waits twice as long (``contract.md`` 2.5).
"""

from __future__ import annotations

from typing import Final

from actors.sections import Delays, ReconnectSettings
from actors.values import ErrorClass, Failure

__all__ = ["Delays", "delay_s", "longest_s", "window_s"]

_MOST_DOUBLINGS: Final = 30


def _line(d: ReconnectSettings, error_class: ErrorClass, n: int) -> float:
    step_s, cap_s = {
        ErrorClass.UNEXPECTED_CLOSE: (d.unexpected_close_step_s, d.unexpected_close_cap_s),
        ErrorClass.SERVER_RESTART: (d.unexpected_close_step_s, d.unexpected_close_cap_s),
        ErrorClass.NETWORK: (d.network_step_s, d.network_cap_s),
        ErrorClass.PROTOCOL: (d.other_step_s, d.other_cap_s),
        ErrorClass.OTHER: (d.other_step_s, d.other_cap_s),
    }[error_class]
    return min(step_s * n, cap_s)


def _doubling(d: ReconnectSettings, error_class: ErrorClass, nth: int) -> float:
    base_s, cap_s, doublings = {
        ErrorClass.SERVER_OVERLOAD: (d.overload_base_s, d.overload_cap_s, nth - 1),
        ErrorClass.AUTH: (d.auth_base_s, d.auth_cap_s, nth - 2),
        ErrorClass.TLS_TRUST: (d.tls_trust_base_s, d.tls_trust_cap_s, nth - 1),
        ErrorClass.CONFIG: (d.config_base_s, d.config_cap_s, nth - 1),
    }[error_class]
    return min(base_s * 2.0 ** min(doublings, _MOST_DOUBLINGS), cap_s)


def _window(
    delays: ReconnectSettings, error_class: ErrorClass, n: int, nth_of_class: int | None
) -> tuple[float, float]:
    """Return the least and the most seconds of a wait."""
    nth = n if nth_of_class is None else nth_of_class
    if not 1 <= nth <= n:
        raise ValueError(f"n={n}, nth_of_class={nth}: failures are counted from 1")
    match error_class:
        case ErrorClass.SERVER_RESTART if nth == 1:
            return delays.server_restart_min_s, delays.server_restart_max_s
        case ErrorClass.KICKED:
            return delays.kicked_min_s, delays.kicked_max_s
        case ErrorClass.PROTOCOL | ErrorClass.AUTH if nth == 1:
            return 0.0, 0.0
        case (
            ErrorClass.SERVER_OVERLOAD | ErrorClass.AUTH | ErrorClass.TLS_TRUST | ErrorClass.CONFIG
        ):
            most_s = _doubling(delays, error_class, nth)
        case ErrorClass.NEEDS_HUMAN:
            raise ValueError("needs_human is never retried: give up and tell the operator")
        case _:
            most_s = _line(delays, error_class, n)
    return most_s * (1.0 - delays.jitter), most_s


def window_s(
    delays: ReconnectSettings, error_class: ErrorClass, n: int, *, nth_of_class: int | None = None
) -> float:
    """Return the longest wait after the ``n``-th failure in a row, before any Retry-After.

    Args:
        delays: The settings.
        error_class: Class of the last failure.
        n: Failures since the last stable connection, this one included; from 1.
        nth_of_class: How many of them were of this class, this one included; None: all.
            "At once, the first time" is about these.

    Raises:
        ValueError: A count below 1, or a class that is never retried.

    >>> window_s(Delays(), ErrorClass.UNEXPECTED_CLOSE, 3)
    9.0
    """
    return _window(delays, error_class, n, nth_of_class)[1]


def delay_s(
    delays: ReconnectSettings,
    failure: Failure,
    n: int,
    draw: float,
    *,
    nth_of_class: int | None = None,
) -> float:
    """Return the wait after the ``n``-th failure in a row.

    Args:
        delays: The settings.
        failure: The last failure; its ``retry_after_s`` is a floor, up to its own cap.
        n: As in :func:`window_s`.
        draw: A number in [0, 1) from the account's dice.
        nth_of_class: As in :func:`window_s`.

    Returns:
        Seconds; uniform over the upper half of the window (with the default jitter), never
        above the larger of window and capped Retry-After.

    Raises:
        ValueError: As :func:`window_s`.

    >>> delay_s(Delays(), Failure(error_class=ErrorClass.NETWORK, reason="refused"), 1, 0.5)
    7.5
    """
    least_s, most_s = _window(delays, failure.error_class, n, nth_of_class)
    wait_s = min(least_s + (most_s - least_s) * draw, most_s)
    if failure.retry_after_s is None:
        return wait_s
    return max(wait_s, min(failure.retry_after_s, delays.retry_after_cap_s))


def longest_s(delays: ReconnectSettings) -> float:
    """Return the longest wait there is, whatever failed."""
    return max(
        delays.flapping_wait_s * (1.0 + delays.flapping_spread),
        delays.unexpected_close_cap_s,
        delays.network_cap_s,
        delays.other_cap_s,
        delays.server_restart_max_s,
        delays.overload_cap_s,
        delays.auth_cap_s,
        delays.kicked_max_s,
        delays.tls_trust_cap_s,
        delays.config_cap_s,
        delays.retry_after_cap_s,
    )
