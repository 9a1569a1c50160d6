"""A visit of a page, and what becomes of it: something shown, or a way elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlencode

import msgspec

from gateway.web.context import Answer, Context
from gateway.web.guard import Caller, Guard, Need
from gateway.web.pages.hints import Hints
from gateway.web.problems import Problem
from gateway.words import Language


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a page.

    Attributes:
        asset: Returns the address of a file of ours.
        names: What stands for ``<…>`` in the address, in order.
        query: The parameters; the last of a name counts.
        form: The fields that were sent; a name may have several.
        here: The address that was asked for, for a way back.
        now_ms: Our Unix time.
        address: Where the visitor is.
        secure: The request came by TLS.
        gone: Returns True if the visitor went away.
    """

    context: Context
    guard: Guard
    hints: Hints
    asset: Callable[[str], str]
    caller: Caller | None
    language: Language
    names: tuple[str, ...]
    query: Mapping[str, str]
    form: Mapping[str, Sequence[str]]
    here: str
    now_ms: int
    address: str
    secure: bool
    gone: Callable[[], bool]

    @property
    def account(self) -> str:
        """Return the first name of the address."""
        return self.names[0]

    @property
    def may_act(self) -> bool:
        """Return whether the visitor may change anything."""
        return self.caller is not None and self.guard.may(self.caller, Need.ACT)

    @property
    def may_read_chats(self) -> bool:
        """Return whether the visitor may read what buyers say."""
        return self.caller is not None and self.guard.may(self.caller, Need.READ)

    def field(self, name: str, most: int = 4_000) -> str:
        """Return a field of the form, without space around it; empty if it is not there.

        Raises:
            Problem: 400; it is longer than ``most`` characters.
        """
        value = self.form.get(name, ("",))[-1].strip()
        if len(value) > most:
            told = f"{name} has {len(value)} characters, at most {most} are taken"
            raise Problem(400, "bad_request", told, "send less")
        return value


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A page.

    Attributes:
        template: Its file in ``templates``.
        data: What it shows.
        status: HTTP status.
        headers: Further headers.
    """

    template: str
    data: Mapping[str, Any] = {}
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()


Page: TypeAlias = Callable[[Visit], Shown | Answer]
"""Shows a page, or does what a form asks for and leads elsewhere."""


def moved(to: str, done: str = "", headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """Return a way elsewhere, by GET.

    Args:
        to: An address of this server; may end with ``#place``.
        done: Key of the words that say what was done; empty: none.
        headers: Further headers.
    """
    path, mark, place = to.partition("#")
    if done:
        path += ("&" if "?" in path else "?") + urlencode({"done": done})
    return Answer(
        status=303,
        body=b"",
        content_type="text/plain; charset=utf-8",
        headers=(("Location", f"{path}{mark}{place}"), *headers),
    )
