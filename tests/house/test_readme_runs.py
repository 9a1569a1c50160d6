"""What the READMEs show is run, as a person would: the examples, the file, the commands."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from receiver import receiving
from websockets.sync.server import ServerConnection, serve

from gateway.testing import Behaviour, FakePlatform

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh-CN.md"]


ENDS = {"doctor": (0, 1), "tail": (0, 130)}
"""Exit codes that are fine: doctor has remarks about this machine, tail is interrupted."""


def started(folder: Path, words: str) -> subprocess.Popen[str]:
    """Start ``xianyu-gateway`` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", *words.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _watch(tail: subprocess.Popen[str], say: Callable[[], object]) -> None:
    """See a message arrive, and press Ctrl-C."""
    assert tail.stderr is not None
    assert tail.stdout is not None
    assert "watching" in tail.stderr.readline()
    say()
    assert "还在吗？" in tail.stdout.readline()
    tail.send_signal(signal.SIGINT)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``xianyu-gateway``."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once on Windows")
@pytest.mark.parametrize("page", PAGES)
def test_six_lines_answer_a_buyer(page: str, tmp_path: Path) -> None:
    """The first thing a developer tries; only the path of the file is ours."""
    (code, *_) = [each for each in blocks(page, "python") if "run_forever" in each]
    with FakePlatform(Behaviour()) as fake:
        shop = fake.account("2201")
        config = fake.config_file(tmp_path)
        code = code.replace("config/example.yaml", str(config))
        with subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as child:
            try:
                shop.wait_registered(20.0)
                shop.buyer("3301").says("还在吗？")
                (reply,) = shop.wait_sent(1)
                assert reply.text == "收到：还在吗？"
                child.terminate()
                told, _ = child.communicate(timeout=30.0)
            finally:
                child.kill()
        assert child.returncode == 0, told


@pytest.mark.parametrize("page", PAGES)
def test_a_single_connection_says_hello(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = [each for each in blocks(page, "python") if "WebSocketClient(" in each]

    def echo(link: ServerConnection) -> None:
        for message in link:
            link.send(message)

    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        exec(compile(code.replace("127.0.0.1:9000", f"127.0.0.1:{port}"), page, "exec"), {})
        server.shutdown()
        thread.join(20.0)
    assert capsys.readouterr().out == "hello\n"


@pytest.mark.parametrize("page", PAGES)
def test_the_real_account_is_a_configuration(page: str, tmp_path: Path) -> None:
    """``check`` finds nothing wrong; ``doctor`` has no complaint about it."""
    (text,) = blocks(page, "yaml")
    file = tmp_path / "my.yaml"
    file.write_text(text.replace("var/", f"{tmp_path}/var/"), encoding="utf-8")
    file.chmod(0o600)
    done = gateway("check", "-c", str(file))
    assert done.returncode == 0, done.stderr
    assert "wss-goofish.dingtalk.com" in done.stdout
    done = gateway("doctor", "-c", str(file))
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_command_it_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"run_gateway\.py (\w[\w-]*)", text)) | {"status", "tail", "send"}
    assert {"check", "doctor"} <= named
    shown = gateway("--help").stdout
    for name in named:
        assert re.search(rf"\b{name}\b", shown), name


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to a child alone on Windows")
def test_what_an_operator_types_for_months_works(tmp_path: Path) -> None:
    """Each command of the section, in its order, on a gateway that runs."""
    page = (ROOT / "README.md").read_text("utf-8").partition("## Run it for months")[2]
    lines = re.findall(r"^python3 scripts/run_gateway\.py (.*?) +#", page, re.MULTILINE)
    assert [line.split()[0] for line in lines][-1] == "stop"
    with FakePlatform(Behaviour()) as fake, receiving() as receiver:
        shop = fake.account("2201")
        with socket.create_server(("127.0.0.1", 0)) as server:
            listen = f"127.0.0.1:{server.getsockname()[1]}"
        keys = {"http": {"listen": listen}, "notify": {"to": [receiver.target]}}
        fake.config_file(tmp_path, durability="full", data_dir=str(tmp_path / "data"), **keys)
        with started(tmp_path, "run -c gateway.yaml") as running:
            try:
                shop.wait_registered(20.0)
                for line in lines:
                    with started(tmp_path, line) as typed:
                        try:
                            if line.startswith("tail"):
                                _watch(typed, lambda: shop.buyer("3301").says("还在吗？"))
                            told, errors = typed.communicate(timeout=30.0)
                        finally:
                            typed.kill()
                    assert typed.returncode in ENDS.get(line.split()[0], (0,)), told + errors
                    assert "Traceback" not in errors
                told, errors = running.communicate(timeout=30.0)
            finally:
                running.kill()
        assert running.returncode == 0, errors
        assert receiver.messages
        assert list((tmp_path / "data" / "backups").iterdir())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_runs_in_a_fresh_clone(tmp_path: Path) -> None:
    """Nothing but Python: it makes its own environment, shows twenty seconds and ends with 0."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")
    clone = tmp_path / "clone"
    subprocess.run([git, "clone", "-q", str(ROOT), str(clone)], check=True, timeout=60)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL")}
    for _ in range(2):  # the second time everything is there already
        done = subprocess.run(
            [sys.executable, "scripts/demo.py", "--seconds", "20"],
            capture_output=True,
            text=True,
            timeout=280,
            cwd=clone,
            env=clean,
            check=False,
        )
        if "check the network" in done.stderr:
            pytest.skip("the packages cannot be fetched here")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("connecting → connected") >= 4
        assert "connected → reconnecting" in done.stdout
        assert "0 lost" in done.stdout
