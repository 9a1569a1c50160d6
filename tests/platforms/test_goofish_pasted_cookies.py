"""Cookies as people paste them: five forms, and what is said of anything else (B23)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.curl import words
from gateway.platforms.goofish.pasted_cookies import PastedCookiesError, parse_pasted

NOW = 1_767_225_600_000
DAY = 24 * 3600 * 1000
MTOP = "https://h5api.m.goofish.com/h5/x/1.0/"
PASSPORT = "https://passport.goofish.com/newlogin/"
HEADER = "unb=22; cookie2=a=b; sgcookie=E100%2B; XSRF-TOKEN=x-1"
PAIRS = {"unb": "22", "cookie2": "a=b", "sgcookie": "E100%2B", "XSRF-TOKEN": "x-1"}

BASH = f"""curl 'https://h5api.m.goofish.com/h5/x/1.0/?a=1' \\
  -X 'POST' \\
  -H 'accept: application/json' \\
  -H 'cookie: {HEADER}' \\
  --data-raw 'data=%7B%7D'"""
BASH_B = f"curl 'https://www.goofish.com/im' \\\n  -b '{HEADER}' --compressed"
BASH_ANSI = (
    "curl 'https://www.goofish.com/im' -H $'cookie: unb=22; cookie2=a=b;"
    " sgcookie=E\\x3100\\u0025\\62B; \\U00000058SRF-TOKEN\\u003dx-1' -H $'a: \\'\\n\\\\'"
)
DOUBLE = f'curl.exe --cookie "{HEADER}" --header "a: \\"q\\" \\$x \\\n" https://goofish.com'
GLUED = f"curl -b'{HEADER}' https://goofish.com/ --data $HOME"
LONG = f"CURL --cookie='{HEADER}' HTTPS://WWW.GOOFISH.COM/im"
BARE = "curl -H Cookie:unb=22;\\ cookie2=a=b;\\ sgcookie=E100%2B;\\ XSRF-TOKEN=x-1"
CMD = (
    'curl ^"https://h5api.m.goofish.com/h5/x/1.0/?a=1^&b=2^" ^\r\n'
    '  -H ^"accept: */*^" ^\r\n'
    '  -b ^"unb=22; cookie2=a=b; sgcookie=E100^%^2B; XSRF-TOKEN=x-1^" ^\r\n'
    '  --data-raw ^"^{^\\^"a^\\^":1^}^"'
)
OLD_CMD = f'curl "https://www.goofish.com/im" ^\n  -H "Cookie: {HEADER}" ^\n  --compressed'


def test_the_words_of_a_command() -> None:
    assert words("curl  'a b'\"c\" \\\n d\\ e ") == ["curl", "a bc", "d e"]


def pairs(jar: Jar) -> dict[str, str]:
    return {each.name: each.value for each in jar.cookies}


@pytest.mark.parametrize(
    "text",
    [
        HEADER,
        f"  {HEADER};  \n",
        f"\ufeff{HEADER}",
        f'"{HEADER}"',
        f"Cookie: {HEADER}",
        f"cookie:\n{HEADER}\nuser-agent: x",
        f"GET /im HTTP/1.1\r\nHost: www.goofish.com\r\nCOOKIE: {HEADER}\r\nAccept: */*",
        f"{HEADER}; unb=later; nonsense",
        *(BASH, BASH_B, BASH_ANSI, DOUBLE, GLUED, LONG, BARE, CMD, OLD_CMD),
    ],
)
def test_a_header_and_a_command(text: str) -> None:
    jar = parse_pasted(text, NOW)
    assert pairs(jar) == PAIRS
    assert jar.header(MTOP, NOW) == "unb=22; cookie2=a=b; sgcookie=E100%2B"
    assert jar.value("XSRF-TOKEN", PASSPORT, NOW) == "x-1"
    assert {each.set_at_ms for each in jar.cookies} == {NOW}


def exported(**differing: object) -> dict[str, object]:
    """Return a cookie as an extension writes it."""
    return {
        "domain": ".goofish.com",
        "expirationDate": 1767312000.5,
        "hostOnly": False,
        "httpOnly": True,
        "name": "unb",
        "path": "/",
        "sameSite": "no_restriction",
        "secure": True,
        "session": False,
        "storeId": "0",
        "value": "22",
        **differing,
    }


def test_an_export_keeps_where_cookies_go() -> None:
    listed = [
        exported(),
        exported(name="a", domain="passport.goofish.com", hostOnly=True, path="/x", secure=False),
        exported(name="b", domain="WWW.goofish.com", hostOnly=None, expirationDate=None),
        exported(name="c", partitionKey={"topLevelSite": "https://goofish.com"}),
        exported(name="d", partitionKey="https://www.goofish.com", path=None),
        exported(name="e", partitionKey={"topLevelSite": "https://other.example"}),
        exported(name="f", partitionKey="https://["),
        exported(name="g", domain=".taobao.com"),
        exported(name="h", domain="notgoofish.com"),
        exported(name="i", expirationDate=1),
        exported(name="j", partitionKey={}),
        {"name": "k", "value": ""},
    ]
    for text in (json.dumps(listed), json.dumps({"cookies": listed, "origins": []})):
        jar = parse_pasted(text, NOW)
        kept = {each.name: each for each in jar.cookies}
        assert list(kept) == ["unb", "a", "b", "c", "d", "j", "k"]
        assert kept["unb"].expires_at_ms == 1767312000500
        assert (kept["unb"].secure, kept["unb"].http_only, kept["unb"].host_only) == (
            True,
            True,
            False,
        )
        assert (kept["a"].host_only, kept["a"].path, kept["a"].secure) == (True, "/x", False)
        assert (kept["b"].host_only, kept["b"].domain) == (True, "www.goofish.com")
        assert (kept["c"].partitioned, kept["d"].partitioned, kept["j"].partitioned) == (
            True,
            True,
            False,
        )
        assert (kept["k"].domain, kept["k"].host_only) == ("goofish.com", False)


@pytest.mark.parametrize(
    ("named", "told", "expires_at_ms"),
    [
        ("expirationDate", NOW + 5000, NOW + 5000),
        ("expires", 1767225605, NOW + 5000),
        ("expiry", 1767225605.25, NOW + 5250),
        ("expires", -1, None),
        ("expires", "Thu, 01 Jan 2026", None),
        ("expires", True, None),
        ("expirationDate", 10**400, None),
        ("expirationDate", 1e300, None),
        ("expirationDate", NOW * 100, NOW + 400 * DAY),
    ],
)
def test_an_expiry_in_an_export(named: str, told: object, expires_at_ms: int | None) -> None:
    one = {"name": "unb", "value": "22", "domain": ".goofish.com", named: told}
    (kept,) = parse_pasted(json.dumps([one]), NOW).cookies
    assert kept.expires_at_ms == expires_at_ms


TABLE = """# Netscape HTTP Cookie File
# https://curl.se/docs/http-cookies.html

