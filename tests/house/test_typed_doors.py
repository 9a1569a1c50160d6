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


WRONG = {
    "wrong_mailbox": (
        "peers.connection.tell",
        "peers.heartbeat.tell",
        'Argument 1 to "tell" of "Role" has incompatible type "Shut"',
    ),
    "forgotten_case": (
        " | BeatDue():",
        ":",
        'Argument 1 to "refuse" of "SupervisedActor" has incompatible type "BeatDue"; expected',
    ),
}
"""What is changed, into what, and what mypy says."""


@pytest.mark.timeout(300)
def test_mypy_refuses_a_wrong_mailbox_and_a_forgotten_case(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    for name, (right, wrong, _) in WRONG.items():
        (tmp_path / f"{name}.py").write_text(RIGHT.replace(right, wrong), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            "setup.cfg",
            *sorted(tmp_path.glob("*.py")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout + done.stderr
    for name, (_, _, error) in WRONG.items():
        (line,) = [each for each in said.splitlines() if f"{name}.py" in each and "error" in each]
        assert error in line
    assert "right.py" not in said, said
    assert "Found 2 errors" in said, said
