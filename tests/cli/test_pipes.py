"""The command line in pipes, with closed streams, odd bytes and interrupts: no traceback, ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import call
from stand_in import TOKEN, StandIn

from actors.state import ConnectionState
from actors.values import SendState
from gateway.cli import arguments
from gateway.web import serving

ROOT = Path(__file__).parents[2]
FRAME = ROOT / "tests" / "data" / "goofish" / "real_frame_sync_two_entries.json"
LIMIT_S = 40
POSIX = pytest.mark.skipif(os.name == "nt", reason="a shell, and devices")
EXAMPLE = ROOT / "config" / "default.yaml"
COMMAND = f"{sys.executable} -m gateway"


def shell(line: str, **environment: str) -> tuple[int, str, str]:
    """Run a line of bash in the checkout; the exit code of a pipe is its first failure's."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@POSIX
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_it_without_a_word(unbuffered: str, tmp_path: Path) -> None:
    """``| head -1`` is how people look; the shell shows what it shows of ``cat``."""
    many = tmp_path / "many"
    many.write_text((json.dumps(json.loads(FRAME.read_text())) + "\n") * 2000)

    code, out, err = shell(f"{COMMAND} decode {many} | head -1", PYTHONUNBUFFERED=unbuffered)

    assert (code, err, len(out.splitlines())) == (141, "", 1)


@POSIX
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "what", ["--help", f"decode {FRAME}", f"check -c {EXAMPLE}", "demo --seconds 30"]
)
def test_a_full_disk_is_a_failure(what: str, unbuffered: str) -> None:
    """It is said which file is full: none was named on the command line."""
    code, _, err = shell(f"{COMMAND} {what} > /dev/full", PYTHONUNBUFFERED=unbuffered)

    assert code == 70
    assert err.splitlines()[-1] == "xianyu-gateway: standard output: No space left on device"
    assert err.count("No space left") == 1


@POSIX
@pytest.mark.parametrize("lines", [1, 30])
def test_a_demo_that_nobody_watches_ends_at_once(lines: int) -> None:
    """Its lines are printed by listeners, whose failures are the gateway's to log, not to heed."""
    began_s = time.monotonic()
    assert shell(f"{COMMAND} demo --seconds 30 | head -{lines}")[0::2] == (141, "")
    assert time.monotonic() - began_s < 20


@POSIX
def test_closed_streams_are_nobody() -> None:
    """What is opened next must not become standard output: it might be the journal."""
    assert shell(f"{COMMAND} decode {FRAME} >&-")[0] == 0
    assert shell(f"{COMMAND} check -c none.yaml 2>&-")[0] == 2
    assert '"reason": "empty"' in shell(f"{COMMAND} decode <&-")[1]
    code, _, err = shell(f"{COMMAND} send a b - <&-")
    assert code == 2
    assert "nothing is sent" in err


@POSIX
def test_help_speaks_chinese_in_any_locale() -> None:
    assert "闲鱼" in shell(f"{COMMAND} --help", LC_ALL="C", PYTHONIOENCODING="ascii")[1]


@pytest.mark.parametrize("missing", ["none", "."])
def test_a_path_that_can_not_be_read_is_usage(missing: str, tmp_path: Path) -> None:
    path = str(tmp_path / missing)
    for words in (
        ("decode", path),
        ("check", "-c", path),
        ("run", "-c", path),
        ("status", "-c", path),
        ("status", "--token-file", path),
        ("journal", "check", "-c", path),
    ):
        code, out, err = call(*words)
        assert (code, out) == (2, ""), words
        assert path in err


@POSIX
def test_bytes_that_are_no_text_are_refused_where_text_is_meant(tmp_path: Path) -> None:
    """Old scripts in GBK: the name of an account, the text, the address."""
    file = tmp_path / "g\udcd6\udcd0.yaml"
    file.write_text("data_dir: here\n")
    assert call("check", "-c", str(file))[0] == 0, "a file may have any name"
    for words in (
        ("accounts", "pause", "\udcd6"),
        ("accounts", "list", "--url", "http://\udcd6"),
        ("send", "a", "b", "\udcd6\udcd0"),
        ("outbox", "show", "\udcff"),
        ("journal", "backup", "\udcff", "-c", str(file)),
    ):
        code, _, err = call(*words)
        assert code == 2, words
        assert "not UTF-8" in err


