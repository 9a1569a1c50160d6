"""The listening socket and its threads, on waitress (extra ``[http]``).

One thread reads and writes all connections, a few run the application. Whoever is slow
costs a descriptor for some seconds, never a thread.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from gateway.web import application
from gateway.web.application import MOST_BODY_BYTES
from gateway.web.context import MOST_WAITING
from gateway.web.listening import Listener
from gateway.web.pages.hints import MOST_STREAMS

THREADS: Final = MOST_STREAMS + MOST_WAITING + 2
"""Two are always left for questions that do not wait."""

MOST_CONNECTIONS: Final = 100
MOST_HEADER_BYTES: Final = 16 << 10
REQUEST_S: Final = 10.0
"""Seconds a request may take to arrive, and an idle connection to send one."""

LIFE_S: Final = 120.0
"""Seconds after which a connection that runs no request is closed, however busy."""

STOP_S: Final = 5.0
_TURN_S: Final = 1.0

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Unheard:
    """Takes waitress' warning of each request that waits for a thread; they are no news."""

    def warning(self, *_words: object) -> None:
        """Leave it out."""


class HttpServer:
    """Serves one WSGI application until it is stopped.

    Listens at once; answers from :meth:`start` on.

    Args:
        application: Called on several threads.
        listener: Where; closed by :meth:`stop`.
        request_s: Seconds a request may take to arrive.
        life_s: Seconds a connection may live.

    Attributes:
        url: Where it listens.

    Raises:
        ImportError: waitress is not installed.
    """

    def __init__(
        self,
        application: Wsgi,
        listener: Listener,
        *,
        request_s: float = REQUEST_S,
        life_s: float = LIFE_S,
    ) -> None:
        # The extra may be missing, and every module imports without it.
        import waitress.server  # noqa: PLC0415
        import waitress.wasyncore  # noqa: PLC0415

        self._loop = waitress.wasyncore.loop
        self._close_all = waitress.wasyncore.close_all
        self._request_s = request_s
        self._life_s = life_s
        self._map: dict[int, Any] = {}
        self._arriving: dict[Any, tuple[object, float]] = {}
        self._stopping = threading.Event()
        self._closed = False
        self._listener = listener
        self.url = listener.url
        self._server = waitress.server.create_server(
            application,
            map=self._map,
            sockets=[listener.socket],
            threads=THREADS,
            ident="xianyu-gateway",
            connection_limit=MOST_CONNECTIONS,
            max_request_header_size=MOST_HEADER_BYTES,
            max_request_body_size=MOST_BODY_BYTES,
            channel_timeout=max(1, int(request_s)),
            cleanup_interval=1,
            log_socket_errors=False,
            # X-Forwarded-Proto must arrive, for Guard.is_secure; nothing else reads any of them.
            clear_untrusted_proxy_headers=False,
            # Without it nobody reads while a request is answered, so nobody hears the end.
            channel_request_lookahead=1,
        )
        self._server.channel_class = _channel_class()
        self._server.task_dispatcher.queue_logger = _Unheard()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer; once."""
        self._thread.start()

    def stop(self) -> bool:
        """Stop listening, cut what is open, end the threads. Idempotent.

        Returns:
            True if every thread ended within 5 s.
        """
        if self._closed:
            return True
        dispatcher = self._server.task_dispatcher
        dispatcher.shutdown(timeout=STOP_S)
        self._stopping.set()
        if self._thread.ident is not None:
            # Only who has waited for the loop's end closes what it wakes up by.
            self._server.pull_trigger()
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                return False
        self._close_all(self._map, ignore_all=True)
        self._listener.close()
        self._closed = True
        return not dispatcher.threads

    def _run(self) -> None:
        # poll, not select: beside thousands of accounts descriptors are above 1,024.
        has_poll = hasattr(select, "poll")
        turn_s = min(_TURN_S, self._request_s / 2)
        while not self._stopping.is_set():
            self._loop(timeout=turn_s, use_poll=has_poll, map=self._map, count=1)
            self._cut_slow()

    def _cut_slow(self) -> None:
        """Close connections whose request does not arrive, or that never end.

        waitress bounds silence only; a byte now and then would keep a connection for ever.
        """
        now_s, now_unix_s = time.monotonic(), time.time()
        arriving: dict[Any, tuple[object, float]] = {}
        for channel in list(self._server.active_channels.values()):
            request = channel.request
            if request is not None:
                known, since_s = self._arriving.get(channel, (None, now_s))
                since_s = since_s if known is request else now_s
                arriving[channel] = (request, since_s)
                if now_s - since_s > self._request_s:
                    channel.will_close = True
            if not channel.requests and now_unix_s - channel.creation_time > self._life_s:
                channel.will_close = True
        self._arriving = arriving


def _channel_class() -> Any:
    """Return a connection that answers what is no HTTP as it answers everything else."""
    import waitress.channel  # noqa: PLC0415  # the extra may be missing
    import waitress.task  # noqa: PLC0415  # the same

    class Refusal(waitress.task.ErrorTask):  # type: ignore[misc]  # it has no types
        def execute(self) -> None:
            found = self.request.error
            body = application.refusal(found.code, str(found.body))
            self.status = f"{found.code} {found.reason}"
            self.response_headers.extend(application.HEADERS)
            self.set_close_on_finish()
            self.content_length = len(body)
            self.write(body)

    class Channel(waitress.channel.HTTPChannel):  # type: ignore[misc]  # the same
        error_task_class = Refusal

    return Channel
