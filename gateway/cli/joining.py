"""``accounts add`` and ``remove``: an account joins a running gateway, or leaves it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli import show, streams
from gateway.cli.control import Control
from gateway.config import document
from gateway.config.building import substituted
from gateway.config.problems import Problems
from gateway.errors import ConfigError


def add(control: Control, file: str, *, json: bool) -> int:
    """Add the account that a file describes as an entry of ``accounts``."""
    told = control.ask("POST", "v1", "accounts", body=_entry(file))
    if json:
        show.as_json(told)
    else:
        show.line(f"{told['account']['id']} added, {told['kept']}")
    return 0


def remove(control: Control, account: str, *, json: bool) -> int:
    """Remove an account."""
    told = control.ask("DELETE", "v1", "accounts", account)
    if json:
        show.as_json(told)
    else:
        show.line(f"{account} {told['done']}; its events and sends stay in the journal")
    return 0


def _entry(file: str) -> Mapping[str, Any]:
    """Return the entry, with ``${NAME}`` replaced by our variables: the gateway has others."""
    source = "standard input" if file == "-" else file
    read = (
        document.parse(streams.text(), source=source) if file == "-" else document.read(Path(file))
    )
    problems = Problems(source, read.lines)
    entry = substituted(read.value, os.environ, problems, read=document.SecretFiles().read)
    if read.problems or problems.found:
        raise ConfigError([*read.problems, *problems.texts()])
    if not isinstance(entry, Mapping):
        raise ConfigError([f"{source}: is no account; write its keys: id: …, url: …"])
    found: Mapping[str, Any] = msgspec.json.decode(msgspec.json.encode(entry, enc_hook=str))
    return found
