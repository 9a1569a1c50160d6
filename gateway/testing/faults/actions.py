"""The actions of faults, one frozen class each; a rule says when (``rules.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec

__all__ = [
    "Action", "Answer", "AnyAction", "BadAccept", "Close", "Corrupt", "Cut", "Delay", "Drip",
    "Drop", "Duplicate", "Flood", "Fragment", "Headers", "Kick", "Lose", "Oversize", "Refuse",
    "RemoveSession", "Reset", "SendBytes", "Stall", "StopReading", "Swap", "TooLong",
]  # fmt: skip


class Action(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Base of everything a rule can do."""


# --- the connection itself ------------------------------------------------------------


class Reset(Action, frozen=True, kw_only=True):
    """RST: nothing more is sent."""


class Drop(Action, frozen=True, kw_only=True):
    """EOF without a close frame."""


class Stall(Action, frozen=True, kw_only=True):
    """Keep the connection open, but send and read nothing more on it."""


class StopReading(Action, frozen=True, kw_only=True):
    """Read nothing for ``for_s`` seconds; what was asked for is still answered."""

    for_s: float


class Close(Action, frozen=True, kw_only=True):
    """A close frame with a code; what RFC 6455 forbids is sent too."""

    code: int = 1000
    reason: str = ""


class SendBytes(Action, frozen=True, kw_only=True):
    """Raw bytes before what would have been sent (base64 in JSON)."""

    data: bytes


# --- the upgrade ----------------------------------------------------------------------


class Refuse(Action, frozen=True, kw_only=True):
    """Answer the upgrade with a status and headers, e.g. 503 and ``Retry-After``."""

    status: int
    headers: Mapping[str, str] = {}
    body: str = ""


class BadAccept(Action, frozen=True, kw_only=True):
    """101 with a ``Sec-WebSocket-Accept`` that is not the key's."""


class Headers(Action, frozen=True, kw_only=True):
    """101 with more headers, e.g. ``Set-Cookie``."""

    headers: Mapping[str, str]


class Drip(Action, frozen=True, kw_only=True):
    """It leaves in pieces of ``size_bytes`` each ``every_s`` seconds.

    The 101, a reply or a push; what is said meanwhile waits behind it and drips too.
    """

    size_bytes: int = 1
    every_s: float = 0.05


# --- requests and replies -------------------------------------------------------------


class Lose(Action, frozen=True, kw_only=True):
    """Lost: a request is not seen, a reply or a push is not sent."""


class Delay(Action, frozen=True, kw_only=True):
    """It happens ``by_s`` seconds later; the rest is not held up."""

    by_s: float


class Answer(Action, frozen=True, kw_only=True):
    """Another answer: instead of doing the request, or in place of parts of the reply."""

    code: int | None = None
    headers: Mapping[str, str] = {}
    body: object = None


# --- pushes ---------------------------------------------------------------------------


class Duplicate(Action, frozen=True, kw_only=True):
    """Sent ``times`` more, under the same ``mid`` or a new one each time.

    With ``after_s`` a push comes again that much later, acknowledged or not.
    """

    times: int = 1
    new_mid: bool = False
    after_s: float = 0.0


class TooLong(Action, frozen=True, kw_only=True):
    """Instead of the push, the signal that the stream has a gap (``protocol.md`` 6.4).

    ``kind`` is 1 ("too long") or 2 ("cursor unusable").
    """

    kind: Literal[1, 2] = 1


class Flood(Action, frozen=True, kw_only=True):
    """The push, and ``count`` texts of a stranger behind it in packages of ``package``."""

    count: Annotated[int, msgspec.Meta(ge=1, le=20_000)] = 1000
    package: Annotated[int, msgspec.Meta(ge=1, le=32)] = 32


class Swap(Action, frozen=True, kw_only=True):
    """Sent after the next push; after ``at_most_s`` seconds at the latest."""

    at_most_s: float = 1.0


class Corrupt(Action, frozen=True, kw_only=True):
    """Damage one entry, or the frame around them.

    Attributes:
        how: ``base64`` (none of it), ``truncate`` (the payload ends early), ``garbage``
            (bytes follow the payload), ``frame`` (the JSON of the frame ends early).
        entry: Which entry, from 0; the last one if there are fewer.
    """

    how: Literal["base64", "truncate", "garbage", "frame"] = "base64"
    entry: int = 0


class Fragment(Action, frozen=True, kw_only=True):
    """Cut into frames of ``size_bytes``, if wanted with a ping between any two."""

    size_bytes: int = 64
    pings: bool = False


class Oversize(Action, frozen=True, kw_only=True):
    """A header that claims ``claimed_bytes``, and a few bytes of it."""

    claimed_bytes: int = 1 << 40


class Cut(Action, frozen=True, kw_only=True):
    """The first ``part`` of the bytes, then RST or EOF."""

    part: float = 0.5
    reset: bool = True


class Kick(Action, frozen=True, kw_only=True):
    """``/push/kickout`` and a close, as after another login."""


class RemoveSession(Action, frozen=True, kw_only=True):
    """``/s/session/remove`` and a close: too many connections."""


AnyAction: TypeAlias = (
    Reset | Drop | Stall | StopReading | Close | SendBytes | Refuse | BadAccept | Headers | Drip
    | Lose | Delay | Answer | Duplicate | TooLong | Flood | Swap | Corrupt | Fragment | Oversize
    | Cut | Kick | RemoveSession
)  # fmt: skip