@pytest.mark.parametrize(
    ("told", "why"),
    [(b"", "no text"), (b" \r\n", "no text"), (b"M\xfcller", "byte 1"), (b"a" * (1 << 21), "long")],
    ids=["empty", "blank", "Latin-1", "long"],
)
def test_what_stdin_does_not_say_is_not_sent(
    told: bytes, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that broke before us sends nothing; an empty message at a buyer's is worse."""
    monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", TOKEN)
    gateway = StandIn(tmp_path)
    with serving(gateway) as served:
        assert served is not None
        words = ["send", "a", "c@goofish", "-", "--url", served.url]
        monkeypatch.setattr(sys, "stdin", Stdin(told))
        code, _, err = call(*words)
        assert code == 2
        assert why in err
        assert not gateway.sent
        monkeypatch.setattr(sys, "stdin", Stdin("\ufeff你好".encode()))
        assert call(*words)[0] == 0
    assert [each[2] for each in gateway.sent] == ["你好"]


class Stdin:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = self
        self._data = data

    def read(self, most: int) -> bytes:
        return self._data[:most]


def test_a_state_that_is_none_is_usage_with_those_there_are() -> None:
    """Whether a gateway runs or not."""
    for command, states in (("accounts", ConnectionState), ("outbox", SendState)):
        code, _, err = call(command, "list", "--state", "bogus")
        assert code == 2
        for state in states:
            assert state.value in err
    assert tuple(each.value for each in ConnectionState) == arguments.STATES
    assert tuple(each.value for each in SendState) == arguments.SEND_STATES


@pytest.mark.parametrize(
    "words",
    [
        ("outbox", "show", ""),
        ("outbox", "cancel", " "),
        ("dead-letters", "drop", ""),
        ("accounts", "pause", ""),
        ("send", "", "c", "text"),
        ("send", "a", "", "text"),
        ("send", "a", "c", ""),
        ("send", "a", "c", " \n"),
        ("send", "a", "c", "text", "--to", ""),
        ("tail", "--account", ""),
        ("outbox", "list", "--account", ""),
    ],
)
def test_an_empty_name_is_usage(words: tuple[str, ...]) -> None:
    """A variable of the shell that is not set: `outbox show ""` asked for the list."""
    code, _, err = call(*words)
    assert code == 2
    assert "it is empty; is the variable set?" in err


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--seconds", "inf"),
        ("demo", "--seconds", "nan"),
        ("demo", "--seconds", "-1"),
        ("send", "a", "b", "c", "--wait", "nan"),
        ("send", "a", "b", "c", "--wait", "61"),
        ("tail", "--count", "-1"),
        ("tail", "--count", "9" * 5000),
        ("outbox", "list", "--limit", "9" * 5000),
    ],
)
def test_numbers_out_of_bounds_are_usage(words: tuple[str, ...]) -> None:
    assert call(*words)[0] == 2


_AT_AN_IMPORT = """
import builtins, runpy, sys
loads = builtins.__import__
def interrupted(name, *rest, **more):
    if name == during:
        raise KeyboardInterrupt
    return loads(name, *rest, **more)
"""

_INTERRUPTED = """
during, sys.argv[1:] = sys.argv[1], ["tail"]
sys.modules.pop("argparse", None)
builtins.__import__ = interrupted
runpy.run_module("gateway", run_name="__main__")
"""


@pytest.mark.parametrize("during", ["argparse", "gateway.web.problems"])
def test_ctrl_c_while_it_starts_is_130(during: str) -> None:
    """Half of a command's time is imports, and that is when people see their mistake."""
    done = subprocess.run(
        [sys.executable, "-c", _AT_AN_IMPORT + _INTERRUPTED, during],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")


_INTERRUPTED_SCRIPT = """
during, script = sys.argv[1:]
for each in ("argparse", "pathlib", during):
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{each}.")]:
        del sys.modules[name]
builtins.__import__ = interrupted
sys.argv[1:] = ["tail"]
if script:
    runpy.run_path(script, run_name="__main__")
else:
    from gateway.cli import main
    sys.exit(main())
"""


@pytest.mark.parametrize(
    ("during", "script"),
    [
        ("argparse", ""),
        ("gateway.cli.arguments", ""),
        ("pathlib", "scripts/run_gateway.py"),
        ("scripts.environment", "scripts/run_gateway.py"),
        ("hashlib", "scripts/run_gateway.py"),
        ("scripts.environment", "scripts/demo.py"),
    ],
)
def test_ctrl_c_before_anything_runs_is_130(during: str, script: str) -> None:
    """By what pip makes of the command, and by the scripts of a checkout."""
    done = subprocess.run(
        [sys.executable, "-c", _AT_AN_IMPORT + _INTERRUPTED_SCRIPT, during, script],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")


@POSIX
def test_ctrl_c_while_it_reads_is_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "decode"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as child:
        assert child.stdin is not None
        for _ in range(64):  # more than the pipe holds: it reads by now
            child.stdin.write(bytes(1 << 16))
        child.stdin.flush()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=LIMIT_S)
    assert (child.returncode, err) == (130, b"")
