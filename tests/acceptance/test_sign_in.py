"""Sign-in by a code that a phone scans, over real sockets: row B34 of the credentials' faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import control_api
import pytest
from commands import call
from control_api import Serve
from market import WAIT_S
from shopkeeper import TOKEN_API, Make, Shopkeeper

from actors.state import ConnectionState
from gateway import CredentialsRefusedError, UnknownAccountError, web
from gateway.cli import sign_in as command_line
from gateway.credentials import sign_in_words as words
from gateway.credentials.shapes import SignInShown
from gateway.host.credentials import CredentialDesk
from gateway.platforms.goofish import passport
from gateway.testing import WebBehaviour, web_rules
from gateway.testing.web.rules import Held, WebRule
from gateway.web import codes

serve_api = control_api.serve_api

ROOT = Path(__file__).parents[2]
SHOP = "shop-a"
PATH = f"/v1/accounts/{SHOP}/sign-in"
LINK = "https://passport.goofish.com/qrcodeCheck.htm?lgToken="


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two looks at a code be close together; nothing is asked of another gateway."""
    monkeypatch.setattr(passport, "POLL_S", 0.02)
    monkeypatch.delenv("XIANYU_GATEWAY_URL", raising=False)
    monkeypatch.delenv("XIANYU_GATEWAY_TOKEN", raising=False)


def until(desk: CredentialDesk, *states: str) -> SignInShown:
    """Wait for one of some states."""
    seen = None
    while True:
        shown = desk.sign_in_status(SHOP, seen, WAIT_S)
        assert shown is not None
        if shown.state in states:
            return shown
        assert not shown.ended, (shown, shown.detail)
        assert shown.number != seen, f"{shown} stays"
        seen = shown.number


def begun(keeper: Shopkeeper) -> CredentialDesk:
    """Begin to sign in; return the desk."""
    desk = keeper.gateway.credentials
    assert desk.sign_in(SHOP).state in ("starting", "waiting")
    return desk


def connected(make: Make, **more: Any) -> Shopkeeper:
    """Return a shopkeeper whose account works with the cookie of the settings."""
    keeper = make(**more)
    keeper.gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    return keeper


def waiting(make: Make, web_side: WebBehaviour | None = None) -> Shopkeeper:
    """Return a shopkeeper whose account waits for a person to sign in."""
    keeper = make(web_side, cookie="")
    keeper.gateway.start()
    keeper.wait(ConnectionState.FAILED)
    return keeper


def stored(keeper: Shopkeeper) -> list[Path]:
    """Return the files of credentials."""
    return sorted((Path(keeper.config["data_dir"]) / "credentials").glob("*.json"))


def nothing_new(keeper: Shopkeeper) -> None:
    """See that the account is where it was: no login, nothing asked with one."""
    assert keeper.gateway.accounts[SHOP].credentials.lineage == 0
    assert not keeper.calls()
    keeper.web.check()


