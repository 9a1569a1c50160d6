"""Windows, jitter and floors of the delays."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.backoff import Delays, delay_s, window_s
from actors.values import ErrorClass, Failure

E = ErrorClass
RETRIED = [error_class for error_class in ErrorClass if error_class is not E.NEEDS_HUMAN]
CAPS = {
    E.UNEXPECTED_CLOSE: 15.0,
    E.NETWORK: 60.0,
    E.PROTOCOL: 30.0,
    E.OTHER: 30.0,
    E.SERVER_RESTART: 30.0,
    E.SERVER_OVERLOAD: 60.0,
    E.AUTH: 600.0,
    E.KICKED: 60.0,
    E.TLS_TRUST: 300.0,
    E.CONFIG: 300.0,
}
draws = st.floats(0.0, 1.0, exclude_max=True)
counts = st.integers(1, 10**9)


def failure(error_class: ErrorClass, retry_after_s: float | None = None) -> Failure:
    return Failure(error_class=error_class, reason="made_up", retry_after_s=retry_after_s)


@pytest.mark.peer(5)
@pytest.mark.parametrize(
    ("error_class", "windows"),
    [
        (E.UNEXPECTED_CLOSE, [3, 6, 9, 12, 15, 15]),
        (E.NETWORK, [10, 20, 30, 40, 50, 60, 60]),
        (E.PROTOCOL, [0, 10, 15, 20, 25, 30, 30]),
        (E.OTHER, [5, 10, 15, 20, 25, 30, 30]),
        (E.SERVER_RESTART, [30, 6, 9, 12, 15, 15]),
        (E.SERVER_OVERLOAD, [5, 10, 20, 40, 60, 60]),
        (E.AUTH, [0, 60, 120, 240, 480, 600, 600]),
        (E.KICKED, [60, 60]),
        (E.TLS_TRUST, [30, 60, 120, 240, 300, 300]),
        (E.CONFIG, [30, 60, 120, 240, 300, 300]),
    ],
)
def test_windows(error_class: ErrorClass, windows: list[float]) -> None:
    assert [window_s(Delays(), error_class, n + 1) for n in range(len(windows))] == windows


@pytest.mark.peer(6)
@pytest.mark.parametrize(
    ("error_class", "least_s", "most_s"),
    [
        (E.UNEXPECTED_CLOSE, 1.5, 3.0),
        (E.NETWORK, 5.0, 10.0),
        (E.OTHER, 2.5, 5.0),
        (E.SERVER_RESTART, 5.0, 30.0),
        (E.SERVER_OVERLOAD, 2.5, 5.0),
        (E.KICKED, 30.0, 60.0),
        (E.TLS_TRUST, 15.0, 30.0),
        (E.AUTH, 0.0, 0.0),
        (E.PROTOCOL, 0.0, 0.0),
    ],
)
def test_jitter_covers_the_upper_half(
    error_class: ErrorClass, least_s: float, most_s: float
) -> None:
    assert delay_s(Delays(), failure(error_class), 1, 0.0) == least_s
    middle_s = (least_s + most_s) / 2
    assert delay_s(Delays(), failure(error_class), 1, 0.5) == pytest.approx(middle_s)
    assert delay_s(Delays(), failure(error_class), 1, 1 - 2**-53) == pytest.approx(most_s)


@given(st.sampled_from(RETRIED), counts, draws)
def test_caps_are_true_maxima(error_class: ErrorClass, n: int, draw: float) -> None:
    """No number of failures and no draw gets above the cap, nor below half a window."""
    window = window_s(Delays(), error_class, n)
    delay = delay_s(Delays(), failure(error_class), n, draw)
    assert delay <= window <= CAPS[error_class]
    if not (error_class is E.SERVER_RESTART and n == 1):
        assert delay >= window / 2


@given(st.sampled_from(RETRIED), counts, draws, st.floats(0, 1e9))
def test_retry_after_is_a_floor_with_a_ceiling(
    error_class: ErrorClass, n: int, draw: float, asked_s: float
) -> None:
    """A server may ask for patience, not for eternity."""
    without = delay_s(Delays(), failure(error_class), n, draw)
    delay = delay_s(Delays(), failure(error_class, asked_s), n, draw)
    assert delay >= min(asked_s, 300.0)
    assert delay == max(without, min(asked_s, 300.0))


def test_first_of_a_class_may_come_late_in_a_row() -> None:
    """A renewal is owed once at once, though the network failed five times before."""
    assert window_s(Delays(), E.AUTH, 6, nth_of_class=1) == 0.0
    assert window_s(Delays(), E.AUTH, 7, nth_of_class=2) == 60.0
    assert window_s(Delays(), E.SERVER_RESTART, 4, nth_of_class=1) == 30.0
    assert window_s(Delays(), E.PROTOCOL, 4, nth_of_class=2) == 20.0


def test_needs_human_is_never_retried() -> None:
    with pytest.raises(ValueError, match="needs_human"):
        window_s(Delays(), E.NEEDS_HUMAN, 1)


@pytest.mark.parametrize(("n", "nth"), [(0, None), (-1, None), (1, 0), (1, 2)])
def test_counts_start_at_one(n: int, nth: int | None) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        window_s(Delays(), E.NETWORK, n, nth_of_class=nth)


def test_every_number_is_a_setting() -> None:
    """Scaled-down settings scale every delay: tests and operators rely on it."""
    names = [key.name for key in dataclasses.fields(Delays) if key.name.endswith("_s")]
    scaled: dict[str, Any] = dict.fromkeys(names, 0.001)
    tiny = Delays(**scaled)
    for error_class in RETRIED:
        for n in (1, 2, 3, 50):
            assert window_s(tiny, error_class, n) <= 0.05


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("network_step_s", -1.0),
        ("jitter", 1.1),
        ("jitter", -0.1),
        ("flapping_spread", 2.0),
        ("stretch_factor", 0.5),
        ("stretch_cap", 0.0),
        ("other_cap_s", float("nan")),
        ("kicked_min_s", 61.0),
        ("server_restart_min_s", 31.0),
    ],
)
def test_senseless_settings_are_refused_by_name(name: str, value: float) -> None:
    senseless: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        Delays(**senseless)


def test_settings_are_read_strictly() -> None:
    """A misspelt key must not silently leave the default."""
    misspelt: dict[str, Any] = {"netwrok_cap_s": 5}
    assert Delays(network_cap_s=5).network_cap_s == 5
    with pytest.raises(TypeError, match="netwrok"):
        Delays(**misspelt)
