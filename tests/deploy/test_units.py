"""The units of systemd, as systemd itself judges them where it is installed."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.cli import parser

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
COMMAND = "/opt/xianyu-gateway/bin/xianyu-gateway"
MOST_EXPOSED = 15
"""In tenths, as ``systemd-analyze security --threshold`` counts; it says 12 on systemd 252."""

analyzed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze here"
)


def words(path: Path) -> list[list[str]]:
    """Return the command lines of ours in a unit."""
    found = re.findall(rf"^Exec\w+={COMMAND} (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return [line.split() for line in found]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=50, check=False
    )


@analyzed
@pytest.mark.parametrize("path", sorted(UNITS.glob("*.*")), ids=lambda path: path.name)
def test_systemd_has_no_complaint(path: Path, tmp_path: Path) -> None:
    """The program need not be installed: anything that can be run stands in for it."""
    for each in UNITS.glob("*.*"):
        (tmp_path / each.name).write_text(each.read_text("utf-8").replace(COMMAND, "/bin/true"))
    done = analyze("verify", "--man=no", str(tmp_path / path.name))
    assert (done.returncode, done.stderr) == (0, "")


@analyzed
@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_may_do_little(path: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(path))
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_command_line_knows_what_a_unit_calls(path: Path) -> None:
    assert words(path)
    for line in words(path):
        assert parser().parse_args(line).config == "/etc/xianyu-gateway/gateway.yaml"


def test_the_stop_has_time_for_its_steps() -> None:
    """A unit that kills earlier turns an ordered stop into a crash."""
    unit = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # as its documentation says
    unit.read(UNITS / "xianyu-gateway.service", "utf-8")
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > 30
    assert service["Type"] == "notify"
    assert service["RestartPreventExitStatus"] == "2"
