"""When a person is told, and when it is over: once an occasion, for nobody reads the second."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from actors.policy.alerts import (
    CROWD,
    FAILING,
    LETTERS_WAITING,
    Alert,
    Alerts,
    crowd,
    letters_wait,
    of_link,
    storage_refused,
    too_big,
)
from actors.policy.retries import Retry
from actors.values import ErrorClass, Failure

LANE = Alert(name="lane.backlogged", account="a", lane="c")


def names(alerts: Sequence[Alert]) -> list[str]:
    return [alert.name for alert in alerts]


def test_an_alert_begins_once_and_again_only_after_it_was_over() -> None:
    alerts = Alerts()
    assert alerts.begin(LANE, 100)
    assert not alerts.begin(Alert(name=LANE.name, account="a", lane="c", detail="worse"), 200)
    assert [(alert.detail, alert.since_ms) for alert in alerts.on()] == [("worse", 100)]
    assert names(alerts.end(name=LANE.name, account="a")) == [LANE.name]
    assert alerts.end(name=LANE.name, account="a") == []
    assert alerts.begin(LANE, 300)


def test_another_account_or_lane_is_another_occasion() -> None:
    alerts = Alerts()
    others = [
        Alert(name=LANE.name, account="b", lane="c"),
        Alert(name=LANE.name, account="a", lane="d"),
        Alert(name="account.failed", account="a"),
        Alert(name="journal.filling"),
    ]
    assert all(alerts.begin(each, 1) for each in (LANE, *others))
    assert len(alerts.on()) == 5
    assert len(alerts.on("a")) == 3
    assert "journal.filling" in alerts
    assert names(alerts.end(name="journal.filling")) == ["journal.filling"]
    assert "journal.filling" not in alerts
    assert len(alerts.end(account="a")) == 3
    assert [alert.account for alert in alerts.on()] == ["b"]


def test_some_are_over_by_themselves_unless_they_are_said_again() -> None:
    alerts = Alerts()
    alerts.begin(LANE, 0, until=10.0)
    alerts.begin(LANE, 0, until=20.0)
    assert alerts.expire(19.9) == []
    assert names(alerts.expire(20.0)) == [LANE.name]
    assert alerts.expire(99.0) == []


def test_what_waits_for_a_person_waits_on_through_a_reset() -> None:
    """A reset forgets what the link did; a dead letter is somebody's unanswered question."""
    alerts = Alerts()
    alerts.begin(Alert(name="link.flapping", account="a"), 1)
    (waiting,) = letters_wait([("a", 2, 1), ("b", 0, 0)])
    alerts.begin(waiting, 1)
    assert names(alerts.end(account="a", but=(LETTERS_WAITING,))) == ["link.flapping"]
    (alert,) = alerts.on("a")
    assert (alert.name, alert.account) == ("letters.waiting", "a")
    assert alert.detail == "2 dead letters and 1 parked events wait for a person"


def test_what_a_source_says_no_more_is_over_and_nothing_else() -> None:
    alerts = Alerts()
    full, own = Alert(name="journal.filling"), Alert(name="account.failed", account="a")
    alerts.begin(own, 1)
    assert alerts.match([LANE, full], 1) == ([LANE, full], [])
    new, over = alerts.match([full], 2)
    assert (new, names(over)) == ([], [LANE.name])
    new, over = alerts.match([], 3)
    assert (new, names(over)) == ([], [full.name])
    assert names(alerts.on()) == ["account.failed"]
    alerts.match([LANE], 4)
    alerts.end(account="a")
    assert alerts.match([], 5) == ([], []), "it was over with its account"


@pytest.mark.parametrize(
    ("error_class", "retry", "wanted"),
    [
        (ErrorClass.PROTOCOL, {"nth": FAILING}, ["link.failing"]),
        (ErrorClass.OTHER, {"nth": FAILING + 1}, ["link.failing"]),
        (ErrorClass.OTHER, {"nth": FAILING - 1}, []),
        (ErrorClass.NETWORK, {"nth": 1000}, []),
        (ErrorClass.TLS_TRUST, {"nth": 1}, ["link.untrusted"]),
        (ErrorClass.NETWORK, {"flapping": True}, ["link.flapping"]),
        (ErrorClass.OTHER, {"nth": 99, "flapping": True}, ["link.failing", "link.flapping"]),
    ],
)
def test_which_failure_of_a_link_a_person_must_hear_of(
    error_class: ErrorClass, retry: dict[str, int | bool], wanted: list[str]
) -> None:
    """2.5, 2.6: an untrusted certificate at once, the unexpected after ten, the network never."""
    failure = Failure(error_class=error_class, reason="because")
    found = of_link(failure, Retry(delay_s=1.0, attempt=1, **retry))  # type: ignore[arg-type]  # a table
    assert names(found) == wanted
    assert all(alert.detail and alert.next_step for alert in found)


def test_too_big_is_what_we_refused_not_what_the_peer_did() -> None:
    assert too_big(Failure(error_class=ErrorClass.PROTOCOL, reason="frame_too_big"))
    assert not too_big(Failure(error_class=ErrorClass.PROTOCOL, reason="close_1009"))


@pytest.mark.parametrize(
    ("lately", "accounts", "many"),
    [
        (1, 1, False),
        (2, 2, False),
        (3, 3, True),
        (3, 60, False),
        (4, 79, True),
        (CROWD, 10_000, False),
        (CROWD + 1, 10_000, True),
    ],
)
def test_how_many_crashes_are_a_crowd(lately: int, accounts: int, many: bool) -> None:  # noqa: FBT001  # a table
    """2.8: more than 5 % or 20 within a minute; one of a house of one is no crowd."""
    now_ms = 1_000_000
    crashed = [
        Alert(name="account.failed", account=f"a{number}", since_ms=now_ms - 60_000)
        for number in range(lately)
    ]
    old = [Alert(name="account.failed", account=f"o{n}", since_ms=1) for n in range(99)]
    assert crowd([*crashed, *old], accounts, now_ms) == (lately if many else 0)


def test_what_the_journal_refuses_is_told_with_its_reason() -> None:
    alert = storage_refused("shop-a", 3, "ValueError: no")
    assert (alert.name, alert.account) == ("journal.refused", "shop-a")
    assert "3 frames" in alert.detail
    assert "ValueError: no" in alert.detail
    assert "journal check" in alert.next_step


def test_names_are_those_of_all_that_are_on() -> None:
    """One a lane: a metric shows how many."""
    alerts = Alerts()
    for account in ("a", "b"):
        alerts.begin(Alert(name="letters.waiting", account=account), 1)
    alerts.begin(Alert(name="journal.lost"), 1)
    assert sorted(alerts.names()) == ["journal.lost", "letters.waiting", "letters.waiting"]
