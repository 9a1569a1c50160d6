"""The WSGI application: checks a request, runs its route and answers in JSON. No socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec

from gateway.commands import page
from gateway.escaping import escaped
from gateway.web import routes
from gateway.web.asked import OTHER, ROUTE, Requests
from gateway.web.context import Answer, Context
from gateway.web.guard import Caller, Guard, Head
from gateway.web.pages import table
from gateway.web.pages.site import Site
from gateway.web.problems import RETRY_S, Problem, bad_request, of_exception
from gateway.web.request import Request, query_of
from gateway.web.sessions import set_cookie

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], object]

MOST_BODY_BYTES = 1 << 20
"""A longer body is refused, here and by the server."""

_JSON = "application/json"
_COOKIE = "gateway.cookie"
_UNREADABLE = {
    413: ("too_large", "send less"),
    431: ("headers_too_large", "send shorter headers"),
    500: ("internal", "look for control.failed in its log"),
}
_LONGEST_DETAIL = 200
_RETRY = frozenset({429, 503})
HEADERS = [
    ("Content-Type", f"{_JSON}; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]


def refusal(status: int, detail: str) -> bytes:
    """Return what is answered to a request that the server itself could not read.

    Args:
        status: What it answers with.
        detail: Its words.
    """
    error, next_step = _UNREADABLE.get(status, ("bad_request", f"see {page('docs/control.md')}"))
    shown = detail[:_LONGEST_DETAIL].strip() or "the request cannot be read"
    return escaped(msgspec.json.encode(Problem(status, error, shown, next_step).body()))


class Application:
    """Answers one request; called on many threads at once.

    Args:
        context: What routes are given.
        guard: Lets requests in.
        site: The pages; None: there are none.
    """

    def __init__(self, context: Context, guard: Guard, site: Site | None = None) -> None:
        self._context = context
        self._guard = guard
        self._site = site
        self._requests = Requests((*routes.LABELS, *table.LABELS))
        context.collectors.append(self._requests)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Be a WSGI application (PEP 3333); never raises."""
        retry_s = RETRY_S
        try:
            answer = self._answer(environ)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is answered
            problem = of_exception(error) or self._unexpected(environ, error)
            retry_s = problem.retry_s
            answer = Answer(status=problem.status, body=problem.body())
        self._requests.add(environ.get(ROUTE, OTHER), answer.status)
        body, headers = self._body_of(answer)
        if answer.status in _RETRY and "Retry-After" not in dict(headers):
            headers.append(("Retry-After", str(retry_s)))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", "Bearer"))
        if _COOKIE in environ:  # first: what a route sets itself, e.g. to sign out, counts
            headers.insert(0, ("Set-Cookie", environ[_COOKIE]))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return body

    def _body_of(self, answer: Answer) -> tuple[Iterable[bytes], list[tuple[str, str]]]:
        if answer.content_type is None:
            body = escaped(msgspec.json.encode(answer.content(self._context.gateway.redact)))
            return [body], [*HEADERS, ("Content-Length", str(len(body)))]
        headers = dict(HEADERS) | dict(answer.headers) | {"Content-Type": answer.content_type}
        if not isinstance(answer.body, bytes):  # lines that come as they are made
            return answer.body, list(headers.items())
        return [answer.body], [*headers.items(), ("Content-Length", str(len(answer.body)))]

    def _answer(self, environ: Environ) -> Answer:
        path = str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
        head = Head.of(environ, path)
        if self._site is not None and head.is_page and path not in routes.PROBES:
            return self._site.answer(
                environ,
                head,
                admitted=partial(self._caller_of, environ, head),
                body=partial(_body, environ),
            )
        self._guard.admit_page(head)
        caller, context = None, self._context
        if path not in routes.OPEN:
            caller = self._caller_of(environ, head, metrics=path in routes.METRICS)
            context = context.asked_by(caller)
        method = head.method
        route, name = routes.find(method, path)
        environ[ROUTE] = routes.label(route, method, path)
        if caller is not None:
            self._guard.must(caller, routes.need(route))
        query = query_of(environ.get("QUERY_STRING", ""))
        if path not in routes.PROBES:
            routes.check_query(route, query)
        body = _body(environ)
        routes.check_body(route, body)
        return route(
            context,
            Request(
                method=method,
                name=name,
                query=query,
                body=body,
                idempotency_key=_key(environ.get("HTTP_IDEMPOTENCY_KEY")),
                accept=str(environ.get("HTTP_ACCEPT", "")),
                caller=caller,
                address=head.address,
                secure=self._guard.is_secure(head),
                gone=environ.get("waitress.client_disconnected", _never),
            ),
        )

    def _caller_of(self, environ: Environ, head: Head, *, metrics: bool = False) -> Caller:
        """Return who asks, and have the answer renew the cookie where that is due."""
        caller = self._guard.caller_of(head, metrics=metrics)
        if caller.fresh is not None:
            secure = self._guard.is_secure(head)
            environ[_COOKIE] = set_cookie(caller.fresh, secure=secure)
        return caller

    def _unexpected(self, environ: Environ, error: Exception) -> Problem:
        """Log an unexpected error; the answer shows nothing of it."""
        self._context.log.error("control.failed", path=environ.get("PATH_INFO"), exc_info=error)
        return Problem(
            500,
            "internal",
            "the gateway failed to answer this; it goes on with its work",
            "look for control.failed in its log",
        )


def _never() -> bool:
    return False


def _key(header: str | None) -> str | None:
    """Return the key of a header: as it is, or the string in quotes that the draft asks for.

    Raises:
        Problem: 400; it is not ASCII: clients do not agree on what other bytes are. Or it has a
            comma before a space: two headers of that name arrive so, as one.
    """
    if header is not None and not header.isascii():
        raise bad_request("Idempotency-Key holds letters that are not ASCII")
    if header is not None and ", " in header:
        raise bad_request("Idempotency-Key is given twice, or holds a comma before a space")
    if header is not None and len(header) > 1 and header[0] == header[-1] == '"':
        return header[1:-1]
    return header


def _body(environ: Environ, kind: str = _JSON) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MOST_BODY_BYTES:
        told = f"the body is longer than {MOST_BODY_BYTES} bytes"
        raise Problem(413, "too_large", told, "send less")
    if not length:
        return b""
    if str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower() != kind:
        name = "JSON" if kind == _JSON else "a form"
        raise Problem(415, "not_json", f"the body is not declared {name}", f"Content-Type: {kind}")
    body: bytes = environ["wsgi.input"].read(length)
    return body
