"""Rows over a real network: a platform and a gateway in processes, a namespace each.

Loopback has no wire that can lose a packet; here the kernel does it. The neighbours' platform
has another address, which no fault strikes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import spaces
from market import HASTE, merged
from processes import Child, Line
from rows import row
from spaces import SICK_HOST, WELL_HOST, Spaces
from watch import Stopwatch

SICK, WELL = "2201", ("2202", "2203")
BEAT_S, REPLY_S, PROBE_S = 0.5, 0.7, 0.7
FOUND_S = BEAT_S + REPLY_S + PROBE_S
"""Interval, answer and probe: longest time to find out."""

BEAT = {"interval_s": BEAT_S, "reply_timeout_s": REPLY_S, "probe_timeout_s": PROBE_S}
SLOW_BEAT = {"interval_s": 1.0, "reply_timeout_s": 5.0, "probe_timeout_s": 3.0}


class Net:
    """Both platforms and the gateway, each where it belongs."""

    def __init__(self, wire: Spaces, directory: Path, stack: ExitStack) -> None:
        self.wire, self._directory, self._stack = wire, directory, stack
        self.sick = self._platform(SICK_HOST, SICK)
        self.well = self._platform(WELL_HOST, *WELL)
        self.gateway: Child

    def _platform(self, host: str, *names: str) -> Child:
        spec = {"host": host, "accounts": names}
        return self._stack.enter_context(Child("platform", spec, self.wire.within(self.wire.far)))

    def start(self, heartbeat: dict[str, float] = BEAT) -> None:
        """Start the gateway; gives once the neighbours have their sessions."""
        accounts = [
            account
            for platform in (self.sick, self.well)
            for account in platform.wait(lambda line: "accounts" in line, "accounts")["accounts"]
        ]
        defaults = merged(HASTE, {"heartbeat": heartbeat})
        defaults = merged(defaults, {"deadlines": {"register_s": 2.0, "upgrade_s": 2.0}})
        config = {
            "data_dir": str(self._directory),
            "durability": "normal",
            "connect": {"rate_per_s": 1000, "burst": 1000, "deadline_s": 3.0},
            "defaults": defaults,
            "accounts": accounts,
        }
        within = self.wire.within(self.wire.near)
        self.gateway = self._stack.enter_context(Child("gateway", config, within))
        for name in WELL:
            self.gateway.wait_for(state="CONNECTED", account=name)

    def connected(self, since: int = 0) -> None:
        """Wait until the sick account is CONNECTED, after the ``since``-th line."""
        self.gateway.wait_for(since, state="CONNECTED", account=SICK)

    def lost(self, error_class: str, **fields: Any) -> Line:
        """Wait until the sick account is RECONNECTING by a failure of a class."""
        return self.gateway.wait_for(
            state="RECONNECTING", account=SICK, error_class=error_class, **fields
        )

    def says(self, text: str, platform: Child | None = None, name: str = SICK) -> None:
        """Let a buyer write."""
        (platform or self.sick).order("says", account=name, text=text)

    def heard(self, *texts: str) -> None:
        """Wait until the sick account's handler heard this, all of it once and in order."""
        for text in texts:
            self.gateway.wait_for(event=text, account=SICK)
        assert self.gateway.texts(SICK) == list(texts)

    def neighbours_serve(self) -> None:
        """The neighbours have their first session, and serve."""
        for name in WELL:
            self.says("and you?", self.well, name)
            self.gateway.wait_for(event="and you?", account=name)
            assert self.well.ask("status", account=name)["sessions"] == 1
            assert self.gateway.states(name) == ["CONNECTING", "CONNECTED"]

    def untouched(self) -> None:
        """The neighbours have noticed nothing; nobody broke a promise."""
        self.neighbours_serve()
        assert self.well.ask("check") == {"breaches": []}
        # A half-open link is seen by the platform beside the next one; else nothing is broken.
        breaches = self.sick.ask("check")["breaches"]
        assert not [breach for breach in breaches if not breach.startswith("two_sessions")]


@pytest.fixture
def net(wire: Spaces, tmp_path: Path) -> Iterator[Net]:
    """Yield both platforms, running; the gateway is started by the test."""
    with ExitStack() as stack:
        yield Net(wire, tmp_path, stack)


@row("C1", "connection refused, by the far kernel: class network; back when it is not")
def test_connections_are_refused(net: Net, stopwatch: Stopwatch) -> None:
    net.wire.refuse()
    no_way_in(net, stopwatch, "connection_refused")


@row("C2", "SYNs are dropped: class network at the deadline; back when they are not")
def test_syns_are_dropped(net: Net, stopwatch: Stopwatch) -> None:
    net.wire.swallow_syns()
    no_way_in(net, stopwatch, "tcp_timeout")


