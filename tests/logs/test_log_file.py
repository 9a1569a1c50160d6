"""The launcher's log in a file: rotated by us or by others, never in the way of a message."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from gateway import logs
from gateway.cli import main
from gateway.config import from_mapping
from gateway.errors import ConfigError
from gateway.log_file import LogFile, _Rotated
from gateway.testing import FakePlatform

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-m", "gateway", "run", "-c"]


@contextmanager
def log_file(path: Path, *, most_bytes: int = 1 << 20, count: int = 2) -> Iterator[LogFile]:
    file = LogFile(str(path), most_bytes=most_bytes, count=count)
    try:
        yield file
    finally:
        file.close()
        file.close()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_it_is_rotated_by_its_size_and_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "gw.log"
    with log_file(path, most_bytes=100, count=9) as file:
        for number in range(50):
            file.write(f"line {number:02} 店\n")
    found = [*sorted(tmp_path.glob("gw.log.*"), reverse=True), path]
    assert len(found) > 5
    assert all(each.stat().st_size <= 100 for each in found)
    lines = "".join(each.read_text("utf-8") for each in found).splitlines()
    assert lines == [f"line {number:02} 店" for number in range(50)]
    if os.name == "posix":
        assert {each.stat().st_mode & 0o777 for each in found} == {0o600}


def test_older_ones_than_wanted_are_gone(tmp_path: Path) -> None:
    with log_file(tmp_path / "gw.log", most_bytes=100, count=2) as file:
        for number in range(100):
            file.write(f"line {number:02}\n")
    assert names(tmp_path) == ["gw.log", "gw.log.1", "gw.log.2"]


@pytest.mark.skipif(os.name != "posix", reason="Windows renames no open file")
def test_a_file_that_another_program_renames_is_opened_again(tmp_path: Path) -> None:
    path, moved = tmp_path / "gw.log", tmp_path / "gw.log-20260101"
    with log_file(path) as file:
        file.write("one\n")
        path.rename(moved)
        file.write("two\n")
        path.unlink()
        file.write("three\n")
    assert (moved.read_text(), path.read_text()) == ("one\n", "three\n")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not shutil.which("logrotate"), reason="no logrotate here")
def test_logrotate_rotates_it_by_our_example(tmp_path: Path) -> None:
    path, rules = tmp_path / "gw.log", tmp_path / "rules"
    text = (ROOT / "deploy" / "logrotate.conf").read_text("utf-8")
    text = text.replace("/var/log/xianyu-gateway/gateway.log", str(path))
    rules.write_text(text.replace("/var/lib/xianyu-gateway/events.jsonl", str(tmp_path / "none")))
    rules.chmod(0o600)
    with log_file(path) as file:
        file.write("one\n")
        command = ["logrotate", "-f", "-s", str(tmp_path / "state"), str(rules)]
        subprocess.run(command, check=True, timeout=50)
        file.write("two\n")
    assert (path.read_text(), (tmp_path / "gw.log.1").read_text()) == ("two\n", "one\n")


@pytest.mark.skipif(os.name != "posix", reason="Windows removes no folder of an open file")
def test_a_folder_that_is_gone_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with log_file(folder / "gw.log") as file:
        shutil.rmtree(folder)
        file.write("lost\n")
        folder.mkdir()
        file.write("there\n")
    assert (folder / "gw.log").read_text() == "there\n"


def test_a_rotation_that_fails_goes_on_in_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where somebody looks at the file."""

    def held(_self: object, _source: str, _target: str) -> None:
        raise PermissionError(13, "used by another process")

    path = tmp_path / "gw.log"
    with log_file(path, most_bytes=100) as file:
        with monkeypatch.context() as patch:
            patch.setattr(_Rotated, "rotate", held)
            for number in range(50):
                file.write(f"line {number:02}\n")
        assert len(path.read_text().splitlines()) == 50
        assert names(tmp_path) == ["gw.log"]
        file._handler._rests_until = 0.0
        file.write("after\n")
    assert path.read_text() == "after\n"


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("Linux has a full disk at hand")
    file = LogFile("/dev/full", most_bytes=1 << 20, count=1)
    file.write("lost\n")
    file.close()


@pytest.mark.parametrize("name", ["no/folder/gw.log", ".", "x\0y"])
def test_a_file_that_cannot_be_opened_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "no").write_text("a file")
    with pytest.raises(ConfigError, match=r"log.file: .* cannot be opened .*; name a file in"):
        LogFile(str(tmp_path / name), most_bytes=1, count=1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="cannot be opened"):
        LogFile(str(tmp_path / "pipe"), most_bytes=1, count=1)


def test_check_and_run_name_it_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.yaml"
    for wrong in (tmp_path, config / "gw.log"):
        config.write_text(
            json.dumps({"data_dir": str(tmp_path / "d"), "log": {"file": str(wrong)}})
        )
        for command in ("check", "run"):
            assert main([command, "-c", str(config)]) == 2
            assert "log.file: " in capsys.readouterr().err
    assert names(tmp_path) == ["gateway.yaml"]


@pytest.mark.parametrize("key", ["file_bytes", "file_count"])
@pytest.mark.parametrize("value", [0, -1, 1 << 60, "many", True])
def test_bounds_of_size_and_count_are_said(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"log.{key}"):
        from_mapping({"log": {key: value}})


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM cannot be sent to a child on Windows")
def test_run_logs_to_the_file_and_says_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "gw.log"
    with FakePlatform() as fake:
        shop = fake.account("2201")
        keys = {"log": {"file": str(path), "format": "json"}}
        config = str(fake.config_file(tmp_path, **keys))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([*RUN, config], stderr=subprocess.PIPE, env=environment) as child:
            try:
                shop.wait_registered(40)
                child.terminate()
                _, errors = child.communicate(timeout=40)
            finally:
                child.kill()
        assert (child.returncode, errors) == (0, b"")
        told = [json.loads(line)["event"] for line in path.read_text("utf-8").splitlines()]
        assert told[0] == "gateway.started"
        assert told[-1] == "gateway.stopped"
        assert str(shop.credentials["token"]) not in path.read_text("utf-8")


def test_lines_of_the_console_have_no_colours_in_a_file(tmp_path: Path) -> None:
    with log_file(tmp_path / "gw.log") as file:
        try:
            logs.configure("info", "console", stream=file)
            logs.get_logger().info("gateway.started", accounts=1)
        finally:
            logs.unconfigure_strangers()
            structlog.reset_defaults()
    assert "\x1b" not in (tmp_path / "gw.log").read_text("utf-8")
