"""Quotas that all accounts share: rates, open sends, and the stop of sending."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from actors.policy.histogram import Histogram
from actors.policy.rates import TokenBucket
from actors.ports.errors import OverloadedError
from actors.sections import OutboxSettings
from actors.values import SendOutcome

_DEFAULTS: Final = OutboxSettings()


class SharedRate:
    """A :class:`~actors.policy.rates.TokenBucket` behind a lock. Any thread.

    Args:
        rate_per_s: Tokens a second, above 0.
        burst: Most tokens it holds, at least 1.
    """

    __slots__ = ("_bucket", "_lock")

    def __init__(self, *, rate_per_s: float, burst: int) -> None:
        self._bucket = TokenBucket(rate_per_s=rate_per_s, burst=burst)
        self._lock = threading.Lock()

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or return the seconds until there is one."""
        with self._lock:
            return self._bucket.take(now)


class OpenSends:
    """The open sends of the process: their bound (``contract.md`` O1) and rate (O8). Any thread.

    Args:
        limit: Most open sends of the process.
        rate_per_s: Attempts a second, over all accounts.
        burst: Attempts at once after a quiet time.

    Attributes:
        outcomes: Sends that ended, by outcome.
        took: How long it took from accepting a send to its outcome.
    """

    def __init__(
        self,
        *,
        limit: int = _DEFAULTS.limit,
        rate_per_s: float = _DEFAULTS.rate_per_s,
        burst: int = _DEFAULTS.burst,
    ) -> None:
        self.limit = limit
        self._bucket = TokenBucket(rate_per_s=rate_per_s, burst=burst)
        self._open: dict[str, str] = {}
        self._until: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self.outcomes = dict.fromkeys(SendOutcome, 0)
        self.took = Histogram()
        self._counts: Counter[str] = Counter()
        self._under_way: set[str] = set()
        self._closing = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, outbox_id: str) -> bool:
        return outbox_id in self._open

    def count(self, account: str) -> int:
        """Return how many sends of an account are open."""
        return self._counts.get(account, 0)

    def refuse_full(self, account: str, limit: int) -> None:
        """Refuse a send for which there is no room.

        Raises:
            OverloadedError: The outbox of the account, or of the process, is full.
        """
        if self.count(account) >= limit:
            raise OverloadedError(f"outbox of {account}", limit)
        if len(self._open) >= self.limit:
            raise OverloadedError("outbox of the gateway", self.limit)

    def reserve(self, account: str, outbox_id: str, limit: int) -> None:
        """Count a send that is about to be accepted.

        Raises:
            OverloadedError: As in :meth:`refuse_full`; nothing was counted.
        """
        with self._changed:
            self.refuse_full(account, limit)
            self._add(account, outbox_id)

    def opened(self, account: str, outbox_id: str, since: float | None = None) -> None:
        """Count a send that is stored, whoever accepted it; one that is counted stays so.

        Args:
            account: Whose.
            outbox_id: Which.
            since: Monotonic seconds when it was accepted; None: nobody wants to know.
        """
        with self._changed:
            self._add(account, outbox_id)
            if since is not None:
                self._since.setdefault(outbox_id, since)

    def until(self, outbox_id: str, until: float) -> float:
        """Return when a send ends unsent, in monotonic seconds: what was said of it first.

        Whoever reads it from the journal again in the same life knows only the wall clock.
        """
        with self._changed:
            return self._until.setdefault(outbox_id, until)

    def concluded(self, outbox_id: str, outcome: SendOutcome, now: float) -> None:
        """Count an outcome, and the send no more."""
        with self._changed:
            self.outcomes[outcome] += 1
            since = self._since.get(outbox_id)
            if since is not None:
                self.took.add(now - since)
        self.ended(outbox_id)

    def ended(self, outbox_id: str, *, aside: bool = False) -> None:
        """Count it no more; ``aside``: it is open, and somebody may read it again."""
        with self._changed:
            if not aside:
                self._until.pop(outbox_id, None)
                self._since.pop(outbox_id, None)
            account = self._open.pop(outbox_id, None)
            if account is not None:
                self._counts[account] -= 1
                if not self._counts[account]:
                    del self._counts[account]
            self._land(outbox_id)

    def slot_s(self, now: float) -> float:
        """Take the next slot of the process's rate; return the seconds until it."""
        with self._changed:
            return self._bucket.reserve(now)

    # --- the stop ---------------------------------------------------------------------

    def depart(self, outbox_id: str) -> bool:
        """Note that an attempt begins; False: nothing begins any more."""
        with self._changed:
            if not self._closing:
                self._under_way.add(outbox_id)
            return not self._closing

    def landed(self, outbox_id: str) -> None:
        """Note that an attempt is over: answered, given back, or in doubt."""
        with self._changed:
            self._land(outbox_id)

    def close(self) -> None:
        """Let no attempt begin from now on."""
        with self._changed:
            self._closing = True

    def wait_landed(self, timeout_s: float) -> int:
        """Wait until no attempt is under way; return how many still are."""
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, timeout_s)
            return len(self._under_way)

    def _add(self, account: str, outbox_id: str) -> None:
        if outbox_id not in self._open:
            self._open[outbox_id] = account
            self._counts[account] += 1

    def _land(self, outbox_id: str) -> None:
        self._under_way.discard(outbox_id)
        if not self._under_way:
            self._changed.notify_all()


class Pace:
    """When an account may send: its own bucket first, then the process's next slot."""

    __slots__ = ("_bucket", "_sends", "_slot_at")

    def __init__(self, bucket: TokenBucket, sends: OpenSends) -> None:
        self._bucket = bucket
        self._sends = sends
        self._slot_at: float | None = None

    def take(self, now: float) -> float:
        """Return 0.0 if a send may leave now, otherwise the seconds to wait and ask again."""
        if self._slot_at is None:
            wait_s = self._bucket.take(now)
            if wait_s:
                return wait_s
            self._slot_at = now + self._sends.slot_s(now)
        if self._slot_at > now:
            return self._slot_at - now
        self._slot_at = None
        return 0.0

    def slow(self, now: float) -> None:
        """Go slower: the platform said so."""
        self._bucket.slow(now)
