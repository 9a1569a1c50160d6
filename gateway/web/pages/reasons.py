"""Reasons of sends and of dead letters, as keys of words. Pure."""

from __future__ import annotations

from typing import Final

from actors.policy.reasons import LETTERS, SENDS

OTHERS: Final = frozenset({"throttled"})
"""Of the platform, which have words, too."""

KNOWN: Final = frozenset(SENDS) | frozenset(LETTERS) | OTHERS


def known(reason: str | None) -> tuple[str, str]:
    """Return the key of a reason that has words, and what is told beside them.

    Another has no key: then the second is the reason itself, empty if there is none.
    """
    if reason is None:
        return "", ""
    name, _, rest = reason.partition(": ")
    return (name, rest) if name in KNOWN else ("", reason)
