"""A secret is masked wherever it is put, and nothing else is."""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.known_secrets import MASK, SHORTEST_SECRET
from gateway.redaction import (
    Redactor,
    cookie_values,
    is_secret_name,
    mask_url,
)

SECRET = 'hu"nt+er/2\\tok='


@pytest.mark.parametrize(
    "name",
    [
        "token", "TOKEN", "access_token", "accessToken", "x-access-token", "cookie", "Cookie",
        "cookie2", "Set-Cookie", "sgcookie_token", "Authorization", "Proxy-Authorization",
        "password", "db_passwd", "client_secret", "sign", "_m_h5_tk", "_m_h5_tk_enc", "apikey",
    ],
)  # fmt: skip
def test_telling_names_are_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["signal", "design", "tokenizer", "event", "account", "assigned", "task", "user_id", ""]
)
def test_names_that_only_look_alike_are_not(name: str) -> None:
    """What a person needs to see must not be masked by accident."""
    assert not is_secret_name(name)


@given(
    secret=st.text(min_size=SHORTEST_SECRET, max_size=40),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_known_value_comes_through_in_any_form(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])

    among_quotes = repr(f"\"'{secret}")[4:-1]
    in_json = json.dumps(secret)[1:-1]
    for form in (secret, in_json, repr(secret)[1:-1], among_quotes, quote(secret, safe="")):
        if len(form) >= SHORTEST_SECRET and form not in MASK * 20:
            masked = redactor.text(f"{before}{form}{after}")
            assert form not in masked or form in before + MASK + after


@given(st.text(alphabet=st.characters(exclude_characters="=:@*")))
def test_a_redactor_without_secrets_changes_no_plain_text(text: str) -> None:
    assert Redactor().text(text) == text


class Holder:
    """Somebody's object whose repr tells too much."""

    def __repr__(self) -> str:
        return f"Holder({SECRET!r})"


class Whisperer:
    """Its ``str`` tells what its ``repr`` does not."""

    def __repr__(self) -> str:
        return "Whisperer()"

    def __str__(self) -> str:
        return SECRET


