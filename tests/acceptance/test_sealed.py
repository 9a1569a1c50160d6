"""Sealed credentials from end to end: over restarts, without the key, from plain files, by hand."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import call
from market import WAIT_S
from shopkeeper import Make, Shopkeeper

from actors.state import ConnectionState
from gateway.credentials.sealing import id_of
from gateway.errors import ConfigError

SHOP = "shop-a"
KEY, OTHER = os.urandom(32), os.urandom(32)


def a_key(folder: Path, name: str, *keys: bytes) -> str:
    path = folder / name
    path.write_bytes(b"\n".join(map(base64.b64encode, keys)))
    path.chmod(0o600)
    return str(path)


def kept(keeper: Shopkeeper) -> Path:
    return Path(keeper.config["data_dir"]) / "credentials" / f"{SHOP}.json"


def lives(keeper: Shopkeeper, key_file: str | None) -> None:
    """Start another gateway on the same files."""
    keeper.gateway.stop(10.0)
    keeper.config["credentials"] = {"key_file": key_file}
    keeper.made().start()


def config_file(keeper: Shopkeeper, folder: Path) -> str:
    file = folder / "gateway.yaml"
    file.write_text(json.dumps(keeper.config))
    file.chmod(0o600)
    return str(file)


def findings(file: str) -> list[dict[str, Any]]:
    """Return what doctor says of credentials."""
    _, out, err = call("doctor", "-c", file, "--json")
    assert err == ""
    return [each for each in json.loads(out)["findings"] if each["name"] == "credentials"]


def test_what_was_plain_is_sealed_and_the_older_key_may_go(
    shopkeepers: Make, tmp_path: Path
) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    file = config_file(keeper, tmp_path)
    assert findings(file) == []
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    assert b'"cookies"' in kept(keeper).read_bytes()
    (plain,) = findings(file)
    assert (plain["verdict"], "not encrypted" in plain["detail"]) == ("ok", True)

    for keys, before in (((OTHER,), None), ((KEY, OTHER), OTHER)):
        calls, content = keeper.calls(), kept(keeper).read_bytes()
        lives(keeper, a_key(tmp_path, "gateway.key", *keys))
        keeper.wait(ConnectionState.CONNECTED)
        assert keeper.calls() == calls, "the stored token is used"
        assert kept(keeper).read_bytes() == content
        (finding,) = findings(config_file(keeper, tmp_path))
        assert finding["verdict"] == "warning"
        assert ("not sealed yet" if before is None else id_of(before)) in finding["detail"]
        assert "accounts credentials renew" in finding["next_step"]
        renewed = len(keeper.heard("renewed"))
        assert keeper.gateway.credentials.renew(SHOP, WAIT_S)
        keeper.heard("renewed", renewed + 1)
        assert b'"cookies"' not in kept(keeper).read_bytes()
        (finding,) = findings(file)
        assert (finding["verdict"], id_of(keys[0]) in finding["detail"]) == ("ok", True)

    calls = keeper.calls()
    lives(keeper, a_key(tmp_path, "gateway.key", KEY))
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls
    keeper.web.check()


@pytest.mark.parametrize("other", [None, OTHER], ids=["none", "another"])
def test_whoever_forgot_the_key_loses_nothing(
    shopkeepers: Make, tmp_path: Path, other: bytes | None
) -> None:
    """Nothing that runs by itself, nor a restart, moves the file; with its key all is as before."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.stop(10.0)
    keeper.config["credentials"] = {"key_file": a_key(tmp_path, "right.key", KEY)}
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.stop(10.0)
    sealed, calls = kept(keeper).read_bytes(), keeper.calls()

    wrong = None if other is None else a_key(tmp_path, "wrong.key", other)
    credentials = keeper.config["accounts"][0]["credentials"]
    seed, changed = credentials["cookie"], keeper.seller.sign_in()
    for count, cookie in ((1, changed), (2, seed)):  # another cookie is no reason either
        credentials["cookie"] = cookie
        lives(keeper, wrong)
        keeper.wait(ConnectionState.FAILED)
        failure = keeper.gateway.accounts[SHOP].last_error
        assert failure is not None
        assert failure.reason == "credentials_unreadable"
        assert str(kept(keeper)) in failure.detail
        assert id_of(KEY) in failure.detail
        assert ("credentials.key_file" if wrong is None else wrong) in failure.detail
        keeper.gateway.credentials.renew(SHOP, WAIT_S)
        assert keeper.heard("needs_human", count)[-1].reason == "credentials_unreadable"
        assert [each.name for each in kept(keeper).parent.iterdir()] == [kept(keeper).name]
        assert kept(keeper).read_bytes() == sealed
    (finding,) = findings(config_file(keeper, tmp_path))
    assert finding["verdict"] == "wrong"
    assert id_of(KEY) in finding["detail"]

    lives(keeper, a_key(tmp_path, "right.key", KEY))
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls, "no reset is needed, and no new login"
    keeper.web.check()


def test_a_person_s_new_login_keeps_the_file_aside(shopkeepers: Make, tmp_path: Path) -> None:
    keeper = shopkeepers()
    lives(keeper, a_key(tmp_path, "one.key", KEY))
    keeper.wait(ConnectionState.CONNECTED)
    sealed = kept(keeper).read_bytes
    before = sealed()
    lives(keeper, a_key(tmp_path, "other.key", OTHER))
    keeper.wait(ConnectionState.FAILED)
    keeper.gateway.accounts[SHOP].set_credentials(keeper.seller.sign_in())
    keeper.wait(ConnectionState.CONNECTED)
    (aside,) = kept(keeper).parent.glob("*.unreadable-*")
    assert aside.read_bytes() == before
    assert json.loads(sealed())["key"] == id_of(OTHER)


def test_a_login_is_sealed_on_a_stopped_gateway_too(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keeper = shopkeepers(cookie="")
    keeper.config["credentials"] = {"key_file": a_key(tmp_path, "gateway.key", KEY)}
    file = config_file(keeper, tmp_path)
    monkeypatch.delenv("XIANYU_GATEWAY_URL", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO(keeper.seller.sign_in()))
    assert call("accounts", "credentials", "set", SHOP, "-c", file)[::2] == (0, "")
    assert json.loads(kept(keeper).read_bytes())["key"] == id_of(KEY)
    code, out, _ = call("accounts", "credentials", "show", SHOP, "-c", file, "--json")
    assert (code, json.loads(out)["state"]) == (0, "ready")
    calls = keeper.calls()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls
    keeper.web.check()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_key_file_that_cannot_be_used_is_wrong_configuration(
    shopkeepers: Make, tmp_path: Path
) -> None:
    keeper = shopkeepers()
    path = a_key(tmp_path, "gateway.key", KEY)
    Path(path).chmod(0o644)
    keeper.config["credentials"] = {"key_file": path}
    file = config_file(keeper, tmp_path)
    with pytest.raises(ConfigError, match="chmod 600"):
        keeper.made()
    for words in (
        ("check",),
        ("run",),
        ("accounts", "credentials", "show", SHOP),
    ):
        code, _, err = call(*words, "-c", file)
        assert code in (1, 2), words
        assert f"credentials.key_file: others may use {path}" in err, words
    (finding,) = findings(file)
    assert (finding["verdict"], f"chmod 600 {path}" in finding["next_step"]) == ("wrong", True)
