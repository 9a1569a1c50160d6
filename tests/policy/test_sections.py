"""The sections of settings: each number is within its bounds, and its name tells its unit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from actors import sections
from actors.sections import ORDERED, Delays, LimitSettings, ReconnectSettings, Record, bounds_of

SECTIONS = [
    each
    for each in vars(sections).values()
    if isinstance(each, type) and issubclass(each, Record) and each is not Record
]
UNITS = ("_s", "_bytes", "_per_s", "_minutes", "_days")
COUNTED = {
    "burst", "crash_limit", "early_share", "flapping_spread", "high", "jitter",
    "lane_alert_events", "late_share", "limit", "low", "max_attempts", "max_fragments",
    "max_in_flight", "pages", "per_account", "per_day", "per_hour", "stretch_cap",
    "stretch_factor", "threads", "workers",
}  # fmt: skip
"""Numbers without a unit: of things, and shares."""


@pytest.mark.parametrize("section", SECTIONS)
def test_every_number_has_a_unit_and_a_default_within_its_bounds(section: type[Any]) -> None:
    made = section()
    for key in dataclasses.fields(section):
        value = getattr(made, key.name)
        if isinstance(value, (bool, str)):
            continue
        assert key.name.endswith(UNITS) or key.name in COUNTED, f"{key.name}: in which unit?"
        within = bounds_of(section, key.name)
        assert within, f"{key.name} has no bounds; annotate it, e.g. {key.name}: Wait = 5.0"
        for number in value if isinstance(value, tuple) else (value,):
            assert number is None or within.least <= number <= within.most, key.name


def test_the_defaults_of_a_pair_are_in_order() -> None:
    for section, pairs in ORDERED.items():
        made = section()
        assert all(getattr(made, low) <= getattr(made, high) for low, high in pairs), section


def test_what_is_no_number_has_no_bounds() -> None:
    assert bounds_of(sections.SendSettings, "strict_lane") is None


def test_settings_become_the_delays_of_a_client() -> None:
    assert ReconnectSettings(jitter=0.25, max_attempts=3).delays() == Delays(
        jitter=0.25, max_attempts=3
    )
    with pytest.raises(ValueError, match="jitter is 2"):
        ReconnectSettings(jitter=2).delays()


def test_an_answer_fits_into_one_frame_and_one_message() -> None:
    assert LimitSettings(max_frame_bytes=200, max_message_bytes=300).answer_bytes == 200
    assert LimitSettings(max_frame_bytes=300, max_message_bytes=200).answer_bytes == 200
