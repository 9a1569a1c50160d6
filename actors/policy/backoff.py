"""How long to wait after a failure: settings and arithmetic, no history.

The history of an account is in :mod:`actors.policy.retries`. A class that has a step waits
longer by it with each failure; a class that has a base waits twice as long (``contract.md`` 2.5).
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.values import ErrorClass, Failure

_MOST_DOUBLINGS: Final = 30


class Delays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every delay, cap and factor of reconnecting; seconds unless it is a factor.

    Attributes:
        unexpected_close_step_s: Added a failure when an open link was lost.
        unexpected_close_cap_s: Its cap.
        network_step_s: Added a failure when the peer was not reached.
        network_cap_s: Its cap.
        other_step_s: Added a failure of any other kind, protocol errors included.
        other_cap_s: Its cap.
        server_restart_min_s: Least wait after an announced restart.
        server_restart_max_s: Most of it.
        overload_base_s: First wait when the server is overloaded; doubles.
        overload_cap_s: Its cap.
        auth_base_s: First wait after the immediate renewal failed; doubles.
        auth_cap_s: Its cap.
        kicked_min_s: Least wait before the session is reclaimed.
        kicked_max_s: Most of it.
        tls_trust_base_s: First wait when the certificate is not trusted; doubles.
        tls_trust_cap_s: Its cap.
        config_base_s: First wait when the address is wrong; doubles.
        config_cap_s: Its cap.
        jitter: Share of a window the dice decide: 0.5 draws from its upper half.
        retry_after_cap_s: Longest wait a server can ask for.
        stretch_factor: Growth of a phase's deadline by a timeout of it.
        stretch_cap: Most of that growth.
        flapping_wait_s: Wait of an account whose links die young.
        flapping_spread: Jitter of that wait, to both sides.
        crash_probe_s: Wait before an account that failed by crashes of its actors is tried again.
    """

    unexpected_close_step_s: float = 3.0
    unexpected_close_cap_s: float = 15.0
    network_step_s: float = 10.0
    network_cap_s: float = 60.0
    other_step_s: float = 5.0
    other_cap_s: float = 30.0
    server_restart_min_s: float = 5.0
    server_restart_max_s: float = 30.0
    overload_base_s: float = 5.0
    overload_cap_s: float = 60.0
    auth_base_s: float = 60.0
    auth_cap_s: float = 600.0
    kicked_min_s: float = 30.0
    kicked_max_s: float = 60.0
    tls_trust_base_s: float = 30.0
    tls_trust_cap_s: float = 300.0
    config_base_s: float = 30.0
    config_cap_s: float = 300.0
    jitter: float = 0.5
    retry_after_cap_s: float = 300.0
    stretch_factor: float = 1.5
    stretch_cap: float = 4.0
    flapping_wait_s: float = 300.0
    flapping_spread: float = 0.2
    crash_probe_s: float = 900.0

    def __post_init__(self) -> None:
        """Refuse what would make a delay negative or a deadline shrink.

        Raises:
            ValueError: Says which field, its value and what it may be.
        """
        for name in self.__struct_fields__:
            least = 1.0 if name.startswith("stretch") else 0.0
            most = 1.0 if name in {"jitter", "flapping_spread"} else float("inf")
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}: it must lie in {least:g}…{most:g}")
        for low, high in (
            ("server_restart_min_s", "server_restart_max_s"),
            ("kicked_min_s", "kicked_max_s"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is above {high}: exchange them")


def _line(d: Delays, error_class: ErrorClass, n: int) -> float:
    step_s, cap_s = {
        ErrorClass.UNEXPECTED_CLOSE: (d.unexpected_close_step_s, d.unexpected_close_cap_s),
        ErrorClass.SERVER_RESTART: (d.unexpected_close_step_s, d.unexpected_close_cap_s),
        ErrorClass.NETWORK: (d.network_step_s, d.network_cap_s),
        ErrorClass.PROTOCOL: (d.other_step_s, d.other_cap_s),
        ErrorClass.OTHER: (d.other_step_s, d.other_cap_s),
    }[error_class]
    return min(step_s * n, cap_s)


def _doubling(d: Delays, error_class: ErrorClass, nth: int) -> float:
    base_s, cap_s, doublings = {
        ErrorClass.SERVER_OVERLOAD: (d.overload_base_s, d.overload_cap_s, nth - 1),
        ErrorClass.AUTH: (d.auth_base_s, d.auth_cap_s, nth - 2),
        ErrorClass.TLS_TRUST: (d.tls_trust_base_s, d.tls_trust_cap_s, nth - 1),
        ErrorClass.CONFIG: (d.config_base_s, d.config_cap_s, nth - 1),
    }[error_class]
    return min(base_s * 2.0 ** min(doublings, _MOST_DOUBLINGS), cap_s)


def _window(
    delays: Delays, error_class: ErrorClass, n: int, nth_of_class: int | None
) -> tuple[float, float]:
    """Give the least and the most seconds of a wait."""
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
    delays: Delays, error_class: ErrorClass, n: int, *, nth_of_class: int | None = None
) -> float:
    """Give the longest wait after the ``n``-th failure in a row, before any Retry-After.

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
    delays: Delays, failure: Failure, n: int, draw: float, *, nth_of_class: int | None = None
) -> float:
    """Give the wait after the ``n``-th failure in a row.

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
