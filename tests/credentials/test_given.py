"""Credentials that somebody else renews: asked each time, checked, and never shown."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from actors.identity import Grant, Why
from actors.ports import CredentialSource
from actors.runtime.clock import SystemClock
from actors.sections import hints_of
from actors.values import ErrorClass, Failure
from gateway.credentials import given
from gateway.credentials.registry import SOURCES, Surroundings, source_of
from gateway.credentials.store import MemoryStore
from gateway.settings import AccountSettings, Credentials

WHOLE = {"user_id": "2201", "device_id": "device-1", "token": "token-1", "expires_in_s": 60}


class Around:
    """What a source is given, and what it told."""

    def __init__(self) -> None:
        self.learnt: dict[str, list[str]] = {}
        self.surroundings = Surroundings(
            store=MemoryStore(),
            clock=SystemClock(),
            learn=lambda of, secrets: self.learnt.__setitem__(of, list(secrets)),
            unsaved=lambda _account, _why: None,
        )

    def source(self, **credentials: Any) -> CredentialSource:
        account = AccountSettings(
            id="shop-a", url="ws://127.0.0.1:1/", credentials=Credentials(**credentials)
        )
        source = source_of(account, self.surroundings)
        assert source is not None
        return source


@pytest.fixture
def around() -> Around:
    return Around()


def renewed(source: CredentialSource, last: Grant | None = None, why: Why = Why.START) -> Grant:
    result = source.renew(last, why, calls=4, deadline_s=5.0).result
    assert isinstance(result, Grant), result
    return result


def failed(source: CredentialSource, last: Grant | None = None, why: Why = Why.START) -> Failure:
    result = source.renew(last, why, calls=4, deadline_s=5.0).result
    assert isinstance(result, Failure), result
    return result


def test_a_file_is_read_again_each_time(around: Around, tmp_path: Path) -> None:
    path = tmp_path / "shop a.json"
    path.write_text(json.dumps(WHOLE), "utf-8")
    source = around.source(kind="file", path=str(path))
    assert source.load().grant is None
    first = renewed(source)
    assert (first.version, first.identity.token, first.identity.device_id) == (
        1,
        "token-1",
        "device-1",
    )
    assert first.expires_at_ms is not None
    assert first.expires_at_ms - first.obtained_at_ms == 60_000
    assert set(around.learnt["shop-a"]) == {"token-1", "device-1"}
    path.write_text(json.dumps(WHOLE | {"token": "token-2"}), "utf-8")
    second = renewed(source, first, Why.EXPIRING)
    assert (second.version, second.identity.token) == (2, "token-2")
    unchanged = failed(source, second, Why.REFUSED)
    assert (unchanged.error_class, unchanged.reason) == (ErrorClass.AUTH, "credentials_unchanged")
    assert renewed(source, second, Why.EXPIRING).version == 2, "the same is no other token"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file; have it written, or correct path."),
        (b"", 'it is empty; it should be {"token": "…", "user_id": "…"}.'),
        (b"token", 'it is no JSON, from byte 4 on; it should be {"token": "…", "user_id": "…"}.'),
        (b'{"token": "hunter2-hun', "its JSON ends too early; perhaps it was still being written"),
        (b'{"token": "hunter2-\xff"}', "it is no JSON; it should be"),
        (b'{"token": ""}', "token is empty; write the accessToken into it."),
        (b'{"user_id": "1"}', "there is no token in it; it should be"),
        (b'{"token": 7}', "token is a number, not text; put it in quotes."),
        (b'{"token": "hunter2-hunter2", "user_id": 2201}', "user_id is a number, not text or null"),
        (b'{"token": "hunter2-hunter2", "tokn": 1}', "not known: 'tokn'; did you mean 'token'?"),
        (b'{"token": "hunter2-hunter2", "when": 1}', "not known: 'when'; known are token, user_id"),
        (b'{"hunter2+hunter2": 1, "token": "a"}', "a key that is not known; known are token"),
        (
            b'{"token": "hunter2-hunter2", "expires_in_s": "soon"}',
            "expires_in_s is text, not a num",
        ),
        (b'{"token": "hunter2-hunter2", "expires_in_s": -5}', "expires_in_s is over; give the sec"),
        (b'{"token": "hunter2-hunter2\\n", "user_id": "1"}', "token holds a line break"),
        (b'{"token": "Bearer hunter2", "user_id": "1"}', "token begins with 'Bearer '; copy only"),
        (b'{"token": "hunter2-hunter2"}', "there is no user_id; add it, it is the value of the"),
        (b'["hunter2"]', "it is a list, not an object; it should be"),
        (b"[" * 50_000, "it is a list, not an object; it should be"),
        (b" " * 70_000, "more than 64 KiB, so it is something else; it should be"),
    ],
)
def test_a_file_that_holds_something_else_is_told_by_name(
    around: Around, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    failure = failed(around.source(kind="file", path=str(path)))
    assert f"Account shop-a: {path}: " in failure.detail
    assert said in failure.detail
    assert "hunter2" not in failure.detail
    assert failure.error_class is ErrorClass.OTHER, "it is looked again by itself"


def test_what_is_no_file_holds_nobody_up(around: Around, tmp_path: Path) -> None:
    assert "Is a directory" in failed(around.source(kind="file", path=str(tmp_path))).detail
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        told = failed(around.source(kind="file", path=str(tmp_path / "pipe"))).detail
        assert "it is a pipe or a device" in told


def test_a_file_of_an_editor_and_a_life_without_end_are_taken(
    around: Around, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(WHOLE | {"expires_in_s": 1e308}), "utf-8-sig")
    grant = renewed(around.source(kind="file", path=str(path)))
    assert grant.expires_at_ms is not None


def test_the_settings_may_say_who_it_is(around: Around, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"token": "token-1"}')
    own = around.source(kind="file", path=str(path), user_id="2201")
    assert renewed(own).identity.user_id == "2201"
    path.write_text(json.dumps(WHOLE))
    other = failed(around.source(kind="file", path=str(path), user_id="2202")).detail
    assert "user_id is another than user_id in the credentials of the settings" in other


def test_the_same_token_again_names_the_file(around: Around, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(WHOLE))
    source = around.source(kind="file", path=str(path))
    told = failed(source, renewed(source), Why.REFUSED).detail
    assert f"and {path} still gives the same; have a new one given there." in told
    assert "token-1" not in told


def test_the_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch, around: Around) -> None:
    source = around.source(kind="env", variables={"token": "SHOP_TOKEN", "user_id": "SHOP_USER"})
    monkeypatch.setenv("SHOP_USER", "2201")
    told = failed(source).detail
    assert told.startswith("Account shop-a: the environment variable SHOP_TOKEN is not set; set it")
    monkeypatch.setenv("SHOP_TOKEN", "")
    assert "the environment variable SHOP_TOKEN is empty; set it" in failed(source).detail
    monkeypatch.setenv("SHOP_TOKEN", "token-1")
    grant = renewed(source)
    assert (grant.identity.token, grant.identity.user_id) == ("token-1", "2201")
    assert grant.expires_at_ms is not None
    assert grant.expires_at_ms - grant.obtained_at_ms == 86_400_000, "asked for once a day"


def tokens(account: str, why: str, refused_version: int) -> Mapping[str, object]:
    """Give what a function of a host gives."""
    return {"token": f"{account}-{why}-{refused_version}", "user_id": "2201"}


def junk(account: str, why: str, refused_version: int) -> object:
    del account, why, refused_version
    return {"token": 7, "secret": "hunter2"}


def text(account: str, why: str, refused_version: int) -> object:
    return f"hunter2 {account} {why} {refused_version}"


def dies(account: str, why: str, refused_version: int) -> object:
    raise RuntimeError(f"hunter2 {account} {why} {refused_version}")


def refuses(account: str, why: str, refused_version: int) -> object:
    raise ValueError(f"no token for {account} at {why} {refused_version}")


async def later(account: str, why: str, refused_version: int) -> object:
    return {"token": f"hunter2 {account} {why} {refused_version}"}


def narrow(account: str) -> object:
    return account


NUMBER = 7


def test_a_function_is_asked(around: Around) -> None:
    source = around.source(kind="python", call=f"{__name__}:tokens")
    grant = renewed(source)
    assert grant.identity.token == "shop-a-start-0"
    assert renewed(source, grant, Why.REFUSED).identity.token == "shop-a-refused-1"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("junk", "token is a number, not text; put it in quotes"),
        ("text", "it is text, not an object; it should be"),
        ("nobody", "its module has no nobody; correct call, or write it and start the gateway"),
        ("NUMBER", "it is int, not a function; correct call"),
        ("narrow", "it cannot be called so; define it as narrow(account, why, refused_version)"),
        ("later", "it is async; write it as a plain function"),
        ("refuses", "no token for shop-a at start 0"),
    ],
)
def test_a_function_that_gives_junk_is_told(around: Around, name: str, said: str) -> None:
    call = f"{__name__}:{name}"
    failure = failed(around.source(kind="python", call=call))
    assert f"Account shop-a: {call}: {said}" in failure.detail
    assert "hunter2" not in failure.detail


def test_a_function_that_raises_is_told_by_type_and_place(around: Around) -> None:
    failure = failed(around.source(kind="python", call=f"{__name__}:dies"))
    assert failure.reason == "source_failed"
    assert f"Account shop-a: {__name__}:dies raised RuntimeError in test_given.py" in failure.detail
    assert "hunter2" not in failure.detail


def test_a_module_that_cannot_be_imported_is_told_until_it_can(
    around: Around, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = around.source(kind="python", call="shop_of_a_test.tokens:give")
    assert "there is no module shop_of_a_test; correct call, install it" in failed(source).detail
    folder = tmp_path / "shop_of_a_test"
    folder.mkdir()
    file = folder / "tokens.py"
    for content, said in (
        ("import no_such_module_of_ours", "needs the module no_such_module_of_ours"),
        ("x = 1\ndef give(", "cannot be imported: SyntaxError in tokens.py, line 2; correct it"),
        ("x = 1\nraise KeyError('hunter2')", "cannot be imported: KeyError in tokens.py, line 2"),
    ):
        file.write_text(content)
        failure = failed(source)
        assert said in failure.detail
        assert "hunter2" not in failure.detail
    file.write_text("def give(*_):\n    return {'token': 'token-1', 'user_id': '1'}\n")
    assert renewed(source).identity.token == "token-1", "without a restart"


class Service:
    """A service that gives tokens."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status, self.body = 200, json.dumps(WHOLE).encode()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                asked = json.loads(self.rfile.read(length))
                service.asked.append(asked | {"bearer": self.headers["Authorization"]})
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.body)))
                self.end_headers()
                self.wfile.write(service.body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tokens"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_service_is_asked(around: Around, service: Service) -> None:
    source = around.source(kind="http", url=service.url, bearer="b" * 20)
    grant = renewed(source)
    assert grant.identity.token == "token-1"
    renewed(source, grant, Why.EXPIRING)
    assert service.asked == [
        {
            "account": "shop-a",
            "why": why,
            "refused_version": version,
            "bearer": f"Bearer {'b' * 20}",
        }
        for why, version in (("start", 0), ("expiring", 1))
    ]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"", "answered status 500, not 200; look at the service and its log."),
        (302, b"", "status 302, not 200; redirects are not followed: write the address it leads"),
        (401, b"", "status 401, not 200; correct bearer, or let the service take it."),
        (404, b"", "status 404, not 200; correct url: the service takes a POST there."),
        (200, b"<html>", "it is no JSON, from byte 0 on; it should be"),
        (200, b"x" * 70_000, "something else"),
    ],
)
def test_a_service_that_answers_something_else(
    around: Around, service: Service, status: int, body: bytes, said: str
) -> None:
    service.status, service.body = status, body
    told = failed(around.source(kind="http", url=f"{service.url}?key=hunter2")).detail
    assert said in told
    assert told.startswith("Account shop-a: ")
    assert service.url in told
    assert "hunter2" not in told


