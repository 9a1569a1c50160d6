"""Signed calls and uploads: the request byte for byte, and the answer judged (B10, B13)."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.http_messages import HttpAnswer
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.mtop import (
    Call,
    Endpoints,
    Judged,
    Verdict,
    judge,
    login_user_call,
    request,
    signed_with,
    token_call,
    url_of,
    visit_call,
)
from gateway.platforms.goofish.requests import BROWSER
from gateway.platforms.goofish.signing import sign
from gateway.platforms.goofish.upload import LARGEST_IMAGE, Uploaded, judge_upload, upload_request
from gateway.platforms.goofish.verdicts import LARGEST_BODY

NOW = 1_767_225_600_123
DEVICE = "7C0E41B2-93AD-4F58-8E16-0B5D72C9A3F4-2200000000017"
TOKEN_CALL = token_call(DEVICE)
TK = "5d1f0c77a9e24b3886d2c0b7e41f9a63"
JAR = Jar().apply(
    [
        f"_m_h5_tk={TK}_1767232800123; Domain=.goofish.com; Path=/; Secure",
        "unb=2200000000017; Domain=.goofish.com; Path=/",
    ],
    url_of(TOKEN_CALL),
    NOW,
)
TOKEN = "Zm9vYmFy%2Bdemo0000AAAA"
PUNISH = (
    "https://h5api.m.goofish.com:443//h5/mtop.x/1.0/_____tmd_____/punish"
    "?x5secdata=xcDEMO0000&x5step=2&action=captcha&pureCaptcha="
)


def answer(
    body: object, status: int = 200, *headers: tuple[str, str], raw: bytes | None = None
) -> HttpAnswer:
    content = json.dumps(body, ensure_ascii=False).encode() if raw is None else raw
    return HttpAnswer(status=status, headers=headers, body=content)


def told(*ret: object, data: object = None) -> HttpAnswer:
    return answer({"api": "x", "v": "1.0", "ret": list(ret), "data": data or {}})


def success(life: object = "86400000", token: object = TOKEN) -> HttpAnswer:
    data = {"accessToken": token, "refreshToken": "r", "accessTokenExpiredTime": life}
    return told("SUCCESS::调用成功", data=data)


# --- the request ----------------------------------------------------------------------


def test_the_token_call() -> None:
    made = request(TOKEN_CALL, JAR, Endpoints(), NOW, None)
    parts = urlsplit(made.url)
    data = f'{{"appKey":"444e9908a51d1cb236a27862abc769c9","deviceId":"{DEVICE}"}}'
    assert made.method == "POST"
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://h5api.m.goofish.com/h5/mtop.taobao.idlemessage.pc.login.token/1.0/"
    )
    assert parse_qsl(parts.query) == [
        ("jsv", "2.7.2"),
        ("appKey", "34839810"),
        ("t", "1767225600123"),
        ("sign", "90e7a5a23e52d61d924be49fa598b169"),
        ("v", "1.0"),
        ("type", "originaljson"),
        ("accountSite", "xianyu"),
        ("dataType", "json"),
        ("timeout", "20000"),
        ("api", "mtop.taobao.idlemessage.pc.login.token"),
        ("sessionOption", "AutoLoginOnly"),
        ("spm_cnt", "a21ybx.im.0.0"),
    ]
    assert made.body is not None
    assert made.body.isascii()
    assert unquote(made.body.decode()) == f"data={data}"
    assert made.headers == {
        "accept": "application/json",
        "accept-language": "zh-CN,zh;q=0.9",
        "origin": "https://www.goofish.com",
        "referer": "https://www.goofish.com/",
        "user-agent": BROWSER,
        "sec-ch-ua": '"Not(A:Brand";v="99", "Google Chrome";v="133", "Chromium";v="133"',
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Windows"',
        "sec-fetch-site": "same-site",
        "sec-fetch-mode": "cors",
        "sec-fetch-dest": "empty",
        "content-type": "application/x-www-form-urlencoded",
        "cookie": f"_m_h5_tk={TK}_1767232800123; unb=2200000000017",
    }


def test_the_first_call_is_signed_with_nothing() -> None:
    made = request(TOKEN_CALL, Jar(), Endpoints(), NOW, None)
    assert "cookie" not in made.headers
    assert ("sign", "5f30f42187d226e678cc7dc951d88f8d") in parse_qsl(urlsplit(made.url).query)


def test_it_goes_where_it_is_configured_to_with_the_platforms_cookies() -> None:
    made = request(login_user_call(), JAR, Endpoints(mtop="http://127.0.0.1:9"), NOW, "me")
    assert made.url.startswith(
        "http://127.0.0.1:9/h5/mtop.taobao.idlemessage.pc.loginuser.get/1.0/"
    )
    assert made.headers["cookie"] == f"_m_h5_tk={TK}_1767232800123; unb=2200000000017"
    assert made.headers["user-agent"] == "me"
    assert made.body == b"data=%7B%7D"


@pytest.mark.row("B28", "the right one is signed with and sent")
def test_of_two_scopes_the_one_that_is_sent_is_signed_with() -> None:
    """B28."""
    both = JAR.apply(
        ["_m_h5_tk=newer_2; Domain=.goofish.com; Path=/; Secure; Partitioned"],
        url_of(TOKEN_CALL),
        NOW,
    )
    made = request(TOKEN_CALL, both, Endpoints(), NOW, None)
    assert signed_with(TOKEN_CALL, both, NOW) == "newer"
    assert made.headers["cookie"] == "_m_h5_tk=newer_2; unb=2200000000017"
    signed = sign("newer", NOW, "34839810", TOKEN_CALL.data)
    assert dict(parse_qsl(urlsplit(made.url).query))["sign"] == signed


def test_nothing_secret_is_shown() -> None:
    judged = judge(success(), TOKEN_CALL)
    shown = f"{TOKEN_CALL!r} {TOKEN_CALL} {judged!r} {judged}"
    assert DEVICE not in shown
    assert TOKEN not in shown
    assert f"{judged}" == "Judged(success, SUCCESS, 200)"
    assert f"{visit_call()}" == "Call(mtop.gaia.nodejs.gaia.idle.data.gw.v2.index.get 1.0)"


# --- the answer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ret", "verdict", "code"),
    [
        (["FAIL_SYS_TOKEN_EMPTY::令牌为空"], Verdict.SIGN_AGAIN, "FAIL_SYS_TOKEN_EMPTY"),
        (["FAIL_SYS_TOKEN_EXOIRED::令牌过期"], Verdict.SIGN_AGAIN, "FAIL_SYS_TOKEN_EXOIRED"),
        (["FAIL_SYS_TOKEN_EXPIRED"], Verdict.SIGN_AGAIN, "FAIL_SYS_TOKEN_EXPIRED"),
        (["FAIL_SYS_TOKEN_ILLEGAL::"], Verdict.SIGN_AGAIN, "FAIL_SYS_TOKEN_ILLEGAL"),
        (["FAIL_SYS_SESSION_EXPIRED::Session过期"], Verdict.LOGIN_OVER, "FAIL_SYS_SESSION_EXPIRED"),
        (["FAIL_SYS_SID_INVALID"], Verdict.LOGIN_OVER, "FAIL_SYS_SID_INVALID"),
        (["FAIL_SYS_AUTH_REJECT"], Verdict.LOGIN_OVER, "FAIL_SYS_AUTH_REJECT"),
        (["FAIL_BIZ_NEED_LOGIN::x"], Verdict.LOGIN_OVER, "NEED_LOGIN"),
        (["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::哎哟喂"], Verdict.PERSON, None),
        (["RGV587_ERROR::SM::哎哟喂,被挤爆啦"], Verdict.PERSON, "RGV587_ERROR"),
        (["RRXVv_ERROR::x"], Verdict.PERSON, "RRXVv_ERROR"),
        (["FAIL_SYS_ILLEGAL_ACCESS::x"], Verdict.ILLEGAL, "FAIL_SYS_ILLEGAL_ACCESS"),
        (["FAIL_SYS_TRAFFIC_LIMIT"], Verdict.THROTTLED, "TRAFFIC_LIMIT"),
        (["FAIL_SYS_USER_LIMIT"], Verdict.THROTTLED, "USER_LIMIT"),
        (["FAIL_SYS_SERVICE_FLOW_LIMIT"], Verdict.THROTTLED, "SERVICE_FLOW_LIMIT"),
        (["FAIL_SYS_REQUEST_EXPIRED"], Verdict.CLOCK, "FAIL_SYS_REQUEST_EXPIRED"),
        (["FAIL_SYS_SERVICE_NOT_EXIST"], Verdict.OTHER, "FAIL_SYS_SERVICE_*"),
        (["FAIL_SYS_INTERNAL_FAULT"], Verdict.OTHER, "FAIL_SYS_INTERNAL_*"),
        (["FAIL_BIZ_PLANTED::x"], Verdict.OTHER, "FAIL_BIZ_*"),
        (["PLANTED::x"], Verdict.OTHER, "unknown(7)"),
        (["x::FAIL_SYS_USER_VALIDATE"], Verdict.OTHER, "unknown(1)"),
        (["SUCCESS::x", "FAIL_SYS_TOKEN_EMPTY::x"], Verdict.SIGN_AGAIN, "FAIL_SYS_TOKEN_EMPTY"),
        (["FAIL_SYS_TOKEN_EMPTY", "RGV587_ERROR"], Verdict.PERSON, "RGV587_ERROR"),
        (["RGV587_ERROR", "FAIL_SYS_SESSION_EXPIRED"], Verdict.LOGIN_OVER, None),
    ],
)
def test_what_ret_means(ret: list[str], verdict: Verdict, code: str | None) -> None:
    data = {"accessToken": TOKEN}
    judged = judge(told(*ret, data=data), TOKEN_CALL)
    assert judged.verdict is verdict
    assert judged.code == (code or ret[-1].partition("::")[0]) or (
        code is None and judged.code == ret[0]
    )
    assert judged.token is None


@pytest.mark.row("B10", "taken as login_over; the link is never shown")
def test_a_session_that_is_over_and_a_check_in_one_answer() -> None:
    """B10: the login is over; a check would lead nowhere."""
    judged = judge(told("FAIL_SYS_SESSION_EXPIRED::Session过期", data={"url": PUNISH}), TOKEN_CALL)
    assert (judged.verdict, judged.code) == (Verdict.LOGIN_OVER, "FAIL_SYS_SESSION_EXPIRED")


def test_the_address_of_a_check_is_enough() -> None:
    for ret in (["FAIL_SYS_TOKEN_EXOIRED::x"], ["SUCCESS::x"], []):
        judged = judge(told(*ret, data={"url": PUNISH, "accessToken": TOKEN}), TOKEN_CALL)
        assert (judged.verdict, judged.code) == (Verdict.PERSON, "punish_url")


@pytest.mark.parametrize(
    ("life", "life_ms", "expires_at_ms"),
    [
        ("86400000", 86_400_000, None),
        (86_400_000, 86_400_000, None),
        ("86400", 86_400_000, None),
        (86400.5, 86_400_500, None),
        ("1767312000000", None, 1_767_312_000_000),
        (1_767_312_000, None, 1_767_312_000_000),
        ("1767312000.5", None, 1_767_312_000_500),
        (None, None, None),
        (True, None, None),
        (0, None, None),
        (-5, None, None),
        ("soon", None, None),
        ("", None, None),
        ("１２３", None, None),
        (10**30, None, None),
        ("9" * 5000, None, None),
        ([86400], None, None),
    ],
)
def test_how_long_a_token_lasts(
    life: object, life_ms: int | None, expires_at_ms: int | None
) -> None:
    judged = judge(success(life), TOKEN_CALL)
    assert (judged.verdict, judged.token) == (Verdict.SUCCESS, TOKEN)
    assert (judged.life_ms, judged.expires_at_ms) == (life_ms, expires_at_ms)


@pytest.mark.parametrize("token", [None, "", 5, ["x"], "a b", "x" * 5000, "é", "\0", {"a": 1}])
def test_no_success_without_a_token(token: object) -> None:
    """B13."""
    judged = judge(success(token=token), TOKEN_CALL)
    assert (judged.verdict, judged.code, judged.token) == (Verdict.OTHER, "no_token", None)
    assert judge(success(token=token), login_user_call()).verdict is Verdict.SUCCESS


@pytest.mark.row("B13", "no token, never raises; asked again after a minute")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"null", "no_ret"),
        (b"5", "no_ret"),
        (b'"SUCCESS"', "no_ret"),
        (b"[]", "no_ret"),
        (b"{}", "no_ret"),
        (b'{"ret":null}', "no_ret"),
        (b'{"ret":5}', "no_ret"),
        (b'{"ret":[5,null,[],{}]}', "no_ret"),
        (b'{"ret":{"SUCCESS":1}}', "no_ret"),
        (b'{"ret":[[["SUCCESS::"]]]}', "no_ret"),
        (b'{"ret":"FAIL_WHAT"}', "unknown(9)"),
        (b'{"ret":["\\ud800"]}', "unknown(1)"),
        (b'{"ret":["' + b"x" * 9999 + b'"]}', "unknown(9999)"),
        (b"[" * 5000, "too_deep"),
    ],
)
def test_junk_that_is_json_is_another_refusal(raw: bytes, code: str) -> None:
    """B13."""
    judged = judge(answer(None, raw=raw), TOKEN_CALL)
    assert (judged.verdict, judged.code) == (Verdict.OTHER, code)


@pytest.mark.parametrize(
    ("given_answer", "verdict", "code"),
    [
        (answer(None, raw=b""), Verdict.BROKEN, "empty"),
        (answer(None, raw=b"<html>busy</html>"), Verdict.BROKEN, "not_json"),
        (answer(None, raw=b'{"ret":["SUCC'), Verdict.BROKEN, "not_json"),
        (answer(None, raw=b'{"n":' + b"9" * 5000 + b"}"), Verdict.BROKEN, "not_json"),
        (answer(None, raw=b" " * (LARGEST_BODY + 1)), Verdict.BROKEN, "too_large"),
        (answer({"ret": ["SUCCESS::x"]}, 500), Verdict.BROKEN, "http_status"),
        (answer({}, 404), Verdict.BROKEN, "http_status"),
        (answer({"ret": ["RGV587_ERROR::x"]}, 403), Verdict.PERSON, "RGV587_ERROR"),
        (answer({}, 429), Verdict.THROTTLED, "http_429"),
        (answer(None, 429, raw=b"slow down"), Verdict.THROTTLED, "http_429"),
        (answer(None, raw=f"<script>'{PUNISH}'".encode()), Verdict.PERSON, "punish_page"),
        (answer({}, 302), Verdict.BROKEN, "redirect"),
        (answer({}, 302, ("location", "https://evil.example/")), Verdict.BROKEN, "redirect"),
        (answer({}, 302, ("location", "https://[")), Verdict.BROKEN, "redirect"),
        (answer({}, 302, ("location", "/mini_login.htm")), Verdict.BROKEN, "redirect"),
        (
            answer({}, 302, ("location", "https://passport.goofish.com/mini_login.htm")),
            Verdict.LOGIN_OVER,
            "login_redirect",
        ),
        (answer({}, 302, ("location", PUNISH)), Verdict.PERSON, "punish_redirect"),
    ],
)
def test_what_is_no_answer_of_the_service(
    given_answer: HttpAnswer, verdict: Verdict, code: str
) -> None:
    judged = judge(given_answer, TOKEN_CALL)
    assert (judged.verdict, judged.code, judged.status) == (verdict, code, given_answer.status)


DATE = ("date", "Thu, 01 Jan 2026 00:00:00 GMT")


@pytest.mark.parametrize(
    ("headers", "retry_after_s", "server_ms"),
    [
        ([], None, None),
        ([DATE, ("retry-after", "120")], 120, 1_767_225_600_000),
        ([("date", "yesterday"), DATE], None, 1_767_225_600_000),
        ([DATE, ("retry-after", "Thu, 01 Jan 2026 00:01:30 GMT")], 90, 1_767_225_600_000),
        ([DATE, ("retry-after", "Thu, 01 Jan 2025 00:01:30 GMT")], 0, 1_767_225_600_000),
        ([("retry-after", "Thu, 01 Jan 2026 00:01:30 GMT")], None, None),
        ([("retry-after", "soon"), ("retry-after", "9" * 5000)], None, None),
    ],
)
def test_times_of_the_platform(
    headers: list[tuple[str, str]], retry_after_s: int | None, server_ms: int | None
) -> None:
    judged = judge(answer({"ret": ["FAIL_SYS_USER_LIMIT"]}, 200, *headers), TOKEN_CALL)
    assert (judged.retry_after_s, judged.server_ms) == (retry_after_s, server_ms)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
CODES = st.sampled_from(
    ["SUCCESS::x", "FAIL_SYS_TOKEN_EMPTY::x", "RGV587_ERROR", "SUCCESS", "x", PUNISH, "9" * 400]
)
BODIES = st.recursive(
    SCALARS | CODES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["ret", "data", "url", "accessToken", "accessTokenExpiredTime", "object", "pix"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
RAW = st.binary(max_size=200) | BODIES.map(lambda body: json.dumps(body).encode())
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["date", "retry-after", "location", "set-cookie"]),
        st.text(max_size=30) | st.sampled_from([DATE[1], "https://[", "5"]),
    ),
    max_size=4,
)
ANSWERS = st.builds(
    lambda status, headers, body: HttpAnswer(status=status, headers=headers, body=body),
    st.sampled_from([200, 200, 200, 302, 403, 429, 500, 0, -1]),
    HEADERS,
    RAW,
)
EMPTY = HttpAnswer(status=200, headers=[("set-cookie", "a=1")], body=b"")


@pytest.mark.row("B13", "no token, never raises; asked again after a minute")
@given(ANSWERS, st.sampled_from([TOKEN_CALL, login_user_call()]))
@example(HttpAnswer(status=200, headers=[], body=b"\xff\xfe" * 100), TOKEN_CALL)
@example(HttpAnswer(status=200, headers=[], body=b'{"ret":["SUCCESS::"]}'), TOKEN_CALL)
def test_judge_is_total(given_answer: HttpAnswer, call: Call) -> None:
    """B13: over any bytes, and a success has a token."""
    judged = judge(given_answer, call)
    assert isinstance(judged, Judged)
    is_granted = judged.verdict is Verdict.SUCCESS and call.needs_token
    assert (judged.token is not None) == is_granted
    assert judged.token or (judged.life_ms is None and judged.expires_at_ms is None)
    assert judged.verdict is not Verdict.SUCCESS or given_answer.status == 200


# --- upload ---------------------------------------------------------------------------


def test_an_upload() -> None:
    made = upload_request(
        b"\xff\xd8--\r\n", "image/jpeg", jar=JAR, endpoints=Endpoints(), now_ms=NOW, user_agent=None
    )
    assert made.url == (
        "https://stream-upload.goofish.com/api/upload.api"
        "?floderId=0&appkey=xy_chat&_input_charset=utf-8"
    )
    kind, _, boundary = made.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert made.headers["cookie"].endswith("unb=2200000000017")
    assert made.headers["origin"] == "https://www.goofish.com"
    assert made.body == (
        b"--" + boundary.encode() + b"\r\n"
        b'Content-Disposition: form-data; name="file"; filename="image.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
        b"\xff\xd8--\r\n\r\n--" + boundary.encode() + b"--\r\n"
    )
    assert "/api/" not in f"{made}".replace("/api/upload.api", "")


@pytest.mark.parametrize(
    ("image", "media_type", "told"),
    [
        (b"", "image/png", "1 byte to 5 MiB"),
        (b"x" * (LARGEST_IMAGE + 1), "image/png", "1 byte to 5 MiB"),
        (b"x", 'image/png"\r\n', "an image is one of image/jpeg"),
    ],
    ids=["empty", "large", "type"],
)
def test_what_is_no_image_is_not_sent(image: bytes, media_type: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        upload_request(
            image, media_type, jar=JAR, endpoints=Endpoints(), now_ms=NOW, user_agent=None
        )


PICTURE = "https://img.example.invalid/imgextra/i1/O1CN01demo.jpg"


@pytest.mark.parametrize(
    ("body", "url", "size"),
    [
        ({"object": {"url": PICTURE, "pix": "1080x1440", "size": "5"}}, PICTURE, (1080, 1440)),
        ({"object": {"url": PICTURE, "pix": "1080X1440"}}, PICTURE, (1080, 1440)),
        ({"object": {"url": PICTURE, "pix": "9999999x1"}}, PICTURE, (None, None)),
        ({"object": {"url": 5}, "data": {"url": PICTURE}}, PICTURE, (None, None)),
        ({"object": {"url": PICTURE[6:], "pix": 5}}, PICTURE, (None, None)),
        ({"ret": ["SUCCESS::x"], "object": {"url": PICTURE}}, PICTURE, (None, None)),
    ],
)
def test_an_uploaded_image(body: object, url: str, size: tuple[int | None, int | None]) -> None:
    uploaded = judge_upload(answer(body))
    assert uploaded.judged.verdict is Verdict.SUCCESS
    assert (uploaded.url, (uploaded.width, uploaded.height)) == (url, size)


@pytest.mark.parametrize(
    ("given_answer", "verdict", "code"),
    [
        (answer(None, raw=b"\r\n<html>passport.goofish.com"), Verdict.LOGIN_OVER, "login_page"),
        (answer(None, raw=b"<html>Please Login"), Verdict.LOGIN_OVER, "login_page"),
        (answer(None, raw="<html>请登录".encode()), Verdict.LOGIN_OVER, "login_page"),
        (answer(None, raw="<html>请登录".encode("gbk")), Verdict.LOGIN_OVER, "login_page"),
        (answer(None, raw=b"<html>busy"), Verdict.BROKEN, "not_json"),
        (answer(None, 502, raw=b"<html>login"), Verdict.BROKEN, "not_json"),
        (answer(None, raw=b"login"), Verdict.BROKEN, "not_json"),
        (answer({}), Verdict.OTHER, "no_url"),
        (answer({"object": {"url": "javascript:x"}}), Verdict.OTHER, "no_url"),
        (answer({"object": {"url": "https:///x.jpg"}}), Verdict.OTHER, "no_url"),
        (answer({"object": {"url": PICTURE}}, 500), Verdict.BROKEN, "http_status"),
        (answer({"ret": ["FAIL_SYS_SESSION_EXPIRED"]}), Verdict.LOGIN_OVER, None),
        (answer({"ret": ["WHAT"], "object": {"url": PICTURE}}), Verdict.OTHER, "unknown(4)"),
        (
            answer({}, 302, ("location", "https://passport.goofish.com/")),
            Verdict.LOGIN_OVER,
            "login_redirect",
        ),
    ],
)
def test_an_upload_that_failed(
    given_answer: HttpAnswer, verdict: Verdict, code: str | None
) -> None:
    uploaded = judge_upload(given_answer)
    assert uploaded.judged.verdict is verdict
    assert uploaded.judged.code == (code or "FAIL_SYS_SESSION_EXPIRED")
    assert uploaded.url is None


@given(ANSWERS)
@example(EMPTY)
def test_judge_upload_is_total(given_answer: HttpAnswer) -> None:
    uploaded = judge_upload(given_answer)
    assert isinstance(uploaded, Uploaded)
    assert (uploaded.url is not None) == (uploaded.judged.verdict is Verdict.SUCCESS)
