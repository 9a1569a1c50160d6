"""Sign-in by a code and silent renewal, step by step; junk leads to an end or to waiting (B34)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish import renewal
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.endpoints import Endpoints
from gateway.platforms.goofish.passport import (
    CHECK_LIFE_MS,
    CODE_LIFE_MS,
    ENDS,
    MOST_CODES,
    MOST_ERRORS,
    POLL_S,
    Phase,
    SignIn,
    Step,
    advance,
    begin,
    request,
)
from gateway.platforms.goofish.passport_answers import form_of
from gateway.platforms.goofish.passport_calls import URL, Caller
from gateway.platforms.goofish.renewal import Outcome

NOW = 1_767_225_600_000
WIDE = "; Domain=.goofish.com; Path=/"
LOCAL = Endpoints(mtop="http://127.0.0.1:1", passport="http://127.0.0.1:2")
CONTENT = "https://passport.goofish.com/qrcodeCheck.htm?lgToken=1demo0000a2b3&_from=havana"
LINK = "https://passport.goofish.com/iv/mini/normal_validate.htm?htoken=demo0000"
PUNISH = {"ret": ["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::x"], "data": {}}
LOGIN = (f"unb=22{WIDE}", f"cookie2=after{WIDE}", f"sgcookie=s{WIDE}")


def answer(body: object, *set_cookies: str, status: int = 200) -> HttpAnswer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("set-cookie", each) for each in set_cookies]
    return HttpAnswer(status=status, headers=headers, body=content)


def content(**data: object) -> dict[str, object]:
    return {"content": {"data": data, "status": 0, "success": True}, "hasError": False}


def status(name: object, *set_cookies: str, **data: object) -> HttpAnswer:
    return answer(content(qrCodeStatus=name, **data), *set_cookies)


def page(form: str) -> HttpAnswer:
    html = f"<html><script>window.viewData = {{a:1, {form}}};\nwindow.x={{}};</script>"
    return answer(html.encode(), "XSRF-TOKEN=x-1; Path=/; Secure")


FIRST = answer({"ret": ["FAIL_SYS_TOKEN_EMPTY::x"]}, f"_m_h5_tk=tk_1{WIDE}", f"cookie2=visit{WIDE}")
SECOND = answer({"ret": ["SUCCESS::x"], "data": {}})
PAGE = page(
    '"loginFormData": {"appName":"xianyu","umidToken":"um","n":77,"yes":true,"_csrf_token":"p"}'
)
CODE = answer(content(t=1767225600456, ck="a1b2", codeContent=CONTENT))
ERROR = answer({"hasError": True})


def run(answers: Iterable[HttpAnswer | None], state: SignIn | None = None) -> SignIn:
    """Give the answers, at one time."""
    state = state or begin(NOW, 0.25, cna="CNA", user_id="22")
    for each in answers:
        state = advance(state, each, NOW)
    return state


def waiting() -> SignIn:
    return run([FIRST, SECOND, PAGE, CODE])


def sent(state: SignIn, user_agent: str | None = None) -> HttpRequest:
    made = request(state, LOCAL, NOW, user_agent)
    assert made is not None
    return made


def fields(made: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl((made.body or b"").decode(), keep_blank_values=True))


def query(made: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(made.url).query, keep_blank_values=True))


# --- the way through ------------------------------------------------------------------


def test_a_sign_in_from_the_first_call_to_the_last() -> None:
    state = begin(NOW, 0.25, cna="CNA", user_id="22")
    first = sent(state)
    assert first.url.startswith("http://127.0.0.1:1/h5/mtop.gaia.")
    assert first.headers["cookie"] == "cna=CNA"
    state = advance(state, FIRST, NOW)
    second = sent(state)
    assert "_m_h5_tk=tk_1" in second.headers["cookie"]
    assert query(second)["sign"] != query(first)["sign"]

    state = advance(state, SECOND, NOW)
    opened = sent(state)
    assert opened.url.partition("?")[0] == "http://127.0.0.1:2/mini_login.htm"
    assert query(opened) == {
        "lang": "zh_cn",
        "appName": "xianyu",
        "appEntrance": "web",
        "styleType": "vertical",
        "bizParams": "",
        "notLoadSsoView": "false",
        "notKeepLogin": "false",
        "isMobile": "false",
        "qrCodeFirst": "false",
        "stie": "77",
        "rnd": "0.25",
    }
    assert opened.method == "GET"
    assert "origin" not in opened.headers
    assert opened.headers["sec-fetch-dest"] == "iframe"

    state = advance(state, PAGE, NOW)
    generated = sent(state)
    assert generated.url.partition("?")[0].endswith("/newlogin/qrcode/generate.do")
    assert query(generated) == {
        "appName": "xianyu",
        "fromSite": "77",
        "appEntrance": "web",
        "_csrf_token": "x-1",
        "umidToken": "um",
        "hsiz": "visit",
        "bizParams": "",
        "mainPage": "false",
        "isMobile": "false",
        "lang": "zh_CN",
        "returnUrl": "",
        "umidTag": "SERVER",
        "n": "77",
        "yes": "true",
    }
    assert (state.phase, state.shows) == (Phase.STARTING, None)

    state = advance(state, CODE, NOW)
    assert (state.phase, state.shows, state.after_s) == (Phase.WAITING, CONTENT, POLL_S)
    polled = sent(state, "X (Macintosh) Chrome/150.0")
    assert polled.method == "POST"
    assert polled.url == "http://127.0.0.1:2/newlogin/qrcode/query.do?appName=xianyu&fromSite=77"
    assert fields(polled) == query(generated) | {
        "t": "1767225600456",
        "ck": "a1b2",
        "navlanguage": "zh-CN",
        "navUserAgent": "X (Macintosh) Chrome/150.0",
        "navPlatform": "MacIntel",
        "isIframe": "true",
        "documentReferer": "https://www.goofish.com/",
        "defaultView": "qrcode",
        "deviceId": "CNA",
    }
    assert polled.headers["origin"] == "https://passport.goofish.com"
    assert polled.headers["cookie"] == "cna=CNA; _m_h5_tk=tk_1; cookie2=visit; XSRF-TOKEN=x-1"

    state = advance(state, status("NEW"), NOW)
    assert (state.phase, state.shows) == (Phase.WAITING, CONTENT)
    state = advance(state, status("SCANED"), NOW)
    assert (state.phase, state.shows) == (Phase.SCANNED, None)
    state = advance(state, status("CONFIRMED", *LOGIN, processFinished=True), NOW)
    assert (state.step, state.after_s) == (Step.SETTINGS, 0.0)
    kept = sent(state)
    assert kept.url == (
        "http://127.0.0.1:2/ac/account/setLoginSettings.do"
        "?appName=xianyu&fromSite=77&bizEntrance=web"
    )
    assert kept.body == b"status=0"
    state = advance(state, answer({}, f"havana_lgc2_77=l{WIDE}"), NOW)
    assert (state.phase, state.reason, state.jar.user_id) == (Phase.DONE, None, "22")
    assert state.jar.value("cookie2", URL, NOW) == "after"
    assert state.jar.value("havana_lgc2_77", URL, NOW) == "l"
    assert request(state, LOCAL, NOW, None) is None
    assert advance(state, ERROR, NOW) is state


def test_to_stay_signed_in_may_be_refused() -> None:
    confirmed = run([status("CONFIRMED", *LOGIN)], waiting())
    for each in (None, answer(b"", status=500), answer(PUNISH)):
        assert advance(confirmed, each, NOW).phase is Phase.DONE
    lost = advance(confirmed, answer({}, f"unb={WIDE}; Max-Age=0"), NOW)
    assert (lost.phase, lost.reason) == (Phase.FAILED, "login_lost")


@pytest.mark.parametrize("name", ["token", "lgToken"])
def test_a_token_instead_of_a_login_is_used_once(name: str) -> None:
    state = run([status("CONFIRMED", **{name: "1to&ken"})], waiting())
    assert state.step is Step.CLAIM
    made = sent(state)
    assert made.url.partition("?")[0].endswith("/login_token/login.do")
    assert query(made) == {
        "token": "1to&ken",
        "subFlow": "DIALOG_CHECK_LOGIN_RPC",
        "nextCode": "0018",
        "bizScene": "qrcode",
        "confirm": "true",
    }
    assert fields(made) == {"deviceId": "CNA"}
    assert run([answer(content(), *LOGIN)], state).step is Step.SETTINGS
    again = run([answer(content()), status("CONFIRMED", **{name: "1to&ken"})], state)
    assert (again.step, again.phase, again.claim) == (Step.POLL, Phase.WAITING, "")


@pytest.mark.parametrize("flag", [True, "true", False])
def test_the_login_is_seen_by_its_cookie_and_not_by_the_flag(flag: object) -> None:
    done = status("CONFIRMED", *LOGIN, iframeRedirect=flag, iframeRedirectUrl=LINK)
    assert run([done], waiting()).step is Step.SETTINGS
    assert run([answer(b"\xff", *LOGIN)], waiting()).step is Step.SETTINGS


def test_an_identity_check_is_shown_and_waited_for() -> None:
    asked = status("CONFIRMED", iframeRedirect=True, iframeRedirectUrl=LINK, token="t")
    state = run([asked], waiting())
    assert (state.phase, state.link, state.shows, state.step) == (
        Phase.VERIFYING,
        LINK,
        None,
        Step.POLL,
    )
    for each in ("NEW", "SCANED", "EXPIRED", "WHAT"):
        assert run([status(each)], state).phase is Phase.VERIFYING
    later = advance(state, asked, NOW + CHECK_LIFE_MS - 1)
    assert (later.phase, later.until_ms) == (Phase.VERIFYING, NOW + CHECK_LIFE_MS)
    over = advance(later, asked, NOW + CHECK_LIFE_MS)
    assert (over.phase, over.reason) == (Phase.FAILED, "check_not_finished")
    assert run([status("CONFIRMED", *LOGIN)], state).step is Step.SETTINGS
    assert run([status("CANCELED")], state).phase is Phase.CANCELLED


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("/iv/mini/x.htm", "https://passport.goofish.com/iv/mini/x.htm"),
        ("https://evil.example/iv/x", None),
        ("https://passport.goofish.com@evil.example/iv/x", None),
        ("https://evil@passport.goofish.com/iv/x", None),
        ("http://passport.goofish.com/iv/x", None),
        ("https://passport.goofish.com/other", None),
        ("https://[/iv/", None),
        ("javascript:alert(1)", None),
        ("https://passport.goofish.com/iv/ x", None),
        ("", None),
        (5, None),
    ],
)
def test_only_the_platforms_own_link_is_shown(link: object, shown: str | None) -> None:
    state = run([status("CONFIRMED", iframeRedirect=True, iframeRedirectUrl=link)], waiting())
    assert state.link == shown
    assert state.phase is (Phase.WAITING if shown is None else Phase.VERIFYING)


# --- ends -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "phase", "reason"),
    [
        ("CANCELED", Phase.CANCELLED, None),
        ("cancelled ", Phase.CANCELLED, None),
        ("ERROR", Phase.FAILED, "platform_error"),
    ],
)
def test_what_ends_a_sign_in(name: str, phase: Phase, reason: str | None) -> None:
    state = run([status(name, f"sgcookie=x{WIDE}")], waiting())
    assert (state.phase, state.reason, state.jar, state.code) == (phase, reason, Jar(), None)


@pytest.mark.parametrize("name", [None, "", "WHAT", 5, ["NEW"], "\ud800", "CONFIRMED", "SCANNED"])
def test_what_is_no_end_is_waited_over(name: object) -> None:
    state = run([status(name)] * 50, waiting())
    assert state.phase is (Phase.SCANNED if name == "SCANNED" else Phase.WAITING)
    assert (state.step, state.after_s, state.errors) == (Step.POLL, POLL_S, 0)
    bodies: tuple[object, ...] = (
        {},
        {"content": None},
        {"content": 5},
        {"content": {"data": []}},
    )
    for body in bodies:
        assert run([answer(body)] * 50, waiting()).phase is Phase.WAITING


def test_three_codes_in_a_row_and_then_it_has_expired() -> None:
    state = waiting()
    for codes in range(1, MOST_CODES):
        assert (state.phase, state.codes) == (Phase.WAITING, codes)
        state = advance(state, status("EXPIRED"), NOW)
        assert (state.phase, state.step, state.shows) == (Phase.STARTING, Step.CODE, None)
        state = advance(state, CODE, NOW)
    assert advance(state, status("NEW"), NOW + CODE_LIFE_MS - 1).phase is Phase.WAITING
    assert advance(state, status("NEW"), NOW + CODE_LIFE_MS).phase is Phase.EXPIRED
    assert advance(state, None, NOW + CODE_LIFE_MS).phase is Phase.EXPIRED
    assert advance(state, status("EXPIRED"), NOW).phase is Phase.EXPIRED


@pytest.mark.parametrize(
    "junk", [ERROR, None, answer(b"<html>"), answer({}, status=500), answer([])]
)
def test_five_answers_that_say_nothing_are_an_end(junk: HttpAnswer | None) -> None:
    for state in (waiting(), run([FIRST, SECOND, PAGE])):
        almost = run([junk] * (MOST_ERRORS - 1), state)
        assert (almost.phase, almost.after_s) == (state.phase, POLL_S)
        over = run([junk], almost)
        assert (over.phase, over.reason) == (Phase.FAILED, "answers_unusable")
    assert run([*[junk] * 4, status("NEW"), *[junk] * 4], waiting()).phase is Phase.WAITING


def test_the_page_may_not_come() -> None:
    state = run([FIRST, SECOND])
    for junk in (None, answer(b"", status=502)):
        assert run([junk] * 4, state).step is Step.PAGE
        assert run([*[junk] * 4, PAGE], state).step is Step.CODE
        assert run([junk] * 5, state).reason == "answers_unusable"
    for junk in (answer(b""), answer(b"", status=302), page("")):
        assert run([junk], state).reason == "page_unreadable"


def test_another_account_is_refused_and_its_cookies_dropped() -> None:
    state = run([status("CONFIRMED", f"unb=23{WIDE}")], waiting())
    assert (state.phase, state.reason, state.jar) == (Phase.FAILED, "wrong_account", Jar())
    anybody = run([FIRST, SECOND, PAGE, CODE], begin(NOW, 0.5))
    assert run([status("CONFIRMED", f"unb=23{WIDE}")], anybody).step is Step.SETTINGS
    assert "cookie" not in sent(begin(NOW, 0.5)).headers


def test_risk_control_ends_it_at_once() -> None:
    for before in ([], [FIRST, SECOND], [FIRST, SECOND, PAGE], [FIRST, SECOND, PAGE, CODE]):
        state = run([*before, answer(PUNISH)])
        assert (state.phase, state.reason) == (Phase.FAILED, "verification_asked")


def test_the_first_calls_may_fail() -> None:
    assert run([None]).step is Step.PAGE
    assert run([answer(b"")]).step is Step.PAGE
    assert run([FIRST]).step is Step.VISIT
    assert run([FIRST, FIRST]).step is Step.PAGE


def test_nothing_secret_is_shown() -> None:
    state = run([status("CONFIRMED", iframeRedirect=True, iframeRedirectUrl=LINK)], waiting())
    made = sent(state)
    shown = f"{state!r} {state} {state.code!r} {state.code} {made!r} {made}"
    for secret in ("a1b2", "lgToken", "htoken", "visit", "x-1", "CNA", "1767225600456"):
        assert secret not in shown
    assert f"{state}" == "SignIn(verifying, poll, None)"


# --- what is read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t", "digits"),
    [
        (1767225600456, "1767225600456"),
        (1.767225600456e12, "1767225600456"),
        ("1767225600456", "1767225600456"),
        (0, "0"),
        ("1.7e12", None),
        (float("inf"), None),
        (-1, None),
        (10**400, None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_the_time_of_a_code_is_sent_as_digits(t: object, digits: str | None) -> None:
    state = run([FIRST, SECOND, PAGE, answer(content(t=t, ck="k", codeContent=CONTENT))])
    if digits is None:
        assert (state.step, state.errors) == (Step.CODE, 1)
    else:
        assert fields(sent(state))["t"] == digits


@pytest.mark.parametrize(
    "data",
    [
        {"t": 1, "ck": "k"},
        {"t": 1, "ck": "k", "codeContent": "http://passport.goofish.com/x"},
        {"t": 1, "ck": "k", "codeContent": "https://x/\n"},
        {"t": 1, "ck": "k", "codeContent": "https://x/" + "y" * 2000},
        {"t": 1, "ck": "k\u00e9", "codeContent": CONTENT},
        {"t": 1, "ck": 5, "codeContent": CONTENT},
        {},
    ],
)
def test_a_code_that_cannot_be_drawn_is_an_error(data: dict[str, object]) -> None:
    assert run([FIRST, SECOND, PAGE, answer(content(**data))]).errors == 1


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ('"loginFormData":{"a":"1"}', {"a": "1"}),
        (
            'loginFormData = {"a": 1, "b": false, "c": [], "d": null, "e": 0.5}',
            {"a": "1", "b": "false"},
        ),
        ('\'loginFormData\' : {"a":""}', {"a": ""}),
        ('loginFormData:{},"loginFormData":{"a":"2"}', {"a": "2"}),
        ('loginFormData:{x},"loginFormData":{"a":"3"}', {"a": "3"}),
        ('"loginFormData":{"a":"\\ud800","b b":"1","c":"\\n","d":-1,"e":"1"}', {"e": "1"}),
        ('"loginFormData":{"a":"' + "x" * 5000 + '"}', None),
        ('"loginFormData":{"a":' + "9" * 5000 + "}", None),
        ('"loginFormData":{"a":' + "[" * 9_000, None),
        ('"loginFormData":[{"a":"1"}]', None),
        ('"loginFormData":"{}"', None),
        ('"loginFormData":{"a":"1",', None),
        ("loginFormData={" * 20 + '"loginFormData":{"a":"1"}', None),
        ("", None),
    ],
)
def test_the_form_of_the_page(form: str, read: dict[str, str] | None) -> None:
    assert form_of(page(form)) == read


def test_a_form_without_end_is_cut() -> None:
    many = json.dumps({f"f{i}": "x" for i in range(500)})
    found = form_of(page(f'"loginFormData":{many}'))
    assert found is not None
    assert len(found) == 60
    assert form_of(answer(b"x" * (3 << 20) + b'loginFormData={"a":"1"}')) is None


# --- renewal --------------------------------------------------------------------------

OLD = Jar().apply(
    [f"unb=22{WIDE}", f"cookie2=c{WIDE}", f"cna=CNA{WIDE}", "XSRF-TOKEN=x; Path=/"], URL, NOW
)


def caller(*lines: str) -> Caller:
    return Caller(jar=OLD.apply(lines, URL, NOW), endpoints=LOCAL, now_ms=NOW)


@pytest.mark.parametrize(
    ("value", "is_ahead"),
    [
        (f"{NOW + 1}", True),
        (f"{NOW // 1000 + 1}", True),
        (f"{NOW}", False),
        ("soon", False),
        ("9" * 30, False),
        ("", False),
    ],
)
def test_silent_renewal_follows_the_long_login_and_the_pages_own_pause(
    value: str,
    is_ahead: bool,  # noqa: FBT001
) -> None:
    made = renewal.silent_request(caller(f"havana_lgc_exp={value}{WIDE}"))
    mode = {"ltl": "true"} if is_ahead else {"skipSessionFilter": "true", "c2r": "true"}
    assert made.url.partition("?")[0] == "http://127.0.0.1:2/newlogin/silentHasLogin.do"
    assert query(made) == {
        "documentReferer": "https://www.goofish.com/im",
        "appName": "xianyu",
        "appEntrance": "xianyu_sdkSilent",
        "fromSite": "0",
        **mode,
    }
    assert (made.method, made.body) == ("POST", b"")
    assert made.headers["origin"] == "https://www.goofish.com"
    paused = OLD.apply([f"sdkSilent={value}{WIDE}"], URL, NOW)
    assert renewal.may_renew_silently(paused, NOW) is not is_ahead


def test_when_the_long_login_ends() -> None:
    held = OLD.apply([f"havana_lgc_exp=1769817600{WIDE}"], URL, NOW)
    assert renewal.long_login_ends_ms(held, NOW) == 1_769_817_600_000
    assert renewal.long_login_ends_ms(OLD, NOW) is None


def test_the_question_whether_somebody_is_signed_in() -> None:
    made = renewal.has_login_request(caller())
    assert made.url == "http://127.0.0.1:2/newlogin/hasLogin.do?appName=xianyu&fromSite=77"
    asked = fields(made)
    assert (asked["hid"], asked["ltl"], asked["defaultView"]) == ("22", "true", "hasLogin")
    assert (asked["hsiz"], asked["_csrf_token"], asked["deviceId"]) == ("c", "x", "CNA")
    nobody = Caller(jar=Jar(), endpoints=LOCAL, now_ms=NOW)
    assert fields(renewal.has_login_request(nobody))["hid"] == ""


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"content": {"data": {"processFinished": True, "resultCode": 100}}}, Outcome.RENEWED),
        ({"content": {"data": {"processFinished": "true", "resultCode": "100"}}}, Outcome.RENEWED),
        ({"content": {"success": True, "data": {}}}, Outcome.RENEWED),
        ({"data": {"content": {"success": True}}}, Outcome.RENEWED),
        ({"content": {"data": {"processFinished": True, "resultCode": 101}}}, Outcome.REFUSED),
        ({"content": {"data": {"processFinished": False, "resultCode": 100}}}, Outcome.REFUSED),
        ({"content": {"success": False}}, Outcome.REFUSED),
        ({}, Outcome.REFUSED),
        ({"content": {"success": True}, "hasError": True}, Outcome.BROKEN),
        (b"<html>", Outcome.BROKEN),
        (b"[" * 9999, Outcome.BROKEN),
        (PUNISH, Outcome.PERSON),
    ],
)
def test_what_came_of_a_renewal(body: object, outcome: Outcome) -> None:
    done = renewal.renewed(OLD, answer(body, f"sgcookie=new{WIDE}"), NOW)
    assert done.outcome is outcome
    assert done.jar.value("sgcookie", URL, NOW) == "new"


def test_a_renewal_that_brings_somebody_else_changes_nothing() -> None:
    yes = {"content": {"success": True}}
    done = renewal.renewed(OLD, answer(yes, f"unb=23{WIDE}", f"sgcookie=new{WIDE}"), NOW)
    assert (done.outcome, done.jar) == (Outcome.WRONG_ACCOUNT, OLD)
    gone = renewal.renewed(OLD, answer(yes, f"unb={WIDE}; Max-Age=0"), NOW)
    assert (gone.outcome, gone.jar.user_id) == (Outcome.REFUSED, None)


# --- properties -----------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = st.sampled_from(
    [*("NEW", "SCANED", "CONFIRMED", "EXPIRED", "CANCELED", "ERROR"), LINK, CONTENT, "9" * 400]
)
KEYS = st.sampled_from(
    [
        *("content", "data", "hasError", "success", "qrCodeStatus", "iframeRedirect", "ret"),
        *("iframeRedirectUrl", "token", "t", "ck", "codeContent", "loginFormData"),
    ]
)
BODIES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)
COOKIES = st.lists(st.sampled_from([*LOGIN, f"unb=23{WIDE}", "x\r\n", f"unb={WIDE}"]), max_size=2)
STEPS = st.sampled_from(
    [None, FIRST, SECOND, PAGE, CODE, ERROR, status("EXPIRED"), status("CONFIRMED", token="t")]
)
ANSWERS = STEPS | st.builds(
    lambda body, lines, code: answer(body, *lines, status=code),
    st.binary(max_size=80) | BODIES,
    COOKIES,
    st.sampled_from([200, 200, 302, 500]),
)


@given(st.lists(st.tuples(ANSWERS, st.integers(0, CODE_LIFE_MS)), max_size=30))
@example([(FIRST, 0), (SECOND, 0), (PAGE, 0), (CODE, 0), (status("CONFIRMED", *LOGIN), 0)])
def test_any_answers_lead_on_or_to_an_end(answers: list[tuple[HttpAnswer | None, int]]) -> None:
    """What comes leads to a request or an end; a login is of whom it has to be."""
    now_ms, state = NOW, begin(NOW, 0.5, user_id="22")
    for each, passed_ms in answers:
        now_ms += passed_ms
        state = advance(state, each, now_ms)
        assert (request(state, LOCAL, now_ms, None) is None) == (state.phase in ENDS)
        assert state.phase is not Phase.DONE or state.jar.user_id == "22"
        assert state.phase not in ENDS - {Phase.DONE} or state.jar == Jar()
        assert (state.reason is None) == (state.phase is not Phase.FAILED)
        assert state.codes <= MOST_CODES
        assert state.errors < MOST_ERRORS


@given(st.binary(max_size=80) | BODIES, COOKIES)
def test_any_answer_is_an_outcome(body: object, lines: list[str]) -> None:
    done = renewal.renewed(OLD, answer(body, *lines), NOW)
    assert done.jar.user_id in ("22", None)
    assert done.outcome is not Outcome.RENEWED or done.jar.user_id == "22"
