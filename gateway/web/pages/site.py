"""The pages behind one door: finds a page, asks who is there, renders, and packs the answer."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote

import gateway as package
from actors.messages import StateChanged
from actors.policy.alerts import AlertChanged
from gateway.web.asked import ROUTE
from gateway.web.callers import LOCAL
from gateway.web.context import Answer, Context
from gateway.web.guard import Caller, Guard, Head
from gateway.web.pages import addresses, glance, table
from gateway.web.pages.addresses import accepted
from gateway.web.pages.assets import Assets
from gateway.web.pages.hints import Hints
from gateway.web.pages.rendering import Renderer
from gateway.web.pages.visit import Shown, Visit
from gateway.web.pages.words import WORDS
from gateway.web.problems import RETRY_S, Problem, bad_request, of_exception
from gateway.web.request import query_of
from gateway.words import LANGUAGES, Language, language_of, spoken

if TYPE_CHECKING:
    from gateway.host.gateway import Gateway

Environ = dict[str, Any]

HTML: Final = "text/html; charset=utf-8"
_FORM: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 2_000
LEAST_PACKED: Final = 1_024
"""Bytes from which an answer is gzipped."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    # Not no-referrer: then browsers say of our own forms that they come from nowhere.
    ("Referrer-Policy", "same-origin"),
    ("Content-Security-Policy", POLICY),
)
_KEPT: Final = (
    ("Cache-Control", "public, max-age=31536000, immutable"),
    ("X-Content-Type-Options", "nosniff"),
)


class Site:
    """All pages.

    Args:
        context: What pages are given.
        guard: Tells who is there.
        gateway: Tells what changes.

    Raises:
        ImportError: Jinja2 is not installed.
    """

    def __init__(self, context: Context, guard: Guard, gateway: Gateway) -> None:
        self._context = context
        self._guard = guard
        self._assets = Assets()
        self._renderer = Renderer(context.gateway.redact, self._assets)
        self.hints = Hints(context.closing)
        gateway.on_state(self._moved)
        gateway.on_alert(self._rang)

    def answer(
        self,
        environ: Environ,
        head: Head,
        *,
        admitted: Callable[[], Caller],
        body: Callable[[str], bytes],
    ) -> Answer:
        """Answer a request for a page.

        Args:
            environ: As WSGI has it.
            head: The same, as far as it decides who is let in.
            admitted: Returns who asks, or raises why nobody is let in.
            body: Reads the body, which must be of this type.
        """
        asset = self._assets.get(str(environ.get("PATH_INFO", "")))
        if asset is not None:
            return _packed(environ, asset.body, asset.content_type, _KEPT, asset.packed)
        visit: Visit | None = None
        try:
            self._guard.admit_page(head)
            show, visit = self._visit(environ, head, admitted, body)
            shown = show(visit)
        except Exception as error:  # whatever it is, it is shown
            problem = of_exception(error)
            if problem is None:
                raise
            shown = self._refused(problem, environ)
        if isinstance(shown, Answer):
            return shown
        html = self._rendered(shown, environ, head, visit)
        headers = (*HEADERS, *shown.headers)
        answer = _packed(environ, html.encode(), HTML, headers)
        return Answer(
            status=shown.status,
            body=answer.body,
            content_type=answer.content_type,
            headers=answer.headers,
        )

    # --- what is asked ----------------------------------------------------------------

    def _visit(
        self,
        environ: Environ,
        head: Head,
        admitted: Callable[[], Caller],
        body: Callable[[str], bytes],
    ) -> tuple[Callable[[Visit], Shown | Answer], Visit]:
        method = str(environ["REQUEST_METHOD"])
        try:
            parts = addresses.parts_of(_uri(environ))
            found = table.find(method, parts)
            environ[ROUTE] = found.label
            names = tuple(map(addresses.name_of, found.names))
        except ValueError:
            raise bad_request("nobody can read this address", "go to the first page") from None
        caller = None if found.need is None else admitted()
        context = self._context
        if caller is not None and found.need is not None:
            self._guard.must(caller, found.need)
            context = context.asked_by(caller)
        query = query_of(environ.get("QUERY_STRING", ""))
        form = _fields(body(_FORM)) if method == "POST" else {}
        secure = self._guard.is_secure(head)
        visit = Visit(
            context=context,
            guard=self._guard,
            hints=self.hints,
            asset=self._assets.url,
            caller=caller,
            language=self._language(environ, head),
            names=names,
            query=query,
            form=form,
            here=_here(environ),
            base=f"{'https' if secure else 'http'}://{head.host}",
            now_ms=time.time_ns() // 1_000_000,
            address=head.address,
            secure=secure,
            gone=environ.get("waitress.client_disconnected", lambda: False),
        )
        return found.page, visit

    def _language(self, environ: Environ, head: Head) -> Language:
        chosen = head.cookies("lang")
        for language in LANGUAGES:
            if language in chosen:
                return language
        for name in accepted(str(environ.get("HTTP_ACCEPT_LANGUAGE", ""))):
            if name.startswith(("zh", "en")):
                return language_of(name)
        return spoken(self._context.gateway.settings.language, environment={})

    # --- what is shown ----------------------------------------------------------------

    def _refused(self, problem: Problem, environ: Environ) -> Shown | Answer:
        """Show a refusal, or lead to the sign-in who is not signed in."""
        if problem.status == HTTPStatus.UNAUTHORIZED and environ["REQUEST_METHOD"] == "GET":
            to = f"/sign-in?to={quote(_here(environ), safe='')}"
            if environ.get("HTTP_HX_REQUEST"):  # a part of a page, of which the whole is to go
                return Answer(
                    status=401, body=b"", content_type=HTML, headers=(("HX-Redirect", to),)
                )
            return Answer(status=303, body=b"", content_type=HTML, headers=(("Location", to),))
        back = addresses.within(_here(environ)) if environ["REQUEST_METHOD"] == "GET" else "/"
        data = {"problem": problem, "back": back}
        wait = (("Retry-After", str(problem.retry_s)),) if problem.retry_s > RETRY_S else ()
        return Shown(template="problem.html", data=data, status=problem.status, headers=wait)

    def _rendered(self, shown: Shown, environ: Environ, head: Head, visit: Visit | None) -> str:
        now_ms = time.time_ns() // 1_000_000
        known = visit is not None and visit.caller is not None
        common = {
            "version": package.__version__,
            "here": _here(environ),
            "may_act": visit is not None and visit.may_act,
            "may_read_chats": known and visit is not None and visit.may_read_chats,
            "signed_in": known,
            "can_sign_out": known and visit is not None and visit.caller is not LOCAL,
            "waiting_count": glance.waiting(self._context) if known else 0,
            "done": "" if visit is None else _done(visit),
        }  # fmt: skip
        language = self._language(environ, head) if visit is None else visit.language
        return self._renderer.page(
            shown.template, common | dict(shown.data), language=language, now_ms=now_ms
        )

    # --- what changes -----------------------------------------------------------------

    def _moved(self, _change: StateChanged) -> None:
        self.hints.hint("accounts")

    def _rang(self, _change: AlertChanged) -> None:
        self.hints.hint("alerts", "waiting")


