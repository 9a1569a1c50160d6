"""The table: method and address → page. ``<…>`` stands for one segment, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.web.callers import Need
from gateway.web.pages import account, chat, chats, home, machine, public, taking_over, waiting
from gateway.web.pages.visit import Page
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
        need: What it needs of its visitor; None: nobody must be signed in.
    """

    page: Page
    label: str
    names: tuple[str, ...]
    need: Need | None


def need(method: str, path: str) -> Need | None:
    """Return what a page needs of its visitor; None: nobody must be signed in."""
    if (method, path) in PUBLIC:
        return None
    if method != "GET":
        return Need.ACT
    return Need.READ if path.startswith(CHATS) else Need.LOOK


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
                need=need(method, path),
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
