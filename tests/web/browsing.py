"""Asks for pages as a browser does: forms, redirects and cookies over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlencode

from control_api import WAIT_S, Api

FORM = "application/x-www-form-urlencoded"


class Seen(NamedTuple):
    """A page as it came, and the address it is at."""

    status: int
    html: str
    at: str

    @property
    def text(self) -> str:
        """Return what a person reads, on one line."""
        shown = re.sub(r"<(script|style)\b.*?</\1>", " ", self.html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", shown)).split())

    def forms(self) -> list[str]:
        """Return where forms lead."""
        return [unescape(each) for each in re.findall(r'<form[^>]*action="([^"]*)"', self.html)]

    def links(self) -> list[str]:
        """Return where links lead."""
        return [unescape(each) for each in re.findall(r'<a\b[^>]*href="([^"]*)"', self.html)]

    def field(self, name: str) -> str:
        """Return the value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found is not None, name
        return unescape(found[1])


class Browser:
    """Visits a served gateway.

    Args:
        api: Where.
        language: What is wished for.
        token: Who visits; None: the owner.
    """

    def __init__(self, api: Api, language: str = "en", *, token: str | None = None) -> None:
        self._api = api
        self._token = token or api.token
        self._language = language

    def get(self, path: str) -> Seen:
        """Return a page."""
        return self._ask("GET", path, None)

    def post(self, path: str, fields: Mapping[str, str | Sequence[str]] | None = None) -> Seen:
        """Send a form, and go where it leads."""
        return self._ask("POST", path, urlencode(fields or {}, doseq=True).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Seen:
        connection = HTTPConnection(*self._api.address, timeout=60)
        headers = {"Accept-Language": self._language}
        if body is not None:
            headers["Content-Type"] = FORM
            headers["Origin"] = self._api.served.url
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            html = answer.read().decode()
            to = answer.getheader("Location")
        finally:
            connection.close()
        if answer.status == 303:
            assert to is not None
            assert to.isascii()
            return self.get(to.partition("#")[0])
        return Seen(answer.status, html, path)


def serious(page: Seen) -> None:
    """Check what every page has."""
    assert page.html.count("<h1") == 1, "one h1"
    assert "<html lang=" in page.html
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.html), "no script of the page's own"
    assert not re.search(r"<[^>]*\s(style|on\w+)=", page.html), "no style or handler within"
    ids = re.findall(r'\bid="([^"]*)"', page.html)
    assert len(ids) == len(set(ids)), ids
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\x07]", page.html)


__all__ = ["WAIT_S", "Browser", "Seen", "serious"]
