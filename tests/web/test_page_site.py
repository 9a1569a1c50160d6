"""Pages over a real socket: their headers, their language, and what strangers may ask of them."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from urllib.parse import urlencode

import control_api
import pytest
from control_api import Api, Serve

from actors.state import ConnectionState
from gateway import Gateway
from gateway.config import from_mapping
from gateway.web.pages import table
from gateway.web.pages.addresses import account as account_url
from gateway.web.pages.assets import STATIC, VENDORED, Assets
from gateway.web.pages.hints import MOST_STREAMS

serve_api = control_api.serve_api

ODD = "../x?y#z店"
SECRET = "hunter2-of-the-test"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def api(serve_api: Serve, tmp_path: Path) -> Api:
    gateway = Gateway(
        from_mapping(
            {
                "data_dir": str(tmp_path),
                "durability": "memory",
                "http": {"listen": "127.0.0.1:0"},
                "accounts": [
                    {
                        "id": name,
                        "platform": "plain",
                        "url": "ws://127.0.0.1:1/",
                        "credentials": {"kind": "static", "token": SECRET},
                    }
                    for name in ("shop-a", ODD, "<script>alert(1)</script>")
                ],
            }
        )
    )
    return serve_api(gateway)


def page(api: Api, path: str, **headers: str) -> str:
    status, body, _ = api.ask("GET", path, headers={**headers})
    assert status == 200, body
    assert isinstance(body, str)
    return body


def form(api: Api, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, str]:
    """Send a form; return status, body and where it leads."""
    raw = urlencode(fields).encode()
    sent = {**FORM, "Origin": origin(api), **headers}
    status, body, told = api.ask("POST", path, raw=raw, headers=sent)
    return status, str(body), told.get("location", "")


def origin(api: Api) -> str:
    return f"http://{api.address[0]}:{api.address[1]}"


def test_a_page_may_load_nothing_foreign_and_run_nothing_inline(api: Api) -> None:
    status, body, headers = api.ask("GET", "/")
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert not re.search(r"\son\w+=|style=|<style|hx-on|javascript:", str(body))
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", str(body), re.DOTALL)
    assert len(scripts) == 2
    assert all("src=" in attributes and not inside for attributes, inside in scripts)


@pytest.mark.parametrize(
    ("accept", "lang"),
    [
        ("zh-CN,zh;q=0.9", "zh-CN"),
        ("fr, en;q=0.5", "en"),
        ("zh-TW", "zh-CN"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_the_browsers(api: Api, accept: str, lang: str) -> None:
    assert f'<html lang="{lang}">' in page(api, "/", **{"Accept-Language": accept})


def test_the_language_can_be_chosen(api: Api) -> None:
    raw = urlencode({"lang": "zh-CN", "to": "/?q=a"}).encode()
    status, _, told = api.ask("POST", "/language", raw=raw, headers={**FORM, "Origin": origin(api)})
    assert (status, told["location"]) == (303, "/?q=a")
    cookie = told["set-cookie"].partition(";")[0]
    body = page(api, "/", Cookie=f"other=1; {cookie}", **{"Accept-Language": "en"})
    assert '<html lang="zh-CN">' in body
    status, body, _ = form(api, "/language", {"lang": "tlh"})
    assert status == 400
    assert "lang must be one of" in body


def test_large_answers_are_gzipped_where_that_is_taken(api: Api) -> None:
    _, plain, told = api.ask("GET", "/")
    assert "content-encoding" not in told
    asked = f"GET / HTTP/1.1\r\nHost: {api.address[0]}:{api.address[1]}\r\n"
    connection = api.connect()
    try:
        connection.sendall(f"{asked}Accept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    finally:
        connection.close()
    head, _, packed = answer.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    assert len(gzip.decompress(packed)) == pytest.approx(len(str(plain).encode()), abs=200)


def test_what_a_page_refers_to_is_there_and_kept(api: Api) -> None:
    body = page(api, "/")
    found = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', body))
    assert len(found) >= 5
    for url in found:
        connection = api.get_bytes(url)
        assert connection
        _, _, told = _raw(api, url)
        assert "immutable" in told["cache-control"]
    assert api.ask("GET", "/assets/000000000000/page.css")[0] == 404
    assert api.ask("GET", "/assets/../site.py")[0] == 404


def _raw(api: Api, url: str) -> tuple[int, bytes, dict[str, str]]:
    return api._exchange("GET", url, None, {})


def test_files_of_others_are_what_was_published() -> None:
    for name, (what, licence, sha256) in VENDORED.items():
        body = (STATIC / name).read_bytes()
        assert hashlib.sha256(body).hexdigest() == sha256, f"{what} ({licence}) was changed"
        assert what.split()[0] in (Path(__file__).parents[2] / "NOTICE").read_text()
    assert Assets().url("htmx.min.js").endswith("/htmx.min.js")


def test_an_account_of_any_name_has_a_page_and_verbs(api: Api) -> None:
    body = page(api, "/")
    assert f'href="{account_url(ODD)}"' in body
    assert ODD in page(api, account_url(ODD))
    status, body, to = form(api, account_url(ODD, "reset"), {})
    assert status in (303, 503), body  # it is not started
    assert status == 503 or to == f"{account_url(ODD)}?done=reset"


def test_what_strangers_name_is_text_and_no_secret(api: Api) -> None:
    body = page(api, "/")
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body
    assert SECRET not in body


def test_what_is_not_there_is_a_page_too(api: Api) -> None:
    for path, status in (
        ("/nothing", 404),
        ("/accounts/nobody", 404),
        ("/accounts/shop-a/pause", 405),
        ("/accounts/%ff", 400),
        ("/?page=0", 400),
        ("/?page=x", 400),
        ("/?page=9999999999999999999999", 400),
        ("/?state=odd", 400),
    ):
        answer, body, told = api.ask("GET", path)
        assert answer == status, (path, body)
        assert told["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in str(body)
    assert "没有成功" in str(api.ask("GET", "/nothing", headers={"Accept-Language": "zh"})[1])
    assert 'class="done"' not in page(api, "/?done=../../x")
    for path in ("/v1/nothing", "/v1/"):
        assert api.ask("GET", path)[1]["error"] == "unknown_path"


def test_a_foreign_name_is_refused_on_a_page(api: Api) -> None:
    status, body, told = api.ask("GET", "/", headers={"Host": "shop.evil.example"})
    assert status == 403
    assert told["content-type"] == "text/html; charset=utf-8"
    assert "http.hosts" in str(body)
    assert "shop-a" not in str(body)


def test_a_form_of_a_foreign_page_does_nothing(api: Api) -> None:
    status, body, _ = form(api, "/accounts/shop-a/pause", {}, Origin="https://evil.example")
    assert status == 403
    status, body, _ = form(api, "/accounts/shop-a/pause", {}, **{"Sec-Fetch-Site": "cross-site"})
    assert status == 403, body


def test_a_form_that_is_none_is_refused(api: Api) -> None:
    status, body, _ = api.ask(
        "POST", "/accounts/shop-a/pause", {"to": "/"}, headers={"Origin": origin(api)}
    )
    assert status == 415, body
    status, body, _ = api.ask(
        "POST", "/language", raw=b"lang=%ff", headers={**FORM, "Origin": origin(api)}
    )
    assert status == 400, body
    many = "&".join(f"id={each}" for each in range(3_000)).encode()
    status, body, _ = api.ask(
        "POST", "/language", raw=many, headers={**FORM, "Origin": origin(api)}
    )
    assert status == 400, body
    status, body, _ = form(api, "/language", {"lang": "en", "to": "x" * 5_000})
    assert status == 400
    assert "at most" in str(body)


def test_a_way_back_leads_nowhere_else(api: Api) -> None:
    for to in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\r\nX: y"):
        status, _, told = form(api, "/language", {"lang": "en", "to": to})
        assert (status, told) == (303, "/")


def test_every_page_is_found_by_its_own_address_alone() -> None:
    for method, path in table.PAGES:
        found = table.find(method, [part for part in path.split("/") if part])
        assert found.label == f"{method} {path}"


def test_the_17th_stream_is_told_to_look_again(api: Api) -> None:
    host = f"{api.address[0]}:{api.address[1]}"
    open_ = []
    try:
        for _ in range(MOST_STREAMS):
            one = api.connect()
            open_.append(one)
            one.sendall(f"GET /stream HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert one.recv(4096).startswith(b"HTTP/1.1 200")
        status, _, _ = api.ask("GET", "/stream")
        assert status == 503
        assert page(api, "/")  # and pages are answered beside them
    finally:
        for one in open_:
            one.close()


def test_ten_thousand_accounts_are_a_search_and_a_tally(serve_api: Serve, tmp_path: Path) -> None:
    accounts = [
        {
            "id": f"shop-{number:03}",
            "platform": "plain",
            "url": "ws://127.0.0.1:1/",
            "credentials": {"kind": "static", "token": SECRET},
        }
        for number in range(250)
    ]
    settings = {"data_dir": str(tmp_path), "durability": "memory", "accounts": accounts}
    gateway = Gateway(from_mapping({**settings, "http": {"listen": "127.0.0.1:0"}}))
    gateway.accounts["shop-007"].state = ConnectionState.FAILED
    api = serve_api(gateway)
    body = page(api, "/")
    assert body.index("shop-007") < body.index("shop-000")
    assert body.count('class="card"') == 50
    assert "Page 1 of 5" in body
    assert page(api, "/?page=5&q=&state=").count('class="card"') == 50
    assert page(api, "/?q=SHOP-24").count('class="card"') == 10
    assert page(api, "/?state=failed").count('class="card"') == 1
    assert "No account matches" in page(api, "/?q=nothing")
