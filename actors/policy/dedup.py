"""Which keys were seen lately, in bounded memory."""

from __future__ import annotations


class Recent:
    """Remembers at least the last ``limit`` different keys, and at most twice as many.

    Two generations of a set: when the young one is full it becomes the old one, and the
    old one is dropped. No key is moved or timed, so a look-up costs two hash probes.

    Args:
        limit: Keys that are surely remembered, at least 1.
    """

    __slots__ = ("_limit", "_old", "_young")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: it must be at least 1")
        self._limit = limit
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __len__(self) -> int:
        return len(self._young | self._old)

    def seen(self, key: str) -> bool:
        """Say whether a key was seen, and remember it.

        What is seen again is young again.
        """
        if key in self._young:
            return True
        known = key in self._old
        if len(self._young) >= self._limit:
            self._old = self._young
            self._young = set()
        self._young.add(key)
        return known
