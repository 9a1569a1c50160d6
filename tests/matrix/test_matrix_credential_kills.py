"""Row B24: SIGKILL at each step between a question for a token and the registration with it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from child import ourselves
from market import WAIT_S
from rows import row
from shopkeeper import Make
from watch import Stopwatch

from actors.state import ConnectionState
from gateway.testing import WebBehaviour

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")

LIFE = """
import os, signal, sys, threading
from actors.account.connection import ConnectionActor
from actors.messages import GrantGiven
from gateway import Gateway
from gateway.config import load
from gateway.credentials.store import FileStore

when, nth = {when!r}, {nth}
left = [nth]

def die():
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

write, receive = FileStore.write, ConnectionActor.receive

def mortal_write(self, stored):
    if when == "before":
        die()
    write(self, stored)
    if when == "after":
        die()

def mortal_receive(self, message):
    if when == "registering" and isinstance(message, GrantGiven):
        die()
    receive(self, message)

FileStore.write, ConnectionActor.receive = mortal_write, mortal_receive
Gateway(load(sys.argv[1])).start()
threading.Event().wait()
"""
"""It stores: the seed, the first call, its cookies, the second call, its cookies, the token."""

UNSTORED = ("before", 3)
"""An answer came, and nobody had the time to store its cookies."""


@row("B24", "the newest stored cookies are used; at most one call more")
@pytest.mark.parametrize(
    ("when", "nth"),
    [
        ("after", 2),
        ("before", 3),
        ("before", 4),
        ("before", 6),
        ("after", 6),
        ("registering", 1),
    ],
)
def test_a_kill_at_each_step_of_a_renewal(
    shopkeepers: Make, tmp_path: Path, stopwatch: Stopwatch, when: str, nth: int
) -> None:
    keeper = shopkeepers(WebBehaviour(rotation="each"), min_gap_s=0.0)
    config = tmp_path / "gateway.yaml"
    config.write_text(json.dumps(keeper.config))
    with ourselves(LIFE.format(when=when, nth=nth), config) as (child, _):
        assert child.wait(WAIT_S) == -signal.SIGKILL
    stopwatch.start()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    stopwatch.recovered(10.0)
    has_token = (when, nth) in {("after", 6), ("registering", 1)}
    assert keeper.calls() == (3 if (when, nth) in {UNSTORED, ("before", 6)} else 2)
    assert keeper.gateway.accounts["shop-a"].credentials.lineage == 1
    assert has_token == (not keeper.log.found("credentials.renewed"))
    keeper.web.check(allow=["stale_cookie"] if (when, nth) == UNSTORED else [])
