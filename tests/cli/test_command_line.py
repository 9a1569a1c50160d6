"""The command line as a person uses it: real processes, real files."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import demo, main
from gateway.testing import FakePlatform

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "data" / "goofish"
INDEX: list[dict[str, Any]] = json.loads((CAPTURES / "index.json").read_text())["items"]
LIMIT_S = 50


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """Run ``xianyu-gateway``; give exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        input=stdin,
        capture_output=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expected_entries(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the index says of each entry of a capture, in order."""
    expect = item["expect"]
    if item["form"] == "data-entry":
        return [expect]
    if item["form"] == "history-body":
        return list(expect["models"])
    frames = expect["frames"] if item["form"] == "frame-sequence" else [expect]
    return [entry for frame in frames for entry in frame.get("entries") or ()]


SAME = {"event_type": "kind", "create_time": "occurred_at_ms"}
FACTS = (
    "event_type",
    "subtype",
    "message_id",
    "conversation_id",
    "sender_id",
    "sender_nick",
    "text",
    "summary",
    "content_type",
    "item_id",
    "order_id",
    "red_reminder",
    "biz_message_id",
    "need_push",
    "platform",
    "update_key",
    "task_name",
)


def test_decode_tells_every_fact_of_every_capture(capsys: pytest.CaptureFixture[str]) -> None:
    """The command over all captures: what the index says is what comes out, and nothing raises."""
    told_all = 0
    for item in INDEX:
        code = main(["decode", str(CAPTURES / item["file"])])
        lines = [json.loads(line) for line in capsys.readouterr().out.split("\n") if line]
        undecodable = [line for line in lines if line["kind"] == "undecodable"]
        assert code == bool(undecodable), item["name"]
        assert all(line["reason"] for line in undecodable), item["name"]
        if item["expect"].get("event_type") == "malformed_frame":
            assert undecodable, item["name"]
            continue
        entries = expected_entries(item)
        lines = [line for line in lines if line.get("subtype") != "no_entry_list"]
        if not entries:
            continue
        assert len(lines) == len(entries), item["name"]
        for line, entry in zip(lines, entries, strict=True):
            for fact in FACTS:
                if fact in entry and entry[fact] is not None:
                    told = line.get(SAME.get(fact, fact))
                    wanted = int(entry[fact]) if fact == "create_time" else entry[fact]
                    assert told == wanted, (item["name"], fact)
                    told_all += 1
    assert len(INDEX) == 121
    assert told_all > 1000


def test_decode_reads_a_file_and_says_if_something_was_undecodable() -> None:
    """Exit code 1 lets a script stop; the rest of the lines is still there."""
    code, out, _ = run("decode", str(CAPTURES / "real_frame_sync_two_entries.json"))
    lines = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert [line["kind"] for line in lines] == ["user_interaction", "chat_message"]
    assert lines[1]["text"] == "正常的估计就表情包和简体字了"

    code, out, _ = run("decode", str(CAPTURES / "real_corrupt_android_text.b64"))
    assert code == 1
    assert json.loads(out)["reason"]


def test_decode_reads_one_frame_a_line_from_stdin() -> None:
    """A log of frames is what people have."""
    frames = [
        (CAPTURES / name).read_text().strip()
        for name in ("syn_frame_mixed.json", "syn_frame_para_typing.json")
    ]
    frames = [json.dumps(json.loads(frame)) for frame in frames]

    code, out, _ = run("decode", stdin="\n".join(frames).encode())

    assert code in (0, 1)
    assert json.loads(out.splitlines()[-1])["subtype"] == "typing"


def test_decode_survives_bytes_that_are_no_text() -> None:
    """Rubbish in is a line that says so, never a traceback."""
    code, out, err = run("decode", stdin=base64.b64decode("//79AAECA/8="))

    assert code == 1
    assert json.loads(out.splitlines()[0])["kind"] == "undecodable"
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [(), ("frobnicate",), ("run",), ("demo", "--seconds", "x")])
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)

    assert code == 2
    assert not out
    assert "usage:" in err


def test_check_shows_the_settings_without_their_secrets(tmp_path: Path) -> None:
    """People paste this into public issues."""
    file = tmp_path / "g.yaml"
    file.write_text(
        "accounts:\n"
        "- {id: a, url: 'ws://127.0.0.1:9/', credentials: {user_id: '1', token: '${T}'}}\n"
    )

    code, out, _ = run("check", "-c", str(file), "--json", T="planted-secret-token")

    assert code == 0
    assert json.loads(out)["accounts"][0]["heartbeat"]["interval_s"] == 15
    assert "planted-secret-token" not in out


@pytest.mark.peer(20)
def test_check_lists_all_problems_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text("acounts: []\ndurability: sometimes\n")

    code, out, err = run("check", "-c", str(file))

    assert code == 2
    assert not out
    assert "accounts" in err
    assert "durability" in err
    assert str(file) in err


def test_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    code, _, err = run("run", "-c", str(tmp_path / "none.yaml"))

    assert code == 2
    assert "none.yaml" in err
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once on Windows")
def test_run_connects_and_stops_in_order_on_sigterm(tmp_path: Path) -> None:
    """What a service manager does; exit code 0 and a journal that is closed."""
    with FakePlatform() as fake:
        shop = fake.account("2201")
        file = fake.config_file(tmp_path)
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "-c", str(file), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        with process:
            shop.wait_registered(30.0)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=LIMIT_S)
        shop.wait_gone()
    assert process.returncode == 0, err.decode()
    assert out == b"", "nothing on stdout"
    events = [json.loads(line)["event"] for line in err.decode().splitlines()]
    assert "connection.state_changed" in events
    assert events[-1] == "gateway.stopped"
    assert shop.token.encode() not in err


_SOON = """
import gc, os, signal, sys, threading
from gateway.cli import heap
from gateway.host import undisturbed
from gateway.cli import run, main
settle = heap.settle
def ends_then():
    settle()
    os.kill(os.getpid(), signal.SIGTERM)
heap.settle, run.SETTLE_AFTER_S = ends_then, float(sys.argv[2])
code = main(["run", "-c", sys.argv[1]])
ours = [each for each in threading.enumerate() if each.name != undisturbed.NAME]
print(gc.get_freeze_count(), len(ours))
sys.exit(code)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once on Windows")
def test_run_keeps_the_collector_from_what_lives_long(tmp_path: Path) -> None:
    """A full collection stops every thread; with thousands of accounts for half a second."""
    with FakePlatform() as fake:
        fake.account("2201")
        file = fake.config_file(tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", _SOON, str(file), "0.5"],
            capture_output=True,
            timeout=LIMIT_S,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    frozen, threads = map(int, done.stdout.split())
    assert frozen > 1000
    assert threads == 1


def test_demo_ends_by_itself_with_nothing_lost() -> None:
    """The first thing a person sees."""
    code, out, err = run("demo", "--seconds", "4", "--json")
    told = json.loads(out)

    assert code == 0, err
    assert told["accounts"] == 3
    assert told["lost"] == told["doubled"] == 0
    assert told["answered"] == told["asked"] > 0
    assert told["reconnects"] >= 1
    assert told["recovered"] >= 3, "asked while the link was cut, and never pushed"


def test_demo_shows_states_events_and_replies() -> None:
    code, out, err = run("demo", "--seconds", "3")

    assert code == 0, err
    for account in ("shop-a", "shop-b", "shop-c"):
        assert f"{account}  • connecting → connected" in out
    assert "connected → reconnecting" in out
    assert "← chat_message" in out
    assert "→ 收到：" in out
    assert "history complete, " in out
    assert "(recovered)" in out
    assert "0 lost" in out


def test_demo_shows_its_page_where_it_says() -> None:
    """On a free port if the usual one is taken."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else has it
            stack.enter_context(socket.create_server(("127.0.0.1", demo.PORT)))
        command = [sys.executable, "-m", "gateway", "demo", "--seconds", "4"]
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.fullmatch(r"the page: http://127\.0\.0\.1:(\d+)/\n", first)
        assert found is not None, first
        assert int(found[1]) != demo.PORT
        with contextlib.closing(HTTPConnection("127.0.0.1", int(found[1]), timeout=20)) as asked:
            asked.request("GET", "/")
            page = asked.getresponse().read().decode()
        assert all(f">{name}</a>" in page for name in demo.ACCOUNTS)
        rest = process.stdout.read()
    assert process.returncode == 0, rest
    assert "0 lost" in rest
    code, out, err = run("demo", "--seconds", "3", "--port", "0", "--no-page")
    assert (code, err) == (0, "")
    assert "page" not in out


def test_demo_without_the_server_says_what_to_install() -> None:
    code = "import sys; sys.modules['waitress.server'] = None; from gateway.cli import main; "
    code += "sys.exit(main(['demo', '--seconds', '3']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no page: the HTTP server is not installed; ")
    assert "http" in done.stdout.splitlines()[0].rpartition("[")[2]


NOWHERE = (
    "{mtop: 'http://127.0.0.1:9', passport: 'http://127.0.0.1:9', upload: 'http://127.0.0.1:9'}"
)


def login_of(folder: Path, durability: str = "full") -> str:
    """Return a configuration of an account that asks nobody."""
    file = folder / "g.yaml"
    file.write_text(
        f"data_dir: {folder}\ndurability: {durability}\naccounts:\n"
        "  - {id: shop-a, url: 'wss://127.0.0.1:9', "
        f"credentials: {{kind: goofish, endpoints: {NOWHERE}}}}}\n"
    )
    return str(file)


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_bytes_that_are_no_text_are_no_traceback(tmp_path: Path, locale: str) -> None:
    bad = b"unb=2202; cookie2=a\xffb"
    set_it = ("accounts", "credentials", "set", "shop-a", "-c", login_of(tmp_path), "--file", "-")
    code, out, err = run(*set_it, stdin=bad, LC_ALL=locale, PYTHONUTF8="0")
    assert (code, "Traceback" in out + err) == (1, False), err


def test_what_keeps_nothing_takes_no_login(tmp_path: Path) -> None:
    set_it = ("accounts", "credentials", "set", "shop-a", "--file", "-")
    code, out, err = run(*set_it, "-c", login_of(tmp_path, "memory"), stdin=b"unb=1; cookie2=x")
    assert (code, out) == (1, "")
    assert "durability is memory" in err


def test_a_secret_that_was_pasted_as_an_argument_is_not_said_again(tmp_path: Path) -> None:
    cookie = "unb=2202; cookie2=hunter2hunter2hunter2"
    set_it = ("accounts", "credentials", "set", "shop-a", "-c", login_of(tmp_path))
    for pasted in ((cookie,), tuple(cookie.split()), ("hunter2hunter2hunter2",)):
        code, out, err = run(*set_it, *pasted)
        assert (code, out) == (2, "")
        assert "unrecognized arguments" in err
        assert "hunter2hunter2hunter2" not in err
    assert "unrecognized arguments: foo --bar…" in run("status", "foo", "--bar=1")[2]
