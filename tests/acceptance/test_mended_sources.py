"""Credentials that others give and a person mends: tried at once, not after the usual wait."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from market import WAIT_S
from shopkeeper import Make, Shopkeeper

from actors.state import ConnectionState

SHOP = "shop-a"
SOON_S = 10.0
"""Far less than the minute that a failure waits; a loaded machine takes some seconds."""


def written(path: Path, content: str) -> None:
    """Write a file that is never seen half."""
    new = path.with_suffix(".new")
    new.write_text(content)
    new.replace(path)


def token_of(keeper: Shopkeeper) -> dict[str, str]:
    """Return credentials that the platform takes."""
    found = keeper.shop.credentials
    return {key: found[key] or "" for key in ("token", "user_id", "device_id")}


def given_by(make: Make, **credentials: Any) -> Shopkeeper:
    """Return a shopkeeper whose account is given its token."""
    keeper = make()
    keeper.config["accounts"][0]["credentials"] = credentials
    keeper.made().start()
    return keeper


def connects_soon(keeper: Shopkeeper) -> None:
    began_s = time.monotonic()
    keeper.wait(ConnectionState.CONNECTED)
    assert time.monotonic() - began_s < SOON_S


def test_a_file_that_is_written_late_is_read_at_once(shopkeepers: Make, tmp_path: Path) -> None:
    path = tmp_path / "shop-a.json"
    keeper = given_by(shopkeepers, kind="file", path=str(path))
    for count, content in ((1, None), (2, "{"), (3, '{"token": 7}')):
        if content is not None:
            written(path, content)
        (*_, last) = keeper.heard("failed", count)
        assert last.reason == "credentials_unusable"
    written(path, json.dumps(token_of(keeper)))
    connects_soon(keeper)
    assert len(keeper.log.found("credentials.renewal_failed")) == 3, "once for each change"


def test_a_refused_token_that_is_replaced_in_its_file_is_tried_at_once(
    shopkeepers: Make, tmp_path: Path
) -> None:
    path = tmp_path / "shop-a.json"
    keeper = shopkeepers()
    path.write_text(json.dumps(token_of(keeper) | {"token": "an-old-token"}))
    keeper.config["accounts"][0]["credentials"] = {"kind": "file", "path": str(path)}
    keeper.made().start()
    (failed,) = keeper.heard("failed")
    assert failed.reason == "credentials_unchanged"
    written(path, json.dumps(token_of(keeper)))
    connects_soon(keeper)


def test_a_variable_that_is_set_by_the_program_is_read_at_once(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"token": "A_TOKEN_OF_A_TEST", "user_id": "A_USER_OF_A_TEST"}
    keeper = given_by(shopkeepers, kind="env", variables=names)
    keeper.heard("failed")
    found = token_of(keeper)
    monkeypatch.setenv(names["user_id"], found["user_id"])
    monkeypatch.setenv(names["token"], found["token"])
    connects_soon(keeper)


def test_a_person_s_renewal_of_what_waits_is_tried_at_once(
    shopkeepers: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function is not looked at: to call it may cost somebody something."""
    monkeypatch.syspath_prepend(str(tmp_path))
    keeper = given_by(shopkeepers, kind="python", call="shop_that_comes_late:give")
    keeper.heard("failed")
    found = token_of(keeper)
    (tmp_path / "shop_that_comes_late.py").write_text(f"def give(*_): return {found!r}")
    assert keeper.gateway.credentials.renew(SHOP, WAIT_S)
    connects_soon(keeper)
