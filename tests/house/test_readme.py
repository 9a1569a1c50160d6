"""What the README shows is run as a reader would run it; both pages have the same code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from gateway.testing import FakePlatform

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BOT, EMBEDDED, CLIENT = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(ACCOUNT,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
LIMIT_S = 20.0


def started(directory: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start Python in a directory."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_first_bot_answers(tmp_path: Path) -> None:
    """The first thing a developer runs, without account or network."""
    with started(tmp_path, "-c", BOT) as bot:
        said, errors = bot.communicate(timeout=LIMIT_S)
    assert (bot.returncode, said) == (0, "收到：还在吗？\n"), errors


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to a child alone on Windows")
def test_six_lines_answer_a_buyer(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    with FakePlatform() as fake:
        shop = fake.account("2201")
        fake.config_file(tmp_path).rename(tmp_path / "config" / "example.yaml")
        with started(tmp_path, "-c", EMBEDDED) as program:
            try:
                shop.wait_registered(LIMIT_S)
                shop.buyer("77001").says("还在吗？")
                assert [own.text for own in shop.wait_sent(1)] == ["收到：还在吗？"]
                program.send_signal(signal.SIGINT)
                _, errors = program.communicate(timeout=LIMIT_S)
            finally:
                program.kill()
        assert program.returncode == 0, errors


def test_the_single_client_talks(tmp_path: Path) -> None:
    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.socket.getsockname()[1]
            with started(
                tmp_path, "-c", CLIENT.replace("127.0.0.1:9000", f"127.0.0.1:{port}")
            ) as it:
                said, errors = it.communicate(timeout=LIMIT_S)
        finally:
            server.shutdown()
            thread.join(LIMIT_S)
    assert (it.returncode, said) == (0, "hello\n"), errors


def test_the_real_account_is_valid(tmp_path: Path) -> None:
    """As the page says: ``check -c my.yaml``."""
    (tmp_path / "my.yaml").write_text(ACCOUNT, encoding="utf-8")
    (tmp_path / "my.yaml").chmod(0o600)
    assert "${" not in ACCOUNT, "a login is pasted or scanned; no secret stands in the file"
    with started(tmp_path, "-m", "gateway", "check", "-c", "my.yaml") as check:
        said, errors = check.communicate(timeout=LIMIT_S)
    assert check.returncode == 0, errors
    assert "shop-a" in said
    assert "kind: goofish" in said
