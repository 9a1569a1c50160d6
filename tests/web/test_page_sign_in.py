"""Signing in to the pages: by a token, by a link; to look, or to act."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import control_api
import pytest
from control_api import Api, Serve

from gateway import Gateway
from gateway.config import from_mapping

serve_api = control_api.serve_api

OWNER, VIEWER = "the-owners-token-of-43-characters", "the-viewers-token-of-43-characters"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def api(serve_api: Serve, tmp_path: Path) -> Api:
    served = serve_api(
        Gateway(
            from_mapping(
                {
                    "data_dir": str(tmp_path),
                    "durability": "memory",
                    "http": {"listen": "127.0.0.1:0", "token": OWNER, "viewer_token": VIEWER},
                    "accounts": [
                        {
                            "id": "shop-a",
                            "platform": "plain",
                            "url": "ws://127.0.0.1:1/",
                            "credentials": {"kind": "static", "token": "t"},
                        }
                    ],
                }
            )
        )
    )
    served.token = None  # a browser sends none
    return served


def form(api: Api, path: str, cookie: str = "", **fields: str) -> tuple[int, str, dict[str, str]]:
    sent = {**FORM, "Origin": f"http://{api.address[0]}:{api.address[1]}"}
    if cookie:
        sent["Cookie"] = cookie
    status, body, told = api.ask("POST", path, raw=urlencode(fields).encode(), headers=sent)
    return status, str(body), told


def signed_in(api: Api, token: str) -> str:
    """Sign in; return the cookie as a browser sends it."""
    status, body, told = form(api, "/sign-in", token=token, to="/?q=a")
    assert (status, told.get("location")) == (303, "/?q=a"), body
    cookie = told["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert token not in cookie
    return cookie.partition(";")[0]


def get(api: Api, path: str, cookie: str = "", **headers: str) -> tuple[int, str, dict[str, str]]:
    sent = {"Cookie": cookie, **headers} if cookie else headers
    status, body, told = api.ask("GET", path, headers=sent)
    return status, str(body), told


def test_who_is_not_signed_in_is_led_there_and_back(api: Api) -> None:
    status, _, told = get(api, "/accounts/shop-a?x=1")
    assert (status, told["location"]) == (303, "/sign-in?to=%2Faccounts%2Fshop-a%3Fx%3D1")
    _, body, _ = get(api, told["location"])
    assert 'value="/accounts/shop-a?x=1"' in body
    assert "shop-a" not in re.sub(r'"[^"]*"', "", body)  # but in the way back
    status, _, told = get(api, "/", **{"HX-Request": "true"})
    assert (status, told["hx-redirect"]) == (401, "/sign-in?to=%2F")
    assert get(api, "/stream")[0] == 303
    assert form(api, "/accounts/shop-a/pause")[0] == 401


def test_the_owner_signs_in_and_out(api: Api) -> None:
    cookie = signed_in(api, OWNER)
    status, body, _ = get(api, "/accounts/shop-a", cookie)
    assert status == 200
    assert "Pause shop-a" in body
    status, _, told = form(api, "/sign-out", cookie)
    assert (status, told["location"]) == (303, "/sign-in?done=signed_out")
    assert "Max-Age=0" in told["set-cookie"]


def test_a_viewer_looks_and_changes_nothing(api: Api) -> None:
    cookie = signed_in(api, VIEWER)
    status, body, _ = get(api, "/accounts/shop-a", cookie)
    assert status == 200
    assert "Pause shop-a" not in body
    assert 'href="/chats"' not in body
    status, body, _ = form(api, "/accounts/shop-a/pause", cookie)
    assert status == 403
    assert "a viewer may look" in body


def test_a_wrong_token_is_told_and_after_five_nobody_listens(api: Api) -> None:
    for _ in range(5):
        status, body, _ = form(api, "/sign-in", token="wrong")
        assert status == 401
        assert "this token is wrong" in body
    status, body, told = form(api, "/sign-in", token=OWNER)
    assert status == 429
    assert 1 < int(told["retry-after"]) <= 60
    assert "too many wrong tokens" in body


def test_a_link_is_good_once_and_not_by_looking_at_it(api: Api) -> None:
    api.token = OWNER
    link = api.ask("POST", "/v1/sign-in-links", {})[1]
    api.token = None
    for _ in range(2):  # a preview of a chat does not use it up
        status, body, _ = get(api, link["path"])
        assert status == 200
        assert link["code"] in body
    status, _, told = form(api, "/sign-in", code=link["code"])
    assert status == 303
    assert get(api, "/", told["set-cookie"].partition(";")[0])[0] == 200
    status, body, _ = form(api, "/sign-in", code=link["code"])
    assert status == 401
    assert "this link is over" in body


def test_the_machine_makes_a_link_for_a_phone(api: Api) -> None:
    owner = signed_in(api, OWNER)
    assert 'action="/machine/sign-in-link"' in get(api, "/machine", owner)[1]
    status, body, _ = form(api, "/machine/sign-in-link", owner)
    assert status == 200
    assert "<svg" in body
    found = re.search(r"http://127\.0\.0\.1:\d+/sign-in\?code=([\w-]+)", body)
    assert found is not None
    status, _, told = form(api, "/sign-in", code=found[1])
    assert status == 303
    assert get(api, "/", told["set-cookie"].partition(";")[0])[0] == 200
    viewer = signed_in(api, VIEWER)
    assert form(api, "/machine/sign-in-link", viewer)[0] == 403
