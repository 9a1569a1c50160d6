"""One-time links: whoever opens one first is signed in. They are kept in memory only."""

from __future__ import annotations

import collections
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Final

from gateway.web.callers import Role

LIFE_S: Final = 300
"""Seconds a link is good for."""

MOST_OPEN: Final = 20
"""Links that may be open; one more ends the oldest."""

_BYTES: Final = 24


class Links:
    """Makes links and takes each back once. May be called on any thread.

    Args:
        clock_s: Monotonic time.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._open: collections.deque[tuple[bytes, Role, float]] = collections.deque(
            maxlen=MOST_OPEN
        )

    def make(self, role: Role) -> str:
        """Return a new code, good for :data:`LIFE_S`."""
        code = secrets.token_urlsafe(_BYTES)
        with self._lock:
            self._open.append((_digest(code), role, self._clock_s() + LIFE_S))
        return code

    def redeem(self, code: str) -> Role | None:
        """Return the role of a code and end it; None: it is unknown, used or too old."""
        digest, found = _digest(code), None
        with self._lock:
            now_s = self._clock_s()
            for each in self._open:  # all of them: how long it takes tells nothing
                if hmac.compare_digest(each[0], digest):
                    found = each
            if found is None:
                return None
            self._open.remove(found)
            return found[1] if now_s < found[2] else None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
