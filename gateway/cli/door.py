"""The way to a gateway: over HTTP, or to the journal of a stopped one. Prints nothing.

Both ways lead to the same routes, so a command does not know which it took.
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import http.client
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from actors.storage import JournalError
from gateway import logs
from gateway.config import load
from gateway.config.rules import is_bearer
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.web import routes
from gateway.web.asked import Asked
from gateway.web.context import Context
from gateway.web.problems import Problem, from_body, of_exception
from gateway.web.proof import proof
from gateway.web.stopped import StoppedGateway, not_running

DEFAULT_URL = "http://127.0.0.1:8760"
URL, TOKEN = "XIANYU_GATEWAY_URL", "XIANYU_GATEWAY_TOKEN"
ANSWER_S = 15.0
"""Seconds an answer may take beyond what it was asked to wait."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # listens there; we ask here


class Door(Protocol):
    """Where commands ask."""

    running: bool
    """Whether a gateway answers, and not only its journal."""

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
    ) -> Any:
        """Ask, and give the answer's JSON.

        Args:
            method: GET or POST.
            path: Its pieces, unquoted.
            query: Parameters; None among them is left out.
            body: What is sent.
            wait_s: Seconds the answer may take because it was asked to wait.

        Raises:
            Problem: It was refused, or nobody is there.
        """


class HttpDoor:
    """A running gateway.

    Args:
        url: Its address.
        token: Its ``http.token``.
    """

    running = True

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        try:
            self._port, self._host = parts.port, parts.hostname or ""
        except ValueError:
            self._host = ""
        if parts.scheme not in {"http", "https"} or not self._host:
            raise ConfigError([f"--url: expected http://host:port, got {url!r}"])
        self.url = url
        self._secure = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        if token and not is_bearer(token):
            raise ConfigError(["the token holds blanks or letters that no header can carry"])
        self._token = token
        self._proved = False

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
    ) -> Any:
        """Ask once; a question is never sent twice."""
        headers = {"Accept": "application/json"}
        if self._token:
            self._prove(self._token)
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._prefix + "".join(f"/{quote(piece, safe='')}" for piece in path)
        target += f"?{urlencode(asked)}" if asked else ""
        content = None if body is None else msgspec.json.encode(body)
        return _read(*self._exchange(method, target, content, headers, wait_s))

    def _prove(self, token: str) -> None:
        """Have the other side prove that it knows the token, once, before it is sent there.

        Raises:
            Problem: 401; it can not. Perhaps another program listens there.
        """
        if self._proved:
            return
        challenge = secrets.token_hex(32)
        target = f"{self._prefix}/v1/identity?challenge={challenge}"
        status, content = self._exchange("GET", target, None, {"Accept": "application/json"}, 0.0)
        try:
            told = (
                str(msgspec.json.decode(content)["proof"]) if status == http.HTTPStatus.OK else ""
            )
        except (msgspec.DecodeError, TypeError, KeyError):
            told = ""
        if not hmac.compare_digest(told.encode(), proof(token, challenge).encode()):
            raise Problem(
                401,
                "unauthorized",
                f"what answers at {self.url} does not know this token, so it was not sent there",
                "end the program that listens there if it is no gateway; else give its http.token "
                f"by -c FILE, --token-file or {TOKEN}",
            )
        self._proved = True

    def _exchange(
        self,
        method: str,
        target: str,
        content: bytes | None,
        headers: dict[str, str],
        wait_s: float,
    ) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=ANSWER_S + wait_s)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise not_running(f"at {self.url} ({error.strerror or error})") from error
        try:
            connection.request(method, target, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            told = f"the gateway at {self.url} went away in the middle ({type(error).__name__})"
            fix = "look whether it was done before asking again"
            raise Problem(504, "no_answer", told, fix) from error
        finally:
            connection.close()


class FileDoor:
    """The journal of a stopped gateway; the same routes, without a socket.

    Args:
        gateway: Its journal.
    """

    running = False

    def __init__(self, gateway: StoppedGateway) -> None:
        self.gateway = gateway
        self._context = Context(gateway, logs.get_logger())

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
    ) -> Any:
        """Ask; whatever is wrong comes as the same Problem as over HTTP."""
        del wait_s
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        content = b"" if body is None else msgspec.json.encode(body)
        with as_problems():
            route, name = routes.find(method, "/" + "/".join(path))
            answer = route(
                self._context, Asked(method=method, name=name, query=asked, body=content)
            )
        return msgspec.json.decode(msgspec.json.encode(self.gateway.redact(answer.body)))


@contextlib.contextmanager
def as_problems() -> Iterator[None]:
    """Turn what the journal of a file raises into what a server would have answered."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:
        problem = of_exception(error)
        if problem is None:
            raise
        if isinstance(error, JournalError) and "in use" in problem.detail:
            problem.next_step = "set http.listen, install the extra [http], and ask its gateway"
        raise problem from error


@contextlib.contextmanager
def open_door(arguments: argparse.Namespace, *, file_too: bool = False) -> Iterator[Door]:
    """Find the gateway that is meant.

    Args:
        arguments: With ``config``, ``url`` and ``token_file``.
        file_too: If no gateway answers, its journal will do; wants ``config``.

    Raises:
        ConfigError: It can not be read who is meant.
        Problem: Nobody is there.
    """
    settings = None if arguments.config is None else load(arguments.config)
    door = http_door(arguments, settings)
    if door is not None:
        try:
            door.ask("GET", "healthz")
        except Problem as problem:
            if problem.error != "not_running" or settings is None or not file_too:
                raise
        else:
            yield door
            return
    if settings is None or not file_too:
        told = "" if settings is None else f"; http.listen is not set in {arguments.config}"
        raise not_running(f"that could be asked{told}")
    stopped = StoppedGateway(settings)
    try:
        yield FileDoor(stopped)
    finally:
        stopped.close()


def http_door(arguments: argparse.Namespace, settings: Settings | None) -> HttpDoor | None:
    """Give the way over HTTP; None if these settings say that there is none.

    The token of a configuration goes to the address of that configuration only.

    Raises:
        ConfigError: The address or the token file can not be used.
    """
    token = os.environ.get(TOKEN)
    if arguments.token_file is not None:
        try:
            token = Path(arguments.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            told = f"{arguments.token_file} can not be read ({type(error).__name__})"
            raise ConfigError([f"--token-file: {told}"]) from error
    if arguments.url is not None:
        return HttpDoor(arguments.url, token)
    if settings is not None:
        listen = settings.http.listen
        if listen is None:
            return None
        host, _, port = listen.rpartition(":")
        return HttpDoor(f"http://{_ANYWHERE.get(host, host)}:{port}", settings.http.token or token)
    return HttpDoor(os.environ.get(URL, DEFAULT_URL), token)


def _read(status: int, content: bytes) -> Any:
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise from_body(status, None) from None
    if status >= 300:
        raise from_body(status, body)
    return body
