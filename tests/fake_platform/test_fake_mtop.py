"""Tokens, signs, cookies and uploads of the fake, asked by a client that is not ours."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import trustme

from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.settings import TlsSettings
from gateway.testing import (
    Behaviour,
    FakePlatform,
    FakeWeb,
    ManualClock,
    Shop,
    WebBehaviour,
    faults,
    web_rules,
)
from gateway.testing.web.mtop import sign
from gateway.transport.https import HttpsClient
from tests.fake_platform.browser import INDEX, TOKEN, USER, Browser, device_of

if TYPE_CHECKING:
    from tests.fake_platform.conftest import Client, Dial


@pytest.fixture
def web(fake: FakePlatform) -> Iterator[FakeWeb]:
    with FakeWeb(fake) as side:
        yield side


@pytest.fixture
def browser(web: FakeWeb, shop: Shop) -> Browser:
    return Browser(web.mtop.url, web.seller(shop).cookie)


def token_of(browser: Browser, user_id: str = "2201") -> str:
    answer = browser.token(user_id)
    if answer.ret[0].startswith("FAIL_SYS_TOKEN"):
        answer = browser.token(user_id)
    assert answer.ret == ["SUCCESS"], answer.json
    return str(answer.json["data"]["accessToken"])


def register(client: Client, token: str, user_id: str = "2201") -> int:
    return int(client.register(unquote(token), device_of(user_id))["code"])


def rules(web: FakeWeb) -> set[str]:
    return {breach.rule for breach in web.breaches}


# --- the token call -----------------------------------------------------------------------


def test_the_sign_is_that_of_the_vectors() -> None:
    data = (
        '{"appKey":"444e9908a51d1cb236a27862abc769c9",'
        '"deviceId":"7C0E41B2-93AD-4F58-8E16-0B5D72C9A3F4-2200000000017"}'
    )
    token, t = "5d1f0c77a9e24b3886d2c0b7e41f9a63", "1767225600123"
    assert sign(token, t, data) == "90e7a5a23e52d61d924be49fa598b169"
    assert sign("", t, data) == "5f30f42187d226e678cc7dc951d88f8d"
    assert sign(token, t, "{}") == "1dd583a777766ce06e1fe59074f09b25"


def test_a_token_takes_two_calls_and_registers(
    web: FakeWeb, shop: Shop, browser: Browser, dial: Dial
) -> None:
    first = browser.token("2201")
    assert first.json == {
        "api": TOKEN, "v": "1.0", "ret": ["FAIL_SYS_TOKEN_EMPTY::令牌为空"], "data": {},
    }  # fmt: skip
    assert [line.partition("=")[0] for line in first.cookies] == ["_m_h5_tk", "_m_h5_tk_enc"]
    second = browser.token("2201")
    assert list(second.json) == ["api", "v", "traceId", "ret", "data"]
    assert second.json["ret"] == ["SUCCESS::调用成功"]
    data = second.json["data"]
    assert list(data) == ["accessToken", "refreshToken", "accessTokenExpiredTime"]
    assert data["accessTokenExpiredTime"] == "86400000"
    assert "%2B" in data["accessToken"]
    assert register(dial(shop.url), data["accessToken"]) == 200
    (grant,) = web.seller(shop).grants
    assert (grant.uses, grant.handed, grant.device_id) == (1, True, device_of("2201"))
    assert data["accessToken"] not in repr((web.mtop.grants, web.calls(), grant))
    assert [call.ret for call in web.calls(TOKEN)] == [("FAIL_SYS_TOKEN_EMPTY",), ("SUCCESS",)]
    web.check()


def test_a_token_is_for_its_device_and_its_time(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    with FakeWeb(fake, WebBehaviour(one_registration_per_token=True)) as web:
        token = token_of(Browser(web.mtop.url, web.seller(shop).cookie))
        client = dial(shop.url)
        refusal = client.register(unquote(token), "D-1")
        assert refusal["body"]["reason"] == "device id or appkey is not equal"
        assert register(client, token) == 200
        again = dial(shop.url).register(unquote(token), device_of("2201"))
        assert (again["code"], again["body"]["reason"]) == (401, "token expired")


def test_tokens_end(web: FakeWeb, shop: Shop, browser: Browser, dial: Dial) -> None:
    token = token_of(browser)
    web.seller(shop).end_tokens()
    client = dial(shop.url)
    assert register(client, token) == 401
    assert register(client, token_of(browser)) == 200


def test_an_older_link_may_fall_silent(shop: Shop, fake: FakePlatform, dial: Dial) -> None:
    with FakeWeb(fake, WebBehaviour(new_token_mutes_old_link=True)) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        client = dial(shop.url)
        assert register(client, token_of(browser)) == 200
        client.push("/s/sync")
        client.push("/s/vulcan")
        assert shop.buyer("3301").says("heard").pushed
        client.push()
        token = token_of(browser)
        assert not shop.buyer("3301").says("unheard").pushed
        assert client.call("/!")["code"] == 200
        assert register(dial(shop.url), token) == 200


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("FAIL_SYS_ILLEGAL_ACCESS", {"sign": "0" * 32}),
        ("FAIL_SYS_ILLEGAL_ACCESS", {"sign": "A" * 32}),
        ("FAIL_SYS_ILLEGAL_ACCESS", {"appKey": "1"}),
        ("FAIL_SYS_ILLEGAL_ACCESS", {"t": "1"}),
    ],
)
def test_a_call_that_is_not_made_right(
    web: FakeWeb, browser: Browser, code: str, fields: dict[str, str]
) -> None:
    browser.call(USER)
    assert browser.call(USER, query=fields).ret == [code]
    assert rules(web) == {"bad_sign" if fields.get("sign") == "0" * 32 else "bad_request"}


def test_half_a_pair_is_refused(web: FakeWeb, browser: Browser) -> None:
    browser.call(USER)
    del browser.jar["_m_h5_tk_enc", "/"]
    assert browser.call(USER).ret == ["FAIL_SYS_TOKEN_ILLEGAL"]
    assert rules(web) == {"bad_request"}


def test_a_sign_cookie_that_is_over_before_it_is_used(fake: FakePlatform, shop: Shop) -> None:
    with FakeWeb(fake, WebBehaviour(h5_life_s=0)) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        found = [browser.token("2201").ret[0] for _ in range(3)]
        assert found == ["FAIL_SYS_TOKEN_EMPTY", *["FAIL_SYS_TOKEN_EXOIRED"] * 2]


def test_a_visitor_gets_its_first_cookies(web: FakeWeb) -> None:
    browser = Browser(web.mtop.url)
    assert browser.call(INDEX).ret == ["FAIL_SYS_TOKEN_EMPTY"]
    assert {"cookie2", "t", "_m_h5_tk"} < {name for name, _ in browser.jar}
    assert browser.call(INDEX).ret == ["SUCCESS"]
    assert browser.call(USER).ret == ["FAIL_SYS_SESSION_EXPIRED"]
    assert browser.call("mtop.unknown").ret == ["FAIL_SYS_API_NOT_FOUNDED"]
    web.check()


def test_the_clock_of_the_server_is_ahead(fake: FakePlatform, shop: Shop) -> None:
    with FakeWeb(fake, WebBehaviour(clock_offset_s=86_400)) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        answer = browser.token("2201")
        assert answer.ret == ["FAIL_SYS_REQUEST_EXPIRED"]
        assert "Date" in dict(answer.headers)
        ahead_ms = web.calls()[0].at_ms
        assert browser.call(USER, t_ms=ahead_ms).ret == ["FAIL_SYS_TOKEN_EMPTY"]


# --- cookies ------------------------------------------------------------------------------


def test_cookies_that_rotate_and_one_that_is_kept_too_long(fake: FakePlatform, shop: Shop) -> None:
    with FakeWeb(fake, WebBehaviour(rotation="each")) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        browser.twice(USER)
        old = dict(browser.jar)
        assert browser.call(USER).ret == ["SUCCESS"]
        assert browser.value("sgcookie") != old["sgcookie", "/"]
        web.check()
        browser.jar = old
        browser.call(USER)
        assert rules(web) == {"stale_cookie"}
        assert "csg, sgcookie" in str(web.breaches[0])


def test_an_answer_that_never_left_whole_hands_out_nothing(fake: FakePlatform, shop: Shop) -> None:
    """Who did not get the newer cookie cannot be blamed for the older one."""
    with FakeWeb(fake, WebBehaviour(rotation="each")) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        browser.twice(USER)
        web.inject(web_rules.nth(1, faults.Cut(part=0.9), USER))
        with pytest.raises((OSError, http.client.HTTPException)):
            browser.call(USER)
        assert browser.call(USER).ret == ["SUCCESS"]
        web.check()


def test_two_scopes_of_one_cookie(fake: FakePlatform, shop: Shop) -> None:
    with FakeWeb(fake, WebBehaviour(rotation="scopes")) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        scopes = []
        for _ in range(4):
            browser.call(USER)
            scopes.append([path for name, path in browser.jar if name == "_m_h5_tk"])
        assert [call.ret[0] for call in web.calls()] == ["FAIL_SYS_TOKEN_EMPTY", *["SUCCESS"] * 3]
        assert scopes == [["/"], ["partition"], ["/"], ["partition"]]
        flat = {name: (name, "/") for name, _ in browser.jar}
        browser.jar = {key: "0" * 32 + "_1" for key in flat.values() if "h5" in key[0]} | {
            key: browser.value(key[0]) for key in flat.values() if "h5" not in key[0]
        }
        assert browser.call(USER).ret == ["FAIL_SYS_TOKEN_EXOIRED"]


def test_a_cookie_of_another_account(web: FakeWeb, shop: Shop, fake: FakePlatform) -> None:
    other = Browser(web.mtop.url, web.seller(fake.account("2202")).cookie)
    browser = Browser(web.mtop.url, web.seller(shop).cookie)
    browser.twice(USER)
    browser.jar["sgcookie", "/"] = other.value("sgcookie")
    browser.call(USER)
    assert rules(web) == {"foreign_cookie"}


def test_two_who_sign_in_in_the_same_moment_have_cookies_of_their_own() -> None:
    clock = ManualClock()
    with FakePlatform(Behaviour(), unix_ms=clock.unix_ms) as fake, FakeWeb(fake) as web:
        for user_id in ("2201", "2202", "2203"):
            web.seller(fake.account(user_id))
        for user_id in ("2203", "2201", "2202"):
            token_of(Browser(web.mtop.url, web.seller(user_id).cookie), user_id)
        assert rules(web) == set()


def test_a_newer_sign_in_wins(web: FakeWeb, shop: Shop, browser: Browser) -> None:
    browser.twice(USER)
    newer = Browser(web.mtop.url, web.seller(shop).sign_in())
    assert browser.call(USER).ret == ["SUCCESS"]
    newer.twice(USER)
    web.check()
    browser.call(USER)
    assert rules(web) == {"stale_cookie"}


# --- what a client must not do ------------------------------------------------------------


def test_risk_control_waits_for_a_person(web: FakeWeb, shop: Shop, browser: Browser) -> None:
    seller = web.seller(shop)
    seller.ask_captcha(calls=2)
    answer = browser.twice(TOKEN, {"appKey": "444e", "deviceId": "x"})
    assert answer.ret == ["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR"]
    assert answer.json["ret"][0] == "FAIL_SYS_USER_VALIDATE"
    assert "/_____tmd_____/punish?x5secdata=" in answer.json["data"]["url"]
    web.check()
    seller.person_acted()
    assert browser.call(USER).ret == ["SUCCESS"]
    web.check()
    seller.ask_captcha()
    browser.call(USER)
    browser.call(USER)
    assert rules(web) == {"call_after_person"}


def test_captcha_from_the_start(fake: FakePlatform, shop: Shop) -> None:
    with FakeWeb(fake, WebBehaviour(captcha_for=1)) as web:
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        assert browser.twice(USER).ret[0] == "FAIL_SYS_USER_VALIDATE"
        web.seller(shop).person_acted()
        assert browser.call(USER).ret == ["SUCCESS"]


def test_more_calls_than_the_budget(web: FakeWeb, browser: Browser) -> None:
    for _ in range(6):
        browser.token("2201")
    assert "over_budget" not in rules(web)
    browser.token("2201")
    assert "over_budget" in rules(web)


def test_a_token_that_nobody_registers_with(dial: Dial) -> None:
    clock = ManualClock()
    with FakePlatform(unix_ms=clock.unix_ms) as fake, FakeWeb(fake) as web:
        shop = fake.account("2201")
        browser = Browser(web.mtop.url, web.seller(shop).cookie)
        token = token_of(browser)
        clock.advance(59)
        web.check()
        clock.advance(2)
        assert rules(web) == {"token_unused"}
        assert register(dial(shop.url), token) == 200
        assert rules(web) == {"token_unused"}


def test_another_device_id(web: FakeWeb, browser: Browser) -> None:
    token_of(browser)
    browser.token("2201", device_id=device_of("2201").replace("7", "8"))
    assert "device_changed" in rules(web)


def test_two_calls_of_one_account_at_once(web: FakeWeb, shop: Shop, browser: Browser) -> None:
    browser.twice(USER)
    web.inject(web_rules.nth(1, web_rules.Held(), USER))
    held = threading.Thread(target=browser.call, args=(USER,))
    held.start()
    web.wait_held()
    Browser(web.mtop.url, browser.cookie).call(USER)
    web.release()
    held.join(5)
    assert rules(web) == {"two_calls_at_once"}
    assert [call.ended for call in web.seller(shop).calls(USER)] == [True] * 4


def test_a_call_that_the_client_gave_up_is_over(web: FakeWeb, browser: Browser) -> None:
    browser.twice(USER)
    web.inject(web_rules.nth(1, faults.Stall(), USER))
    request = HttpRequest(method="GET", url=f"{web.url}/h5/{USER}/1.0/", headers={
        "cookie": browser.cookie,
    })  # fmt: skip
    HttpsClient().perform(request, deadline_s=0.2)
    browser.call(USER)
    assert "two_calls_at_once" not in rules(web)


# --- scripts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (web_rules.sign_again(times=1), "FAIL_SYS_TOKEN_EXOIRED"),
        (web_rules.login_over(times=1), "FAIL_SYS_SESSION_EXPIRED"),
        (web_rules.login_over_with_punish(times=1), "FAIL_SYS_SESSION_EXPIRED"),
        (web_rules.throttled(times=1), "FAIL_SYS_TRAFFIC_LIMIT"),
        (web_rules.illegal_access(times=1), "FAIL_SYS_ILLEGAL_ACCESS"),
        (web_rules.risk_control(times=1), "FAIL_SYS_USER_VALIDATE"),
    ],
)
def test_codes_by_script(
    web: FakeWeb, shop: Shop, browser: Browser, rule: web_rules.WebRule, *, code: str
) -> None:
    browser.call(TOKEN)
    web.inject(rule)
    assert browser.token("2201").ret[0] == code
    assert web.fired(rule) == 1
    web.seller(shop).person_acted()
    assert browser.token("2201").ret == ["SUCCESS"]


def test_a_refusal_without_cookies(web: FakeWeb, browser: Browser) -> None:
    rule = web_rules.sign_again(cookies=False)
    web.inject(rule)
    assert browser.token("2201").cookies == []
    web.heal(rule)
    assert browser.token("2201").cookies != []


def test_pages_redirects_and_statuses_by_script(web: FakeWeb, browser: Browser) -> None:
    web.inject(
        web_rules.html(times=1),
        web_rules.redirect("https://passport.goofish.com/mini_login.htm", times=1),
        web_rules.nth(1, faults.Refuse(status=429, headers={"Retry-After": "60"})),
    )
    answers = [browser.token("2201") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 302, 429]
    assert answers[0].body.startswith(b"<html>")
    assert dict(answers[2].headers)["Retry-After"] == "60"


def test_rules_are_about_an_account_and_an_api(web: FakeWeb, browser: Browser) -> None:
    web.inject(
        web_rules.WebRule(do=web_rules.Ret(codes=("A",)), account="2202"),
        web_rules.WebRule(do=web_rules.Ret(codes=("B",)), api="mtop.taobao.*", after=1),
    )
    assert browser.call(USER).ret == ["FAIL_SYS_TOKEN_EMPTY"]
    assert browser.call(USER).ret == ["B"]
    assert browser.call(INDEX).ret == ["SUCCESS"]


def test_a_wrong_unb(web: FakeWeb, browser: Browser) -> None:
    web.inject(web_rules.nth(1, web_rules.WrongUnb(user_id="9999"), USER))
    browser.call(USER)
    assert browser.value("unb") == "9999"


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        (faults.Drip(every_s=0.01), "credentials_timeout"),
        (faults.Stall(), "credentials_timeout"),
        (faults.Delay(by_s=9.0), "credentials_timeout"),
        (faults.Drop(), "connection_lost"),
        (faults.Reset(), "connection_lost"),
        (faults.Cut(part=0.95, reset=False), "answer_cut"),
        (web_rules.Spoil(how="drip"), "answer_too_large"),
        (web_rules.Spoil(how="endless"), "answer_too_large"),
        (web_rules.Spoil(how="claim"), "answer_too_large"),
    ],
)
def test_connections_that_misbehave_by_script(
    web: FakeWeb, do: web_rules.AnyWebAction, reason: str
) -> None:
    web.inject(web_rules.nth(1, do, "eg.js"))
    request = HttpRequest(method="GET", url=f"{web.passport.url}/eg.js", headers={})
    failed = HttpsClient().perform(request, deadline_s=0.4)
    assert getattr(failed, "reason", None) == reason
    web.wait_calls(1)
    assert not web.calls()[0].whole
    assert isinstance(HttpsClient().perform(request, deadline_s=5), HttpAnswer)


# --- uploads, and the server itself -------------------------------------------------------


def multipart(data: bytes, kind: str = "image/jpeg") -> bytes:
    head = f'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: {kind}'
    return b"--XyZ\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n--XyZ--\r\n"


def upload(browser: Browser, body: bytes) -> Any:
    path = "/api/upload.api?floderId=0&appkey=xy_chat&_input_charset=utf-8"
    return browser.ask("POST", path, body, content_type="multipart/form-data; boundary=XyZ")


def test_an_upload(web: FakeWeb, shop: Shop, browser: Browser) -> None:
    data = bytes(range(256)) * 9 + b"\r\n--Xy\r\n"
    answer = upload(browser, multipart(data))
    assert answer.json["success"] is True
    assert list(answer.json["object"]) == ["url", "pix", "size", "fileId"]
    assert answer.json["object"]["size"] == f"{len(data)}"
    (taken,) = web.mtop.uploads
    assert (taken.account, taken.file_name, taken.size_bytes) == ("2201", "a.jpg", len(data))
    web.check()
    assert upload(browser, multipart(b"x", "text/plain")).json["success"] is False
    assert rules(web) == {"bad_request"}
    web.seller(shop).end_login()
    assert upload(browser, multipart(data)).body.startswith(b"<html>")


def test_the_hosts_of_the_platform_over_tls(fake: FakePlatform, shop: Shop, tmp_path: Any) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("h5api.m.goofish.com").configure_cert(context)
    with FakeWeb(fake, tls=context) as web:
        client = HttpsClient(tls=TlsSettings(ca_file=str(tmp_path / "ca.pem")), resolve=web.resolve)
        answer = client.perform(
            HttpRequest(
                method="POST",
                url=f"https://h5api.m.goofish.com/h5/{USER}/1.0/?api={USER}",
                headers={"cookie": web.seller(shop).cookie},
                body=b"",
            ),
            deadline_s=5,
        )
        assert isinstance(answer, HttpAnswer), answer
        with pytest.raises(socket.gaierror):
            web.resolve("example.com", 443)
        browser = Browser("http://127.0.0.1")
        rule = web_rules.sign_again()
        web.inject(web_rules.WebRule(do=rule.do, api=USER))
        request = HttpRequest(
            method="POST", url=f"https://h5api.m.goofish.com/h5/{USER}/1.0/", headers={}, body=b""
        )
        answer = client.perform(request, deadline_s=5)
        assert isinstance(answer, HttpAnswer)
        (line,) = [one for one in answer.all("set-cookie") if one.startswith("_m_h5_tk=")]
        assert line.endswith("; Domain=.goofish.com; Path=/; Max-Age=604800; Secure; SameSite=None")
        assert browser.jar == {}


def test_nothing_outlives_the_server(fake: FakePlatform) -> None:
    web = FakeWeb(fake)
    with web:
        web.inject(web_rules.WebRule(do=faults.Stall()))
        hung = socket.create_connection(("127.0.0.1", web.port), timeout=5)
        hung.sendall(b"GET /eg.js HTTP/1.1\r\nHost: x\r\n\r\n")
        web.wait(lambda: len(web.calls()) == 1)
        assert "fake-web" in {thread.name for thread in threading.enumerate()}
    with hung:
        assert hung.recv(1) == b""
    assert "fake-web" not in {thread.name for thread in threading.enumerate()}
    web.stop()


def test_what_is_no_http_is_refused(web: FakeWeb) -> None:
    for sent in (b"SSH-2.0-x\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", bytes(70_000)):
        with socket.create_connection(("127.0.0.1", web.port), timeout=5) as sock:
            sock.sendall(sent)
            assert sock.recv(100).startswith(b"HTTP/1.1 400")
    assert web.calls() == []


def test_a_platform_of_many_accounts() -> None:
    with FakePlatform(Behaviour()) as fake, FakeWeb(fake) as web:
        sellers = [web.seller(f"{2200 + number}") for number in range(200)]
        assert len({seller.cookie for seller in sellers}) == 200
        assert web.seller("2200") is sellers[0]
