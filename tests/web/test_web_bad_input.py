"""Whatever is wrong with a question is 400 with the name of the field, and no fault of ours."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import control_api
import pytest
from control_api import Serve
from stand_in import TOKEN, StandIn

from gateway import arguments
from gateway.web.problems import of_exception

serve_api = control_api.serve_api
SEND = {"account": "a", "conversation": "c", "text": "hi"}
MANY = "9" * 5000


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **_: Any) -> None:
        self.events.append(event)

    warning = error = info


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"/v1/accounts?limit={MANY}", "limit"),
        ("/v1/accounts?limit=0", "limit"),
        ("/v1/accounts?limit=%D9%A1", "limit"),
        ("/v1/accounts?state=zzz", "state"),
        (f"/v1/outbox?limit={MANY}", "limit"),
        ("/v1/outbox?state=zzz", "state"),
        ("/v1/outbox?state=QUEUED", "state"),
        (f"/v1/events?wait_s={MANY}", "wait_s"),
        ("/v1/events?wait_s=nan", "wait_s"),
        (f"/v1/events?after=a.{MANY}", "after"),
        ("/v1/identity", "challenge"),
        ("/v1/identity?challenge=xyz", "challenge"),
        (f"/v1/identity?challenge={'0' * 129}", "challenge"),
        ("/v1/accounts?%ff=%fe", "query"),
        ("/v1/outbox?limt=5", "'limt': this address takes account, state, limit"),
        ("/v1/status?state=zzz", "'state': this address takes none"),
        (f"/v1/events?{MANY}=1", "takes after, account, limit, wait_s"),
    ],
)
def test_odd_parameters(path: str, named: str, tmp_path: Path, serve_api: Serve) -> None:
    log = Log()
    status, body, _ = serve_api(StandIn(tmp_path), log=log).ask("GET", path)
    assert (status, named in body["detail"]) == (400, True), body
    assert "control.failed" not in log.events


@pytest.mark.parametrize("path", ["dead-letters", "outbox", "events"])
def test_an_account_that_nobody_has(path: str, tmp_path: Path, serve_api: Serve) -> None:
    """An empty list was the answer, as if all were well."""
    api = serve_api(StandIn(tmp_path))
    assert api.ask("GET", f"/v1/{path}?account=a")[0] == 200
    status, body, _ = api.ask("GET", f"/v1/{path}?account=nobody")
    assert (status, body["error"]) == (404, "unknown_account")
    assert "nobody" in body["detail"]


def test_a_probe_may_add_what_it_likes(tmp_path: Path, serve_api: Serve) -> None:
    assert serve_api(StandIn(tmp_path)).ask("GET", "/healthz?_=1")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v1/send", SEND | {"expires_s": 1e308}, "$.expires_s"),
        ("/v1/send", SEND | {"expires_s": -1}, "$.expires_s"),
        ("/v1/send", SEND | {"wait_s": 1e308}, "wait_s"),
        ("/v1/send", SEND | {"text": ""}, "$.text"),
        ("/v1/send", SEND | {"text": 4}, "$.text"),
        ("/v1/send", SEND | {"conversation": ""}, "$.conversation"),
        ("/v1/send", SEND | {"account": "a" * 513}, "$.account"),
        ("/v1/send", SEND | {"to": ""}, "$.to"),
        ("/v1/send", SEND | {"width": 1 << 70}, "$.width"),
        ("/v1/send", SEND | {"image_url": "u"}, "image_url"),
        ("/v1/journal/backup", {"name": "a\0b"}, "name"),
        ("/v1/journal/backup", {"name": "n" * 300}, "name"),
        ("/v1/journal/backup", {"name": "名" * 67}, "name"),
        ("/v1/journal/backup", {"name": "a/b"}, "name"),
        ("/v1/journal/backup", {"name": "a\\b"}, "name"),
        ("/v1/journal/backup", {"name": ".."}, "name"),
        ("/v1/journal/backup", {"name": "a\x9bb"}, "name"),
    ],
)
def test_odd_bodies(
    path: str, body: dict[str, Any], named: str, tmp_path: Path, serve_api: Serve
) -> None:
    log, gateway = Log(), StandIn(tmp_path)
    status, told, _ = serve_api(gateway, log=log).ask("POST", path, body)
    assert (status, named in told["detail"]) == (400, True), told
    assert "control.failed" not in log.events
    assert not gateway.sent


def test_an_origin_that_is_none_needs_no_token(tmp_path: Path, serve_api: Serve) -> None:
    """It is read before the token, so anybody could fill the log with tracebacks."""
    log = Log()
    api = serve_api(StandIn(tmp_path), log=log)
    api.token = None
    status, body, _ = api.ask("GET", "/v1/status", headers={"Origin": "http://["})
    assert (status, "Origin" in body["detail"]) == (400, True)
    assert not log.events.count("control.failed")


def test_what_a_check_of_arguments_refuses_is_400_and_nothing_else_is() -> None:
    """The façade checks what it is given; a ValueError from anywhere else is a fault of ours."""

    def raised(by: Any) -> Exception:
        try:
            by()
        except ValueError as error:
            return error
        raise AssertionError

    refused = of_exception(raised(lambda: arguments.identifier("event_id", "a\x00")))
    assert refused is not None
    assert (refused.status, "event_id" in refused.detail) == (400, True)
    assert of_exception(raised(lambda: int("no number"))) is None


def test_who_goes_away_frees_the_place_at_once(tmp_path: Path, serve_api: Serve) -> None:
    """``tail`` pressed and ended ten times; the eleventh is not refused, and neither is a send."""
    api = serve_api(StandIn(tmp_path))
    request = (
        f"GET /v1/events?wait_s=60 HTTP/1.1\r\nHost: {api.address[0]}\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    ).encode()
    for _ in range(10):
        with socket.create_connection(api.address) as watcher:
            watcher.sendall(request)
            while api.ask("GET", "/v1/events?wait_s=0")[0] != 200:
                pass
    status, body, _ = api.ask("POST", "/v1/send", SEND | {"wait_s": 1})
    assert (status, body["outcome"]) == (200, "accepted")
    assert api.ask("GET", "/v1/events?wait_s=0.1")[0] == 200
