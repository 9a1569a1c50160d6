"""Who plays in the fault matrix, and what every row checks of them."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

from market import CROWD, WAIT_S, Market

from actors.messages import StateChanged
from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure
from gateway.testing import Rule
from gateway.testing.faults.actions import AnyAction

SICK = "2201"
WELL = CROWD
S = ConnectionState


class Open(Protocol):
    """Opens a market."""

    def __call__(
        self,
        sick: dict[str, Any] | None = None,
        defaults: dict[str, Any] | None = None,
        **keys: Any,
    ) -> Market:
        """Return it; ``sick`` are keys of the sick account, ``defaults`` of all."""


def lost(market: Market, error_class: ErrorClass, account: str = SICK) -> StateChanged:
    """Wait until an account is RECONNECTING by a failure of this class, and give the change."""
    return market.states.wait(
        account,
        lambda change: (
            change.new is S.RECONNECTING
            and change.failure is not None
            and change.failure.error_class is error_class
        ),
    )


def given_up(market: Market, why: str) -> Failure:
    """Wait until the sick account is FAILED for this reason, and give the failure."""
    change = market.states.wait(SICK, lambda change: change.new is S.FAILED)
    assert change.why == why, change
    assert change.failure is not None
    (line,) = market.log.wait("account.failed", account=SICK)
    assert line["why"] == why
    return change.failure


def back(market: Market, sessions: int = 1) -> None:
    """Wait until the sick account has its ``sessions``-th session and serves."""
    market.shops[SICK].wait_registered(WAIT_S, sessions=sessions)
    text = f"back {sessions}"
    market.shops[SICK].buyer("77001").says(text)
    market.ledger.until(lambda texts: text in texts)


def untouched(market: Market) -> None:
    """The neighbours have their first session and serve; nobody broke a promise.

    Each transition was logged once (where the actor died, its death was instead).
    """
    market.undisturbed(*WELL)
    market.fake.check()
    for name in (SICK, *WELL):
        lines = market.log.found("connection.state_changed", account=name)
        told = [c for c in market.states.of(name) if c.cause is not Cause.CHILD_CRASHED]
        logged = [line for line in lines if line["cause"] != Cause.CHILD_CRASHED.value]
        assert len(logged) >= len(told)
        steps = {(line["generation"], line["after"], line["cause"]) for line in lines}
        assert len(steps) == len(lines)


def at_dial(do: AnyAction, times: int | None = None) -> Rule:
    """Return a rule that bites when the sick account upgrades."""
    return Rule(on="upgrade", do=do, account=SICK, times=times)


def port_of(url: str) -> int:
    """Return the port of a URL."""
    port = urlsplit(url).port
    assert port is not None
    return port


def delays(market: Market) -> list[float]:
    """Return the sick account's waits, as they were logged."""
    return [line["delay_s"] for line in market.log.found("reconnect.scheduled", account=SICK)]
