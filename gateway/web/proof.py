"""How a gateway proves that it knows the token, before a client sends the token.

Who asks sends a challenge; the answer shows that the other side knows ``http.token``, and tells
nothing about it. A program that took the port of a stopped gateway cannot give it. Pure.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re

_ROUNDS = 100_000
"""Iterations of the hash: the cost of each guess of the token from a proof or a cookie."""

_CHALLENGE = re.compile(r"[0-9a-fA-F]{32,128}")


def is_challenge(text: str) -> bool:
    """Return whether this may be a challenge: 32 to 128 hexadecimal digits."""
    return _CHALLENGE.fullmatch(text) is not None


def proof(token: str, challenge: str) -> str:
    """Return the answer to a challenge, which takes the token to compute."""
    key = stretched(token, b"xianyu-gateway control")
    return hmac.new(key, challenge.encode(), hashlib.sha256).hexdigest()


@functools.lru_cache(maxsize=16)
def stretched(token: str, purpose: bytes) -> bytes:
    """Return a key made of a token for one purpose; it costs as much as a guess should."""
    return hashlib.pbkdf2_hmac("sha256", token.encode(), purpose, _ROUNDS)
