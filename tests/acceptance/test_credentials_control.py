"""``accounts credentials`` over HTTP and on a stopped gateway: what is typed, said and returned."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import call
from shopkeeper import HOUR_S, Make, Shopkeeper
from test_sign_in import served

from actors.state import ConnectionState
from gateway.testing import WebBehaviour, web_rules

SHOP = "shop-a"


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no gateway of the environment."""
    monkeypatch.delenv("XIANYU_GATEWAY_URL", raising=False)
    monkeypatch.delenv("XIANYU_GATEWAY_TOKEN", raising=False)


def listening(keeper: Shopkeeper) -> Shopkeeper:
    """Let its gateway listen once it is started."""
    keeper.config["http"] = {"listen": "127.0.0.1:0"}
    keeper.made()
    return keeper


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def secrets_of(keeper: Shopkeeper) -> list[str]:
    source: Any = keeper.gateway._registry.plans[SHOP].source
    stored = source.stored()
    values = [stored.token or "", *(str(each["value"]) for each in stored.cookies)]
    return [value for value in values if len(value) > 6]


def test_a_login_is_shown_replaced_and_renewed(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keeper = listening(shopkeepers(WebBehaviour(per_hour=None), min_gap_s=0.0, per_hour=20))
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    said: list[str] = []

    def command(*words: str, code: int = 0) -> str:
        found, out, err = call("accounts", "credentials", *words, "--url", url)
        said.append(out + err)
        assert found == code, (words, found, out, err)
        return out + err

    with served(keeper) as url:
        shown = command("show", SHOP)
        assert "ready" in shown
        assert "cookie2" in shown
        whole = json.loads(command("show", SHOP, "--json"))
        assert (whole["state"], whole["version"], whole["lineage"]) == ("ready", 1, 1)
        assert {"_m_h5_tk", "unb"} <= {each["name"] for each in whole["kept"]}

        assert "new token" in command("renew", SHOP)
        assert json.loads(command("renew", SHOP, "--json"))["version"] == 3

        typed(monkeypatch, keeper.seller.sign_in())
        assert "new login" in command("set", SHOP)
        file = tmp_path / "cookie.txt"
        file.write_text(f"Cookie: {keeper.seller.sign_in()}\r\n", "utf-8")
        done = json.loads(command("set", SHOP, "--file", str(file), "--json"))
        assert (done["proven"], done["login"]["lineage"]) == (True, 3)

        for text, words in (
            (keeper.web.seller("2202").cookie, "2202"),
            ("cookie2=1", "unb"),
            ("", "there is nothing in it"),
            ("x" * 1_000_000, "65536"),
        ):
            typed(monkeypatch, text)
            assert words in command("set", SHOP, code=1)
        command("set", SHOP, "--file", str(tmp_path / "none"), code=2)
        command("show", "nobody", code=1)
        assert json.loads(command("show", SHOP, "--json"))["lineage"] == 3
    replaced = keeper.log.found("credentials.replaced", account=SHOP, by="cookie", proven=True)
    assert len(replaced) == 2, "one line a login, and none for what was refused"
    for secret in secrets_of(keeper):
        assert not any(secret in each for each in [*said, repr(keeper.log.lines)])
    keeper.web.check(allow=["foreign_cookie"])


def test_a_person_s_renewal_brings_a_failed_account_back(shopkeepers: Make) -> None:
    keeper = listening(shopkeepers(min_gap_s=0.0))
    keeper.web.inject(web_rules.risk_control())
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    keeper.web.heal()
    keeper.seller.person_acted()
    with served(keeper) as url:
        code, out, err = call("accounts", "credentials", "renew", SHOP, "--url", url)
    assert (code, err) == (0, ""), out
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.check()


def test_a_stopped_gateway_takes_a_login_and_forgets_failures(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.web.inject(web_rules.risk_control())
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(keeper.config))
    code, _, err = call("accounts", "credentials", "show", SHOP, "-c", str(file))
    assert code == 1
    assert "in use" in err
    keeper.gateway.stop(10.0)
    keeper.web.heal()

    code, out, err = call("accounts", "credentials", "show", SHOP, "-c", str(file), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["state"] == "needs_human"
    assert call("accounts", "credentials", "renew", SHOP, "-c", str(file))[0] == 1
    assert call("accounts", "reset", SHOP, "-c", str(file))[0] == 0
    assert call("accounts", "reset", "nobody", "-c", str(file))[0] == 1

    typed(monkeypatch, keeper.seller.sign_in())
    code, out, err = call("accounts", "credentials", "set", SHOP, "-c", str(file))
    assert (code, err) == (0, ""), out
    calls = keeper.calls()
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls, "the token of the proof is used"
    keeper.web.check()


def test_a_person_who_hammers_stays_within_the_budget(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = listening(shopkeepers())
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    with served(keeper) as url:

        def command(*words: str) -> tuple[int, str]:
            typed(monkeypatch, keeper.seller.sign_in())
            code, out, err = call("accounts", "credentials", *words, SHOP, "--url", url)
            return code, out + err

        codes = [command("renew")[0] for _ in range(9)]
        assert codes == [0] * 4 + [1] * 5, "two calls were made at the start"
        for verb in ("renew", "set"):
            code, said = command(verb)
            assert (code, "there is one again in 60 min" in said) == (1, True), said
        code, said, _ = call("accounts", "sign-in", SHOP, "--url", url)
        assert code == 1
        assert keeper.gateway.accounts[SHOP].credentials.lineage == 1
    lines = keeper.log.found("credentials.renewal_failed", reason="budget_spent")
    assert len(lines) == 6, "each renewal that was refused, once"
    keeper.web.check()


def test_a_login_pasted_when_the_calls_are_spent_is_kept_and_proven_later(
    shopkeepers: Make,
) -> None:
    keeper = shopkeepers(manual=True, per_hour=1)
    keeper.seller.end_login()
    keeper.web.inject(web_rules.risk_control())
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    keeper.web.heal()
    before = keeper.calls()
    shown = keeper.gateway.accounts[SHOP].set_credentials(keeper.seller.sign_in())
    assert (shown.lineage, shown.version) == (2, 0)
    assert keeper.calls() == before, "no call is left"
    connected = ConnectionState.CONNECTED
    keeper.pass_time(lambda: keeper.gateway.accounts[SHOP].state is connected, limit_s=4 * HOUR_S)
    keeper.web.check(allow=["token_unused"])  # a minute of this clock is over before a link is up


def test_an_account_that_waits_for_a_token_says_why_and_how_long(shopkeepers: Make) -> None:
    keeper = listening(shopkeepers())
    keeper.web.inject(web_rules.throttled())
    keeper.gateway.start()
    keeper.heard("failed")
    keeper.wait(ConnectionState.RECONNECTING)
    view = keeper.gateway.accounts[SHOP]
    assert view.last_error is not None
    assert view.last_error.reason == "throttled"
    assert view.next_retry_s is not None
    assert 500 < view.next_retry_s <= 660, "until the next renewal, not until the next look"
    with served(keeper) as url:
        listed = json.loads(call("accounts", "list", "--url", url, "--json")[1])["accounts"][0]
        assert listed["last_error"]["reason"] == "throttled"
        assert listed["next_retry_s"] > 500
        for command in (("accounts", "list"), ("status",)):
            out = call(*command, "--url", url)[1]
            assert "throttled" in out
            assert f"{SHOP}: The platform says that too much is asked" in out, command


def test_a_refusal_leaves_stdout_empty_for_programs(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keeper = listening(shopkeepers(per_hour=2))
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    typed(monkeypatch, keeper.seller.sign_in())
    none = str(tmp_path / "none")
    with served(keeper) as url:
        for code, words in (
            (1, ("credentials", "show", "nobody")),
            (1, ("credentials", "set", SHOP)),
            (2, ("credentials", "set", SHOP, "--file", none)),
            (1, ("credentials", "renew", SHOP)),
            (1, ("sign-in", SHOP)),
            (2, ("credentials", "show", SHOP, "--token-file", none)),
            (2, ("credentials", "show", SHOP, "-c", none)),
        ):
            found, out, err = call("accounts", *words, "--url", url, "--json")
            assert (found, out) == (code, ""), (words, out)
            assert err, words
    keeper.web.check()


@pytest.mark.parametrize(
    ("call_of", "told"),
    [
        (lambda desk: desk.show(None), "account must be"),
        (lambda desk: desk.show([]), "account must be"),
        (lambda desk: desk.renew(None), "account must be"),
        (lambda desk: desk.renew(SHOP, "1"), "wait_s must be"),
        (lambda desk: desk.renew(SHOP, float("nan")), "wait_s"),
        (lambda desk: desk.sign_in(5), "account must be"),
        (lambda desk: desk.sign_in_status(SHOP, "1"), "seen must be"),
        (lambda desk: desk.sign_in_status(SHOP, 1, "x"), "wait_s must be"),
        (lambda desk: desk.sign_in_cancel(None), "account must be"),
    ],
)
def test_a_wrong_argument_is_named_and_does_nothing(
    shopkeepers: Make, call_of: Any, told: str
) -> None:
    keeper = shopkeepers()
    with pytest.raises((TypeError, ValueError), match=told):
        call_of(keeper.gateway.credentials)
    assert not keeper.web.calls()


def test_a_stopped_gateway_shows_why_its_store_cannot_be_read(
    shopkeepers: Make, tmp_path: Path
) -> None:
    """It looked as if nobody had ever signed in."""
    keeper = shopkeepers()
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.gateway.stop(10.0)
    stored = Path(keeper.config["data_dir"]) / "credentials" / f"{SHOP}.json"
    stored.write_bytes(b"{")
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(keeper.config), "utf-8")
    code, out, err = call("accounts", "credentials", "show", SHOP, "-c", str(file))
    assert code == 0, err
    assert "needs_human" in out
    assert "credentials_unreadable" in out
    assert str(stored) in out
