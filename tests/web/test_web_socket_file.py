"""The control on a socket in the file system: for its owner and group, gone with the gateway."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest
from stand_in import TOKEN, StandIn

from gateway.cli import main
from gateway.cli.control import HttpControl
from gateway.cli.whom import url_of
from gateway.errors import ConfigError
from gateway.web import Serving, serve

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no sockets in the file system"
)


def served(folder: Path, path: Path, token: str | None = None) -> Serving:
    """Serve on a file."""
    serving = serve(StandIn(folder, listen=f"unix:{path}", token=token))
    assert serving is not None
    return serving


def test_its_owner_and_group_ask_and_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    serving = served(tmp_path, path)
    try:
        assert serving.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert HttpControl(serving.url, None).ask("GET", "v1", "status")["accounts"] == 2
        for command in (["health"], ["accounts", "list"], ["status"]):
            assert main([*command, "--url", serving.url]) in (0, 1), command
        assert main(["health", "--url", serving.url]) == 0
    finally:
        serving.stop()
    assert not path.exists()
    assert main(["health", "--url", serving.url]) == 1


def test_a_token_counts_there_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gw.sock"
    serving = served(tmp_path, path, TOKEN)
    try:
        assert HttpControl(serving.url, TOKEN).ask("GET", "v1", "status")["accounts"] == 2
        assert main(["status", "--url", serving.url]) == 2
        assert "token" in capsys.readouterr().err
    finally:
        serving.stop()


def test_the_socket_of_a_killed_gateway_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.is_socket()
    serving = served(tmp_path, path)
    assert HttpControl(serving.url, None).ask("GET", "livez") == {"status": "ok"}
    serving.stop()


def test_that_of_a_running_one_is_not_and_no_other_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    serving = served(tmp_path, path)
    try:
        with pytest.raises(ConfigError, match="end the gateway that listens there"):
            served(tmp_path, path)
        assert HttpControl(serving.url, None).ask("GET", "livez") == {"status": "ok"}
    finally:
        serving.stop()
    path.write_text("notes", "utf-8")
    with pytest.raises(ConfigError, match="move the file away"):
        served(tmp_path, path)
    assert path.read_text("utf-8") == "notes"
    with pytest.raises(ConfigError, match="make the directory"):
        served(tmp_path, tmp_path / "gone" / "gw.sock")


def test_a_stop_leaves_the_socket_of_a_successor(tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    first = served(tmp_path, path)
    path.rename(tmp_path / "old.sock")
    second = served(tmp_path, path)
    first.stop()
    assert HttpControl(second.url, None).ask("GET", "livez") == {"status": "ok"}
    second.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a socket takes its mode later")
def test_nobody_else_gets_in_before_its_mode_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, modes = os.umask(0), list[int]()
    chmod = Path.chmod

    def noting(path: Path, mode: int) -> None:
        modes.append(stat.S_IMODE(path.stat().st_mode))
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", noting)
    try:
        served(tmp_path, tmp_path / "gw.sock").stop()
    finally:
        os.umask(before)
    assert modes == [0o600]


@pytest.mark.parametrize("url", ["unix:", "unix:" + "a" * 200, "unix:/a\nb"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="--url: is no path of a socket"):
        url_of(url, {})


def test_without_such_sockets_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(ConfigError, match=r"no sockets in the file system.*127\.0\.0\.1"):
        served(tmp_path, tmp_path / "gw.sock")
    assert main(["health", "--url", f"unix:{tmp_path}/gw.sock"]) == 1