def test_a_scanned_code_signs_in(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    scan = keeper.web.passport.scan("2201")
    desk = begun(keeper)
    shown = until(desk, "waiting")
    assert shown.link is not None
    assert shown.link.startswith(LINK)
    assert shown.code == 1
    assert shown.left_s is not None
    assert 200 < shown.left_s <= 300
    assert shown.link not in repr(shown)
    scan.next()
    assert until(desk, "scanned").link is None
    scan.next()
    done = until(desk, "done")
    assert (done.user_id, done.reason, done.link, done.left_s) == ("2201", None, None, None)
    keeper.wait(ConnectionState.CONNECTED)
    keeper.says("hello")
    keeper.ledger.wait(1)
    credentials = keeper.gateway.accounts[SHOP].credentials
    assert (credentials.lineage, credentials.version, credentials.state) == (1, 1, "ready")
    assert "havana_lgc2_77" in {cookie.name for cookie in credentials.kept}
    assert keeper.log.found("sign_in.ended", state="done", reason=None, account=SHOP)
    assert len(keeper.log.found("credentials.replaced", account=SHOP, by="code", proven=True)) == 1
    keeper.web.check()


def test_a_new_login_takes_the_place_of_one_that_works(shopkeepers: Make) -> None:
    keeper = connected(shopkeepers)
    keeper.web.passport.scan("2201", automatic=True)
    until(begun(keeper), "done")
    keeper.shop.wait_registered(sessions=2)
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.gateway.accounts[SHOP].credentials.lineage == 2
    keeper.web.check()


@pytest.mark.row("B34", "three codes, then expired")
def test_three_codes_expire(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    scans = [keeper.web.passport.scan("2201", ("NEW", "EXPIRED")) for _ in range(3)]
    desk = begun(keeper)
    links = []
    for number, scan in enumerate(scans, start=1):
        shown = until(desk, "waiting")
        while shown.code < number:
            found = desk.sign_in_status(SHOP, shown.number, WAIT_S)
            assert found is not None
            shown = found
        if shown.link is None:
            shown = until(desk, "waiting")
        links.append(shown.link)
        scan.next()
    ended = until(desk, "expired")
    assert len(set(links)) == 3
    assert (ended.code, ended.link, ended.reason) == (3, None, None)
    assert "begin again" in str(ended.detail)
    nothing_new(keeper)
    keeper.web.passport.scan("2201", automatic=True)
    assert desk.sign_in(SHOP).number > ended.number
    until(desk, "done")
    keeper.wait(ConnectionState.CONNECTED)


@pytest.mark.row("B34", "cancelled")
def test_the_phone_cancels(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    keeper.web.passport.scan("2201", ("NEW", "SCANED", "CANCELED"), automatic=True)
    assert until(begun(keeper), "cancelled").reason is None
    nothing_new(keeper)


def test_a_person_cancels(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    scan = keeper.web.passport.scan("2201", ("NEW", "CONFIRMED"))
    desk = begun(keeper)
    until(desk, "waiting")
    cancelled = desk.sign_in_cancel(SHOP)
    assert cancelled is not None
    assert (cancelled.state, cancelled.link) == ("cancelled", None)
    scan.next()
    assert desk.sign_in_cancel(SHOP) == cancelled
    nothing_new(keeper)


@pytest.mark.row("B34", "an unknown word is waited over")
@pytest.mark.parametrize("word", ["NOVEL", "BLANK", "HAS_ERROR"])
def test_an_unknown_word_is_waited_out(shopkeepers: Make, word: Any) -> None:
    keeper = waiting(shopkeepers)
    scan = keeper.web.passport.scan("2201", ("NEW", word, "SCANNED", "CONFIRMED_TOKEN"))
    desk = begun(keeper)
    until(desk, "waiting")
    scan.next()
    scan.wait_polled(3)
    assert until(desk, "waiting").link is not None
    scan.next()
    until(desk, "scanned")
    scan.next()
    until(desk, "done")
    keeper.wait(ConnectionState.CONNECTED)
    keeper.web.check()


@pytest.mark.row("B34", "five errors in a row: failed")
def test_five_errors_in_a_row_end_it(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    keeper.web.passport.scan("2201", ("HAS_ERROR",))
    ended = until(begun(keeper), "failed")
    assert ended.reason == "answers_unusable"
    assert keeper.calls("query.do") == 5
    nothing_new(keeper)


@pytest.mark.row("B34", "verifying until the person has done it")
def test_an_identity_check_is_done_by_the_person(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    scan = keeper.web.passport.scan("2201", ("NEW", "CHECK", "EXPIRED", "CONFIRMED"))
    desk = begun(keeper)
    until(desk, "waiting")
    scan.next()
    shown = until(desk, "verifying")
    assert shown.check_link is not None
    assert "/iv/mini/normal_validate.htm" in shown.check_link
    assert shown.link is None
    scan.next()
    scan.wait_polled(2)
    assert until(desk, "verifying").check_link == shown.check_link
    scan.next()
    assert until(desk, "done").check_link is None
    keeper.wait(ConnectionState.CONNECTED)
    assert "normal_validate" not in repr(keeper.log.lines)
    keeper.web.check()


@pytest.mark.row("B34", "failed(wrong_account), the link is held")
def test_another_user_is_refused_and_the_link_held(shopkeepers: Make) -> None:
    keeper = connected(shopkeepers)
    keeper.web.seller("2202")
    calls = keeper.calls()
    keeper.web.passport.scan("2202", automatic=True)
    ended = until(begun(keeper), "failed")
    assert ended.reason == "wrong_account"
    credentials = keeper.gateway.accounts[SHOP].credentials
    assert (credentials.lineage, credentials.user_id) == (1, "2201")
    assert keeper.calls() == calls
    assert len(keeper.shop.sessions) == 1
    keeper.web.check()


def test_another_user_is_refused_by_the_seed_alone(shopkeepers: Make) -> None:
    """The gateway was never started, so only the cookie of the settings says who it is."""
    keeper = shopkeepers()
    keeper.web.seller("2202")
    keeper.web.passport.scan("2202", automatic=True)
    assert until(begun(keeper), "failed").reason == "wrong_account"
    assert not stored(keeper)


@pytest.mark.row("B34", "the second is refused")
def test_two_at_once_are_refused(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    scan = keeper.web.passport.scan("2201", ("NEW", "CONFIRMED"))
    desk = begun(keeper)
    until(desk, "waiting")
    with pytest.raises(CredentialsRefusedError, match=r"shop-a .* already: .* waiting") as refused:
        desk.sign_in(SHOP)
    assert refused.value.reason == "busy"
    assert LINK not in str(refused.value)
    scan.next()
    until(desk, "done")
    with pytest.raises(UnknownAccountError):
        desk.sign_in("shop-b")


def test_credentials_of_the_settings_are_not_signed_in(shopkeepers: Make) -> None:
    keeper = shopkeepers()
    keeper.config["accounts"][0]["credentials"] = {
        "user_id": "2201",
        "device_id": "d",
        "token": "t",
    }
    desk = keeper.made().credentials
    with pytest.raises(CredentialsRefusedError) as refused:
        desk.sign_in(SHOP)
    assert refused.value.reason == "not_renewed_here"
    assert desk.sign_in_status(SHOP) is None
    assert desk.sign_in_cancel(SHOP) is None


@pytest.mark.row("B34", "cancelled, and nothing is stored")
def test_a_stop_ends_it(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    scan = keeper.web.passport.scan("2201", ("NEW", "CONFIRMED"))
    desk = begun(keeper)
    until(desk, "waiting")
    assert keeper.gateway.stop(10.0)
    ended = desk.sign_in_status(SHOP)
    assert ended is not None
    assert (ended.state, ended.reason) == ("cancelled", "gateway_stopped")
    scan.next()
    with pytest.raises(CredentialsRefusedError) as refused:
        desk.sign_in(SHOP)
    assert refused.value.reason == "not_running"
    nothing_new(keeper)


def test_a_stop_while_the_token_is_asked_for_stores_nothing(shopkeepers: Make) -> None:
    """A person cannot cancel any more then, but the stop can: another process may come."""
    keeper = waiting(shopkeepers)
    keeper.web.passport.scan("2201", automatic=True)
    keeper.web.inject(WebRule(api=TOKEN_API, do=Held()))
    desk = begun(keeper)
    until(desk, "checking")
    keeper.web.wait_held()
    asked = desk.sign_in_cancel(SHOP)
    assert asked is not None
    assert asked.state == "checking"
    before = [path.read_bytes() for path in stored(keeper)]
    assert keeper.gateway.stop(2.0)
    ended = desk.sign_in_status(SHOP)
    assert ended is not None
    assert (ended.state, ended.reason) == ("cancelled", "gateway_stopped")
    keeper.web.heal()
    keeper.web.release()
    desk._sign_ins._known[SHOP]._thread.join(WAIT_S)
    assert [path.read_bytes() for path in stored(keeper)] == before
    assert desk.sign_in_status(SHOP) == ended


def test_an_account_that_is_removed_is_signed_in_no_more(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    desk = begun(keeper)
    until(desk, "waiting")
    keeper.gateway.accounts.remove(SHOP)
    assert keeper.log.wait("sign_in.ended", state="cancelled", reason="account_removed")
    with pytest.raises(UnknownAccountError):
        desk.sign_in_status(SHOP)


def test_a_captcha_is_never_attempted(shopkeepers: Make) -> None:
    """One call that is answered with risk control is the last one; a person is told what to do."""
    keeper = waiting(shopkeepers)
    keeper.web.inject(web_rules.risk_control())
    keeper.web.passport.scan("2201", automatic=True)
    ended = until(begun(keeper), "failed")
    assert ended.reason == "verification_asked"
    assert "www.goofish.com/im" in str(ended.detail)
    assert "punish" not in str(ended.detail)
    calls = len(keeper.web.calls())
    assert keeper.calls() == 1
    keeper.heard("replaced")
    keeper.wait(ConnectionState.FAILED)
    assert len(keeper.web.calls()) == calls
    keeper.web.check()


def test_a_captcha_before_the_code_ends_it(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    visit = "mtop.gaia.nodejs.gaia.idle.data.gw.v2.index.get"
    keeper.web.inject(web_rules.risk_control(api=visit))
    ended = until(begun(keeper), "failed")
    assert ended.reason == "verification_asked"
    assert len(keeper.web.calls()) == 1
    assert keeper.gateway.accounts[SHOP].credentials.lineage == 0


def test_a_platform_out_of_reach_is_said(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers)
    keeper.web.stop()
    ended = until(begun(keeper), "failed")
    assert ended.reason == "answers_unusable"
    assert "cannot be reached" in str(ended.detail)


def test_no_secret_is_in_the_log(shopkeepers: Make) -> None:
    keeper = waiting(shopkeepers, WebBehaviour(rotation="scopes"))
    secrets: list[Any] = []
    scan = keeper.web.passport.scan("2201", ("NEW", "CHECK", "CONFIRMED_TOKEN"))
    desk = begun(keeper)
    shown = until(desk, "waiting")
    secrets.append(str(shown.link).partition("lgToken=")[2].partition("&")[0])
    assert secrets[0] not in keeper.gateway.redact(f"a log of {shown.link}")
    scan.next()
    secrets.append(until(desk, "verifying").check_link)
    scan.next()
    until(desk, "done")
    keeper.wait(ConnectionState.CONNECTED)
    source: Any = keeper.gateway._registry.plans[SHOP].source
    kept = source.stored()
    secrets += [kept.token, *(cookie["value"] for cookie in kept.cookies)]
    said = repr(keeper.log.lines)
    for secret in secrets:
        assert str(secret) == "2201" or str(secret) not in said
    (started,) = keeper.log.found("sign_in.started")
    (ended,) = keeper.log.found("sign_in.ended")
    assert started == {"account": SHOP}
    assert ended == {"account": SHOP, "state": "done", "reason": None}


# --- HTTP ---------------------------------------------------------------------------------


def listening(keeper: Shopkeeper) -> Shopkeeper:
    """Have its gateway listen, in place of one that was never started."""
    keeper.config["http"] = {"listen": "127.0.0.1:0"}
    keeper.made().start()
    keeper.wait(ConnectionState.FAILED)
    return keeper


def test_a_page_follows_it_without_asking_fast(shopkeepers: Make, serve_api: Serve) -> None:
    keeper = listening(shopkeepers(cookie=""))
    scan = keeper.web.passport.scan("2201", ("NEW", "CONFIRMED"))
    api = serve_api(keeper.gateway, log=keeper.log)
    status, answer, _ = api.ask("GET", PATH)
    assert (status, answer["error"]) == (404, "no_sign_in")
    assert api.ask("DELETE", PATH)[0] == 404

    status, found, headers = api.ask("POST", PATH)
    assert status == 202
    assert headers["cache-control"] == "no-store"
    while found["state"] != "waiting":
        found = api.get(f"{PATH}?seen={found['number']}&wait_s=10")
    assert found["link"].startswith(LINK)
    assert "***" not in found["link"]
    assert found["svg"].startswith("<svg ")
    assert "<script" not in found["svg"]
    again = api.get(f"{PATH}?seen={found['number']}&wait_s=0.05")
    assert again | {"left_s": 0} == found | {"left_s": 0}, "nothing has changed"

    status, answer, _ = api.ask("POST", PATH)
    assert (status, answer["error"]) == (409, "busy")
    assert "DELETE" in answer["next_step"]
    assert api.ask("GET", f"{PATH}?seen=x")[0] == 400
    assert api.ask("GET", f"{PATH}?sen=1")[0] == 400
    assert api.ask("POST", "/v1/accounts/none/sign-in")[0] == 404

    scan.next()
    while found["state"] != "done":
        found = api.get(f"{PATH}?seen={found['number']}&wait_s=10")
    assert (found["link"], found["svg"], found["user_id"]) == (None, None, "2201")
    keeper.wait(ConnectionState.CONNECTED)
    assert LINK not in repr(keeper.log.lines)


def test_a_page_cancels_it(
    shopkeepers: Make, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the package that draws, there is the link still."""
    monkeypatch.setitem(sys.modules, "segno", None)
    keeper = listening(shopkeepers(cookie=""))
    api = serve_api(keeper.gateway)
    found = api.post(PATH)
    while found["state"] != "waiting":
        found = api.get(f"{PATH}?seen={found['number']}&wait_s=10")
    assert found["link"]
    assert found["svg"] is None
    status, found, _ = api.ask("DELETE", PATH)
    assert (status, found["state"], found["link"]) == (200, "cancelled", None)
    nothing_new(keeper)


# --- the command line ---------------------------------------------------------------------


@contextmanager
def served(keeper: Shopkeeper) -> Iterator[str]:
    """Yield the address of its gateway."""
    with web.serving(keeper.gateway) as found:
        assert found is not None
        yield found.url


def squares_of(drawn: str) -> list[list[bool]]:
    """Return the squares of a code in half blocks, True for dark."""
    halves = {pair: each for each, pair in command_line._HALVES.items()}
    rows: list[list[bool]] = []
    for line in drawn.splitlines():
        assert line.startswith(command_line._INK)
        assert line.endswith(command_line._PLAIN)
        pairs = [
            halves[each]
            for each in line.removeprefix(command_line._INK).removesuffix(command_line._PLAIN)
        ]
        rows += [[upper for upper, _ in pairs], [lower for _, lower in pairs]]
    return rows


def test_a_code_is_drawn_for_a_terminal() -> None:
    text = f"{LINK}{'a1b2' * 15}&_from=havana"
    drawn = command_line.drawing(text)
    squares = codes.squares(text, border=command_line.BORDER)
    assert drawn is not None
    assert squares is not None
    rows = squares_of(drawn)
    assert rows[: len(squares)] == squares
    assert not any(rows[0] + rows[-1]), "a quiet zone"
    assert (len(drawn.splitlines()), len(rows[0])) == (23, 45)


@pytest.mark.parametrize("draws", [True, False])
def test_the_command_shows_the_code_and_the_way(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch, *, draws: bool
) -> None:
    if not draws:
        monkeypatch.setitem(sys.modules, "segno", None)
    keeper = listening(shopkeepers(cookie=""))
    keeper.web.passport.scan("2201", ("NEW", "EXPIRED"), automatic=True)
    statuses: Any = ("NEW", "NEW", "SCANED", "CHECK", "CHECK", "CHECK", "CONFIRMED")
    keeper.web.passport.scan("2201", statuses, automatic=True)
    with served(keeper) as url:
        code, out, err = call("accounts", "sign-in", SHOP, "--qr", "--url", url)
    assert (code, err) == (0, "")
    assert (command_line._INK in out) is draws
    assert (LINK in out) is not draws
    assert ("pip install" in out) is not draws
    lines = [line for line in out.splitlines() if not line.startswith("\x1b")]
    assert lines[-1] == "shop-a is signed in, user 2201"
    assert "signed in; asking for a token, so that it is proven" in lines
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.log.found("sign_in.ended", state="done")


def test_the_command_says_each_state() -> None:
    """Each line once; a state may pass faster than a command looks, so it is not by a gateway."""
    told: list[str] = []
    teller = command_line._Teller(SHOP, draw=False, json=False)
    states: list[tuple[dict[str, Any], str]] = [
        ({"state": "starting"}, "asking the platform"),
        (
            {"state": "waiting", "code": 1, "link": LINK, "left_s": 299.0},
            "闲鱼 app of shop-a, 5 min",
        ),
        ({"state": "scanned", "code": 1}, "confirm on your phone"),
        ({"state": "starting", "code": 1}, "expired; here comes another"),
        ({"state": "verifying", "check_link": "https://check"}, "do what it asks: https://check"),
        ({"state": "verifying", "check_link": "https://check"}, "I keep waiting"),
        ({"state": "done", "user_id": "1", "detail": "no network"}, "no token yet: no network"),
        ({"state": "failed", "detail": "that is why\x1b[2J"}, "(failed): that is why\ufffd[2J"),
    ]
    empty = {"code": 0, "link": None, "check_link": None, "left_s": None, "detail": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.cli.show.line", told.append)
        for number, (found, _) in enumerate(states, start=1):
            teller(empty | found | {"number": number})
            teller(empty | found | {"number": number})
    said = "\n".join(told)
    for _, line in states[:-1]:
        assert line in said
    assert len(told) == len(set(told)) + 2, "two identity checks of two lines"


def test_the_command_tells_programs_each_change(shopkeepers: Make) -> None:
    keeper = listening(shopkeepers(cookie=""))
    keeper.web.passport.scan("2201", ("NEW", "SCANED", "CANCELED"), automatic=True)
    with served(keeper) as url:
        code, out, err = call("accounts", "sign-in", SHOP, "--json", "--url", url)
        refused = call("accounts", "sign-in", "shop-b", "--url", url)
    assert (code, err) == (1, "")
    rows = [json.loads(line) for line in out.splitlines()]
    numbers = [row["number"] for row in rows]
    assert numbers == sorted(set(numbers))
    assert rows[-1]["state"] == "cancelled"
    assert (refused[0], refused[1]) == (1, "")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process on Windows")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("running", [True, False])
def test_ctrl_c_and_the_end_of_the_terminal_cancel(
    shopkeepers: Make, tmp_path: Path, *, running: bool, name: str
) -> None:
    keeper = shopkeepers(cookie="")
    file = tmp_path / "g.yaml"
    file.write_text(json.dumps(keeper.config))
    with served(listening(keeper)) if running else nullcontext() as url:
        where = ["--url", url] if url else ["-c", str(file)]
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "accounts", "sign-in", SHOP, *where],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("scan the code"):
                    break
            code, _, said = call("accounts", "sign-in", SHOP, *where)
            assert code == 1
            assert ("being signed in already" if running else "in use") in said
            process.send_signal(getattr(signal, name))
            out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (130, "")
    assert "(cancelled)" in out
    assert not keeper.calls()
    assert not running or until(keeper.gateway.credentials, "cancelled").reason is None
    keeper.web.check()


def test_one_that_was_left_behind_is_cancelled_by_name(shopkeepers: Make) -> None:
    """As after kill -9 of the command."""
    keeper = listening(shopkeepers(cookie=""))
    with served(keeper) as url:
        keeper.gateway.credentials.sign_in(SHOP)
        code, _, said = call("accounts", "sign-in", SHOP, "--url", url)
        assert code == 1
        assert "--cancel" in said
        code, out, _ = call("accounts", "sign-in", SHOP, "--cancel", "--url", url)
        assert (code, "cancelled" in out) == (0, True)
    keeper.web.check()


def test_a_gateway_that_stops_meanwhile_ends_the_command(shopkeepers: Make) -> None:
    keeper = listening(shopkeepers(cookie=""))
    with served(keeper) as url:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "accounts", "sign-in", SHOP, "--json", "--url", url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["state"] == "waiting":
                break
        assert keeper.gateway.stop(10.0)
        with process:
            out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (1, "")
    assert json.loads(out.splitlines()[-1])["reason"] == "gateway_stopped"


@pytest.mark.parametrize("seed", [True, False])
def test_a_stopped_gateway_signs_in_and_the_next_start_only_connects(
    shopkeepers: Make, tmp_path: Path, *, seed: bool
) -> None:
    """Also over the cookie that the settings still give: the person came later."""
    keeper = shopkeepers(cookie=None if seed else "")
    file = tmp_path / "g.yaml"
    file.write_text(json.dumps(keeper.config))
    keeper.web.passport.scan("2201", automatic=True)
    code, out, err = call("accounts", "sign-in", SHOP, "-c", str(file))
    assert (code, err) == (0, ""), out
    calls = keeper.calls()
    assert calls
    keeper.made().start()
    keeper.wait(ConnectionState.CONNECTED)
    assert keeper.calls() == calls
    assert keeper.gateway.accounts[SHOP].credentials.lineage == 1
    keeper.web.check()


def test_a_stopped_gateway_is_not_signed_in_beside_a_running_one(
    shopkeepers: Make, tmp_path: Path
) -> None:
    keeper = connected(shopkeepers)
    file = tmp_path / "g.yaml"
    file.write_text(json.dumps(keeper.config))
    code, out, err = call("accounts", "sign-in", SHOP, "-c", str(file))
    assert (code, out) == (1, "")
    assert "in use" in err
    assert not keeper.calls("generate.do")


def test_an_end_names_the_command_with_its_account() -> None:
    told = words.of_end("failed", "page_unreadable", "shop a")
    assert "accounts credentials set 'shop a' -c FILE" in told
    assert "ACCOUNT" not in told
