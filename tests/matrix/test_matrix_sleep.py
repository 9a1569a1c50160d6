"""Row T2: the whole process stands still and wakes again, as after a suspend."""

from __future__ import annotations

import signal
import threading
from functools import partial
from pathlib import Path

import pytest
from market import CROWD, HASTE, WAIT_S, account_of
from processes import Child
from rows import row
from watch import Stopwatch

from gateway.testing import Behaviour, FakePlatform, Shop

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")

ASLEEP_S = 3.0
"""Far more than interval, answer and probe of the scaled heartbeat."""


@row("T2", "at once it asks for a sign of life; what came meanwhile is handled once")
@pytest.mark.parametrize("cut", [False, True], ids=["link lives", "link was cut"])
def test_process_sleeps(tmp_path: Path, stopwatch: Stopwatch, *, cut: bool) -> None:
    names = CROWD[:10]
    behaviour = Behaviour(backlog="push", second_session="allow")
    with FakePlatform(behaviour, beat_limit_s=None) as fake:
        shops = [fake.account(name) for name in names]
        config = {
            "data_dir": str(tmp_path),
            "durability": "normal",
            "defaults": HASTE,
            "accounts": [account_of(shop) for shop in shops],
        }
        with Child("gateway", config) as gateway:
            for shop in shops:
                shop.wait_registered(WAIT_S)
                shop.buyer("77001").says("before")
                gateway.wait_for(event="before", account=shop.user_id)
            gateway.freeze()
            for shop in shops:
                shop.buyer("77001").says("meanwhile")
                if cut:
                    shop.cut()
            threading.Event().wait(ASLEEP_S)  # the sleep is the fault
            beats = {shop.user_id: shop.sessions[-1].beats for shop in shops}
            gateway.thaw()
            stopwatch.start()
            for shop in shops:
                fake.wait(partial(stirs, shop, beats[shop.user_id]), WAIT_S, "a sign of life")
            stopwatch.detected(1.0)
            for shop in shops:
                gateway.wait_for(event="meanwhile", account=shop.user_id)
                shop.buyer("77001").says("after")
                gateway.wait_for(event="after", account=shop.user_id)
            stopwatch.recovered(10.0)
            for shop in shops:
                assert gateway.texts(shop.user_id) == ["before", "meanwhile", "after"]
        fake.check(allow=["two_sessions"])


def stirs(shop: Shop, beats: int) -> bool:
    """Return whether an account beat again, on this link or by a new one."""
    return shop.sessions[-1].beats > beats or len(shop.sessions) > 1
