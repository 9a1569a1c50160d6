"""The jar: what it takes, what it sends, what it shows; against a naive RFC 6265 (B28, B29)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.platforms.goofish.cookie import LONGEST_LIFE_MS, Cookie
from gateway.platforms.goofish.cookies import LARGEST, MOST, Jar, StoredCookiesError
from gateway.platforms.goofish.dates import date_ms
from gateway.platforms.goofish.endpoints import Endpoints, browser_headers, platform_of
from gateway.platforms.goofish.pasted_cookies import parse_pasted

NOW = 1_767_225_600_000
DAY = 24 * 3600 * 1000
MTOP = "https://h5api.m.goofish.com/h5/mtop.x/1.0/"
PASSPORT = "https://passport.goofish.com/newlogin/"
WIDE = "; Domain=.goofish.com; Path=/"


def jar(*lines: str, url: str = MTOP, now_ms: int = NOW) -> Jar:
    return Jar().apply(lines, url, now_ms)


# --- what is taken --------------------------------------------------------------------


def test_an_answer_sets_cookies_of_its_host_and_of_its_domain() -> None:
    kept = jar(f"a=1{WIDE}; Secure; HttpOnly; SameSite=None", "b=2", "c=3; path=/h5")
    assert kept.header(MTOP, NOW) == "b=2; c=3; a=1"
    assert kept.header(PASSPORT, NOW) == "a=1"
    assert kept.header("https://h5api.m.goofish.com/", NOW) == "a=1"
    assert kept.header("http://h5api.m.goofish.com/h5/mtop.x/1.0/x", NOW) == "b=2; c=3"
    assert kept.cookies[0] == Cookie(
        name="a", value="1", domain="goofish.com", secure=True, http_only=True, set_at_ms=NOW
    )
    assert kept.cookies[1].path == "/h5/mtop.x/1.0"


@pytest.mark.row("B29", "dropped; no header is injected")
@pytest.mark.parametrize(
    "line",
    [
        "a=1; Domain=taobao.com",
        "a=1; Domain=other.goofish.com",
        "a=1; Domain=oofish.com",
        "a=1; Domain=com",
        "a=1; Domain=x.h5api.m.goofish.com",
        "no pair",
        "=1",
        "a b=1",
        'a"=1',
        "a=1\r\nset-cookie: b=2",
        "a=1\n",
        "a=\0",
        "a=\x7f",
        "a=é",
        "a=1; Path=/é",
        "a=\ud800",
        pytest.param("a=" + "x" * (1 << 20), id="1 MB"),
        "a=" + "x" * 4096,
        "a=1; Path=/" + "x" * 1100,
        "a=1; Domain=.*",
        "",
    ],
)
def test_what_no_host_may_set_or_no_header_can_carry_is_dropped(line: str) -> None:
    """B29: the rest of the answer is taken all the same."""
    kept = jar("before=1", line, "after=2")
    assert [each.name for each in kept.cookies] == ["before", "after"]
    assert "\n" not in kept.header(MTOP, NOW)


def test_an_address_is_no_domain_and_loopback_is_as_good_as_tls() -> None:
    local = "http://127.0.0.1:8080/x"
    assert jar("a=1; Domain=0.0.1", "b=2; Secure", url=local).header(local, NOW) == "b=2"
    assert jar("a=1; Domain=127.0.0.1", url=local).header(local, NOW) == "a=1"
    assert jar("a=1; Secure", url=local).header("http://localhost/x", NOW) == ""
    assert jar("a=1", url="http://[::1]:80/").header("http://[::1]/", NOW) == "a=1"
    assert jar("a=1; Domain=localhost", url="http://localhost/").header("http://localhost", NOW)
    assert jar("a=1", url="https://x").header("https://x?q", NOW) == "a=1"


@pytest.mark.row("B29", "at most 100 cookies and 64 KiB are kept, the login among them")
def test_five_thousand_cookies_leave_the_login_alone() -> None:
    """B29: those that nobody needs go, the oldest first."""
    kept = jar("unb=22", "cookie2=x", *(f"n{i}={i}" for i in range(5000)))
    assert len(kept.cookies) == MOST
    assert kept.user_id == "22"
    assert kept.missing() == ()
    assert kept.cookies[-1].name == "n4999"
    large = jar("unb=22", *(f"n{i}={'x' * 4000}" for i in range(50)))
    assert sum(each.size for each in large.cookies) <= LARGEST
    assert large.user_id == "22"


def test_names_that_are_kept_cannot_push_each_other_out() -> None:
    kept = jar(*(f"unb={i}; Path=/{i}" for i in range(300)))
    assert [each.value for each in kept.cookies] == [f"{i}" for i in range(MOST)]


# --- identity and age -----------------------------------------------------------------


@pytest.mark.row("B28", "the right one is signed with and sent")
def test_two_scopes_of_one_cookie_live_apart() -> None:
    """B28: the newest is signed with and sent; after its deletion the other is."""
    plain, own = f"_m_h5_tk=old_1{WIDE}", f"_m_h5_tk=new_2{WIDE}; Partitioned"
    both = jar(plain, own)
    assert len(both.cookies) == 2
    assert both.header(MTOP, NOW) == "_m_h5_tk=new_2"
    assert both.value("_m_h5_tk", MTOP, NOW) == "new_2"
    assert jar(own, plain).value("_m_h5_tk", MTOP, NOW) == "old_1"
    after = both.apply([f"_m_h5_tk={WIDE}; Partitioned; Max-Age=0"], MTOP, NOW)
    assert after.header(MTOP, NOW) == "_m_h5_tk=old_1"
    assert both.apply([f"_m_h5_tk=x{WIDE}; Max-Age=0"], MTOP, NOW).value("_m_h5_tk", MTOP, NOW) == (
        "new_2"
    )


def test_of_two_domains_the_newest_and_of_two_paths_the_longer_one() -> None:
    """B28."""
    assert jar(f"a=wide{WIDE}", "a=host; Path=/").header(MTOP, NOW) == "a=host"
    assert jar("a=host; Path=/", f"a=wide{WIDE}").header(MTOP, NOW) == "a=wide"
    assert jar("a=long", f"a=wide{WIDE}").header(MTOP, NOW) == "a=long"
    assert jar(f"a=wide{WIDE}", "a=long").value("a", MTOP, NOW) == "long"
    assert jar().value("a", MTOP, NOW) is None


def test_a_later_cookie_replaces_its_like_and_comes_anew() -> None:
    kept = jar("a=1", "b=2").apply(["a=3"], MTOP, NOW + 5)
    assert [(each.name, each.value, each.set_at_ms) for each in kept.cookies] == [
        ("b", "2", NOW),
        ("a", "3", NOW + 5),
    ]


@pytest.mark.parametrize(
    ("said", "lives_ms"),
    [
        ("", None),
        ("; Max-Age=5", 5000),
        ("; Max-Age=5; Max-Age=7", 7000),
        ("; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 5000),
        ("; Max-Age=soon", None),
        ("; Max-Age=" + "9" * 5000, LONGEST_LIFE_MS),
        ("; Max-Age=999999999999", LONGEST_LIFE_MS),
        ("; Expires=Thu, 01 Jan 2026 00:01:00 GMT", 60_000),
        ("; Expires=Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_LIFE_MS),
        ("; Expires=never", None),
    ],
)
def test_how_long_a_cookie_lives(said: str, lives_ms: int | None) -> None:
    (kept,) = jar(f"a=1{said}").cookies
    assert kept.expires_at_ms == (None if lives_ms is None else NOW + lives_ms)
    if lives_ms is not None:
        assert jar(f"a=1{said}").header(MTOP, NOW + lives_ms - 1) == "a=1"
        assert jar(f"a=1{said}").header(MTOP, NOW + lives_ms) == ""


@pytest.mark.parametrize(
    "said", ["Max-Age=0", "Max-Age=-1", "Max-Age=000", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_cookie_of_the_past_is_a_deletion(said: str) -> None:
    assert jar("a=1", "b=2").apply([f"a=; {said}"], MTOP, NOW).header(MTOP, NOW) == "b=2"
    assert jar(f"a=1; {said}").cookies == ()


def test_what_has_expired_leaves_with_the_next_answer() -> None:
    assert jar("a=1; Max-Age=1").apply([], MTOP, NOW + 1000).cookies == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", dt.datetime(1994, 11, 6, 8, 49, 37, tzinfo=dt.UTC)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", dt.datetime(1994, 11, 6, 8, 49, 37, tzinfo=dt.UTC)),
        ("Sun Nov  6 08:49:37 1994", dt.datetime(1994, 11, 6, 8, 49, 37, tzinfo=dt.UTC)),
        ("6 nov 08:49:37 05", dt.datetime(2005, 11, 6, 8, 49, 37, tzinfo=dt.UTC)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        ("31 Feb 2026 00:00:00", None),
        ("1 Jan 2026 24:00:00", None),
        ("1 Jan 2026 23:60:00", None),
        ("1 Jan 2026 23:00:60", None),
        ("1 Jan 1600 00:00:00", None),
        ("1 Jan 2026", None),
        ("00:00:00 1 Jan", None),
        ("Jan 2026 00:00:00", None),
        ("1 2026 00:00:00", None),
        ("x" * 65, None),
    ],
)
def test_dates(text: str, told: dt.datetime | None) -> None:
    assert date_ms(text) == (None if told is None else int(told.timestamp() * 1000))


# --- what is shown --------------------------------------------------------------------


def test_who_is_signed_in_and_what_is_missing() -> None:
    assert jar().user_id is None
    assert jar().missing() == ("unb", "cookie2")
    assert jar("unb=").missing() == ("unb", "cookie2")
    assert jar("unb=not a user").user_id is None
    assert jar('unb="22"').user_id == "22"
    assert jar("unb=1; Path=/", "unb=2; Path=/x", "cookie2=s").user_id == "2"
    assert jar("unb=1", "cookie2=s").missing() == ()
    assert jar("sgcookie=1", "t=1", "_tb_token_=1").hints() == (
        "cna",
        "havana_lgc2_77",
        "_hvn_lgc_",
        "havana_lgc_exp",
    )


def test_nothing_that_is_shown_holds_a_value() -> None:
    kept = jar("unb=planted; Max-Age=60", f"a=planted{WIDE}; Partitioned")
    (unb, wide) = kept.names(NOW + 5000)
    assert (unb.name, unb.domain, unb.age_s, unb.expires_in_s) == (
        "unb",
        "h5api.m.goofish.com",
        5.0,
        55.0,
    )
    assert (wide.domain, wide.path, wide.partitioned, wide.expires_in_s) == (
        ".goofish.com",
        "/",
        True,
        None,
    )
    assert repr(kept) == str(kept) == "Jar(unb, a)"
    shown = f"{kept!r} {kept.cookies!r} {kept.cookies[0]} {kept.names(NOW)}"
    assert "planted" not in shown


# --- the store ------------------------------------------------------------------------

GOOD = {"name": "a", "value": "1", "domain": "goofish.com"}


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "planted",
        {"planted": 1},
        [1],
        [{}],
        [{"name": "a", "value": "1"}],
        [GOOD | {"planted": 1}],
        [GOOD | {"value": 1}],
        [GOOD | {"value": "planted\r\n"}],
        [GOOD | {"value": "planté"}],
        [GOOD | {"name": "pl anted"}],
        [GOOD | {"path": "planted"}],
        [GOOD | {"domain": "*"}],
        [GOOD | {"set_at_ms": -1}],
        [GOOD | {"set_at_ms": 10**400}],
        [GOOD | {"expires_at_ms": float("nan")}],
        [GOOD | {"expires_at_ms": -(10**400)}],
        [GOOD, GOOD],
        [GOOD | {"name": f"planted{i}"} for i in range(MOST + 1)],
        [GOOD | {"name": f"n{i}", "value": "x" * 4000} for i in range(20)],
    ],
)
def test_a_store_that_was_tampered_with_is_refused_unseen(stored: object) -> None:
    with pytest.raises(StoredCookiesError) as caught:
        Jar.of_plain(stored)
    assert "plant" not in f"{caught.value}"


# --- properties -----------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "unb", "_m_h5_tk"])
VALUES = st.text("xyz01 =,\"'", max_size=6)
URLS = st.sampled_from(
    [
        "https://h5api.m.goofish.com/h5/x/1.0/",
        "https://h5api.m.goofish.com/h5",
        "https://passport.goofish.com/",
        "https://goofish.com/h5/x",
        "http://www.goofish.com/h5x",
        "https://evil.example/",
    ]
)
PARTS = st.sampled_from(
    [
        "; Domain=goofish.com",
        "; Domain=.GOOFISH.com",
        "; domain=m.goofish.com",
        "; Domain=taobao.com",
        "; Domain=",
        "; Path=/h5",
        "; Path=/h5/x/",
        "; Path=/",
        "; path=x",
        "; Secure",
        "; HttpOnly",
        "; Partitioned",
        "; Max-Age=0",
        "; Max-Age=10",
        "; Max-Age=x",
        "; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "; Expires=Thu, 01 Jan 2026 00:00:20 GMT",
        "; SameSite=None",
    ]
)
LINES = st.builds(
    lambda name, value, parts: f"{name}={value}{''.join(parts)}",
    NAMES,
    VALUES,
    st.lists(PARTS, max_size=4),
)
ANSWERS = st.lists(st.tuples(URLS, st.lists(LINES, max_size=4), st.integers(0, 30)), max_size=8)


class Kept(NamedTuple):
    """A cookie of the model; ``host`` is None for one that goes below its domain."""

    name: str
    value: str
    domain: str
    host: str | None
    path: str
    secure: bool
    partitioned: bool
    until: float


class Model:
    """RFC 6265 written down as it is read; a list, and the newest at its end."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []

    def answer(self, url: str, lines: Sequence[str], now_s: float) -> None:
        host, _, directory = url.partition("://")[2].partition("/")
        for line in lines:
            pair, *rest = line.split(";")
            name, _, value = pair.partition("=")
            said: dict[str, str] = {}
            for each in rest:
                key, _, told = each.strip().partition("=")
                key = key.lower()
                if key == "max-age" and not told.isdigit():
                    continue
                said[key] = told
            domain = said.get("domain", "").lower().lstrip(".")
            if domain and host != domain and not host.endswith("." + domain):
                continue
            path = said.get("path", "")
            if not path.startswith("/"):
                path = "/" + directory.rpartition("/")[0]
            until = float("inf")
            if "expires" in said:
                until = 0.0 if "1970" in said["expires"] else 20.0
            if "max-age" in said:
                until = now_s + int(said["max-age"]) if int(said["max-age"]) else -1.0
            new = Kept(
                name,
                value.strip(),
                domain or host,
                None if domain else host,
                path,
                "secure" in said,
                "partitioned" in said,
                until,
            )
            like = (new.name, new.domain, new.path, new.partitioned)
            self.kept = [
                each
                for each in self.kept
                if (each.name, each.domain, each.path, each.partitioned) != like
            ]
            if new.until > now_s:
                self.kept.append(new)

    def sent(self, url: str, now_s: float) -> dict[str, str]:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        path = slash + path
        found = [
            each
            for each in self.kept
            if each.until > now_s
            and (
                host == each.host
                if each.host
                else (host == each.domain or host.endswith("." + each.domain))
            )
            and (path + "/").startswith(each.path if each.path.endswith("/") else each.path + "/")
            and (not each.path.endswith("/") or path.startswith(each.path))
            and (not each.secure or scheme == "https")
        ]
        # Of one name that with the longest path, the newest of equal ones.
        return {each.name: each.value for each in sorted(found, key=lambda each: len(each.path))}