class Broken:
    """It cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError(SECRET)


class Struct(msgspec.Struct):
    """A message."""

    payload: str


@dataclasses.dataclass
class Record:
    """A setting."""

    payload: str


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"before {SECRET} after",
        SECRET.encode(),
        bytearray(SECRET.encode()),
        memoryview(SECRET.encode()),
        {"a": {"b": [SECRET, (SECRET,), {SECRET}]}},
        {SECRET: 1},
        [[[[[[[[[[[SECRET]]]]]]]]]]],
        Holder(),
        Whisperer(),
        Broken(),
        Struct(payload=SECRET),
        Record(payload=SECRET),
        ValueError(SECRET),
        f"https://h/?a={quote(SECRET, safe='')}",
        json.dumps({"a": SECRET}),
        json.dumps({"a": json.dumps({"b": SECRET})}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_found_however_it_is_wrapped(value: Any) -> None:
    masked = Redactor([SECRET]).value(value)

    for shown in (repr(masked), str(masked), json.dumps(masked, default=repr)):
        for part in ('hu"nt', 'hu\\"nt', "nt+er", "nt%2Ber"):
            assert part not in shown, shown


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Cookie: a=b; c=d\nHost: h", f"Cookie: {MASK}\nHost: h"),
        ("authorization: Bearer abc", f"authorization: {MASK}"),
        ("GET /?access_token=abc&x=1", f"GET /?access_token={MASK}&x=1"),
        ("sign=0a1b2c t=1", f"sign={MASK} t=1"),
        ("Identity(token='a b', user='u')", f"Identity(token={MASK}, user='u')"),
        ('{"token": "a\\"b", "x": "y"}', f'{{"token": "{MASK}", "x": "y"}}'),
        ("{'cookie': 'a=b; c=d', 'x': 1}", f"{{'cookie': '{MASK}', 'x': 1}}"),
        ('"{\\"accessToken\\":\\"abc\\"}"', f'"{{\\"accessToken\\":\\"{MASK}\\"}}"'),
        ("wss://user:pass@host/x", f"wss://{MASK}@host/x"),
        ("socks5://user:p@ss@host:1", f"socks5://{MASK}@host:1"),
        ("_m_h5_tk=abc_1; t=2", f"_m_h5_tk={MASK}; t=2"),
        ("token=None", "token=None"),
        ("accounts[0].credentials.token: is missing", "accounts[0].credentials.token: is missing"),
        (
            "accounts[0].credentials.cookie: is missing",
            "accounts[0].credentials.cookie: is missing",
        ),
        ("mail a@b.example, x == token", "mail a@b.example, x == token"),
        ("wss://wss-goofish.dingtalk.com/?x=1", "wss://wss-goofish.dingtalk.com/?x=1"),
    ],
)
def test_values_nobody_knows_are_found_by_name(text: str, masked: str) -> None:
    """A token the server just gave is in no settings."""
    assert Redactor().text(text) == masked
    assert Redactor().text(masked) == masked


def test_values_under_telling_keys_are_masked_at_any_depth() -> None:
    event = {"headers": {"Cookie": "a=b", "X": "y"}, "items": [{"token": b"abc"}], "token": None}

    assert Redactor().value(event) == {
        "headers": {"Cookie": MASK, "X": "y"},
        "items": [{"token": MASK}],
        "token": None,
    }


def test_clean_values_are_given_back_as_they_are() -> None:
    """Enums, paths and numbers keep their own rendering."""
    value = threading.Event
    assert Redactor([SECRET]).value(value) is value
    assert Redactor([SECRET]).value(b"\x00\xff") == b"\x00\xff"
    assert Redactor([SECRET]).value(3.5) == 3.5


def test_a_basic_header_of_a_proxy_is_masked() -> None:
    encoded = base64.b64encode(b"user:hunter2").decode()

    assert encoded not in Redactor(["user:hunter2"]).text(f"x {encoded} y")


def test_public_values_stay_readable() -> None:
    """A user id stands in the cookie, and in every line a person searches for."""
    redactor = Redactor(["2201414123", "hunter2"], public=["2201414123"])
    redactor.learn(["2201414999", "2201414123"], public=["2201414999"])

    assert redactor.text("2201414123 2201414999 hunter2") == f"2201414123 2201414999 {MASK}"


def test_short_values_are_masked_by_name_only() -> None:
    redactor = Redactor(["abc"])

    assert redactor.text("abc token=abc") == f"abc token={MASK}"


def test_longer_values_go_first() -> None:
    """Else the tail of a cookie would stay behind one of its parts."""
    redactor = Redactor(["secret-part", "a=secret-part; b=other-part", "other-part"])

    assert redactor.text("x a=secret-part; b=other-part y") == f"x {MASK} y"


def test_many_values_that_begin_alike_are_all_found() -> None:
    secrets = [f"oauth_k1:{n:06d}-abcdef" for n in range(3000)]
    redactor = Redactor(secrets)

    assert all(redactor.text(f"<{secret}>") == f"<{MASK}>" for secret in secrets[::97])


def test_learning_while_others_read_breaks_nobody() -> None:
    redactor = Redactor(["hunter2-0"])
    wrong: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                if "hunter2-0" in redactor.text("say hunter2-0 now"):
                    wrong.append("leaked")
            except RuntimeError as error:  # a dict that changed under an iteration
                wrong.append(repr(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(300):
        redactor.learn([f"hunter2-{number}"])
    stop.set()
    for reader in readers:
        reader.join(10)

    assert wrong == []
    assert redactor.text("hunter2-299") == MASK


def test_cookie_parts_and_what_signs() -> None:
    """The part of ``_m_h5_tk`` before the underscore is what signatures are made of."""
    assert cookie_values("t=a b; unb=22; x; _m_h5_tk=k1k1k1_17000; y=") == [
        "a b", "22", "k1k1k1_17000", "k1k1k1"
    ]  # fmt: skip


def test_urls_for_people() -> None:
    assert mask_url("wss://u:p@h/?token=abc&b=1") == f"wss://{MASK}@h/?token={MASK}&b=1"
    assert mask_url("h:80") == "h:80"


def refuse(why: str) -> None:
    raise ValueError(why)


def test_tracebacks_are_masked() -> None:
    redactor = Redactor(["hunter2-token"])
    wrapped = RuntimeError("while", "hunter2-token")
    try:
        refuse("refused hunter2-token")
    except ValueError as error:
        wrapped.__cause__ = error
        for given_as in (True, error, (type(error), error, error.__traceback__)):
            event = redactor(None, "error", {"event": "x", "exc_info": given_as})
            assert "ValueError: refused ***" in event["exception"]
            assert "exc_info" not in event
    chained = redactor(None, "error", {"event": "x", "exc_info": wrapped})["exception"]

    assert "hunter2-token" not in chained
    assert "ValueError: refused ***" in chained
    assert redactor(None, "info", {"event": "x", "exc_info": True}) == {"event": "x"}
    assert redactor(None, "info", {"event": "x", "exc_info": (None, None, None)}) == {"event": "x"}


def test_values_of_an_owner_are_forgotten_one_version_later() -> None:
    """A year of daily tokens of ten thousand accounts must not stay in memory."""
    redactor = Redactor(["for-ever-hidden"])
    shown = "token-one token-two token-three token-four for-ever-hidden"
    redactor.learn(["token-one"], of="a")
    redactor.learn(["token-one"], of="a")
    redactor.learn(["token-two"], of="a")
    assert redactor.text(shown) == f"{MASK} {MASK} token-three token-four {MASK}"
    redactor.learn(["token-three"], of="a")
    redactor.learn(["token-one"], of="b")
    assert redactor.text(shown) == f"{MASK} {MASK} {MASK} token-four {MASK}"
    redactor.learn(["token-four"], of="a")
    assert redactor.text(shown) == f"{MASK} token-two {MASK} {MASK} {MASK}"
    for number in range(1000):
        redactor.learn([f"token-{number:06d}"], of="a")
    assert len(redactor._by_piece) < 20


def test_a_form_that_two_values_share_stays_hidden() -> None:
    redactor = Redactor()
    redactor.learn(["token+value"], of="a")
    redactor.learn(["token%2Bvalue"], of="b")
    for value in ("second", "third-value", "fourth-value"):
        redactor.learn([value], of="b")
    assert redactor.text("token+value") == MASK
    for value in ("second", "third-value", "fourth-value"):
        redactor.learn([value], of="a")
    assert redactor.text("token+value") == "token+value"
