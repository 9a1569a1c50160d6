"""How many history entries one request may ask for, given what broke a link before. Pure.

An answer above our own limits ends the link that carries it, and the same question after the next
registration ends the next one: so nothing is asked twice that a link ended on.
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.policy.alerts import too_big
from actors.values import ErrorClass, Failure

MESSAGES: Final = 100
"""Most messages a platform gives at once (``protocol.md`` 15)."""

FIRST: Final = 20
"""Messages of the very first page; its content shows how many more fit."""

STRANGER: Final = 4
"""The largest message of an unread conversation may be this many times that of the other ones."""

LARGE_BYTES: Final = 16 << 10
"""Largest message to expect while no message of any conversation is known."""

KEPT: Final = 256
"""Questions that are remembered; with more, the oldest is forgotten."""

_ENDS: Final = (ErrorClass.UNEXPECTED_CLOSE, ErrorClass.PROTOCOL, ErrorClass.OTHER)


class _Cap(msgspec.Struct, gc=False):
    """What broke a link.

    Attributes:
        most: Entries that may be asked for.
        certain: An answer was above our limits; anything else may have been chance.
        walled: One entry was still too much, at this place.
        wall: The place.
    """

    most: int
    certain: bool
    walled: bool = False
    wall: int | None = None


def broken(failure: Failure | None) -> bool:
    """Return whether a link ended in a way that what was asked last may have caused."""
    return failure is not None and (too_big(failure) or failure.error_class in _ENDS)


def fitting(limit_bytes: int, largest_bytes: int) -> int:
    """Return how many messages fit an answer.

    Args:
        limit_bytes: What an answer may have.
        largest_bytes: The largest message of the conversation so far; 0: none is known.
    """
    if not largest_bytes:
        return max(1, min(FIRST, limit_bytes // LARGE_BYTES))
    return max(1, min(MESSAGES, limit_bytes // (2 * largest_bytes)))


class Sizes:
    """What may be asked for, over the links of one account.

    A question has a name (the conversation, say), a place in what it asks for, and a number of
    entries.
    """

    __slots__ = ("_caps",)

    def __init__(self) -> None:
        self._caps: dict[str, _Cap] = {}

    def allow(self, of: str, most: int, *, place: int | None = None) -> int:
        """Return how many entries may be asked for; 0: not even one."""
        cap = self._caps.get(of)
        if cap is None:
            return most
        if cap.walled and cap.wall == place:
            return 0
        return min(most, cap.most)

    def broke(self, of: str, asked: int, failure: Failure, *, place: int | None = None) -> None:
        """Note that a link ended before the requested entries came."""
        certain = too_big(failure)
        before = self._caps.get(of)
        if before is not None:
            certain = certain or before.certain
        walled = asked <= 1
        self._keep(of, _Cap(max(1, asked // 2), certain, walled, place if walled else None))

    def silent(self, of: str, asked: int) -> None:
        """Note that no answer came: one of fewer entries may be in time."""
        before = self._caps.get(of)
        if before is None:
            self._keep(of, _Cap(max(1, asked // 2), certain=False))
        else:
            before.most = max(1, min(before.most, asked // 2))

    def certain(self, of: str) -> bool:
        """Return whether it is above our limits: asked again, it would end the link again."""
        cap = self._caps.get(of)
        return cap is not None and cap.certain

    def passed(self, of: str) -> None:
        """Note that it was read to its end: what may have been chance is forgotten."""
        if not self.certain(of):
            self._caps.pop(of, None)

    def left_out(self, of: str) -> None:
        """Note that it was not asked, for once; what may be chance has another try next time."""
        cap = self._caps.get(of)
        if cap is not None and not cap.certain:
            cap.walled = False

    def _keep(self, of: str, cap: _Cap) -> None:
        self._caps.pop(of, None)
        if len(self._caps) >= KEPT:
            del self._caps[next(iter(self._caps))]
        self._caps[of] = cap
