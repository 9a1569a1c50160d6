"""``config/default.yaml`` says of each key what its definition says; a new key must get there."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from default_file import FILE, drift

from actors.sections import Record, bounds_of, hints_of
from gateway.config import from_mapping
from gateway.errors import ConfigError
from gateway.settings import AccountSettings, Settings

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {"id": "a", "platform": "plain", "url": "ws://h"}
UNITS = {"_per_s": "(a second)", "_s": "(seconds)", "_bytes": "(bytes)"}


def numbers(record: Record, path: tuple[str, ...] = ()) -> Iterator[tuple[type[Record], str, str]]:
    """Yield each number: its record, its key, and where it stands in a file."""
    for key in dataclasses.fields(record):
        value = getattr(record, key.name)
        if isinstance(value, Record):
            yield from numbers(value, (*path, key.name))
        elif bounds_of(type(record), key.name) is not None:
            yield type(record), key.name, ".".join((*path, key.name))


NUMBERS = [
    *numbers(Settings()),
    *((cls, key, f"defaults.{path}") for cls, key, path in numbers(AccountSettings(id="", url=""))),
]


def nested(path: str, value: object) -> dict[str, Any]:
    """Return a file with one key."""
    tree: Any = value
    for name in reversed(path.split(".")):
        tree = {name: tree}
    return {**tree, "accounts": [PLAIN]}


def test_the_file_has_every_key_and_default_of_the_code() -> None:
    """It is the reference people read; it must not drift."""
    assert drift((ROOT / FILE).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        (
            "    interval_s: 15 ",
            "# ",
            "interval_s is missing; add under `defaults.heartbeat:` the line `interval_s: 15` with",
        ),
        ("    interval_s: 15 ", "    interval_s: 16 ", "is 16, its default in the code is 15"),
        ("    interval_s: 15 ", "    intervals: 1\n    interval_s: 15 ", "intervals is not known"),
        ("proxy: null", "tls: {}", "defaults.proxy is missing; add under `defaults:` the line"),
        ("durability: full", "", "durability is missing; add at the top the line `durability: f"),
    ],
)
def test_what_differs_is_told_with_what_to_write(line: str, instead: str, told: str) -> None:
    text = (ROOT / FILE).read_text("utf-8")
    assert line in text
    assert any(told in each for each in drift(text.replace(line, instead, 1)))


@pytest.mark.parametrize(("cls", "key", "path"), NUMBERS, ids=[path for *_, path in NUMBERS])
def test_every_bound_is_held_and_told_with_its_unit(cls: type[Record], key: str, path: str) -> None:
    """A number beyond them is refused, in the words of its definition."""
    within = bounds_of(cls, key)
    assert within is not None
    listed = "tuple" in str(hints_of(cls)[key])
    for value in (within.least - 1, within.most * 2):
        given = [value] if listed else value
        with pytest.raises(ConfigError) as caught:
            from_mapping(nested(path, given))
        told = str(caught.value)
        assert path in told
        assert f"between {within.least:g} and {within.most:g}" in told
        unit = next((told for end, told in UNITS.items() if key.endswith(end)), "number")
        assert unit in told
    for value in (within.least, within.most):
        try:
            from_mapping(nested(path, [value] if listed else value))
        except ConfigError as error:  # a pair of keys may be out of order
            assert "is above" in str(error)  # noqa: PT017


def test_a_setting_is_added_in_two_steps(tmp_path: Path) -> None:
    """The recipe of CONTRIBUTING, followed in a scratch copy."""
    for part in ("actors", "gateway", "config"):
        shutil.copytree(
            ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "testing")
        )
    check = Path(__file__).with_name("default_file.py")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env={**os.environ, "PYTHONPATH": "."},
            capture_output=True, text=True, check=True, timeout=50,
        )  # fmt: skip
        return done.stdout.strip()

    sections, file = tmp_path / "actors" / "sections.py", tmp_path / FILE
    text = sections.read_text("utf-8")
    field = "    probe_timeout_s: Deadline = 5.0\n"
    assert field in text
    sections.write_text(text.replace(field, f"{field}    patience_s: Wait = 2.0\n"), "utf-8")

    assert run(str(check)) == (
        f"{FILE}: defaults.heartbeat.patience_s is missing; add under `defaults.heartbeat:` "
        "the line `patience_s: 2` with what it means in a comment"
    )
    text = file.read_text("utf-8")
    after = "    interval_s: 15 "
    file.write_text(text.replace(after, f"    patience_s: 2  # how long\n{after}"), "utf-8")
    assert run(str(check)) == ""
    used = (
        "from gateway.host import assembly\n"
        "from gateway.config import from_mapping\n"
        "account = {'id': 'a', 'platform': 'plain', 'url': 'ws://h',"
        " 'heartbeat': {'patience_s': 7}}\n"
        "settings = from_mapping({'accounts': [account]})\n"
        "print(assembly.plan(settings.accounts[0], settings).heartbeat.patience_s)\n"
    )
    assert run("-c", used) == "7.0"