def no_way_in(net: Net, stopwatch: Stopwatch, reason: str) -> None:
    net.start()
    stopwatch.start()
    assert net.lost("network")["reason"] == reason
    stopwatch.detected(3.0)
    assert net.wire.struck()
    assert "CONNECTED" not in net.gateway.states(SICK)
    net.untouched()
    net.wire.heal()
    stopwatch.start()
    net.connected()
    stopwatch.recovered(5.0)
    net.says("in")
    net.heard("in")


@row("N9", "packets vanish both ways: heartbeat_dead in time; what was said meanwhile comes once")
def test_packets_vanish(net: Net, stopwatch: Stopwatch) -> None:
    packets_vanish(net, stopwatch, "both", FOUND_S)


@row("N12", "nothing of ours arrives, not even TCP's acks: left in time")
def test_packets_vanish_one_way(net: Net, stopwatch: Stopwatch) -> None:
    # What is pushed still comes for a while, so two answers must be missing.
    packets_vanish(net, stopwatch, "up", 3 * FOUND_S)


def packets_vanish(net: Net, stopwatch: Stopwatch, way: spaces.Way, found_s: float) -> None:
    net.start()
    net.connected()
    net.says("before")
    net.heard("before")
    net.wire.swallow(way)
    stopwatch.start()
    net.says("meanwhile")
    assert net.lost("unexpected_close")["cause"] == "heartbeat_dead"
    stopwatch.detected(found_s)
    assert net.wire.struck()
    net.untouched()
    since = len(net.gateway.lines)
    net.wire.heal()
    stopwatch.start()
    net.connected(since)
    stopwatch.recovered(5.0)
    net.heard("before", "meanwhile")  # pushed again, or out of the history


@row("N7", "a router answers with RST: class unexpected_close; back when it does not")
def test_reset_on_the_way(net: Net, stopwatch: Stopwatch) -> None:
    net.start()
    net.connected()
    net.wire.reset()
    stopwatch.start()
    line = net.lost("unexpected_close")
    stopwatch.detected(BEAT_S)
    assert line["reason"] in ("reset", "eof")  # who meets the error first takes it away
    net.lost("network", reason="connection_refused")
    since = len(net.gateway.lines)
    net.wire.heal()
    stopwatch.start()
    net.connected(since)
    stopwatch.recovered(5.0)
    net.says("after")
    net.heard("after")
    net.untouched()


@row("N10", "the platform's process is frozen, its kernel acks: heartbeat_dead in time")
def test_platform_freezes(net: Net, stopwatch: Stopwatch) -> None:
    net.start()
    net.connected()
    net.sick.freeze()
    stopwatch.start()
    line = net.lost("unexpected_close")
    stopwatch.detected(FOUND_S)
    assert line["cause"] == "heartbeat_dead"
    net.neighbours_serve()
    since = len(net.gateway.lines)
    net.sick.thaw()
    stopwatch.start()
    net.connected(since)
    stopwatch.recovered(5.0)
    net.says("awake")
    net.heard("awake")
    net.untouched()


@row("N17", "10 % of the packets lost each way: stays CONNECTED; every message once, in order")
def test_packets_are_lost(net: Net) -> None:
    net.start(SLOW_BEAT)
    net.connected()
    net.wire.lose(10)
    texts = [str(number) for number in range(40)]
    for text in texts:  # one after the other: each is packets of its own
        net.says(text)
        net.gateway.wait_for(event=text, account=SICK)
    assert net.wire.struck(), "not one packet was lost: the test does not test what it says"
    stayed(net, texts)


@row("N17", "64 kbit/s: stays CONNECTED; every message once, in order")
def test_line_is_narrow(net: Net) -> None:
    net.start(SLOW_BEAT)
    net.connected()
    net.wire.slow_down(64)
    texts = [str(number) for number in range(10)]
    for text in texts:
        net.says(text)
    stayed(net, texts)


def stayed(net: Net, texts: list[str]) -> None:
    net.heard(*texts)
    net.sick.order("acked", account=SICK, count=len(texts))
    net.sick.wait_for(acked=SICK)
    assert net.gateway.states(SICK) == ["CONNECTING", "CONNECTED"]
    assert net.sick.ask("status", account=SICK)["sessions"] == 1
    net.untouched()


@pytest.mark.usefixtures("_possible")
def test_nothing_is_left_behind() -> None:
    """A test that fails must not leave a namespace on somebody's machine."""
    wire = Spaces()

    def fails() -> None:
        with wire:
            assert {wire.near, wire.far} <= set(spaces.names())
            raise RuntimeError("a test fails")

    with pytest.raises(RuntimeError, match="a test fails"):
        fails()
    assert not {wire.near, wire.far} & set(spaces.names())


@pytest.mark.usefixtures("_possible")
def test_next_run_takes_away_what_a_killed_one_left() -> None:
    with subprocess.Popen(["true"]) as over:
        pass
    name = f"xgw-{over.pid}-0-g"
    spaces.add(name)
    spaces.sweep()
    assert name not in spaces.names()
