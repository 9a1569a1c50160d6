"""Serves a gateway and asks it over a real socket.

A test module says ``serve_api = control_api.serve_api``: a second conftest.py would be a second
module of that name for the type checker.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, Protocol

import msgspec
import pytest

from gateway.web import Serving, serve
from gateway.web.context import Controlled

WAIT_S = 10.0


class Api:
    """Asks a served gateway, one connection a question."""

    def __init__(self, served: Serving, token: str | None) -> None:
        self.served = served
        self.token = token
        host, _, port = served.url.removeprefix("http://").rpartition(":")
        self.address = (host, int(port))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, body and headers (in lower case) of an answer; metrics are text."""
        data = raw if raw is not None else None if body is None else msgspec.json.encode(body)
        status, answer, told = self._exchange(method, path, data, headers or {})
        is_json = told["content-type"].startswith("application/json")
        return status, msgspec.json.decode(answer) if is_json else answer.decode(), told

    def get_bytes(self, path: str) -> bytes:
        """Return the body of an answer as it came."""
        return self._exchange("GET", path, None, {})[1]

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        sent = {"Content-Type": "application/json"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        sent |= headers
        connection = HTTPConnection(*self.address, timeout=WAIT_S)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answer.read(), told
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the body of an answer that must be fine."""
        status, body, _ = self.ask("GET", path)
        assert status == 200, body
        return body

    def post(self, path: str, body: object = None) -> Any:
        """Do something that must be fine."""
        status, answer, _ = self.ask("POST", path, body)
        assert status in (200, 202), answer
        return answer

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection(self.address, WAIT_S)


class Serve(Protocol):
    """Serves a gateway until the test ends."""

    def __call__(self, gateway: Controlled, *, log: Any = None) -> Api: ...


@pytest.fixture
def serve_api() -> Iterator[Serve]:
    """Yield a function that serves a gateway; the test's end stops all of them."""
    served: list[Serving] = []

    def begin(gateway: Controlled, *, log: Any = None) -> Api:
        one = serve(gateway, log=log)
        assert one is not None
        served.append(one)
        return Api(one, gateway.settings.http.token)

    yield begin
    assert False not in [one.stop() for one in served]
