"""Files that others may read are named, with the command that closes them; POSIX only."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from market import Log

from gateway import Gateway
from gateway.config import load
from gateway.host.assembly import JOURNAL_FILE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


def written(tmp_path: Path, mode: int) -> Path:
    file = tmp_path / "gateway.yaml"
    account = {
        "id": "a",
        "url": "ws://127.0.0.1:9/",
        "enabled": False,
        "credentials": {"user_id": "1", "token": "hunter2-token"},
    }
    file.write_text(json.dumps({"data_dir": str(tmp_path / "data"), "accounts": [account]}))
    file.chmod(mode)
    return file


def lines(file: Path) -> list[tuple[str, str]]:
    log = Log()
    with Gateway(load(file), log=log):
        pass
    told = [(event, str(line["detail"])) for _, event, line in log.lines if "detail" in line]
    return [(event, detail) for event, detail in told if "chmod" in detail]


def test_a_configuration_that_others_may_read_is_logged(tmp_path: Path) -> None:
    file = written(tmp_path, 0o644)
    ((event, detail),) = lines(file)
    assert event == "config.noted"
    assert f"run: chmod 600 {file}" in detail


def test_what_the_gateway_makes_itself_is_closed(tmp_path: Path) -> None:
    file = written(tmp_path, 0o600)
    assert lines(file) == []
    directory = tmp_path / "data"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / JOURNAL_FILE).stat().st_mode) == 0o600


def test_a_journal_that_others_may_read_is_logged(tmp_path: Path) -> None:
    file = written(tmp_path, 0o600)
    directory = tmp_path / "data"
    lines(file)
    directory.chmod(0o755)
    journal = directory / JOURNAL_FILE
    journal.chmod(0o644)

    log = Log()
    with Gateway(load(file), log=log):
        pass
    told = [line["path"] for _, event, line in log.lines if event == "journal.permissions_lax"]
    assert told == [str(directory), str(journal)]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600, "it was closed to them"
