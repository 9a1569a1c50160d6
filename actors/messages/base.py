"""What every message is made of."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything that is told to an actor."""

    control: ClassVar[bool] = False
    """True: overtakes the ordinary mail of the receiver's inbox."""


class Control(Message, frozen=True, kw_only=True, gc=False):
    """Base of messages that overtake ordinary mail: verdicts, stops, results of dials."""

    control: ClassVar[bool] = True
