"""The kit of these tests: what one test changes, no other one has."""

from __future__ import annotations

import copy
from pathlib import Path

from market import HASTE, PATIENCE, Market


def test_a_changed_configuration_is_one_test_s_own(tmp_path: Path) -> None:
    before = copy.deepcopy((HASTE, PATIENCE))
    with Market(tmp_path, "2201", defaults={"send": {"burst": 1}}) as market:
        assert market.config["defaults"]["send"] == {**HASTE["send"], "burst": 1}
        market.config["defaults"]["recovery"]["hold_s"] = 1.0
        market.config["defaults"]["send"]["burst"] = 2
    assert before == (HASTE, PATIENCE)