def _done(visit: Visit) -> str:
    """Return the key of the words that say what was just done; empty if there are none."""
    key = visit.query.get("done", "")
    return key if f"done.{key}" in WORDS["en"] else ""


def _uri(environ: Environ) -> str:
    uri = environ.get("REQUEST_URI")
    return uri or quote(str(environ.get("PATH_INFO", "/")).encode("latin-1"))


def _here(environ: Environ) -> str:
    """Return path and query as they were asked for, for a way back to this server."""
    path = "/" + "/".join(addresses.parts_of(_uri(environ)))
    query = str(environ.get("QUERY_STRING", ""))
    return addresses.within(f"{path}?{query}" if query else path)


def _fields(body: bytes) -> Mapping[str, Sequence[str]]:
    try:
        text = body.decode("ascii")
        return parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:  # Unicode's is one, too
        raise bad_request("nobody can read this form", "load the page again") from None


def _packed(
    environ: Environ,
    body: bytes,
    content_type: str,
    headers: Sequence[tuple[str, str]],
    packed: bytes | None = None,
) -> Answer:
    """Return an answer, gzipped where the visitor takes that and it is smaller."""
    takes = "gzip" in str(environ.get("HTTP_ACCEPT_ENCODING", ""))
    if packed is None and takes and len(body) >= LEAST_PACKED:
        packed = gzip.compress(body, 5)
    told = (*headers, ("Vary", "Accept-Encoding"))
    if takes and packed is not None:
        told = (*told, ("Content-Encoding", "gzip"))
        return Answer(body=packed, content_type=content_type, headers=told)
    return Answer(body=body, content_type=content_type, headers=told)
