"""Serves a gateway over HTTP: its guard, its pages, its API, its reading copy, its socket."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

from gateway import logs
from gateway.commands import extra
from gateway.errors import ConfigError
from gateway.settings import HttpSettings
from gateway.settings.listen import Listen, Port, SocketFile, is_of_this_machine, parse_listen
from gateway.web import reading
from gateway.web.application import Application
from gateway.web.context import Context, Controlled
from gateway.web.guard import Guard
from gateway.web.listening import Listener
from gateway.web.pages.site import Site
from gateway.web.server import HttpServer
from gateway.web.stopped import StoppedGateway


class ExtraMissingError(ConfigError):
    """Raised when the extra ``[http]`` is not installed."""


class Serving:
    """A control API that answers; see :func:`serve`.

    Attributes:
        url: Where.
        reading: What was said, for people to read; None: nothing is copied.
    """

    def __init__(self, server: HttpServer, context: Context) -> None:
        self._server = server
        self._context = context
        self.url = server.url
        self.reading = context.reading

    def stop(self) -> bool:
        """Stop answering; requests that wait are answered with what there is. Idempotent.

        Returns:
            True if every thread ended within 5 s each.
        """
        self._context.close()
        copied = self.reading is None or self.reading.stop()
        return self._server.stop() and copied


def serve(gateway: Controlled, *, log: Any = None) -> Serving | None:
    """Listen where ``http.listen`` says, and answer until :meth:`Serving.stop`.

    Args:
        gateway: What is controlled; it need not be started yet.
        log: A structlog logger; None takes the package's polite default.

    Returns:
        None if ``http.listen`` is not set.

    Raises:
        ConfigError: It cannot listen there, or the token is missing beyond loopback.
        ExtraMissingError: The extra ``[http]`` is not installed.
    """
    http = gateway.settings.http
    if http.listen is None:
        return None
    listen = parse_listen(http.listen)
    assert listen is not None, "the settings were checked"
    if not http.token and not is_of_this_machine(listen):
        told = "can be reached from other machines; set http.token, or listen on 127.0.0.1"
        raise ConfigError([f"http.listen: {http.listen} {told}"])
    log = logs.logger_for(log, logs.redactor_of(gateway.settings))
    try:
        guard = _guard(http, listen, log)
        context = Context(gateway, log, guard)
        site = None if isinstance(gateway, StoppedGateway) else Site(context, guard, gateway)
        application = Application(context, guard, site)
        listener = Listener(listen)
        try:
            server = HttpServer(application, listener)
        except BaseException:
            listener.close()
            raise
    except ImportError:
        told = f"is set, but the HTTP server is not installed; {extra('http')}; or set it to null"
        raise ExtraMissingError([f"http.listen: {told}"]) from None
    except OSError as error:
        told = f"cannot listen on {http.listen} ({error.strerror or error})"
        raise ConfigError([f"http.listen: {told}; {_remedy(error, listen)}"]) from error
    context.reading = reading.begin(gateway, log)
    if site is not None and context.reading is not None:
        context.reading.heard(partial(site.hints.hint, "chats"))
    server.start()
    log.info("control.listening", url=server.url)
    return Serving(server, context)


def _guard(http: HttpSettings, listen: Listen, log: Any) -> Guard:
    host = listen.host.strip("[]") if isinstance(listen, Port) else "localhost"
    return Guard(
        host,
        http.token or None,
        http.hosts,
        metrics_token=http.metrics_token or None,
        viewer_token=http.viewer_token or None,
        viewer_chats=http.viewer_chats,
        refused=lambda address: log.warning("control.refused", address=address),
    )


def _remedy(error: OSError, listen: Listen) -> str:
    """Return the next step if the address cannot be listened on."""
    if isinstance(listen, SocketFile):
        return _remedy_of_file(error)
    if isinstance(error, socket.gaierror):
        return "write an address of this machine, e.g. 127.0.0.1"
    match error.errno:
        case errno.EADDRNOTAVAIL:
            return "it is no address of this machine; write one that is, e.g. 127.0.0.1"
        case errno.EACCES | errno.EPERM:
            return "choose a port from 1024 on; those below are the administrator's"
        case errno.EADDRINUSE:
            return "end the program that listens there, or choose another port"
        case _:
            return "choose another address or port"


def _remedy_of_file(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "make the directory it is to lie in, or name another"
        case errno.EADDRINUSE:
            return "end the gateway that listens there, move the file away, or name another"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "name a directory that this user may write to"
        case _:
            return "name another, on a local disk, or listen on 127.0.0.1:8760"


@contextlib.contextmanager
def serving(gateway: Controlled, *, log: Any = None) -> Iterator[Serving | None]:
    """Serve while a block runs; see :func:`serve`.

    Messages matter more than control: without the extra it warns and goes on.
    """
    log = logs.logger_for(log, logs.redactor_of(gateway.settings))
    try:
        served = serve(gateway, log=log)
    except ExtraMissingError as error:
        log.warning("control.unavailable", detail=str(error))
        served = None
    try:
        yield served
    finally:
        if served is not None and not served.stop():
            log.error("control.threads_survived")
