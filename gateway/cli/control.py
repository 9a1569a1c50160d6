"""Control clients: of a running gateway over HTTP, or of the journal of a stopped one.

Both lead to the same routes, so a command does not know which it has. They print nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import http.client
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from actors.ports.journal import JournalError
from gateway import logs
from gateway.cli.exchange import MOST_BYTES, TooLongError, exchange, opener
from gateway.cli.whom import TOKEN, token_of, url_of
from gateway.config import load
from gateway.errors import ConfigError
from gateway.escaping import clean
from gateway.redaction import mask_url
from gateway.settings import Settings
from gateway.settings.listen import PREFIX
from gateway.web import routes
from gateway.web.context import Context
from gateway.web.problems import NOT_A_GATEWAY, Problem, from_body, of_exception
from gateway.web.proof import proof
from gateway.web.request import Request
from gateway.web.stopped import StoppedGateway, not_running

ANSWER_S = 15.0
"""Seconds an answer may take beyond the requested wait."""

MOST_OF_IDENTITY = 4096
"""Most bytes of the proof: the answering program may be any."""

_WAS_IT_DONE = "look whether it was done before asking again"
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_AS_IN_A_PATH = "/%:@!$&'()*+,;=~"
_LONGEST_WORDS = 2000
_ALIVE = {"status": "ok"}
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # listens there; we ask here


class Control(Protocol):
    """The control client: a command asks, a gateway or its journal answers."""

    running: bool
    """True: a running gateway answers; False: only its journal."""

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
            method: GET, POST, PUT or DELETE.
            path: Its pieces, unquoted.
            query: Parameters; None among them is left out.
            body: What is sent.
            wait_s: Seconds the answer may take because it was asked to wait.

        Raises:
            Problem: The request was refused, or no gateway answers.
        """


class HttpControl:
    """A running gateway.

    Args:
        url: Its address.
        token: Its ``http.token``.
    """

    running = True

    def __init__(self, url: str, token: str | None) -> None:
        self._open, path = opener(url)
        self.url = mask_url(url)
        self._prefix = quote(path.rstrip("/"), safe=_AS_IN_A_PATH)
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
        status, answer = self._exchange(method, target, content, headers, wait_s=wait_s)
        return _read(self.url, status, answer)

    def hail(self) -> None:
        """See that a gateway answers.

        Raises:
            Problem: No gateway answers, or another program does.
        """
        if self.ask("GET", "healthz") != _ALIVE:
            raise _stranger(self.url, "it does not say that it is alive")

    def _prove(self, token: str) -> None:
        """Have the other side prove that it knows the token, once, before it is sent there.

        Raises:
            Problem: 401; it cannot. Perhaps another program listens there.
        """
        if self._proved:
            return
        challenge = secrets.token_hex(32)
        target = f"{self._prefix}/v1/identity?challenge={challenge}"
        asks = {"Accept": "application/json"}
        status, content = self._exchange("GET", target, None, asks, most_bytes=MOST_OF_IDENTITY)
        told: list[str] = []
        if status == http.HTTPStatus.OK:
            with contextlib.suppress(*_NO_JSON, TypeError, AttributeError):
                answer = msgspec.json.decode(content)
                told = [str(answer.get(name)) for name in ("proof", "viewer_proof")]
        right = proof(token, challenge).encode()
        if not any(hmac.compare_digest(each.encode(), right) for each in told):
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
        *,
        wait_s: float = 0.0,
        most_bytes: int = MOST_BYTES,
    ) -> tuple[int, bytes]:
        connection = self._open(ANSWER_S + wait_s)
        until_s = time.monotonic() + ANSWER_S + wait_s
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise not_running(f"at {self.url} ({error.strerror or error})") from error
        try:
            return exchange(
                connection,
                method,
                target,
                content=content,
                headers=headers,
                until_s=until_s,
                most_bytes=most_bytes,
            )
        except TooLongError as error:
            raise _stranger(self.url, f"its answer is {error}") from error
        except TimeoutError as error:
            told = f"what answers at {self.url} took longer than {ANSWER_S + wait_s:g} s"
            raise Problem(504, "no_answer", told, _WAS_IT_DONE) from error
        except (OSError, http.client.HTTPException) as error:
            told = f"the gateway at {self.url} went away in the middle ({type(error).__name__})"
            raise Problem(504, "no_answer", told, _WAS_IT_DONE) from error


