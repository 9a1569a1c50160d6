"""Why an account stands where it does: every way into every state has words in both languages."""

from __future__ import annotations

import itertools
import re

import pytest

from actors.account.reconnect import CRASH_LOOP
from actors.policy.failures import SESSION_REMOVED
from actors.state import TRANSITIONS, Cause, ConnectionState
from actors.values import ErrorClass
from gateway.host.advice import SIGN_IN, Action, advise
from gateway.words import LANGUAGES, WORDS, of_alert

WHYS = (*(each.value for each in ErrorClass), SESSION_REMOVED, "max_attempts", CRASH_LOOP)
"""As ``GiveUp.why`` has them."""

WAYS = sorted({(after.value, cause.value) for _, cause, after, _ in TRANSITIONS})


@pytest.mark.parametrize(("after", "cause"), WAYS)
def test_every_way_into_a_state_is_told(after: str, cause: str) -> None:
    state, by = ConnectionState(after), Cause(cause)
    whys = WHYS if state is ConnectionState.FAILED else (None,)
    for error_class, why in itertools.product((None, *ErrorClass), whys):
        advice = advise(state, cause=by, why=why, error_class=error_class)
        for language in LANGUAGES:
            means, step = WORDS[language].advice[advice.key]
            assert means
            assert step or advice.key == "connected"
        if state is ConnectionState.FAILED:
            assert advice.key == f"failed.{why}"
            assert advice.action in {Action.RESET, Action.SIGN_IN}


def test_every_text_is_reached_and_of_both_languages() -> None:
    keys = {
        advise(
            state,
            cause=cause,
            why=why,
            error_class=error_class,
            reason=reason,
            paused=paused,
            enabled=enabled,
        ).key
        for state in ConnectionState
        for cause in (None, *Cause)
        for why in (None, *WHYS)
        for error_class in (None, *ErrorClass)
        for reason in (None, "no_login")
        for paused in (False, True)
        for enabled in (False, True)
    }
    assert set(WORDS["en"].advice) == set(WORDS["zh-CN"].advice) == keys
    assert keys >= SIGN_IN
    for key in keys:
        english = " ".join(WORDS["en"].advice[key])
        chinese = " ".join(WORDS["zh-CN"].advice[key])
        assert re.findall(r"`[^`]+`", english) == re.findall(r"`[^`]+`", chinese), key
        assert not re.search(r"[一-鿿]", english), key


@pytest.mark.parametrize(
    ("state", "given", "key", "action"),
    [
        ("disconnected", {}, "disconnected", None),
        ("disconnected", {"paused": True}, "paused", Action.RESUME),
        ("disconnected", {"enabled": False}, "disabled", Action.RESUME),
        ("disconnected", {"enabled": False, "paused": True}, "paused", Action.RESUME),
        ("failed", {"why": "needs_human", "reason": "no_login"}, "failed.no_login", Action.SIGN_IN),
        ("disconnected", {"cause": Cause.PAUSE}, "paused", Action.RESUME),
        ("connected", {"error_class": ErrorClass.NETWORK}, "connected", None),
        ("connected", {"cause": Cause.REGISTERED, "paused": True}, "connected", None),
        (
            "reconnecting",
            {"cause": Cause.GRANT_AWAITED, "error_class": ErrorClass.NEEDS_HUMAN},
            "reconnecting.grant_awaited",
            None,
        ),
        (
            "reconnecting",
            {"cause": Cause.LINK_LOST, "error_class": ErrorClass.NETWORK},
            "reconnecting.network",
            None,
        ),
        ("failed", {"why": "unheard_of", "error_class": ErrorClass.AUTH}, "failed.auth",
         Action.SIGN_IN),
        ("failed", {"why": "unheard_of"}, "failed", Action.RESET),
        ("failed", {"why": "kicked", "error_class": ErrorClass.KICKED}, "failed.kicked",
         Action.RESET),
    ],
)  # fmt: skip
def test_what_says_most_is_told(
    state: str, given: dict[str, object], key: str, action: Action | None
) -> None:
    advice = advise(ConnectionState(state), **given)  # type: ignore[arg-type]  # as above
    assert (advice.key, advice.action) == (key, action)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_of_an_account_that_gave_up_says_what_helps(language: str) -> None:
    words = WORDS[language]  # type: ignore[index]  # of LANGUAGES
    assert of_alert("account.failed", "auth", language) == words.advice["failed.auth"]  # type: ignore[arg-type]
    assert of_alert("account.failed", "x", language) == words.alerts["account.failed"]  # type: ignore[arg-type]
    assert of_alert("sink.failing", "auth", language) == words.alerts["sink.failing"]  # type: ignore[arg-type]
    assert of_alert("no.such", "auth", language) is None  # type: ignore[arg-type]
