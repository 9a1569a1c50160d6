"""Occasions: what the bell knows of each alert, and what it says of it. Pure.

An occasion is an alert of one name, account and conversation from its first begin until it has been
off for a while: an alert that comes and goes is one occasion, however often it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from actors.policy.alerts import Key
from actors.values import AccountId

Kind: TypeAlias = Literal["on", "still", "over", "was"]
"""``was``: it is over, and was not told while it was on, because of quiet hours or ``per_hour``."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell.

    Attributes:
        kind: It is on; still on; over.
        name: Of the alert.
        account: Whose; None: the whole process.
        lane: The conversation; None: no single one.
        why: As the alert has it.
        since_ms: Our Unix time when the occasion began.
        ended_ms: When it ended; None: it is on.
        times: How often it began.
    """

    kind: Kind
    name: str
    account: AccountId | None
    lane: str | None
    why: str
    since_ms: int
    ended_ms: int | None
    times: int

    @property
    def key(self) -> Key:
        """Return which occasion it is about."""
        return (self.name, self.account, self.lane)


class Bulletin(msgspec.Struct, frozen=True, kw_only=True):
    """What is told in one message.

    Attributes:
        items: In the order in which they began.
        last: No further message is allowed before this Unix time in ms; None: one is.
    """

    items: Sequence[Item]
    last: int | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a later life must know of an occasion that was told."""

    name: str
    account: AccountId | None
    lane: str | None
    since_ms: int
    told_ms: int
    times: int
    flapping: bool


class Occasion:
    """One occasion.

    Attributes:
        since_ms: Its first begin.
        begun_ms: Its last begin.
        off_ms: Since when it is off; None: it is on.
        told_ms: When it was told last; None: it is not told, or its end was told, too.
        ripe_ms: Since when something about it waits to be told; None: nothing does.
        closed: It is over. What was told is remembered for :data:`FLAP_MS`.
        flapping: It was told, was over, and began again soon.
        resumed: An earlier life told it, and it has not been on in this one.
        seen_ms: When its last begin was, as the alert says; another clock perhaps.
        times: How often it began.
        why: As the alert has it.
    """

    __slots__ = (
        "begun_ms",
        "closed",
        "flapping",
        "off_ms",
        "resumed",
        "ripe_ms",
        "seen_ms",
        "since_ms",
        "times",
        "told_ms",
        "why",
    )

    def __init__(self, since_ms: int) -> None:
        self.since_ms = self.begun_ms = self.seen_ms = since_ms
        self.off_ms: int | None = None
        self.told_ms: int | None = None
        self.ripe_ms: int | None = None
        self.closed = self.flapping = self.resumed = False
        self.times = 1
        self.why = ""

    def begins_again(self, at_ms: int) -> None:
        """Note that it is on again."""
        if self.closed:
            self.since_ms, self.times, self.closed, self.flapping = at_ms, 0, False, True
        self.begun_ms, self.off_ms, self.resumed = at_ms, None, False
        self.times += 1
        if self.told_ms is not None:
            self.ripe_ms = None

    def close(self) -> None:
        """Note that it is over, and nothing more is to be told."""
        self.told_ms, self.ripe_ms, self.closed = None, None, True

    def item(self, kind: Kind, key: Key) -> Item:
        """Return what is to be told of it."""
        name, account, lane = key
        return Item(
            kind=kind,
            name=name,
            account=account,
            lane=lane,
            why=self.why,
            since_ms=self.since_ms,
            ended_ms=self.off_ms,
            times=self.times,
        )