class FileControl:
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
                self._context, Request(method=method, name=name, query=asked, body=content)
            )
        return msgspec.json.decode(msgspec.json.encode(answer.content(self.gateway.redact)))


@contextlib.contextmanager
def as_problems() -> Iterator[None]:
    """Turn what the journal of a file raises into what a server would have answered."""
    try:
        yield
    except (Problem, ConfigError):
        raise
    except Exception as error:
        problem = of_exception(error)
        if problem is None and isinstance(error, OSError):
            told = f"{error.filename or 'the journal'}: {error.strerror or error}"
            problem = Problem(503, "io_failed", told, "look at that file, its mode and its disk")
        if problem is None:
            raise
        if isinstance(error, JournalError) and "in use" in problem.detail:
            problem.next_step = "set http.listen, install the extra [http], and ask its gateway"
        raise problem from error


@contextlib.contextmanager
def open_control(arguments: argparse.Namespace, *, file_too: bool = False) -> Iterator[Control]:
    """Find the gateway that is meant.

    Args:
        arguments: With ``config``, ``url`` and ``token_file``.
        file_too: If no gateway answers, its journal will do; wants ``config``.

    Raises:
        ConfigError: The configuration cannot be read.
        Problem: No gateway answers.
    """
    settings = None if arguments.config is None else load(arguments.config, secrets=False)
    control = http_control(arguments, settings)
    if control is not None:
        try:
            control.hail()
        except Problem as problem:
            if problem.error != "not_running" or settings is None or not file_too:
                raise
        else:
            yield control
            return
    if settings is None or not file_too:
        told = "" if settings is None else f"; http.listen is not set in {arguments.config}"
        raise not_running(f"that could be asked{told}")
    if arguments.command == "accounts":  # its credentials may be stored anew
        settings = load(arguments.config)
    stopped = StoppedGateway(settings)
    try:
        yield FileControl(stopped)
    finally:
        stopped.close()


def http_control(arguments: argparse.Namespace, settings: Settings | None) -> HttpControl | None:
    """Return the way over HTTP; None if these settings say that there is none.

    The token of a configuration goes to the address of that configuration only.

    Raises:
        ConfigError: The address or the token file cannot be used.
    """
    if arguments.url is not None or settings is None:
        token = token_of(arguments.token_file, os.environ)
        return HttpControl(url_of(arguments.url, os.environ), token)
    own, listen = settings.http.token, settings.http.listen
    # What the environment says of another gateway is no matter here.
    token = token_of(arguments.token_file, {} if own else os.environ)
    return None if listen is None else HttpControl(_asked_at(listen), own or token)


def _asked_at(listen: str) -> str:
    """Return the address at which to ask the listener."""
    if listen.startswith(PREFIX):
        return listen
    host, _, port = listen.rpartition(":")
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{_ANYWHERE.get(host, host)}:{port}"


def _read(url: str, status: int, content: bytes) -> Any:
    try:
        body = msgspec.json.decode(content)
    except _NO_JSON:
        raise _stranger(url, f"HTTP status {status}, and no JSON", status) from None
    if status >= 300:
        refusal = from_body(status, body)
        if refusal.error == NOT_A_GATEWAY:
            raise _stranger(url, f"HTTP status {status}, and no refusal of ours", status)
        words = map(_harmless, (refusal.error, refusal.detail, refusal.next_step))
        raise Problem(status, *words)
    if not isinstance(body, dict):
        raise _stranger(url, "its answer is no object")
    return _Told(url, body)


class _Told(dict[str, Any]):
    """An answer. If a key of every gateway is missing, the answer came from another program."""

    def __init__(self, url: str, body: dict[str, Any]) -> None:
        super().__init__(body)
        self._url = url

    def __missing__(self, name: str) -> Any:
        raise _stranger(self._url, f"its answer has no {name!r}")


def _harmless(words: str) -> str:
    """Return a stranger's words as they may be printed: no cursor moves, no screen is filled."""
    return "\n".join(map(clean, words[:_LONGEST_WORDS].split("\n")))


def _stranger(url: str, why: str, status: int = 0) -> Problem:
    """Return the problem that another program listens there."""
    return Problem(
        status if 400 <= status < 500 else http.HTTPStatus.BAD_GATEWAY,
        NOT_A_GATEWAY,
        f"what answers at {url} is no gateway ({why})",
        "check the address: -c FILE (http.listen) or --url; end the program that listens there",
    )
