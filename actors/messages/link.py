"""What is told about one link: its frames, its opening and its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from actors.messages.base import Control, Message
from actors.values import Failure, Frame, Generation, Reply

if TYPE_CHECKING:
    from actors.ports import Session
    from actors.runtime.links.calls import Calls


class FramesReceived(Message, frozen=True, kw_only=True, gc=False):
    """Frames of one read of a link, oldest first. The decoder hears it."""

    generation: Generation
    frames: Sequence[Frame]
    received_at_ms: int
    size_bytes: int = 0


class LinkEnded(Message, frozen=True, kw_only=True, gc=False):
    """A link ended; told behind its frames, so that they are decoded first."""

    generation: Generation
    failure: Failure


class Answered(Control, frozen=True, kw_only=True, gc=False):
    """The platform answered a request; told to the actor that made it.

    Control: the end of its link must not overtake it.
    """

    generation: Generation
    reply: Reply


class SessionOpened(Control, frozen=True, kw_only=True, gc=False):
    """Frames of this generation are read with this codec."""

    generation: Generation
    calls: Calls
    session: Session


class LinkOpened(Control, frozen=True, kw_only=True, gc=False):
    """The platform confirmed the registration. Heartbeat and outbox hear it."""

    generation: Generation
    calls: Calls
    session: Session


class LinkDown(Control, frozen=True, kw_only=True, gc=False):
    """The connection left this generation. Heartbeat, outbox and recovery hear it.

    Attributes:
        generation: Which.
        failure: How the link ended; None: we left it.
        blame: How much that speaks against what was just written: 2 for the peer's close frame,
            1 for a link that broke, 0 for an end of our own making.
    """

    generation: Generation
    failure: Failure | None = None
    blame: int = 0


class PongReceived(Message, frozen=True, kw_only=True, gc=False):
    """The peer answered a WebSocket ping with its payload; the poller tells."""

    generation: Generation
    payload: bytes
