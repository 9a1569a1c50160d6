"""What a reading copy answers. Pure."""

from __future__ import annotations

import msgspec

from actors.values import AccountId


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation at a glance.

    Attributes:
        at_ms: Of its last word.
        text: Its last word.
        own: That was ours.
        waits_since_ms: A buyer waits since then; None: nobody does.
    """

    account: AccountId
    lane: str
    peer: str | None
    nick: str | None
    item: str | None
    at_ms: int
    text: str | None
    own: bool
    waits_since_ms: int | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a transcript: what was said, or is to be.

    Attributes:
        key: Its place among the lines of one moment; with ``at_ms`` for
            :meth:`Queries.transcript`.
        own: Ours.
        who: Display name, as it was then.
        flags: As :class:`gateway.reading.messages.Said` has them.
        outbox_id: Our send of it; None: nobody here sent it.
        event_id: What it is; of a send what it answers.
        state: Of our send.
        reason: Of that state.
        answers: The event that our send answers; None: it answers none, or is no send of ours.
    """

    key: int
    at_ms: int
    own: bool
    kind: str
    subtype: str | None
    who: str | None
    text: str | None
    flags: int
    outbox_id: str | None
    event_id: str | None
    state: str | None
    reason: str | None
    answers: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A line with a word that was looked for.

    Attributes:
        text: What stands around it.
    """

    account: AccountId
    lane: str
    nick: str | None
    at_ms: int
    own: bool
    text: str


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one minute.

    Attributes:
        minute: Unix time in minutes.
        slowest_ms: The longest from a message to its accepted answer.
    """

    minute: int
    received: int
    answered: int
    reconnects: int
    slowest_ms: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an account's state."""

    at_ms: int
    state: str
    cause: str
    why: str | None
    reason: str | None
    detail: str | None
