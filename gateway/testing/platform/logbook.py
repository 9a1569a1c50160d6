"""The platform's log of each connection, and the promises a client broke.

The engine writes here under its lock; a test reads copies through the façade.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

import msgspec

_BREACHES_KEPT: Final = 200


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A promise a client broke.

    Attributes:
        rule: Constant in snake_case, e.g. ``acked_twice``.
        account: User id, if known.
        connection: Number of the connection.
        detail: One sentence.
    """

    rule: str
    account: str | None
    connection: int
    detail: str

    def __str__(self) -> str:
        """Return the line an assertion shows."""
        return f"{self.rule}: account {self.account}, connection {self.connection}: {self.detail}"


class ConnectionLog:
    """The life of one connection, from the dial to its end. Times are monotonic seconds.

    Attributes:
        number: Among all connections of the platform, from 1.
        account: User id, as soon as it is known.
        path: Of the upgrade, with query.
        headers: Of the upgrade, names in lower case.
        registration: Headers of the ``/reg`` that was confirmed.
        sid: Session id it was given.
        opened_at: When TCP was accepted.
        upgraded_at: When the 101 left.
        registered_at: When the registration was confirmed.
        ended_at: When it was gone.
        end: How it ended: ``eof``, ``reset``, ``closed`` (by the client's close frame),
            ``broken`` (RFC 6455), or what the platform did: ``we_reset``, ``we_dropped``,
            ``we_closed``, ``kicked``, ``removed``, ``stopped``, ``refused``.
        close_code: Of the client's close frame.
        requests: How many of each ``lwp``.
        beats: Heartbeats that came.
        pongs: Answers to WebSocket pings that came.
        longest_gap_s: The longest time between two of them, or from the registration.
        pushes: Frames pushed, redeliveries included.
        entries: Entries in them.
        acks: Acknowledgements that came.
        last_ack_s: Seconds from the push to the newest acknowledgement.
    """

    __slots__ = (
        "account", "acks", "beats", "close_code", "end", "ended_at", "entries", "headers",
        "last_ack_s", "last_beat_at", "longest_gap_s", "number", "opened_at", "path", "pongs",
        "pushes", "registered_at", "registration", "requests", "sid", "upgraded_at",
    )  # fmt: skip

    def __init__(self, number: int, opened_at: float) -> None:
        self.number = number
        self.opened_at = opened_at
        self.account: str | None = None
        self.path = ""
        self.headers: Mapping[str, str] = {}
        self.registration: Mapping[str, str] = {}
        self.sid: str | None = None
        self.upgraded_at: float | None = None
        self.registered_at: float | None = None
        self.ended_at: float | None = None
        self.end: str | None = None
        self.close_code: int | None = None
        self.requests: Counter[str] = Counter()
        self.beats = 0
        self.pongs = 0
        self.last_beat_at: float | None = None
        self.longest_gap_s = 0.0
        self.pushes = 0
        self.entries = 0
        self.acks = 0
        self.last_ack_s: float | None = None

    def __repr__(self) -> str:
        """Show where it stands; no header, no token."""
        return f"ConnectionLog({self.number}, account={self.account}, end={self.end})"

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self.ended_at is None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the upgrade."""
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, sign, value in pairs if sign}

    def beat(self, now: float) -> None:
        """Count a heartbeat."""
        self.beats += 1
        self.longest_gap_s = self.gap_s(now)
        self.last_beat_at = now

    def gap_s(self, now: float) -> float:
        """Return the longest silence between heartbeats up to ``now`` or the end."""
        since = self.last_beat_at if self.last_beat_at is not None else self.registered_at
        if since is None:
            return 0.0
        until = now if self.ended_at is None else self.ended_at
        return max(self.longest_gap_s, until - since)


class Logbook:
    """All connection logs and all breaches."""

    def __init__(self, *, beat_limit_s: float | None) -> None:
        self.logs: deque[ConnectionLog] = deque(maxlen=100_000)
        self.breaches: deque[Breach] = deque(maxlen=_BREACHES_KEPT)
        self._beat_limit_s = beat_limit_s

    def breach(self, log: ConnectionLog, rule: str, detail: str) -> None:
        """Note a broken promise."""
        self.breaches.append(
            Breach(rule=rule, account=log.account, connection=log.number, detail=detail)
        )

    def verdict(self, now: float) -> list[Breach]:
        """Return every broken promise, late heartbeats included."""
        found = list(self.breaches)
        limit = self._beat_limit_s
        if limit is None:
            return found
        for log in self.logs:
            gap = log.gap_s(now)
            if gap > limit:
                found.append(
                    Breach(
                        rule="heartbeat_late",
                        account=log.account,
                        connection=log.number,
                        detail=f"{gap:.1f} s without a heartbeat, at most {limit:g} s are allowed",
                    )
                )
        return found
