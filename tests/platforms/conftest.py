"""Installed packages that bring entry points, made up for a test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gateway import plugins

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Yield what installs a package: its name, its modules, its entry points by group."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def make(name: str, modules: Mapping[str, str], **groups: Mapping[str, str]) -> None:
        for module, code in modules.items():
            (site / f"{module}.py").write_text(code, "utf-8")
            monkeypatch.delitem(sys.modules, module, raising=False)
        info = site / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = []
        for group, entries in groups.items():
            lines.append(f"[xianyu_gateway.{group}]")
            lines += [f"{key} = {value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")
        plugins.found.cache_clear()
        plugins.mentioned.cache_clear()

    plugins.found.cache_clear()
    plugins.mentioned.cache_clear()
    yield make
    plugins.found.cache_clear()
    plugins.mentioned.cache_clear()
