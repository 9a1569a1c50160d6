"""Platforms are found by name, and a wrong name says the right one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.platforms import get, names, register, registry
from gateway.platforms.plain import Plain


def test_known_names() -> None:
    assert {"goofish", "plain"} <= set(names())
    assert list(names()) == sorted(get(name).name for name in names())


def test_wrong_name_says_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'gofish'; did you mean 'goofish'\? \(known: goofish, "):
        get("gofish")


def test_own_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", {})
    made = Plain()
    register("mine", lambda: made)
    assert get("mine") is made
    assert {"goofish", "mine", "plain"} <= set(names())


def test_a_platform_is_imported_when_asked_for() -> None:
    code = (
        "import sys; from gateway.platforms import get\n"
        "assert 'gateway.platforms.goofish' not in sys.modules\n"
        "get('goofish')\n"
        "assert 'gateway.platforms.goofish' in sys.modules\n"
        "assert not {'pykka', 'websocket', 'structlog', 'sqlite3'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