.goofish.com\tTRUE\t/\tTRUE\t1767312000\tunb\t22
#HttpOnly_.goofish.com\tTRUE\t/\tFALSE\t0\tcookie2\ta=b
#HttpOnly_passport.goofish.com\tFALSE\t/\tTRUE\t1767312000\tXSRF-TOKEN\tx-1
.taobao.com\tTRUE\t/\tTRUE\t1767312000\tunb\t23
www.goofish.com\tFALSE\t/\tFALSE\t99999999999999999999\tempty\t
"""


@pytest.mark.parametrize("text", [TABLE, TABLE.replace("\n", "\r\n"), TABLE.partition("\n\n")[2]])
def test_a_cookies_txt(text: str) -> None:
    kept = {each.name: each for each in parse_pasted(text, NOW).cookies}
    assert list(kept) == ["unb", "cookie2", "XSRF-TOKEN", "empty"]
    assert (kept["unb"].value, kept["unb"].expires_at_ms) == ("22", 1767312000000)
    assert (kept["unb"].secure, kept["unb"].http_only, kept["unb"].host_only) == (
        True,
        False,
        False,
    )
    assert (kept["cookie2"].http_only, kept["cookie2"].expires_at_ms) == (True, None)
    assert kept["XSRF-TOKEN"].host_only
    assert (kept["empty"].value, kept["empty"].expires_at_ms) == ("", None)


ROW = ".goofish.com\tTRUE\t/\tTRUE\t1767312000\t"


@pytest.mark.row("B23", "no piece of it is repeated")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is nothing in it; copy the request header Cookie"),
        (' \n"" ', "there is nothing in it"),
        ("planted", "there is no name=value in it"),
        ("planted=1\nplanted=2", "there is a line break in it"),
        ("planted=1\rb=2", "there is a line break in it"),
        ("a=1; unb=planted…", "cookie 2 is too long or holds letters no header can carry"),
        ("planted=\x01", "cookie 1 is too long or holds letters"),
        ("planted=" + "x" * 5000, "cookie 1 is too long or holds letters"),
        ("pl anted=1", "cookie 1 is too long or holds letters"),
        ("=planted", "cookie 1 is too long or holds letters"),
        ("planted=\ud800", "cookie 1 is too long or holds letters"),
        ("unb=planted1; x=1; unb=planted1", None),
        ("Set-Cookie: planted=1", "it is an answer's Set-Cookie"),
        ("cookie: planted", "there is no name=value in it"),
        ("await fetch('https://planted')", "it is a piece of a program; choose 'Copy as cURL'"),
        ("fetch(planted)", "it is a piece of a program"),
        ("Invoke-WebRequest planted", "it is a piece of a program"),
        ("$session = planted", "it is a piece of a program"),
        ("import planted", "it is a piece of a program"),
        ("curl 'planted", "a quote of the command is not closed"),
        ("curl https://planted.example -b a=1", "the command goes to another site"),
        ("curl http://[planted -b a=1", "the command goes to another site"),
        ("curl https://goofish.com -H 'planted: 1' -b", "there is no cookie in the command"),
        ("curl https://goofish.com -b planted.txt", "there is no cookie in the command"),
        ("[planted", "it begins like JSON and is none"),
        ("[" * 9_000, "it begins like JSON and is none"),
        ('{"planted": 1}', "it is JSON without a list of cookies"),
        ('{"cookies": "planted"}', "it is JSON without a list of cookies"),
        ("[]", "the export holds no cookie of goofish.com"),
        ('[{"name": "planted"}]', "entry 1 of the list has no name or no value"),
        ('[{"name": "a", "value": "1"}, "planted"]', "entry 2 of the list has no name"),
        ('[{"name": "planted", "value": 1}]', "entry 1 of the list has no name"),
        ('[{"name": "a", "value": "planted;"}]', "cookie 1 is too long or holds letters"),
        ('[{"name": "a", "value": "planted\\ud800"}]', "cookie 1 is too long or holds letters"),
        ('[{"name": "a", "value": "1", "domain": "planted"}]', "the export holds no cookie"),
        ('[{"name": "a", "value": "1", "expires": 1}]', "all cookies in it have expired"),
        ("# Netscape HTTP Cookie File\n#planted", "the cookies.txt holds no cookie"),
        (ROW.strip(), "line 1 is none of a cookies.txt"),
        (f"{ROW}a\tb\tplanted", "line 1 is none of a cookies.txt"),
        (f"{ROW}a\t1\nunb\tplanted", "line 2 is none of a cookies.txt"),
        (f"{ROW}a\t1".replace("TRUE", "planted"), "line 1 is none of a cookies.txt"),
        (f"{ROW}a\t1".replace("/\tTRUE", "/\tplanted"), "line 1 is none of a cookies.txt"),
        (f"{ROW}a\t1".replace("1767312000", "planted"), "line 1 is none of a cookies.txt"),
        (f"{ROW}a\t1".replace("1767312000", "1" * 5000), "line 1 is none of a cookies.txt"),
        (f"{ROW}a\tplanté", "cookie 1 is too long or holds letters"),
        (f"{ROW}unb\t1\n{ROW}unb\t2", "it holds cookies of two accounts"),
    ],
)
def test_what_cannot_be_used_is_told_without_a_piece_of_it(text: str, told: str | None) -> None:
    """B23: the text names what is wrong and the next step."""
    if told is None:
        assert parse_pasted(text, NOW).user_id == "planted1"
        return
    with pytest.raises(PastedCookiesError) as caught:
        parse_pasted(text, NOW)
    said = f"{caught.value}"
    assert said.startswith(told)
    assert "; " in said
    assert "plant" not in said
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.row("B23", "no piece of it is repeated")
def test_what_is_too_large_is_refused_at_once() -> None:
    """B23: ten megabytes are not read."""
    for text in ("x" * (64 * 1024 + 1), "é" * (64 * 1024 - 1), "a=1;" * (10 << 18)):
        with pytest.raises(PastedCookiesError, match=r"^it is larger than 64 KiB; paste nothing"):
            parse_pasted(text, NOW)
    assert parse_pasted("a=1; " * 10_000, NOW).header(MTOP, NOW) == "a=1"


PIECES = st.sampled_from(
    [
        *("curl ", "-b ", "-H ", "'", '"', "^", "\\", "\n", "\t", "cookie: ", "a=1", "; ", "$'"),
        *("[", "]", "{", "}", ",", '"name":', '"value":', "#HttpOnly_", "TRUE", "0", "unb=1"),
        *(".goofish.com", "\ud800", "\0", "\u2028", "\\u", "\\x4", "\\777", "https://", "fetch("),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60))
def test_any_paste_is_a_jar_or_told(text: str) -> None:
    try:
        jar = parse_pasted(text, NOW)
    except PastedCookiesError:
        return
    assert jar.cookies
    assert all(each.is_sound() for each in jar.cookies)
    assert Jar.of_plain(jar.plain()) == jar