@given(ANSWERS, URLS)
def test_the_jar_is_a_naive_rfc_6265(answers: list[tuple[str, list[str], int]], asked: str) -> None:
    """Under any sequence of answers, times that go back included."""
    kept, model = Jar(), Model()
    for url, lines, at in answers:
        kept = kept.apply(lines, url, NOW + at * 1000)
        model.kept = [each for each in model.kept if each.until > at]
        model.answer(url, lines, at)
        for now_s in (at, at + 9, at + 25):
            sent = model.sent(asked, now_s)
            header = kept.header(asked, NOW + now_s * 1000)
            assert sorted(header.split("; ")) == sorted(f"{n}={v}" for n, v in sent.items()) or (
                header == "" and not sent
            )
            assert kept.value("a", asked, NOW + now_s * 1000) == sent.get("a")


ANY_LINES = st.lists(
    st.one_of(
        LINES,
        st.text(max_size=40),
        st.builds(lambda name, value: f"{name}={value}", st.text(max_size=8), st.text(max_size=8)),
        st.builds(
            lambda name, value: f"{name}={value}{WIDE}",
            st.text("a$#{'\"^`|~.+curlfetch", min_size=1, max_size=9),
            st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=9),
        ),
    ),
    max_size=12,
)


@given(ANY_LINES)
@example(["curl=1", "axios.x=(", '$a= ^"', "#b=", "'c='"])
def test_a_header_that_is_pasted_is_what_was_sent(lines: list[str]) -> None:
    kept = jar(*lines)
    header = kept.header(MTOP, NOW)
    if header:
        pasted = parse_pasted(header, NOW)
        held = {(each.name, each.value) for each in kept.cookies}
        assert {(each.name, each.value) for each in pasted.cookies} <= held
        assert header.isascii()
        assert header.isprintable()


