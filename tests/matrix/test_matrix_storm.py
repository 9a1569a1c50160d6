"""Rows S2 and S3: very many accounts at once, behind the gate and the circuit."""

from __future__ import annotations

import bisect
import resource
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from market import Market
from rows import row
from stage import S
from watch import Stopwatch

from actors import dialing
from actors.policy import circuit
from actors.state import Cause
from gateway.testing import Behaviour

IN_FLIGHT = 50
BARRED = Cause.CIRCUIT_OPEN
BARRED_S = 20.0
PROBES = 5
"""Attempts through the open circuit until two were seen to fail, and what fails beside them."""


class Size(NamedTuple):
    """How big a storm is, and how fast the gate."""

    accounts: int
    rate_per_s: float
    burst: int
    back_s: float


SCALED = Size(100, 100.0, 20, 15.0)
FULL = Size(1000, 20.0, 20, 60.0)
SIZES = [pytest.param(SCALED, id="100"), pytest.param(FULL, marks=pytest.mark.slow, id="1000")]


def storm(directory: Path, size: Size) -> Market:
    """Make a market whose waits after a loss are short against the gate's."""
    names = [str(30_000 + number) for number in range(size.accounts)]
    beat = {"interval_s": 15, "reply_timeout_s": 10, "probe_timeout_s": 5}
    return Market(
        directory,
        *names,
        behaviour=Behaviour(backlog="push", echo=False),
        durability="memory",
        connect={
            "rate_per_s": size.rate_per_s,
            "burst": size.burst,
            "max_in_flight": IN_FLIGHT,
            "deadline_s": 20.0,
        },
        defaults={"heartbeat": beat, "reconnect": {"unexpected_close_cap_s": 0.05}},
    )


def all_up(market: Market, sessions: int, timeout_s: float) -> None:
    """Wait until every account has its ``sessions``-th session."""
    names = list(market.shops)

    def up() -> bool:
        seen = Counter(log.account for log in market.fake.logs if log.registered_at is not None)
        alive = sum(log.registered_at is not None for log in market.fake.connections)
        return alive == len(names) and all(seen[name] >= sessions for name in names)

    deadline = time.monotonic() + timeout_s
    for name in names:
        left = deadline - time.monotonic()
        market.shops[name].wait_registered(max(0.1, left), sessions=sessions)
    market.fake.wait(up, 5.0, "all accounts")


def most_in_a_second(dials: list[float]) -> int:
    """Return the most dials of any second."""
    dials = sorted(dials)
    return max(bisect.bisect_left(dials, at + 1.0) - at_index for at_index, at in enumerate(dials))


def check_gate(dials: list[float], size: Size) -> None:
    """No second saw more dials than burst and rate allow (0.1 s for what was under way)."""
    assert most_in_a_second(dials) <= size.burst + size.rate_per_s * 1.1 + 1


@pytest.mark.peer(7)
@row("S2", "dials within the gate's rate; each account dials once before any dials twice")
@row("S3", "all connected through the gate; memory within bounds")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", SIZES)
def test_all_links_are_dropped_at_once(tmp_path: Path, stopwatch: Stopwatch, size: Size) -> None:
    with storm(tmp_path, size) as market:
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stopwatch.start()
        market.gateway.start()
        all_up(market, 1, size.back_s)
        stopwatch.recovered(size.back_s)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
        assert grown_kb < 400 * 1024
        check_gate(market.fake.dials, size)

        dialed = len(market.fake.dials)
        stopwatch.start()
        market.fake.cut_all()
        all_up(market, 2, size.back_s)
        stopwatch.recovered(size.back_s)
        dials = market.fake.dials[dialed:]
        assert len(dials) == size.accounts
        check_gate(dials, size)
        market.fake.check()


def failed(market: Market) -> list[dict[str, Any]]:
    """Return the lines of the attempts that failed."""
    return market.log.found("connection.state_changed", cause="attempt_failed")


def refused(market: Market, count: int, timeout_s: float) -> int:
    """Wait until so many attempts failed, and give how many did."""
    log = market.log
    with log._changed:
        done = log._changed.wait_for(lambda: len(failed(market)) >= count, timeout_s)
        assert done, len(failed(market))
    return len(failed(market))


def barred(market: Market, count: int) -> set[str]:
    """Wait until so many accounts were barred by the circuit at least once, and name them."""
    states = market.states

    def names() -> set[str]:
        return {change.account for change in list(states.changes) if change.cause is BARRED}

    with states._changed:
        assert states._changed.wait_for(lambda: len(names()) >= count, BARRED_S), len(names())
    return names()


@pytest.mark.peer(7)
@row("S2", "the circuit bars them: RECONNECTING(circuit_open), no attempt counted; then all back")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", SIZES)
def test_storm_while_the_server_is_down(
    tmp_path: Path, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch, size: Size
) -> None:
    pause_s, longest_s, ramp_s = 15.0, 120.0, 10.0
    if size is SCALED:
        pause_s, longest_s, ramp_s = 0.4, 1.0, 0.5
        monkeypatch.setattr(circuit, "RAMP_STEP_S", ramp_s / len(circuit.RAMP))
        monkeypatch.setattr(
            dialing, "Circuit", partial(circuit.Circuit, open_s=pause_s, open_cap_s=longest_s)
        )
    with storm(tmp_path, size) as market:
        market.gateway.start()
        all_up(market, 1, size.back_s)
        market.actor("DialingActor")._circuits.clear()  # as after half a minute of peace
        market.fake.stop_accepting()
        stopwatch.start()
        market.fake.cut_all()
        attempts = refused(market, circuit.LEAST_ATTEMPTS, 10.0)
        stopwatch.detected(3.0)
        attempts = refused(market, attempts + 1, 10.0 + 3 * pause_s)
        attempts = refused(market, attempts + 1, 10.0 + 3 * pause_s)  # two probes at least
        under_way = circuit.LEAST_ATTEMPTS + IN_FLIGHT  # when the circuit opens, at most
        assert attempts <= under_way + PROBES, "they went on dialling a server that is down"
        views = [market.gateway.accounts[name] for name in barred(market, size.accounts // 2 + 1)]
        assert {view.state for view in views} <= {S.RECONNECTING, S.CONNECTING}
        counted = {view.id: view.attempt for view in views}
        dialled = Counter(line["account"] for line in failed(market))
        for name, attempt in counted.items():
            assert attempt <= 1 + dialled[name], "waiting was counted"
        market.fake.resume()
        stopwatch.start()
        bound_s = longest_s + ramp_s + size.back_s
        all_up(market, 2, bound_s)
        stopwatch.recovered(bound_s)
        market.fake.check()
