"""Codes, statuses and signals become classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy import failures
from actors.values import ErrorClass, Failure, Phase, SignalKind

E = ErrorClass


@pytest.mark.peer(5)
@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        (None, E.UNEXPECTED_CLOSE),
        (1000, E.UNEXPECTED_CLOSE),
        (1001, E.UNEXPECTED_CLOSE),
        (1005, E.UNEXPECTED_CLOSE),
        (1006, E.UNEXPECTED_CLOSE),
        (1011, E.UNEXPECTED_CLOSE),
        (1002, E.PROTOCOL),
        (1003, E.PROTOCOL),
        (1007, E.PROTOCOL),
        (1009, E.PROTOCOL),
        (1010, E.PROTOCOL),
        (1008, E.OTHER),
        (1012, E.SERVER_RESTART),
        (1013, E.SERVER_OVERLOAD),
        (1004, E.OTHER),
        (3000, E.OTHER),
        (4000, E.OTHER),
        (4999, E.OTHER),
    ],
)
def test_close_codes(code: int | None, error_class: ErrorClass) -> None:
    failure = failures.from_close_code(code, since_registered_s=600.0)
    assert failure.error_class is error_class
    assert failure.close_code == code
    assert failure.reason == ("closed" if code is None else f"close_{code}")
    assert failure.phase is Phase.OPEN
    assert "again" not in failure.detail, "whoever has the link says what becomes of it"


@pytest.mark.parametrize(
    ("since_registered_s", "error_class", "phase"),
    [
        (None, E.AUTH, Phase.REGISTER),
        (0.0, E.AUTH, Phase.OPEN),
        (4.99, E.AUTH, Phase.OPEN),
        (5.0, E.OTHER, Phase.OPEN),
    ],
)
def test_policy_close_is_about_credentials_only_around_the_registration(
    since_registered_s: float | None, error_class: ErrorClass, phase: Phase
) -> None:
    failure = failures.from_close_code(1008, since_registered_s=since_registered_s)
    assert (failure.error_class, failure.phase) == (error_class, phase)


def test_the_peers_words_are_shown_without_secrets() -> None:
    """A server that echoes a token must not put it into our logs."""
    token = "oauth_k1:" + "q7Zx" * 12
    failure = failures.from_close_code(1011, reason=f"bad\ntoken {token} 请重新登录")
    assert "q7Zx" not in failure.detail + failure.close_reason
    assert failure.close_reason == "bad token oauth_k1:… 请重新登录"
    assert "bad token" in failure.detail
    assert "请重新登录" in failure.detail
    assert "\n" not in failure.detail


@given(st.text(), st.none() | st.integers(0, 70_000))
def test_no_words_can_break_the_detail(reason: str, code: int | None) -> None:
    failure = failures.from_close_code(code, reason=reason)
    assert failure.detail.isprintable()
    assert len(failure.detail) < 400


@pytest.mark.peer(5)
@pytest.mark.parametrize(
    ("kind", "error_class", "reason"),
    [
        (SignalKind.KICKED, E.KICKED, "kicked"),
        (SignalKind.SESSION_REMOVED, E.KICKED, failures.SESSION_REMOVED),
        (SignalKind.AUTH_EXPIRED, E.AUTH, "auth_expired"),
    ],
)
def test_signals(kind: SignalKind, error_class: ErrorClass, reason: str) -> None:
    failure = failures.from_signal(kind)
    assert (failure.error_class, failure.reason) == (error_class, reason)


def test_a_kick_after_our_own_silence_is_no_fight_for_the_session() -> None:
    late = failures.from_signal(SignalKind.KICKED, heartbeat_late_s=15.1)
    assert late.error_class is E.UNEXPECTED_CLOSE
    on_time = failures.from_signal(SignalKind.KICKED, heartbeat_late_s=15.0)
    assert on_time.error_class is E.KICKED


@pytest.mark.parametrize("kind", [SignalKind.READY, SignalKind.BACKLOG_CUT, SignalKind.GAP])
def test_signals_that_end_nothing_are_refused(kind: SignalKind) -> None:
    with pytest.raises(ValueError, match=kind.value):
        failures.from_signal(kind)


def test_own_verdicts_tell_the_next_step_and_have_their_own_reason() -> None:
    own = [value for value in vars(failures).values() if isinstance(value, Failure)]
    assert len(own) == len({failure.reason for failure in own}) == 17
    for failure in own:
        assert failure.detail.endswith(".")
        assert failure.reason.isidentifier()
        assert failure.reason.islower()
    assert [f.reason for f in own if f.timed_out] == ["attempt_timed_out", "registration_timed_out"]


def test_backpressure_waits_at_least_five_seconds() -> None:
    assert failures.BACKPRESSURE.retry_after_s == 5.0


@pytest.mark.parametrize(
    ("failure", "error_class"),
    [
        (failures.HEARTBEAT_DEAD, E.UNEXPECTED_CLOSE),
        (failures.HEARTBEAT_UNANSWERED, E.UNEXPECTED_CLOSE),
        (failures.ZOMBIE, E.UNEXPECTED_CLOSE),
        (failures.BACKPRESSURE, E.OTHER),
        (failures.PROTOCOL_ERRORS, E.OTHER),
        (failures.ATTEMPT_TIMED_OUT, E.NETWORK),
        (failures.REGISTRATION_TIMED_OUT, E.OTHER),
        (failures.CIRCUIT_OPEN, E.NETWORK),
        (failures.GRANT_AWAITED, E.OTHER),
        (failures.JOURNAL_UNAVAILABLE, E.OTHER),
        (failures.DECODER_RESTARTED, E.OTHER),
    ],
)
def test_classes_of_own_verdicts(failure: Failure, error_class: ErrorClass) -> None:
    assert failure.error_class is error_class
