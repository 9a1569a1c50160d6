"""What the outbox state machine works on: open sends, their times and steps, claimed ids.

Rules of ``contract.md`` 2.3. Deciding is :mod:`actors.policy.outbox`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from actors.policy import reasons
from actors.values import Delivery, SendOutcome, SendResult, SendState

LATE_S: Final = 600.0
"""An old mid is known for this long, so that a late answer still counts (O4)."""

SLACK_MS: Final = 5_000
"""A message this much older than the first attempt may still be it: the platform's machines
tell slightly different times."""

DOUBT_MS: Final = 900_000
"""One that matches and is older, up to this much, proves neither."""

PAGES: Final = 20
"""Most pages of history one look reads."""

BLAME: Final = 4
"""This much blame ends a send that did not arrive: the peer's close frame is 2, a link that just
broke is 1; from the second time on the send was the only one under way."""

MOST_CLAIMED: Final = 2048
"""Claimed ids that are remembered."""

CLAIM_S: Final = 1800.0
"""Seconds a claimed id is remembered: at least this long, at most three times as long. The
clock stops while a send is in doubt."""

EXPIRED: Final = SendResult(outcome=SendOutcome.EXPIRED, reason=reasons.EXPIRED)
EXPIRED_ABSENT: Final = SendResult(outcome=SendOutcome.EXPIRED, reason=reasons.EXPIRED_ABSENT)
HUNG_UP: Final = SendResult(outcome=SendOutcome.REFUSED, reason=reasons.HUNG_UP)
REVIEW: Final = SendResult(outcome=SendOutcome.UNKNOWN, reason=reasons.NEEDS_REVIEW)


class Send:
    """One open send.

    Attributes:
        blame: How much the ends of its links speak against it.
        delivery: What it is.
        state: QUEUED, SENDING or UNKNOWN.
        generation: Link of the current attempt.
        mid: Of the current attempt; empty before the first.
        key: What its answer comes under; None: there will be none.
        written: Its bytes were handed to the connection.
        tried: An attempt of it may have left.
        since_ms: The platform's Unix time was this, or later, at the first attempt; None:
            nothing is known.
        first_at: Monotonic seconds of the first attempt; None: none in this life.
        first_ms: The platform's Unix time of the first attempt, as an earlier life noted it.
        until: Monotonic seconds after which no attempt begins.
        due: SENDING: the answer is due. UNKNOWN: the next look is due.
        review_at: When hope ends; None before the first look.
        absences: Looks in a row that did not find it.
        echo: Server id of an own message that looks like it, seen while SENDING.
        review: It waits for a person.
    """

    __slots__ = (
        "absences",
        "blame",
        "delivery",
        "due",
        "echo",
        "first_at",
        "first_ms",
        "generation",
        "key",
        "mid",
        "review",
        "review_at",
        "since_ms",
        "state",
        "tried",
        "until",
        "written",
    )

    def __init__(self, delivery: Delivery, until: float) -> None:
        self.delivery = delivery
        self.until = until
        self.state = SendState.QUEUED
        self.generation = 0
        self.mid = ""
        self.key: str | None = None
        self.written = False
        self.tried = False
        self.since_ms: int | None = None
        self.first_at: float | None = None
        self.first_ms: int | None = None
        self.due: float | None = None
        self.review_at: float | None = None
        self.absences = self.blame = 0
        self.echo: str | None = None
        self.review = False


def until(delivery: Delivery, *, now: float, now_ms: int, accepted_at_ms: int) -> float:
    """Return the monotonic seconds after which a send is not tried any more.

    From here on our wall clock may be set without any effect. A send of an earlier life
    has what is left of its time by the wall clock, but never more than it was given.
    """
    given_ms = delivery.expires_at_ms - accepted_at_ms
    return now + min(delivery.expires_at_ms - now_ms, given_ms) / 1000


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The send has its outcome: note it, and tell its ticket."""

    delivery: Delivery
    result: SendResult


class Doubted(msgspec.Struct, frozen=True, gc=False):
    """The send is UNKNOWN for now: note it; the history will be searched."""

    delivery: Delivery
    reason: str


class Requeued(msgspec.Struct, frozen=True, gc=False):
    """The send waits again: note it, with the reason (:data:`reasons.UNWRITTEN`, ``ABSENT``)."""

    delivery: Delivery
    mid: str
    why: str


Step: TypeAlias = Ended | Doubted | Requeued
"""What the caller must do. Steps come in the order they are to be done."""


class Look(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Ask for a page of the history of a send's lane; ``cursor`` None: the newest."""

    delivery: Delivery
    cursor: int | None


class PageRead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a page of history says about the send that was looked for.

    Attributes:
        matches: Own messages with its content: server id and time, newest first.
        oldest_ms: Time of the oldest message on the page; None: the page is empty.
        next_cursor: Where the next page begins; None: that was all.
        intact: Every message on it could be read.
    """

    matches: Sequence[tuple[str, int]]
    oldest_ms: int | None
    next_cursor: int | None
    intact: bool = True


class ClaimedIds:
    """Server ids of the platform's messages that are known to be our sends.

    Where the platform does not show our client id, only this tells equal texts apart. Ids are
    forgotten in two generations.
    """

    __slots__ = ("_newer", "_older", "_turn_at")

    def __init__(self) -> None:
        self._newer: dict[str, None] = {}
        self._older: dict[str, None] = {}
        self._turn_at: float | None = None

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._newer or message_id in self._older

    def add(self, message_ids: Iterable[str]) -> None:
        """Remember ids; beyond :data:`MOST_CLAIMED` the oldest are forgotten."""
        for message_id in message_ids:
            self._newer.pop(message_id, None)
            self._newer[message_id] = None
            if len(self._newer) > MOST_CLAIMED:
                del self._newer[next(iter(self._newer))]

    def age(self, now: float) -> None:
        """Forget what is old enough; to be called only while no send is in doubt."""
        if self._turn_at is None:
            self._turn_at = now + CLAIM_S
        elif self._turn_at <= now:
            self._older, self._newer, self._turn_at = self._newer, {}, now + CLAIM_S

    def times(self, now: float) -> list[float]:
        """Return when :meth:`age` has something to do, if ever."""
        if not self:
            return []
        return [now + CLAIM_S if self._turn_at is None else self._turn_at]
