"""What the supervisor of an account tells a person: once, and again only when it was over."""

from __future__ import annotations

from typing import Any

import pytest
from test_supervisor_actor import CAPTCHA, House, S
from workbench import Bench

from actors.messages import Reset, StabilityReached, Stop
from actors.policy.alerts import FAILING, OVERSIZED, OVERSIZED_WINDOW_S
from actors.policy.retries import FLAPPING_LINKS
from actors.state import Cause
from actors.values import ErrorClass, Failure

BROKEN = Failure(error_class=ErrorClass.PROTOCOL, reason="bad_opcode", detail="nonsense")
TOO_BIG = Failure(error_class=ErrorClass.PROTOCOL, reason="frame_too_big", detail="2 MiB")
RESET = Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason="reset")
UNTRUSTED = Failure(error_class=ErrorClass.TLS_TRUST, reason="certificate_rejected")


@pytest.fixture
def house(bench: Bench) -> House:
    """Return a supervisor that was told nothing yet."""
    return House(bench)


def lines(house: House, name: str) -> list[dict[str, Any]]:
    """Return what was logged of a name; an alert is an error."""
    found = [(level, fields) for level, event, fields in house.bench.log.lines if event == name]
    assert {level for level, _ in found} <= {"error"}
    return [fields for _, fields in found]


def on(house: House) -> list[str]:
    return [alert.name for alert in house.bench.alerts.on("shop-a")]


def failed(house: House, failure: Failure, times: int) -> None:
    """Let attempts fail in a row."""
    for _ in range(times):
        if house.actor._state is not S.CONNECTING:
            house.moved(S.CONNECTING, Cause.RETRY)
        house.fail(failure)


def stable(house: House) -> None:
    """Let a link live for long enough."""
    house.moved(S.CONNECTING, Cause.RETRY)
    house.moved(S.CONNECTED, Cause.REGISTERED)
    house.bench.advance(house.bench.account.plan.reconnect.stable_s)
    assert house.due(StabilityReached) == 1


def test_ten_unexpected_failures_in_a_row_are_told_once(house: House) -> None:
    house.start()
    failed(house, BROKEN, FAILING - 1)
    assert on(house) == []
    failed(house, BROKEN, FAILING)
    (line,) = lines(house, "link.failing")
    assert line["account"] == "shop-a"
    assert "bad_opcode" in line["detail"]
    (alert,) = house.bench.alerts.on("shop-a")
    assert alert.detail.startswith(f"{2 * FAILING - 1} failures"), "its words go on"
    stable(house)
    assert on(house) == []
    house.moved(S.RECONNECTING, Cause.LINK_LOST, BROKEN)
    failed(house, BROKEN, FAILING)
    assert len(lines(house, "link.failing")) == 2


def test_a_certificate_nobody_trusts_is_told_at_once(house: House) -> None:
    house.start()
    failed(house, UNTRUSTED, 3)
    assert len(lines(house, "link.untrusted")) == 1
    assert on(house) == ["link.untrusted"]
    house.moved(S.CONNECTING, Cause.RETRY)
    house.moved(S.CONNECTED, Cause.REGISTERED)
    assert on(house) == []


def test_messages_above_the_limits_are_counted_by_the_hour(house: House) -> None:
    house.start()
    failed(house, TOO_BIG, OVERSIZED)
    assert on(house) == []
    house.bench.advance(OVERSIZED_WINDOW_S)
    failed(house, TOO_BIG, OVERSIZED)
    assert on(house) == []
    failed(house, TOO_BIG, 2)
    assert len(lines(house, "link.oversized")) == 1
    house.bench.advance(OVERSIZED_WINDOW_S - 1.0)
    house.bench.alerts.expire()
    assert on(house) == ["link.oversized"]
    house.bench.advance(1.0)
    house.bench.alerts.expire()
    assert on(house) == []


def test_flapping_is_over_when_a_link_lives(house: House) -> None:
    house.start()
    for _ in range(2 * FLAPPING_LINKS):
        if house.actor._state is not S.CONNECTING:
            house.moved(S.CONNECTING, Cause.RETRY)
        house.moved(S.CONNECTED, Cause.REGISTERED)
        house.bench.advance(1.0)
        house.moved(S.RECONNECTING, Cause.LINK_LOST, RESET)
    assert len(lines(house, "link.flapping")) == 1, "one occasion"
    stable(house)
    assert on(house) == []


def test_a_failed_account_is_told_until_somebody_does_something(house: House) -> None:
    house.start()
    house.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA, why="needs_human")
    (alert,) = house.bench.alerts.on("shop-a")
    assert (alert.name, alert.why, alert.detail) == (
        "account.failed",
        "needs_human",
        "Log in by hand.",
    )
    house.actor.receive(Reset())
    house.moved(S.DISCONNECTED, Cause.RESET)
    assert on(house) == []
    house.moved(S.CONNECTING, Cause.START)
    house.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA, why="needs_human")
    assert len(lines(house, "account.failed")) == 2
    ended = [fields for _, event, fields in house.bench.log.lines if event == "alert.ended"]
    assert [(line["alert"], line["account"]) for line in ended] == [("account.failed", "shop-a")]


def test_who_is_removed_leaves_no_alert_behind(house: House) -> None:
    house.start()
    failed(house, UNTRUSTED, 1)
    house.actor.receive(Stop())
    house.moved(S.CLOSED, Cause.STOP)
    assert house.bench.alerts.on() == []
