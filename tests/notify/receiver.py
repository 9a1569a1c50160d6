"""A real HTTP server that takes what the bell and its heartbeat send, or does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

WAIT_S = 20.0


class Receiver:
    """What was sent, and how it is answered.

    Attributes:
        status: Of the answers.
        held: Set: answers leave at once. Cleared: they wait for it.
        messages: Bodies of what apprise posted.
        arrived: Messages that came, answered or not.
        tries: Messages that were answered.
        asked: Paths and queries of GET requests.
    """

    def __init__(self) -> None:
        self.status = 200
        self.held = threading.Event()
        self.held.set()
        self.messages: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.arrived = self.tries = 0
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def target(self) -> str:
        """Return the URL of apprise that leads here."""
        return f"json://127.0.0.1:{self.port}/"

    def wait(self, there: Callable[[], object]) -> None:
        """Wait until what came is as wanted."""
        with self.changed:
            assert self.changed.wait_for(there, WAIT_S), (self.messages, self.asked)

    def bodies(self) -> list[str]:
        """Return the texts of the messages that were taken."""
        return [each["message"] for each in list(self.messages)]

    def close(self) -> None:
        """End the server and its threads."""
        self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.arrived += 1
                    receiver.changed.notify_all()
                receiver.held.wait(WAIT_S)
                with receiver.changed:
                    receiver.tries += 1
                    if receiver.status == 200:
                        receiver.messages.append(json.loads(body))
                    receiver.changed.notify_all()
                self._answer()

            def do_GET(self) -> None:  # the library's name
                parts = urlsplit(self.path)
                with receiver.changed:
                    receiver.asked.append((parts.path, parse_qs(parts.query)))
                    receiver.changed.notify_all()
                receiver.held.wait(WAIT_S)
                self._answer()

            def _answer(self) -> None:
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a receiver that ends afterwards."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
