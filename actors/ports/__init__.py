"""Ports: shapes of everything the kernel is given from outside. No behaviour.

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
