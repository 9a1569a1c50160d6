"""Names that are alike: what a misspelt one was meant to be, said in a message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

_NAMES_TOLD: Final = 5
"""Most names that an error lists: a gateway may have thousands of accounts."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like ``name``, or None if none is near."""
    by_lower = {right.lower(): right for right in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known name, or nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def there_are(names: Sequence[str]) -> str:
    """Return ``; there are 'a', 'b'`` for the first few names, and how many more there are."""
    if not names:
        return "; there are none"
    more = len(names) - _NAMES_TOLD
    told = ", ".join(repr(name) for name in names[:_NAMES_TOLD])
    return f"; there {'is' if len(names) == 1 else 'are'} {told}{f' and {more} more' * (more > 0)}"