@given(ANY_LINES, st.integers(0, 2**50))
def test_a_jar_is_stored_and_read_back(lines: list[str], now_ms: int) -> None:
    kept = jar(*lines, now_ms=now_ms)
    stored = msgspec.json.decode(json.dumps(kept.plain()))
    assert Jar.of_plain(stored) == kept
    assert len(kept.cookies) <= MOST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*GOOD, "path", "x"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_store_is_a_jar_or_refused(stored: object) -> None:
    try:
        kept = Jar.of_plain(stored)
    except StoredCookiesError:
        return
    assert Jar.of_plain(kept.plain()) == kept


# --- where requests go ----------------------------------------------------------------


def test_endpoints_are_the_platforms_own_or_loopback() -> None:
    assert Endpoints().mtop == "https://h5api.m.goofish.com"
    assert Endpoints(passport="http://127.0.0.1:8080").passport == "http://127.0.0.1:8080"
    assert Endpoints(upload="http://[::1]:1", mtop="http://localhost:2").upload == "http://[::1]:1"


@pytest.mark.parametrize("key", ["mtop", "passport", "upload"])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://192.168.0.1", "http goes to a loopback host only"),
        ("http://evil.example", "http goes to a loopback host only"),
        ("ftp://127.0.0.1", "is no base URL"),
        ("", "is no base URL"),
        ("https://", "is no base URL"),
        ("https://[", "is no base URL"),
        ("https://x:0", "is no base URL"),
        ("https://x:99999", "is no base URL"),
        ("https://x\n", "is no base URL"),
        ("https://a@x", "name and password do not belong there"),
        ("https://x/path", "ends with the host or its port"),
        ("https://x?", "ends with the host or its port"),
        ("https://x#", "ends with the host or its port"),
    ],
)
def test_an_endpoint_that_is_none_is_told_by_its_key(key: str, url: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: {told}"):
        Endpoints(**{key: url})


@pytest.mark.parametrize(
    ("agent", "brand", "system", "platform"),
    [
        (None, '"Google Chrome";v="133"', '"Windows"', "Win32"),
        ("X (Macintosh) Chrome/150.0.0.0 Edg/150.0", '"Microsoft Edge";v="150"', '"macOS"', ""),
        ("X (X11; Linux) Chrome/9.0", '"Google Chrome";v="9"', '"Linux"', "Linux x86_64"),
        ("curl", None, None, "Win32"),
    ],
)
def test_a_browser_says_who_it_is_the_same_way_everywhere(
    agent: str | None, brand: str | None, system: str | None, platform: str
) -> None:
    headers = browser_headers(agent, accept="*/*")
    assert (brand or "") in headers.get("sec-ch-ua", "")
    assert headers.get("sec-ch-ua-platform") == system
    assert headers["origin"] == "https://www.goofish.com"
    if platform:
        assert platform_of(headers["user-agent"]) == platform
