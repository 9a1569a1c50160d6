"""The pages a user copies from: every example runs, and names only what there is."""

from __future__ import annotations

import inspect
import re
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import gateway.testing
from gateway.testing import Behaviour, FakePlatform, GatewayFactory, WebBehaviour, faults

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["testing.md", "testing.zh-CN.md"]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.peer(20)
@pytest.mark.parametrize("page", PAGES)
def test_every_example_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pytest would run it, with the fixtures it names."""
    ran = []
    for number, block in enumerate(blocks(page)):
        module = ModuleType(f"example_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        names: dict[str, Any] = module.__dict__
        exec(compile(block, f"{page}[{number}]", "exec"), names)  # our own page
        for name in [name for name in names if name.startswith("test_")]:
            directory = tmp_path / name
            directory.mkdir()
            began = time.monotonic()
            with ExitStack() as stack:
                given = fixtures(stack, directory)
                wanted = inspect.signature(names[name]).parameters
                names[name](**{key: given[key]() for key in wanted})
            assert time.monotonic() - began < 5.0  # a bound against hanging, no claim of speed
            ran.append(name)
    assert len(ran) == 8


def fixtures(stack: ExitStack, directory: Path) -> dict[str, Callable[[], Any]]:
    """Return what the plugin's fixtures give."""
    fake = stack.enter_context(FakePlatform())
    factory = GatewayFactory(fake, directory)
    stack.callback(factory.stop)
    return {
        "tmp_path": lambda: directory,
        "fake_platform": lambda: fake,
        "gateway_factory": lambda: factory,
    }


def test_both_pages_have_the_same_examples() -> None:
    def code(page: str) -> list[str]:
        lines = "".join(blocks(page)).splitlines()
        return [bare for line in lines if (bare := line.split("#")[0].rstrip())]

    assert [re.sub(r'"[^"]*"', '""', line) for line in code(PAGES[0])] == [
        re.sub(r'"[^"]*"', '""', line) for line in code(PAGES[1])
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_behaviour_and_preset_is_explained(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    actions = {kind.__name__ for kind in faults.KINDS}
    chosen = {*Behaviour.__struct_fields__, *WebBehaviour.__struct_fields__}
    for name in {*chosen, *faults.PRESETS, *actions}:
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
