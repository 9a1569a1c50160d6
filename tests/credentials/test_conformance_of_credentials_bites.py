"""A suite that passes everything proves nothing: each check fails on a source that breaks it."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from actors.identity import Grant, Identity, Why
from actors.ports import Kept, Renewal
from actors.values import ErrorClass, Failure
from gateway.credentials.registry import SOURCES, Surroundings
from gateway.testing.conformance import Check, ConformanceError, credential_checks
from gateway.testing.conformance import credentials as conformance

SECRET = "hunter2-hunter2"
WAIT_S = 20.0
NUMBERS = itertools.count(1)


class Odd:
    """A source that keeps every promise but those that are changed."""

    egress = ""

    def __init__(self, around: Surroundings, changes: Mapping[str, Any]) -> None:
        self._around = around
        self.change = changes
        for name in ("load", "mark_stuck", "renew"):
            if name in changes:
                setattr(self, name, changes[name])

    def __repr__(self) -> str:
        return str(self.change.get("repr", "Odd()"))

    def load(self) -> Kept:
        return Kept()

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        del why, deadline_s
        if "trouble" in self.change and Odd.sick:
            return self.change["trouble"]()  # type: ignore[no-any-return]  # what it does then
        version = 1 if last is None else last.version + 1
        token = self.change.get("token", f"{SECRET}-{next(NUMBERS)}")
        if "learnt" not in self.change:
            self._around.learn("shop-a", [token])
        identity = Identity(
            account=self.change.get("account", "shop-a"),
            token=token,
            user_id="2201",
            device_id=f"device-{next(NUMBERS)}" if "device" in self.change else "device",
            version=self.change.get("version", version),
        )
        now_ms = self._around.clock.unix_ms()
        lasts_ms = self.change.get("lasts_ms", 60_000)
        return Renewal(
            result=Grant(identity=identity, obtained_at_ms=now_ms, expires_at_ms=now_ms + lasts_ms),
            calls=self.change.get("calls", 1) if calls else 0,
        )

    def mark_stuck(self, reason: Failure) -> None:
        """Keep nothing."""

    sick = False


@contextmanager
def sick() -> Iterator[None]:
    Odd.sick = True
    yield
    Odd.sick = False


def failing(reason: str = "not_well", detail: str = "It is not well today.") -> Renewal:
    return Renewal(
        result=Failure(error_class=ErrorClass.OTHER, reason=reason, detail=detail), calls=1
    )


def raises(*_: object, **__: object) -> None:
    raise KeyError("x")


BREACHES: dict[str, tuple[str, dict[str, Any], str]] = {
    "other account": ("it_gives_those_of_its_account", {"account": "b"}, "of account 'b'"),
    "raises": ("it_gives_those_of_its_account", {"renew": raises}, "KeyError"),
    "fails": (
        "it_gives_those_of_its_account",
        {"renew": lambda *_, **__: failing()},
        "though nothing is wrong: not_well",
    ),
    "another thread": ("it_gives_them_on_any_thread", {"load": raises}, "ConformanceError"),
    "another device": ("it_keeps_device_and_user", {"device": True}, "device_id differs"),
    "shown": ("it_shows_no_secret", {"token": SECRET, "repr": SECRET}, "shows one"),
    "not learnt": ("its_secrets_are_known_before_they_are_used", {"learnt": False}, "learn()"),
    "version 0": ("a_fresh_one_has_a_version_and_a_life", {"version": 0}, "begin at 1"),
    "over already": ("a_fresh_one_has_a_version_and_a_life", {"lasts_ms": -1}, "it ends before"),
    "one version for all": ("another_one_has_another_version", {"version": 1}, "another token"),
    "one token, versions": ("another_one_has_another_version", {"token": "t" * 9}, "the same"),
    "refused again": ("a_refused_one_is_not_given_again", {"token": "t" * 9}, "given again"),
    "too many calls": ("it_keeps_to_its_calls", {"calls": 2}, "2 calls, 1 were allowed"),
    "keeps nothing sound": (
        "a_restart_finds_what_was_kept",
        {"load": lambda: None},
        "must be Kept",
    ),
    "deaf": ("it_hears_that_only_a_person_helps", {"mark_stuck": raises}, "KeyError"),
    "silent": ("it_survives_sick", {"trouble": lambda: None}, "must be Renewal"),
    "odd reason": ("it_survives_sick", {"trouble": lambda: failing("Not well")}, "snake_case"),
    "no words": ("it_survives_sick", {"trouble": lambda: failing(detail="no")}, "too little"),
    "tells it": (
        "it_survives_sick",
        {"trouble": lambda: failing(detail=f"It was {SECRET} who did it.")},
        "shows a secret",
    ),
}


def odd(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, Check]:
    """Return the checks of a kind whose source breaks a promise."""
    monkeypatch.setitem(SOURCES, "python", lambda _account, around: Odd(around, changes))
    options = {"kind": "python", "call": "nobody:asks"}
    checks = credential_checks(options, secrets=[SECRET], troubles={"sick": sick})
    return {each.name: each for each in checks}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_broken_promise_is_found(monkeypatch: pytest.MonkeyPatch, breach: str) -> None:
    check, changes, told = BREACHES[breach]
    with pytest.raises(ConformanceError, match=re.escape(told)):
        odd(monkeypatch, **changes)[check]()


def test_what_never_comes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(conformance, "_WAIT_S", 0.01)
    monkeypatch.setattr(conformance, "DEADLINE_S", 0.2)
    monkeypatch.setattr(conformance, "_GRACE_S", 0.0)
    with pytest.raises(ConformanceError, match="although the trouble is over"):
        odd(monkeypatch, trouble=lambda: over.wait(WAIT_S) and failing())["it_survives_sick"]()
    over.set()


def test_the_rest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for check in odd(monkeypatch, trouble=failing).values():
        check()


def test_a_function_that_gives_what_is_not_renewed_is_told() -> None:
    static = {"kind": "static", "user_id": "2201", "device_id": "d", "token": SECRET}
    check = credential_checks(lambda: static)[-1]
    with pytest.raises(ConformanceError, match="give its settings themselves"):
        check()
