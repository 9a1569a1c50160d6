"""The seed of a login, as it is remembered: whether the settings give another one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

import msgspec


def fingerprint(seed: Mapping[str, str | None], *, salted_like: str | None = None) -> str:
    """Return a salted hash of what the settings give, to see later whether it changed.

    Args:
        seed: Values by name.
        salted_like: An earlier fingerprint, whose salt is used; None: a new salt.
    """
    salt = salted_like.partition("$")[0] if salted_like else secrets.token_hex(8)
    text = msgspec.json.encode(sorted(seed.items()))
    return f"{salt}${hashlib.sha256(salt.encode() + text).hexdigest()}"


def is_of(fingerprinted: str | None, seed: Mapping[str, str | None]) -> bool:
    """Return whether a fingerprint is of this seed."""
    if fingerprinted is None:
        return False
    return secrets.compare_digest(fingerprint(seed, salted_like=fingerprinted), fingerprinted)
