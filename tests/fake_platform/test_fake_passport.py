"""QR sign-in and silent renewal of the fake, asked by a client that is not ours."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.testing import FakePlatform, FakeWeb, Seller, Shop, WebBehaviour, web_rules
from gateway.testing.web.scans import Status
from tests.fake_platform.browser import INDEX, USER, Browser


@pytest.fixture
def web(fake: FakePlatform) -> Iterator[FakeWeb]:
    with FakeWeb(fake) as side:
        yield side


@pytest.fixture
def seller(web: FakeWeb, shop: Shop) -> Seller:
    return web.seller(shop)


class SignIn:
    """The steps of a page that shows a code."""

    def __init__(self, web: FakeWeb) -> None:
        self.browser = Browser(web.passport.url)
        self.browser.call(INDEX)
        page = self.browser.ask("GET", "/mini_login.htm?lang=zh_cn&appName=xianyu&rnd=0.5")
        found = re.search(rb"viewData = (\{.*?\});", page.body)
        assert found
        self.fields: dict[str, Any] = json.loads(found[1])["loginFormData"]
        assert self.fields["_csrf_token"] == self.browser.value("XSRF-TOKEN")
        self.code = self.generate()

    def generate(self, **fields: str) -> dict[str, Any]:
        query = urlencode(self.fields | fields)
        answer = self.browser.ask("GET", f"/newlogin/qrcode/generate.do?{query}").json
        return {} if answer["hasError"] else answer["content"]["data"]

    def poll(self, **fields: object) -> dict[str, Any]:
        """Return ``content.data``; nothing for an answer that is an error."""
        asked = self.fields | {"t": self.code["t"], "ck": self.code["ck"]} | fields
        path = "/newlogin/qrcode/query.do?appName=xianyu&fromSite=77"
        answer = self.browser.post(path, asked).json
        return {} if answer["hasError"] else answer["content"]["data"]


def test_a_sign_in_by_code(web: FakeWeb, seller: Seller) -> None:
    scan = web.passport.scan("2201")
    page = SignIn(web)
    assert isinstance(page.code["t"], int)
    assert len(page.code["codeContent"]) == 126
    assert "lgToken=" in page.code["codeContent"]
    assert page.poll() == {"qrCodeStatus": "NEW", "resultCode": 100, "processFinished": False}
    scan.wait_polled()
    assert scan.next() == "SCANED"
    assert page.poll()["qrCodeStatus"] == "SCANED"
    assert page.browser.value("unb") == ""
    scan.next()
    done = page.poll()
    assert (done["qrCodeStatus"], done["processFinished"]) == ("CONFIRMED", True)
    assert page.browser.value("unb") == "2201"
    names = {name for name, _ in page.browser.jar}
    assert {"sgcookie", "tracknick", "csg"} < names
    assert "havana_lgc2_77" not in names
    settings = "/ac/account/setLoginSettings.do?fromSite=77&appName=xianyu&bizEntrance=web"
    assert page.browser.post(settings, {"status": "0"}).json["content"]["success"]
    assert page.browser.value("havana_lgc2_77")
    assert page.browser.call(USER).ret == ["SUCCESS"]
    assert [call.account for call in seller.calls(USER)] == ["2201"]
    web.check()


def test_a_code_that_nobody_scans_waits_for_a_word(web: FakeWeb, seller: Seller) -> None:
    page = SignIn(web)
    assert [page.poll()["qrCodeStatus"] for _ in range(3)] == ["NEW"] * 3
    web.passport.wait_code()
    web.passport.scan(seller.user_id, automatic=True)
    found = [page.poll()["qrCodeStatus"] for _ in range(3)]
    assert found == ["NEW", "SCANED", "CONFIRMED"]


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELED", "ERROR", "NOVEL"])
def test_codes_that_end(web: FakeWeb, seller: Seller, status: Status) -> None:
    web.passport.scan(seller.user_id, ["NEW", status], automatic=True)
    page = SignIn(web)
    assert [page.poll()["qrCodeStatus"] for _ in range(2)] == ["NEW", status]
    assert page.poll()["processFinished"] is False
    page.code = page.generate()
    assert page.poll()["qrCodeStatus"] == "NEW"


def test_answers_that_say_nothing(web: FakeWeb, seller: Seller) -> None:
    web.passport.scan(seller.user_id, ["BLANK", "HAS_ERROR", "CONFIRMED"], automatic=True)
    page = SignIn(web)
    assert "qrCodeStatus" not in page.poll()
    assert page.poll() == {}
    assert page.poll()["qrCodeStatus"] == "CONFIRMED"


def test_an_identity_check_that_is_done(web: FakeWeb, seller: Seller) -> None:
    scan = web.passport.scan(seller.user_id, ["CHECK", "CONFIRMED"])
    page = SignIn(web)
    asked = page.poll()
    assert asked["iframeRedirect"] is True
    assert "/iv/" in asked["iframeRedirectUrl"]
    assert page.browser.value("unb") == ""
    scan.next()
    page.poll()
    assert page.browser.value("unb") == "2201"


def test_cookies_by_a_token(web: FakeWeb, seller: Seller) -> None:
    web.passport.scan(seller.user_id, ["CONFIRMED_TOKEN"])
    page = SignIn(web)
    token = page.poll()["token"]
    assert page.browser.value("unb") == ""
    assert page.browser.post("/login_token/login.do?token=wrong", {}).json["hasError"]
    page.browser.post(f"/login_token/login.do?token={token}&confirm=true", {"deviceId": "x"})
    assert page.browser.value("unb") == "2201"


def test_a_person_who_signs_in_has_acted(web: FakeWeb, seller: Seller) -> None:
    seller.ask_captcha()
    browser = Browser(web.mtop.url, seller.cookie)
    assert browser.twice(USER).ret[0] == "FAIL_SYS_USER_VALIDATE"
    web.passport.scan(seller.user_id, ["CONFIRMED"])
    page = SignIn(web)
    page.poll()
    assert page.browser.call(USER).ret == ["SUCCESS"]
    web.check()


def test_polls_that_are_not_right(web: FakeWeb, seller: Seller) -> None:
    web.passport.scan(seller.user_id, ["CONFIRMED"])
    page = SignIn(web)
    for fields in ({"t": "1.7e12"}, {"ck": "x"}):
        assert page.poll(**fields) == {}
    assert page.generate(_csrf_token="x") == {}
    assert {breach.rule for breach in web.breaches} == {"bad_request"}
    assert page.browser.ask("GET", "/nowhere.do").status == 404
    with pytest.raises(LookupError, match="9999"):
        web.passport.scan("9999")


def test_the_tracker_gives_its_cookie_once(web: FakeWeb) -> None:
    browser = Browser(web.passport.url)
    browser.ask("GET", "/eg.js")
    first = browser.value("cna")
    browser.ask("GET", "/eg.js")
    assert first == browser.value("cna") != ""


# --- a login that is over -----------------------------------------------------------------

SILENT = "/newlogin/silentHasLogin.do?appName=xianyu&appEntrance=xianyu_sdkSilent&fromSite=0"
HAS_LOGIN = "/newlogin/hasLogin.do?appName=xianyu&fromSite=77"


@pytest.mark.parametrize("helps", [True, False])
def test_a_login_that_is_over(web: FakeWeb, seller: Seller, *, helps: bool) -> None:
    browser = Browser(web.mtop.url, seller.cookie)
    browser.twice(USER)
    seller.end_login(long_login=helps)
    assert browser.call(USER).ret == ["FAIL_SYS_SESSION_EXPIRED"]
    old = browser.value("cookie2")
    data = browser.post(SILENT, {"ltl": "true"}).json["content"]["data"]
    assert data["processFinished"] is helps
    assert (browser.value("cookie2") != old) is helps
    assert browser.call(USER).ret == ["SUCCESS" if helps else "FAIL_SYS_SESSION_EXPIRED"]
    assert Browser(web.mtop.url, seller.sign_in()).twice(USER).ret == ["SUCCESS"]


def test_a_long_login_wants_its_cookies(web: FakeWeb, seller: Seller) -> None:
    browser = Browser(web.mtop.url, seller.sign_in(long=False))
    seller.end_login()
    assert not browser.post(SILENT, {"ltl": "true"}).json["content"]["data"]["processFinished"]


def test_logins_that_are_over_from_the_start(fake: FakePlatform, shop: Shop) -> None:
    """``hasLogin`` says yes, and no token comes of it."""
    with FakeWeb(fake, WebBehaviour(login_over=True, long_login=False)) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        assert browser.twice(USER).ret == ["FAIL_SYS_SESSION_EXPIRED"]
        answer = browser.post(HAS_LOGIN, {"hid": "2201", "ltl": "true"})
        assert answer.json["content"]["success"] is True
        assert {line.partition("=")[0] for line in answer.cookies} == {
            "unb", "sgcookie", "csg", "tracknick",
        }  # fmt: skip
        assert browser.call(USER).ret == ["FAIL_SYS_SESSION_EXPIRED"]
        assert Browser(web.passport.url).post(HAS_LOGIN, {}).json["hasError"]


def test_a_poll_can_be_held(web: FakeWeb, seller: Seller) -> None:
    web.passport.scan(seller.user_id, ["CONFIRMED"])
    page = SignIn(web)
    web.inject(web_rules.nth(1, web_rules.Held(), "query.do"))
    found: list[Any] = []
    poll = threading.Thread(target=lambda: found.append(page.poll()))
    poll.start()
    web.wait_held()
    assert not found
    web.release()
    poll.join(5)
    assert found[0]["qrCodeStatus"] == "CONFIRMED"
