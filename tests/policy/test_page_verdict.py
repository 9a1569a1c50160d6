"""What needs a person, in which order, and the sentence over it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from actors.policy.alerts import Alert
from actors.state import ConnectionState as S
from gateway.host.advice import Action, Advice
from gateway.web.pages.verdict import Matter, Standing, Verdict, matters, verdict


def standing(
    name: str = "a",
    state: S = S.FAILED,
    key: str = "failed.auth",
    action: Action | None = Action.SIGN_IN,
    *,
    since_ms: int = 5,
    dead_letters: int = 0,
    to_review: int = 0,
) -> Standing:
    return Standing(
        id=name,
        state=state,
        since_ms=since_ms,
        advice=Advice(key=key, action=action),
        dead_letters=dead_letters,
        to_review=to_review,
    )


def told(found: Sequence[Matter]) -> list[tuple[str, str | None, str]]:
    return [(each.key, each.account, each.verb) for each in found]


def test_an_account_that_gave_up_needs_what_its_advice_says() -> None:
    found = matters(
        [
            standing("auth"),
            standing("net", key="failed.network", action=Action.RESET, since_ms=4),
            standing("odd", key="failed", action=None, since_ms=6),
        ],
        [],
    )
    assert told(found) == [
        ("failed.network", "net", "reset"),
        ("failed.auth", "auth", "sign_in"),
        ("failed", "odd", "account"),
    ]


def test_one_that_helps_itself_needs_nobody() -> None:
    calm = standing(state=S.RECONNECTING, key="reconnecting.network", action=None)
    asks = standing("b", state=S.RECONNECTING, key="reconnecting.needs_human")
    paused = standing("c", state=S.DISCONNECTED, key="paused", action=Action.RESUME)
    assert told(matters([calm, asks, paused], [])) == [("reconnecting.needs_human", "b", "sign_in")]


def test_what_waits_is_counted_by_account() -> None:
    found = matters([standing(state=S.CONNECTED, action=None, dead_letters=3, to_review=2)], [])
    assert [(each.kind, each.count, each.verb) for each in found] == [
        ("review", 2, "waiting"),
        ("letters", 3, "waiting"),
    ]


def test_alerts_say_no_more_than_once_what_a_row_says() -> None:
    on = [
        Alert(name="account.failed", account="a", why="auth"),
        Alert(name="account.failed", account="other", why="auth"),
        Alert(name="credentials.needs_human", account="a"),
        Alert(name="letters.waiting", account="a"),
        Alert(name="letters.waiting", account="b"),
    ]
    found = matters([standing("a", dead_letters=1)], on)
    assert told(found) == [
        ("failed.auth", "a", "sign_in"),
        ("letters", "a", "waiting"),
        ("account.failed", "other", "account"),
        ("letters.waiting", "b", "waiting"),
    ]


@pytest.mark.parametrize(
    ("alert", "verb"),
    [
        (Alert(name="journal.filling"), "machine"),
        (Alert(name="answer.overdue"), "chats"),
        (Alert(name="answer.overdue", account="a"), "chats"),
        (Alert(name="credentials.sign_in_due", account="a"), "sign_in"),
        (Alert(name="credentials.unsaved", account="a"), "account"),
        (Alert(name="letters.waiting", account="a"), "waiting"),
    ],
)
def test_each_alert_leads_where_it_can_be_mended(alert: Alert, verb: str) -> None:
    assert [each.verb for each in matters([], [alert])] == [verb]


def test_the_whole_gateway_comes_first() -> None:
    on = [Alert(name="link.flapping", account="b"), Alert(name="journal.unavailable")]
    found = matters([standing("a"), standing("b", state=S.CONNECTED, action=None, to_review=1)], on)
    assert [each.account for each in found] == [None, "a", "b", "b"]


@pytest.mark.parametrize(
    ("states", "resting", "changing", "right"),
    [
        ({S.CONNECTED: 3}, 0, None, Verdict(level="well", key="well", count=3)),
        (
            {S.CONNECTED: 2, S.DISCONNECTED: 1},
            1,
            None,
            Verdict(level="well", key="well_some_rest", count=2),
        ),
        ({S.DISCONNECTED: 2}, 2, None, Verdict(level="resting", key="all_rest", count=2)),
        ({}, 0, None, Verdict(level="resting", key="no_accounts")),
        (
            {S.CONNECTED: 2, S.RECONNECTING: 1},
            0,
            "a",
            Verdict(level="working", key="works_one", count=1, account="a"),
        ),
        (
            {S.CONNECTED: 2, S.CONNECTING: 2},
            0,
            "a",
            Verdict(level="working", key="works_some", count=2, account="a"),
        ),
    ],
)
def test_a_sentence_that_is_true_of_all(
    states: dict[S, int], resting: int, changing: str | None, right: Verdict
) -> None:
    assert verdict([], states, resting=resting, changing=changing) == right


def test_what_needs_a_person_is_said_before_all_else() -> None:
    one = matters([standing("a", dead_letters=1)], [])
    states = {S.FAILED: 1, S.RECONNECTING: 4}
    found = verdict(one, states, resting=0, changing="b")
    assert found == Verdict(level="needs_you", key="needs_one", count=2, account="a")
    two = [*one, *matters([standing("b")], [])]
    found = verdict(two, states, resting=0, changing="b")
    assert found == Verdict(level="needs_you", key="needs_some", count=3)
    whole = matters([], [Alert(name="journal.filling")])
    assert verdict(whole, {}, resting=0, changing=None).key == "needs_some"
