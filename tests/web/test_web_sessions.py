"""Sessions, roles and one-time links on a real server, and the command that makes a link."""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import control_api
import pytest
from commands import call
from control_api import Api, Serve
from market import Log
from stand_in import TOKEN, StandIn

from gateway.cli import sign_in_link
from gateway.logs import GuardedLog
from gateway.settings.listen import Port
from gateway.web import Serving
from gateway.web.application import Application
from gateway.web.attempts import BLOCK_S, MOST
from gateway.web.callers import Need, Role
from gateway.web.context import Context
from gateway.web.guard import Guard
from gateway.web.links import LIFE_S
from gateway.web.listening import Listener
from gateway.web.routes import OPEN, TABLE, need
from gateway.web.server import HttpServer
from gateway.web.sessions import FRESH_S, NAME

serve_api = control_api.serve_api

VIEWER = "the-token-of-who-may-look"
OTHER = "another-token-of-the-control-api"
PAUSE = "/v1/accounts/a/pause"


def guard_of(api: Api) -> Guard:
    return api.served._context.guard


def signed_in(api: Api, token: str = TOKEN) -> dict[str, str]:
    """Sign in as the page does; give the headers of that browser."""
    _, cookie = guard_of(api).sign_in(token, "127.0.0.1")
    return {"Cookie": f"{NAME}={cookie}"}


def ours(api: Api) -> dict[str, str]:
    """Return what a page of this server sends, too."""
    return {"Origin": api.served.url, "Sec-Fetch-Site": "same-origin"}


def refused(api: Api, *asked: Any, **more: Any) -> tuple[int, str]:
    status, body, _ = api.ask(*asked, **more)
    return status, body["error"]


def anonymous(api: Api) -> Api:
    return Api(api.served, None)


