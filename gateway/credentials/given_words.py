"""What is said of given credentials that have another shape; shows no value. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.alike import did_you_mean

SHAPE: Final = '{"token": "…", "user_id": "…"}'
"""What is right, in short."""

_MISSING: Final = re.compile(r"missing required field `(\w+)`").search
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL).search
_TYPE: Final = re.compile(r"Expected `([^`]*)`, got `(\w+)`(?: - at `\$\.(\w+)`)?").search
_BYTE: Final = re.compile(r"\(byte (\d+)\)").search
_LONGEST_KEY: Final = 30
_KINDS: Final = {
    "object": "an object", "array": "a list", "str": "text", "int": "a number",
    "float": "a number", "bool": "true or false",
}  # fmt: skip


def misfit(error: str, known: Iterable[str]) -> str:
    """Return what is wrong with a value, and the next step.

    Args:
        error: As msgspec says it.
        known: Names of the keys there may be.
    """
    if missing := _MISSING(error):
        return f"there is no {missing[1]} in it; it should be {SHAPE}"
    if unknown := _UNKNOWN(error):
        return _unknown(unknown[1], list(known))
    if wrong := _TYPE(error):
        return _of_type(expected=wrong[1], got=wrong[2], key=wrong[3])
    return f"it is something else; it should be {SHAPE}"


def no_json(error: str) -> str:
    """Return what is wrong with a text that is no JSON, and the next step."""
    if "truncated" in error:
        return (
            "its JSON ends too early; perhaps it was still being written: write it under another "
            "name, then rename it"
        )
    byte = _BYTE(error)
    place = f", from byte {byte[1]} on" if byte else ""
    return f"it is no JSON{place}; it should be {SHAPE}"


def _unknown(key: str, known: list[str]) -> str:
    near = did_you_mean(key, known)
    told = near or f"; known are {', '.join(known)}"
    # A longer one may be a secret in the wrong place.
    shown = f": {key!r}" if near or (key.isidentifier() and len(key) <= _LONGEST_KEY) else ""
    return f"it has a key that is not known{shown}{told}"


def _of_type(*, expected: str, got: str, key: str | None) -> str:
    kinds = [_KINDS.get(each, each) for each in expected.split(" | ")]
    right = " or ".join(dict.fromkeys(kinds))
    told = f"{key or 'it'} is {_KINDS.get(got, got)}, not {right}"
    if key is None:
        return f"{told}; it should be {SHAPE}"
    if "text" in kinds:
        return f"{told}; " + ("put it in quotes" if got in {"int", "float"} else "write it as text")
    return f"{told}; write it without quotes" if got == "str" else f"{told}; correct it"
