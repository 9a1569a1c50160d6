"""Ports: shapes of everything the kernel is given from outside. No behaviour.

Each shape says which thread calls it and whether it may block.
"""

from actors.identity import Grant, Identity, Why
from actors.ports.credentials import NOTHING_AHEAD, CredentialSource, Kept, Outlook, Renewal
from actors.ports.host import Handle
from actors.ports.machine import Clock, Dice, Mailbox, MovedClock
from actors.ports.platform import (
    Conversation,
    ConversationPage,
    History,
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
    "NOTHING_AHEAD",
    "Beaten",
    "Clock",
    "Conversation",
    "ConversationPage",
    "CredentialSource",
    "Dialed",
    "Dialer",
    "Dice",
    "Grant",
    "Handle",
    "History",
    "Identity",
    "Incoming",
    "Kept",
    "Mailbox",
    "MovedClock",
    "Outlook",
    "Page",
    "PeerClosed",
    "Pinged",
    "Platform",
    "Reader",
    "Renewal",
    "Session",
    "Why",
    "Wire",
    "WireBroken",
]
