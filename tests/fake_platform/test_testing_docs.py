"""The pages a user copies from: every example runs, and names only what there is."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

import gateway.testing
from gateway.testing import Behaviour, FakePlatform, faults

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["testing.md", "testing.zh-CN.md"]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_handler_example_runs_in_less_than_a_second(page: str, tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(blocks(page)[0], page, "exec"), names)  # our own page
    began = time.monotonic()
    names["test_a_question_is_answered_once"](tmp_path)
    assert time.monotonic() - began < 5.0  # a bound against hanging, no claim of speed


@pytest.mark.parametrize("page", PAGES)
def test_the_rules_example_is_accepted(page: str) -> None:
    exec(compile(blocks(page)[1], page, "exec"), {})  # our own page


@pytest.mark.parametrize("page", PAGES)
def test_every_behaviour_and_preset_is_explained(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    actions = {kind.__name__ for kind in faults.KINDS}
    for name in {*Behaviour.__struct_fields__, *faults.PRESETS, *actions}:
        assert f"`{name}" in text, name
    assert set(gateway.testing.__all__) <= set(dir(gateway.testing))


def test_the_configuration_names_every_account(tmp_path: Path) -> None:
    with FakePlatform() as fake:
        shop = fake.account("2201", cookie="unb=2201")
        path = fake.config_file(tmp_path, durability="full")
        text = path.read_text(encoding="utf-8")
        assert path.stat().st_mode & 0o777 == 0o600
        assert shop.url in text
        assert '"durability": "full"' in text
