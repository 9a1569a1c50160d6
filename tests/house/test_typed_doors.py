"""A message to the wrong mailbox and a forgotten case are type errors, not crashes at night."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RIGHT = """
from actors.account.services import Peers
from actors.messages import Answered, BeatDue, HeartbeatInbox, LinkDown, LinkOpened, PongReceived
from actors.messages import Shut
from actors.runtime.pool.supervised import SupervisedActor


def told(peers: Peers) -> bool:
    return peers.connection.tell(Shut(for_good=True))


class Heartbeat(SupervisedActor[HeartbeatInbox]):
    def receive(self, message: HeartbeatInbox) -> None:
        match message:
            case LinkOpened() | LinkDown() | Answered() | PongReceived() | BeatDue():
                return
            case _:
                self.refuse(message)
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        ("", "", ""),
        (
            "peers.connection.tell",
            "peers.heartbeat.tell",
            'Argument 1 to "tell" of "Role" has incompatible type "Shut"',
        ),
        (
            " | BeatDue():",
            ":",
            'Argument 1 to "refuse" of "SupervisedActor" has incompatible type "BeatDue"; expected',
        ),
    ],
    ids=["right", "wrong mailbox", "forgotten case"],
)
def test_mypy_refuses(tmp_path: Path, right: str, wrong: str, error: str) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(RIGHT.replace(right, wrong) if right else RIGHT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "setup.cfg", str(snippet)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout + done.stderr
    if error:
        assert (done.returncode, error in said) == (1, True), said
        assert "Found 1 error" in said, said
    else:
        assert done.returncode == 0, said
