from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from gateway.testing import Behaviour, FakePlatform, Shop
from gateway.testing.platform.shapes import APP_KEY

Json = dict[str, Any]


class Client:
    """A client that shares no code with the kit: ``websockets`` and the json module."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self._mids = itertools.count(1)
        self._waiting: deque[Json] = deque()

    def request(self, lwp: str, body: object = None, **headers: str) -> str:
        """Send a request under a new mid and give the mid."""
        mid = f"{next(self._mids)}1751600552899 0"
        frame: Json = {"lwp": lwp, "headers": {"mid": mid} | headers}
        if body is not None:
            frame["body"] = body
        self.ws.send(json.dumps(frame))
        return mid

    def recv(self, timeout_s: float = 3.0) -> Json:
        """Return the next frame."""
        if self._waiting:
            return self._waiting.popleft()
        return dict(json.loads(self.ws.recv(timeout=timeout_s)))

    def call(self, lwp: str, body: object = None, **headers: str) -> Json:
        """Send a request and give its reply; other frames wait for recv."""
        mid = self.request(lwp, body, **headers)
        others: list[Json] = []
        while True:
            frame = self.recv()
            if "lwp" not in frame and frame["headers"]["mid"] == mid:
                self._waiting.extend(others)
                return frame
            others.append(frame)

    def register(self, token: str, did: str = "DID", **more: str) -> Json:
        """Register as the web page does."""
        headers = {
            "cache-header": "app-key token ua wv",
            "app-key": APP_KEY,
            "token": token,
            "ua": "UA/1.0 中文",
            "dt": "j",
            "wv": "im:3,au:3,sy:6",
            "sync": "0,0;0;0;",
            "did": did,
        }
        return self.call("/reg", **(headers | more))

    def ready(self, token: str, did: str = "DID") -> None:
        """Register and take the two pushes that follow."""
        assert self.register(token, did)["code"] == 200
        assert self.push("/s/sync")["body"]["syncExtraType"]["type"] == 2
        self.push("/s/vulcan")

    def push(self, lwp: str = "/s/sync", *, ack: bool = True) -> Json:
        """Return the next frame, which must be this push."""
        frame = self.recv()
        assert frame.get("lwp") == lwp, frame
        if ack:
            self.ack(frame)
        return frame

    def ack(self, push: Json) -> None:
        """Acknowledge a push."""
        kept = {k: v for k, v in push["headers"].items() if k in ("app-key", "mid", "ua", "sid")}
        self.ws.send(json.dumps({"code": 200, "headers": kept}))


Dial = Callable[..., Client]


@pytest.fixture
def fake() -> Iterator[FakePlatform]:
    with FakePlatform(Behaviour(redeliver_after_s=None)) as platform:
        yield platform


@pytest.fixture
def shop(fake: FakePlatform) -> Shop:
    return fake.account("2201", token="t-1")


@pytest.fixture
def dial() -> Iterator[Dial]:
    with ExitStack() as clients:

        def open_client(url: str, token: str | None = None, **options: Any) -> Client:
            socket = connect(
                url, open_timeout=5, close_timeout=2, ping_interval=None, max_size=None, **options
            )
            client = Client(clients.enter_context(socket))
            if token is not None:
                client.ready(token)
            return client

        yield open_client
