"""The table: method and address → page. ``<…>`` stands for one segment, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.web.pages import account, chat, chats, home, machine, public, taking_over, waiting
from gateway.web.pages.visit import Page, Visit
from gateway.web.problems import Problem

PAGES: Final[dict[tuple[str, str], Page]] = {
    ("GET", "/"): home.show,
    ("GET", "/accounts/<account>"): account.show,
    ("POST", "/accounts/<account>/pause"): account.pause,
    ("POST", "/accounts/<account>/resume"): account.resume,
    ("POST", "/accounts/<account>/reset"): account.reset,
    ("POST", "/accounts/<account>/renew"): account.renew,
    ("POST", "/accounts/<account>/credentials"): account.paste,
    ("POST", "/accounts/<account>/sign-in"): account.sign_in,
    ("POST", "/accounts/<account>/sign-in/cancel"): account.cancel_sign_in,
    ("GET", "/waiting"): waiting.show,
    ("POST", "/waiting"): waiting.choose,
    ("GET", "/waiting/letters/<event_id>"): waiting.letter,
    ("POST", "/waiting/letters/<event_id>/replay"): waiting.replay,
    ("POST", "/waiting/letters/<event_id>/drop"): waiting.drop,
    ("GET", "/waiting/sends/<outbox_id>"): waiting.send,
    ("POST", "/waiting/sends/<outbox_id>/arrived"): waiting.arrived,
    ("POST", "/waiting/sends/<outbox_id>/missing"): waiting.missing,
    ("GET", "/chats"): chats.show,
    ("GET", "/chats/<account>"): chats.show,
    ("GET", "/chats/<account>/<conversation>"): chat.show,
    ("GET", "/chats/<account>/<conversation>/send"): chat.back,
    ("POST", "/chats/<account>/<conversation>/send"): chat.send,
    ("POST", "/chats/<account>/<conversation>/take-over"): taking_over.take_over,
    ("POST", "/chats/<account>/<conversation>/hand-back"): taking_over.hand_back,
    ("GET", "/machine"): machine.show,
    ("POST", "/machine/backup"): machine.backup,
    ("POST", "/accounts/pause-all"): machine.pause_all,
    ("POST", "/accounts/resume-all"): machine.resume_all,
    ("GET", "/sign-in"): public.sign_in,
    ("POST", "/sign-in"): public.sign_in_now,
    ("POST", "/sign-out"): public.sign_out,
    ("POST", "/language"): public.language,
    ("GET", "/manifest.webmanifest"): public.manifest,
    ("GET", "/stream"): home.stream,
}
"""Every page and every form there is."""

PUBLIC: Final = frozenset({
    ("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-out"), ("POST", "/language"),
    ("GET", "/manifest.webmanifest"),
})  # fmt: skip
"""Those for which nobody must be signed in."""

CHATS: Final = "/chats"
"""Pages below it show what buyers say."""

LABELS: Final = tuple(f"{method} {path}" for method, path in PAGES)
"""Each page as the metrics name it."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was asked for.

    Attributes:
        names: The segments that stand for ``<…>``, still quoted.
    """

    page: Page
    label: str
    names: tuple[str, ...]
    needs_caller: bool

    def check(self, visit: Visit) -> None:
        """Refuse who may not.

        Raises:
            Problem: 403; says what may be done instead.
        """
        method, _, path = self.label.partition(" ")
        if not self.needs_caller or visit.may_act:
            return
        if method != "GET":
            told = "whoever is signed in to look may change nothing"
            raise Problem(403, "not_allowed", told, "sign in with http.token")
        if path.startswith(CHATS) and not visit.may_read_chats:
            told = "whoever is signed in to look may not read chats"
            raise Problem(403, "not_allowed", told, "set http.viewer_chats, or use http.token")


def find(method: str, parts: Sequence[str]) -> Found:
    """Return the page of an address.

    Raises:
        Problem: 404, or 405 if the address takes another method.
    """
    others = []
    for (its_method, path), page in PAGES.items():
        names = _names(path, parts)
        if names is None:
            continue
        if its_method == method:
            return Found(
                page=page,
                label=f"{method} {path}",
                names=names,
                needs_caller=(method, path) not in PUBLIC,
            )
        others.append(its_method)
    if others:
        told = f"this address takes {' or '.join(others)}, not {method}"
        raise Problem(405, "method_not_allowed", told, "go to the first page")
    raise Problem(404, "unknown_page", "there is no such page", "go to the first page")


def _names(path: str, parts: Sequence[str]) -> tuple[str, ...] | None:
    wanted = path.strip("/").split("/") if path != "/" else []
    if len(wanted) != len(parts):
        return None
    names = []
    for want, part in zip(wanted, parts, strict=True):
        if want.startswith("<"):
            names.append(part)
        elif want != part:
            return None
    return tuple(names)