class Clocked:
    """A server whose clocks the test moves."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 1_000_000.0
        self.log = Log()
        self.gateway = StandIn(folder)
        guard = Guard(
            "127.0.0.1",
            TOKEN,
            ["gw.example"],
            clock_s=lambda: self.now_s,
            day_s=lambda: self.now_s,
            refused=lambda address: self.log.warning("control.refused", address=address),
        )
        context = Context(self.gateway, GuardedLog(self.log), guard)
        server = HttpServer(Application(context, guard), Listener(Port(host="127.0.0.1", port=0)))
        server.start()
        self.api = Api(Serving(server, context), TOKEN)


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[Clocked]:
    """Yield a server whose clocks stand still."""
    one = Clocked(tmp_path)
    yield one
    assert one.api.served.stop()


def test_five_wrong_tokens_close_the_door_for_a_minute(clocked: Clocked) -> None:
    api, browser = clocked.api, signed_in(clocked.api)
    nobody, guesser = anonymous(api), Api(api.served, OTHER)
    for _ in range(MOST):
        assert refused(guesser, "GET", "/v1/status") == (401, "unauthorized")
    for each in (guesser, api):
        status, body, headers = each.ask("GET", "/v1/status")
        assert (status, body["error"]) == (429, "too_many_attempts")
        assert headers["retry-after"] == "60"
        assert "wait 60 s" in body["next_step"]
    assert clocked.log.found("control.refused") == [{"address": "127.0.0.1"}]

    assert nobody.ask("GET", "/v1/status", headers=browser)[0] == 200
    assert refused(nobody, "GET", "/v1/status") == (401, "unauthorized")
    assert nobody.get("/livez") == {"status": "ok"}
    clocked.now_s += BLOCK_S
    assert api.ask("GET", "/v1/status")[0] == 200
    assert OTHER not in str(clocked.log.lines)


def test_a_session_outlives_a_server_and_not_its_token(tmp_path: Path, serve_api: Serve) -> None:
    first = serve_api(StandIn(tmp_path))
    browser = signed_in(first)
    assert first.served.stop()
    again = anonymous(serve_api(StandIn(tmp_path)))
    assert again.ask("GET", "/v1/status", headers=browser)[0] == 200
    changed = anonymous(serve_api(StandIn(tmp_path, token=OTHER)))
    assert refused(changed, "GET", "/v1/status", headers=browser) == (401, "unauthorized")


def test_with_a_cookie_only_our_own_page_acts(tmp_path: Path, serve_api: Serve) -> None:
    log, gateway = Log(), StandIn(tmp_path)
    api = serve_api(gateway, log=log)
    nobody, browser = anonymous(api), signed_in(api)
    for headers, told in (
        ({"Origin": "http://evil.example"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({}, "no_origin"),
        (ours(api) | {"Sec-Fetch-Site": "same-site"}, "foreign_origin"),
    ):
        assert refused(nobody, "POST", PAUSE, headers=browser | headers) == (403, told)
    assert not gateway.verbs
    assert nobody.ask("GET", "/v1/status", headers=browser)[0] == 200
    foreign = browser | {"Sec-Fetch-Site": "cross-site"}
    assert refused(nobody, "GET", "/v1/status", headers=foreign) == (403, "foreign_origin")

    assert nobody.ask("POST", PAUSE, headers=browser | ours(api))[0] == 200
    assert api.ask("POST", PAUSE)[0] == 200, "a bearer needs no Origin"
    by_page, by_program = log.found("control.performed", verb="pause", account="a")
    assert re.fullmatch("session [0-9a-f]{8}", by_page["who"])
    assert by_program["who"] == "token"


def test_without_a_token_the_log_says_so(tmp_path: Path, serve_api: Serve) -> None:
    log = Log()
    api = serve_api(StandIn(tmp_path, token=None), log=log)
    api.post(PAUSE)
    assert [line["who"] for line in log.found("control.performed")] == ["local"]


def test_a_link_in_a_chat_opens_a_page(tmp_path: Path, serve_api: Serve) -> None:
    """No cookie comes with it, and nothing of the API is opened so."""
    api = anonymous(serve_api(StandIn(tmp_path)))
    click = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert api.ask("GET", "/sign-in", headers=click)[0] != 403
    assert api.ask("GET", "/v1/status", headers=click)[0] == 403
    assert api.ask("GET", "/sign-in", headers=click | {"Sec-Fetch-Dest": "iframe"})[0] == 403


def test_a_days_old_cookie_is_replaced_and_secure_behind_a_proxy(clocked: Clocked) -> None:
    api, browser = anonymous(clocked.api), signed_in(clocked.api)
    assert "set-cookie" not in api.ask("GET", "/v1/status", headers=browser)[2]
    clocked.now_s += FRESH_S + 1
    told = api.ask("GET", "/v1/status", headers=browser)[2]["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(told.split("; "))
    assert "Secure" not in told
    proxied = {"Host": "gw.example", "X-Forwarded-Proto": "https"}
    _, _, headers = api.ask("GET", "/v1/status", headers=browser | proxied)
    assert headers["set-cookie"].endswith("; Secure")
    forged = {"X-Forwarded-Proto": "https"}
    _, _, headers = api.ask("GET", "/v1/status", headers=browser | forged)
    assert "Secure" not in headers["set-cookie"], "no proxy of ours is asked by address"
    fresh = headers["set-cookie"].partition(";")[0]
    assert "set-cookie" not in api.ask("GET", "/v1/status", headers={"Cookie": fresh})[2]


@pytest.mark.parametrize("chats", [False, True])
@pytest.mark.parametrize("how", ["bearer", "cookie"])
def test_what_a_viewer_may(
    tmp_path: Path,
    serve_api: Serve,
    how: str,
    chats: bool,  # noqa: FBT001
) -> None:
    """Every route there is: looking is free, buyers' words are a setting, all else is refused."""
    gateway = StandIn(tmp_path, viewer_token=VIEWER, viewer_chats=chats)
    api = serve_api(gateway)
    headers = {"Authorization": f"Bearer {VIEWER}"}
    if how == "cookie":
        api, headers = anonymous(api), signed_in(api, VIEWER) | ours(api)
    for method, path in TABLE:
        name = "o1" if "outbox" in path else "a:1" if "dead" in path else "a"
        told = api.ask(method, re.sub("<.*>", name, path), headers=headers)
        wanted = need(TABLE[method, path])
        allowed = path in OPEN or wanted is Need.LOOK or (wanted is Need.READ and chats)
        is_refused = told[0] == 403 and told[1]["error"] == "not_allowed"
        assert is_refused is not allowed, (method, path, told)
        assert told[0] != 401, (method, path)
        assert not is_refused or "http.token" in told[1]["next_step"]
    assert not gateway.verbs
    assert not gateway.sent


