"""The sign of an mtop call, and the keys and ids that go with it. Pure."""

from __future__ import annotations

import hashlib

from gateway.platforms.goofish.requests import APP_KEY as MESSAGE_KEY
from gateway.platforms.goofish.requests import derived_device_id

__all__ = ["MESSAGE_KEY", "MTOP_KEY", "derived_device_id", "sign", "sign_token"]

MTOP_KEY = "34839810"
"""The key of mtop itself; it stands in the query and in the sign.

``MESSAGE_KEY`` is the message channel's; it stands in the body of the token call and in ``/reg``.
"""


def sign(token: str, t: int, app_key: str, data: str) -> str:
    """Return the sign of a call.

    Args:
        token: What :func:`sign_token` makes of the cookie.
        t: Unix time in milliseconds, as the query says it.
        app_key: As the query says it.
        data: The JSON text that is sent, byte for byte.
    """
    signed = f"{token}&{t}&{app_key}&{data}".encode()
    return hashlib.md5(signed, usedforsecurity=False).hexdigest()


def sign_token(cookie: str | None) -> str:
    """Return the part of ``_m_h5_tk`` that is signed with; without the cookie the empty text."""
    return (cookie or "").partition("_")[0]