def test_a_service_that_is_not_there_is_a_failure_of_the_network(around: Around) -> None:
    failure = failed(around.source(kind="http", url="http://127.0.0.1:9/"))
    assert failure.error_class is ErrorClass.NETWORK


def test_every_kind_of_the_settings_has_a_source() -> None:
    assert set(get_args(hints_of(Credentials)["kind"])) == set(SOURCES)


def test_accounts_behind_one_proxy_share_an_egress(around: Around) -> None:
    def egress(proxy: str | None, **credentials: Any) -> str:
        account = AccountSettings(
            id="a", url="ws://h/", proxy=proxy, credentials=Credentials(**credentials)
        )
        source = source_of(account, around.surroundings)
        assert source is not None
        return source.egress

    proxy = "socks5://user:hunter2@127.0.0.1:1080"
    assert egress(proxy, kind="goofish") == "socks5://127.0.0.1:1080"
    assert egress(proxy, kind="http", url="https://h/") == "socks5://127.0.0.1:1080"
    assert egress(None, kind="goofish") == egress(proxy, kind="env", variables={}) == ""


@for_all(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    ).map(lambda value: json.dumps(value).encode("utf-8", "replace"))
)
def test_any_bytes_are_credentials_or_a_sentence(text: bytes) -> None:
    try:
        assert given.parsed(text, "it").token
    except ValueError as error:
        assert str(error).startswith("it")  # noqa: PT017  # either will do


def test_nothing_is_shown(around: Around) -> None:
    shown: Callable[[object], str] = repr
    whole = given.checked(WHOLE, "f")
    assert "token-1" not in shown(whole)
    assert "token-1" not in f"{whole}"
    assert given.checked(whole, "f") is whole
    with pytest.raises(ValueError, match="token is empty"):
        given.checked({"token": ""}, "f")
    del around