def test_what_each_route_needs_is_decided() -> None:
    """A new one is the owner's until somebody says otherwise, here, too."""
    looked = {
        *("/metrics", "/metrics/accounts", "/v1/openapi.json", "/v1/status", "/v1/accounts"),
        *("/v1/accounts/<account>", "/v1/dead-letters", "/v1/journal/check"),
        "/v1/accounts/<account>/takeover",
    }
    read = {"/v1/events", "/v1/dead-letters/<event_id>", "/v1/outbox", "/v1/outbox/<outbox_id>"}
    for (method, path), route in TABLE.items():
        if path not in OPEN:
            free = method == "GET" and path in looked
            words = method == "GET" and path in read
            wanted = Need.LOOK if free else Need.READ if words else Need.ACT
            assert need(route) is wanted, (method, path)


def test_every_route_wants_a_token(clocked: Clocked) -> None:
    nobody, guesser = anonymous(clocked.api), Api(clocked.api.served, OTHER)
    for method, path in TABLE:
        if path not in OPEN:
            for each in (nobody, guesser):
                told = each.ask(method, re.sub("<.*>", "a", path))
                assert told[0] == 401, (method, path)
                assert told[2]["www-authenticate"] == "Bearer"
            clocked.now_s += BLOCK_S


def test_a_link_is_used_once_and_for_five_minutes(clocked: Clocked) -> None:
    api = clocked.api
    status, first, _ = api.ask("POST", "/v1/sign-in-links")
    assert (status, first["role"], first["expires_s"]) == (201, "owner", 300)
    assert first["path"] == f"/sign-in?code={first['code']}"
    assert len(first["code"]) >= 32
    _, second, _ = api.ask("POST", "/v1/sign-in-links", {"role": "viewer"})
    guard = guard_of(api)
    assert guard.redeem(first["code"], "::1")[0].role is Role.OWNER
    for code, moved_s in ((first["code"], 0), (second["code"], LIFE_S)):
        clocked.now_s += moved_s
        with pytest.raises(Exception, match="this link is over"):
            guard.redeem(code, "::1")
    assert refused(api, "POST", "/v1/sign-in-links", {"role": "king"}) == (400, "bad_request")
    made = clocked.log.found("control.performed", verb="make sign-in link")
    assert [line["role"] for line in made] == ["owner", "viewer"]
    assert first["code"] not in str(clocked.log.lines)


def test_no_token_and_no_cookie_is_in_a_line_or_an_answer(tmp_path: Path, serve_api: Serve) -> None:
    log = Log()
    gateway = StandIn(tmp_path, viewer_token=VIEWER)
    api = serve_api(gateway, log=log)
    nobody, browser = anonymous(api), signed_in(api) | ours(api)
    said: list[Any] = []
    gateway.broken = True
    body = {"account": "a", "conversation": "c", "text": f"{TOKEN} {VIEWER}"}
    for headers in (browser, {"Authorization": f"Bearer {VIEWER}"}):
        said += [
            nobody.ask(*asked, headers=headers)
            for asked in (
                ("GET", "/v1/status"),
                ("POST", PAUSE),
                ("POST", "/v1/send", body),
                ("GET", f"/v1/accounts/{TOKEN}"),
                ("GET", f"/v1/status?x={VIEWER}"),
            )
        ]
    for _ in range(MOST + 1):
        said.append(Api(api.served, OTHER).ask("GET", "/v1/status"))
    secrets = (TOKEN, VIEWER, OTHER, browser["Cookie"].partition("=")[2])
    assert len(said) == 16
    for secret in secrets:
        assert secret not in repr(said)
        assert secret not in repr(log.lines)
    assert log.found("control.failed")


# --- the command ----------------------------------------------------------------------


@pytest.fixture
def linked(
    tmp_path: Path, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Api, tuple[int, str, str]]]:
    """Return a function that serves and runs ``sign-in-link`` there."""

    def run(
        *arguments: str, token: str | None = TOKEN, given: str | None = None, **http: Any
    ) -> tuple[Api, tuple[int, str, str]]:
        api = serve_api(StandIn(tmp_path, token=token, **http))
        monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", given or token or "")
        return api, call("sign-in-link", "--url", api.served.url, *arguments)

    return run


Linked = Callable[..., tuple[Api, tuple[int, str, str]]]


