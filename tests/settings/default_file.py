"""Compares ``config/default.yaml`` with the definitions; run alone, it says what differs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.config import effective
from gateway.config.credential_rules import SHARED
from gateway.settings import AccountSettings, Credentials, Record, Settings

FILE = Path("config", "default.yaml")
NOT_IN_THE_FILE = {Settings: {"notes"}, AccountSettings: {"id", "url"}}
OF_EACH_ACCOUNT = {key.name for key in dataclasses.fields(Credentials)} - set(SHARED)


def drift(text: str) -> list[str]:
    """Return what the file lacks, has too much, or says differently; each with what to write."""
    tree = yaml.safe_load(text)
    account = AccountSettings(id="a", url="ws://h")
    known = {**written(Settings(data_dir="/")), "defaults": written(account)}
    known["data_dir"] = "var/gateway"  # it is made absolute when it is read
    for name in OF_EACH_ACCOUNT:
        del known["defaults"]["credentials"][name]
    return [*differences(known, tree, "")]


def written(record: Record) -> dict[str, Any]:
    """Return a record as the file has it."""
    hidden = NOT_IN_THE_FILE.get(type(record), set())
    return {key: value for key, value in effective(record).items() if key not in hidden}  # type: ignore[arg-type]  # any record


def differences(known: Mapping[str, Any], tree: Mapping[str, Any], path: str) -> Iterator[str]:
    """Return what differs, section by section."""
    under = f"under `{path}:`" if path else "at the top"
    for name in [name for name in known if name not in tree]:
        yield (
            f"{FILE}: {place(path, name)} is missing; add {under} the line "
            f"`{name}: {shown(known[name])}` with what it means in a comment"
        )
    for name in [name for name in tree if name not in known]:
        yield f"{FILE}: {place(path, name)} is not known; remove it"
    for name in [name for name in tree if name in known]:
        ours, theirs = known[name], tree[name]
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            yield from differences(ours, theirs, place(path, name))
        elif ours != theirs:
            yield (
                f"{FILE}: {place(path, name)} is {shown(theirs)}, its default in the code is "
                f"{shown(ours)}; write the same"
            )


def place(path: str, name: str) -> str:
    """Return the path of a key."""
    return f"{path}.{name}" if path else name


def shown(value: Any) -> str:
    """Return a value as one line of YAML: 15, not 15.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()


if __name__ == "__main__":
    print("\n".join(drift(FILE.read_text("utf-8"))))  # noqa: T201  # it is for a person
    sys.exit()
