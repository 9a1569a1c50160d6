"""Pages for which nobody must be signed in: the sign-in itself, the language, the manifest."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.web.context import Answer
from gateway.web.pages import addresses
from gateway.web.pages.visit import Shown, Visit, moved
from gateway.web.problems import bad_request
from gateway.web.sessions import delete_cookie, set_cookie
from gateway.words import LANGUAGES

YEAR_S: Final = 31_536_000
"""Seconds a browser keeps the language."""

MOST_TOKEN: Final = 4_096


def sign_in(visit: Visit) -> Shown:
    """Ask for the token, or for the use of a link."""
    data = {
        "to": addresses.within(visit.query.get("to", "/")),
        "code": visit.query.get("code", ""),
        "needed": bool(visit.context.gateway.settings.http.token),
    }
    return Shown(template="sign_in.html", data=data)


def sign_in_now(visit: Visit) -> Answer:
    """Sign in with the token or a link."""
    code = visit.field("code", MOST_TOKEN)
    if code:
        _, cookie = visit.guard.redeem(code, visit.address)
    else:
        _, cookie = visit.guard.sign_in(visit.field("token", MOST_TOKEN), visit.address)
    to = addresses.within(visit.field("to") or "/")
    return moved(to, headers=[("Set-Cookie", set_cookie(cookie, secure=visit.secure))])


def sign_out(visit: Visit) -> Answer:
    """Have the browser forget its session."""
    return moved("/sign-in", "signed_out", [("Set-Cookie", delete_cookie(secure=visit.secure))])


def language(visit: Visit) -> Answer:
    """Keep the language of this browser."""
    chosen = visit.field("lang")
    if chosen not in LANGUAGES:
        raise bad_request(f"lang must be one of {', '.join(LANGUAGES)}", "choose one of the list")
    kept = f"lang={chosen}; Path=/; Max-Age={YEAR_S}; SameSite=Strict; HttpOnly"
    return moved(addresses.within(visit.field("to") or "/"), headers=[("Set-Cookie", kept)])


def manifest(visit: Visit) -> Answer:
    """Tell a browser how to install the page."""
    body = {
        "name": "xianyu-gateway",
        "short_name": "gateway",
        "start_url": "/",
        "display": "standalone",
        "background_color": "#f6f7f9",
        "theme_color": "#0b6e4f",
        "icons": [
            {"src": visit.asset("icon.svg"), "sizes": "any", "type": "image/svg+xml"},
            {"src": visit.asset("icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": visit.asset("icon-512.png"), "sizes": "512x512", "type": "image/png"},
        ],
    }
    return Answer(
        body=msgspec.json.encode(body),
        content_type="application/manifest+json",
        headers=(("Cache-Control", "no-store"),),
    )