def test_the_command_prints_a_link_and_its_code(linked: Linked) -> None:
    api, (code, out, err) = linked("--viewer")
    assert (code, err) == (0, "")
    told, url, *rest = out.splitlines()
    assert "as viewer" in told
    base, _, secret = url.partition("/sign-in?code=")
    assert base == api.served.url
    assert guard_of(api).redeem(secret, "::1")[0].role is Role.VIEWER
    assert sum("█" in line for line in rest) > 10, "a code for a phone"
    assert "--base" in rest[-1], "loopback is this machine only"


def test_the_command_for_programs_and_for_a_proxy(linked: Linked) -> None:
    api, (code, out, _) = linked("--json", "--base", "https://x:y@gw.example/shop/")
    told = json.loads(out)
    assert code == 0
    assert (told["role"], told["expires_s"]) == ("owner", 300)
    base, _, secret = told["url"].partition("/sign-in?code=")
    assert base == "https://gw.example/shop"
    assert guard_of(api).redeem(secret, "::1")[0].role is Role.OWNER


def test_without_the_extra_for_codes_the_link_is_enough(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    _, (code, out, _) = linked()
    assert code == 0
    assert "/sign-in?code=" in out
    assert "█" not in out
    assert "qr" in out


def test_without_a_token_the_command_says_that_none_is_needed(linked: Linked) -> None:
    api, (code, out, _) = linked(token=None)
    assert code == 0
    assert "no sign-in is needed" in out
    assert out.splitlines()[-1] == f"{api.served.url}/"
    api, (code, out, _) = linked("--json", token=None)
    assert json.loads(out) == {"url": f"{api.served.url}/", "role": None, "expires_s": None}


def test_a_viewer_makes_no_link_and_may_use_commands_that_look(linked: Linked) -> None:
    """The server proves that it knows that token, too, before it is sent there."""
    api, (code, _, err) = linked(viewer_token=VIEWER, given=VIEWER)
    assert code == 2
    assert "come with http.token" in err
    code, out, _ = call("accounts", "list", "--url", api.served.url)
    assert code == 0
    assert "failed" in out
    code, _, err = call("accounts", "pause", "a", "--url", api.served.url)
    assert (code, "a viewer may look" in err) == (2, True)


def test_a_command_says_how_long_it_is_refused(linked: Linked) -> None:
    api, _ = linked()
    for _ in range(MOST):
        Api(api.served, OTHER).ask("GET", "/v1/status")
    code, out, err = call("status", "--url", api.served.url)
    assert (code, out) == (1, "")
    assert "too many wrong tokens came from this address" in err
    assert re.search(r"→ wait \d+ s, then give the right one", err)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--base", "gw.example"], "--base: expected http://host:port"),
        (["--base", "ftp://gw.example"], "--base: expected http://host:port"),
        (["--url", "unix:/run/gw.sock"], "--base: is needed"),
    ],
)
def test_an_address_that_no_browser_opens(arguments: list[str], told: str) -> None:
    code, out, err = call("sign-in-link", *arguments)
    assert (code, out) == (2, "")
    assert told in err


@pytest.mark.parametrize(
    ("listen", "base"),
    [
        ("192.168.1.5:8760", "http://192.168.1.5:8760"),
        ("[::1]:8760", "http://[::1]:8760"),
        ("gw.example:80", "http://gw.example:80"),
    ],
)
def test_the_address_of_a_configuration(tmp_path: Path, listen: str, base: str) -> None:
    assert base_of(tmp_path, listen) == base


def test_everywhere_is_the_address_that_others_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the way out; loopback if there is none."""
    for listen in ("0.0.0.0:8760", "[::]:8760"):
        found = base_of(tmp_path, listen)
        assert re.fullmatch(r"http://(\[[0-9a-f:]+\]|[0-9.]+):8760", found)
        assert "0.0.0.0" not in found
        assert "[::]" not in found

    def no_way(*_: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "socket", no_way)
    assert base_of(tmp_path, "0.0.0.0:8760") == "http://127.0.0.1:8760"


def base_of(folder: Path, listen: str) -> str:
    """Return the address that a configuration leads to."""
    file = folder / "gateway.yaml"
    file.write_text(f"http: {{listen: '{listen}', token: {TOKEN}}}\n", "utf-8")
    given: Mapping[str, object] = {"base": None, "url": None, "config": str(file)}
    return sign_in_link._base(argparse.Namespace(**given))
