"""What the heartbeat of an account receives."""

from __future__ import annotations

from typing import TypeAlias

from actors.messages.base import Message
from actors.messages.link import Answered, LinkDown, LinkOpened, PongReceived
from actors.values import Generation


class BeatDue(Message, frozen=True, kw_only=True, gc=False):
    """The time at which the heartbeat asked to be called again."""

    generation: Generation


HeartbeatInbox: TypeAlias = LinkOpened | LinkDown | Answered | PongReceived | BeatDue
