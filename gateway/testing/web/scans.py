"""What becomes of a QR code: statuses, and a finger on one of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.testing.platform.shop import WAIT_S
from gateway.testing.web.logins import Login

Status = Literal[
    "NEW", "SCANED", "SCANNED", "CONFIRMED", "CONFIRMED_TOKEN", "CHECK", "EXPIRED", "CANCELED",
    "ERROR", "BLANK", "HAS_ERROR", "NOVEL",
]  # fmt: skip
"""What ``query.do`` says; beside the platform's own words:

``CONFIRMED_TOKEN``: confirmed, with a token for ``login.do`` in place of cookies. ``CHECK``:
confirmed, and an identity check is asked for. ``BLANK``: no status at all. ``HAS_ERROR``:
``hasError``. ``NOVEL``: a word nobody has seen.
"""


class Scan:
    """A person with a phone. Made by :meth:`FakePassport.scan`."""

    def __init__(
        self,
        lock: threading.Condition,
        user_id: str,
        statuses: Sequence[Status],
        *,
        automatic: bool,
    ) -> None:
        self.user_id = user_id
        self._lock = lock
        self._statuses = list(statuses)
        self._automatic = automatic
        self._at = 0
        self._polls = [0] * len(self._statuses)

    @property
    def status(self) -> Status:
        """What the next poll is told."""
        with self._lock:
            return self._statuses[self._at]

    def next(self) -> Status:
        """Move on; the last status stays."""
        with self._lock:
            self._at = min(self._at + 1, len(self._statuses) - 1)
            return self._statuses[self._at]

    def wait_polled(self, times: int = 1, timeout_s: float = WAIT_S) -> None:
        """Wait until the status of now was told so often.

        Raises:
            TimeoutError: It was not.
        """
        with self._lock:
            at = self._at
            if not self._lock.wait_for(lambda: self._polls[at] >= times, timeout_s):
                told = f"{self._statuses[at]} was told {self._polls[at]} times"
                raise TimeoutError(f"{told}, not {times}")

    def polled(self) -> Status:
        """Count a poll and return its answer; lock held."""
        status = self._statuses[self._at]
        self._polls[self._at] += 1
        if self._automatic:
            self.next()
        return status


class Code(msgspec.Struct, kw_only=True):
    """A QR code.

    Attributes:
        t: Its time, as the polls must repeat it.
        ck: Its key.
        login: The visitor it is shown to.
        scan: What becomes of it; None: nobody has said.
        token: What ``login.do`` must bear.
    """

    t: str
    ck: str
    login: Login
    scan: Scan | None = None
    token: str = ""
