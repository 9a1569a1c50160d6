"""Settings that were read again: what is taken over, and what is told and left."""

from __future__ import annotations

from typing import Any

from gateway.config import from_mapping
from gateway.host.reloading import compare
from gateway.settings import AccountSettings, Settings

LOGIN = {"user_id": "2201", "device_id": "D", "token": "t" * 12}


def settings(*accounts: dict[str, Any], **more: Any) -> Settings:
    whole = [{"url": "ws://127.0.0.1:1", "credentials": LOGIN, **each} for each in accounts]
    return from_mapping({"accounts": whole, **more})


def in_use(began: Settings) -> dict[str, AccountSettings]:
    return {each.id: each for each in began.accounts}


def test_equal_settings_change_nothing() -> None:
    began = settings({"id": "a"}, {"id": "b"})
    found = compare(began, in_use(began), settings({"id": "a"}, {"id": "b"}))
    assert (list(found.taken), list(found.left)) == ([], [])


def test_other_credentials_are_taken_and_all_else_is_left() -> None:
    began = settings({"id": "a"}, {"id": "b"}, {"id": "c"})
    other = {**LOGIN, "token": "u" * 12}
    given = settings(
        {"id": "a", "credentials": other, "limits": {"max_frame_bytes": 4096}},
        {"id": "b", "renewal": {"per_hour": 3}},
        {"id": "d"},
        durability="memory",
    )
    found = compare(began, in_use(began), given)
    taken = {each.id: each for each in found.taken}
    assert set(taken) == {"a", "b"}
    assert taken["a"].credentials.token == "u" * 12
    assert taken["a"].limits == began.accounts[0].limits
    assert taken["b"].renewal.per_hour == 3
    assert found.left == [
        "durability",
        "account d is new",
        "account c is gone",
        "accounts[a].limits",
    ]


def test_an_account_of_the_host_is_none_of_the_file() -> None:
    began = settings({"id": "a"})
    added = settings({"id": "host"}).accounts[0]
    found = compare(began, {**in_use(began), "host": added}, began)
    assert (list(found.taken), list(found.left)) == ([], [])


def test_an_account_that_the_host_removed_is_told() -> None:
    began = settings({"id": "a"}, {"id": "b"})
    found = compare(began, {"a": began.accounts[0]}, began)
    assert list(found.left) == ["account b was removed"]


def test_another_user_is_another_account() -> None:
    began = settings({"id": "a"})
    given = settings({"id": "a", "credentials": {**LOGIN, "user_id": "2202", "token": "u" * 12}})
    found = compare(began, in_use(began), given)
    assert not found.taken
    assert found.left == ["accounts[a].credentials.user_id: that is another user's account"]
