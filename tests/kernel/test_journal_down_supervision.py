"""The supervisor while nothing can be stored, driven by hand."""

from __future__ import annotations

import pytest
from test_supervisor_actor import REFUSED, House, S
from workbench import Bench

from actors.messages import (
    JournalHealthChanged,
    Open,
    Pause,
    Reset,
    RetryDue,
    Start,
    Withdraw,
)
from actors.policy import failures
from actors.state import Cause


@pytest.fixture
def house(bench: Bench) -> House:
    """Return a supervisor that was told nothing yet."""
    return House(bench)


def down(house: House) -> None:
    """Let the journal fail; the connection obeys."""
    house.bench.account.services.health.judge(60.0)
    house.actor.receive(JournalHealthChanged(failed=True))
    (command,) = house.told("connection")
    assert command == Withdraw(failure=failures.JOURNAL_UNAVAILABLE)


def up(house: House) -> None:
    """Let commits hold again."""
    house.bench.account.services.health.judge(0.0)
    house.actor.receive(JournalHealthChanged(failed=False))


def opens(house: House) -> int:
    return sum(type(message) is Open for message in house.told("connection"))


def test_a_connected_account_leaves_and_comes_back(house: House) -> None:
    house.connected()
    down(house)
    house.moved(S.DISCONNECTED, Cause.JOURNAL_DOWN, failures.JOURNAL_UNAVAILABLE)
    assert opens(house) == 0
    up(house)
    assert opens(house) == 1


def test_a_retry_waits_for_the_journal(house: House) -> None:
    """Neither the timer of before nor a failure told late dials."""
    house.start()
    house.fail()
    down(house)
    house.bench.advance(3600)
    house.due(RetryDue)
    assert opens(house) == 0
    house.moved(S.RECONNECTING, Cause.ATTEMPT_FAILED, REFUSED)
    assert [type(each) for each in house.told("connection")] == [Withdraw]
    up(house)
    assert opens(house) == 1


def test_a_paused_account_stays_paused(house: House) -> None:
    house.connected()
    down(house)
    house.moved(S.DISCONNECTED, Cause.JOURNAL_DOWN)
    house.actor.receive(Pause())
    house.told("connection")
    up(house)
    assert opens(house) == 0


def test_an_account_started_or_reset_meanwhile_waits(house: House) -> None:
    house.bench.account.services.health.judge(60.0)
    house.actor.receive(JournalHealthChanged(failed=True))
    house.actor.receive(Start())
    house.actor.receive(Reset())
    assert opens(house) == 0
    up(house)
    assert opens(house) == 1


def test_a_failed_account_is_not_brought_back(house: House) -> None:
    house.start()
    house.moved(S.FAILED, Cause.BUDGET_EXCEEDED)
    down(house)
    up(house)
    assert opens(house) == 0


def test_a_supervisor_reborn_meanwhile_waits_too(house: House) -> None:
    """It hears no news of the journal; it asks."""
    house.connected()
    house.bench.account.services.health.judge(60.0)
    house.actor.died("ValueError at x.py:1")
    reborn = House(house.bench)
    reborn.actor.started()
    assert opens(reborn) == 0
    reborn.moved(S.DISCONNECTED, Cause.JOURNAL_DOWN)
    up(reborn)
    assert opens(reborn) == 1
