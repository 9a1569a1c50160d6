"""What the kernel is given by the outside: shapes only, no behaviour.

Each shape says which thread calls it and whether it may block.
"""

from actors.ports.host import Handle
from actors.ports.machine import Clock, Dice, Mailbox, MovedClock
from actors.ports.platform import (
    Conversation,
    ConversationPage,
    History,
    Identity,
    Page,
    Platform,
    Reader,
    Session,
)
from actors.ports.transport import (
    Beaten,
    Dialed,
    Dialer,
    Incoming,
    PeerClosed,
    Pinged,
    Wire,
    WireBroken,
)

__all__ = [
    "Beaten",
    "Clock",
    "Conversation",
    "ConversationPage",
    "Dialed",
    "Dialer",
    "Dice",
    "Handle",
    "History",
    "Identity",
    "Incoming",
    "Mailbox",
    "MovedClock",
    "Page",
    "PeerClosed",
    "Pinged",
    "Platform",
    "Reader",
    "Session",
    "Wire",
    "WireBroken",
]
