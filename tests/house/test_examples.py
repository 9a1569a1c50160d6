"""The examples are run as a newcomer runs them: the program, and its tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.testing import FakePlatform

ROOT = Path(__file__).parents[2]


@pytest.mark.peer(20)
def test_the_examples_own_tests_pass() -> None:
    """What a user copies first must work, and fast: no network, no waiting."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples"],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout or "100%" in done.stdout


def test_the_embedded_gateway_answers_until_a_line_comes(tmp_path: Path) -> None:
    with FakePlatform() as fake:
        shop = fake.account("2201")
        config = fake.config_file(tmp_path)
        with subprocess.Popen(
            [sys.executable, "-W", "error", str(ROOT / "examples" / "embed.py"), str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as child:
            try:
                shop.wait_registered(20.0)
                shop.buyer("3301").says("还在吗？")
                (reply,) = shop.wait_sent(1)
                assert reply.text == "收到：还在吗？"
                told, _ = child.communicate("\n", timeout=20.0)
            finally:
                child.kill()
        assert child.returncode == 0
        assert "connecting -> connected (registered)" in told
        fake.check()
