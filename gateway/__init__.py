"""Message gateway for chat platforms (Goofish / 闲鱼 first): many accounts, one process.

Names are loaded on first use, so that importing this package starts nothing and costs
next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.messages import StateChanged
    from actors.policy.alerts import Alert, AlertChanged
    from actors.ports.journal import Letter, Tally
    from actors.state import Cause, ConnectionState
    from actors.values import (
        ErrorClass,
        Event,
        Failure,
        Recovered,
        SendOutcome,
        SendResult,
        SendState,
    )
    from gateway.errors import (
        AccountExistsError,
        ConfigError,
        EventCopiedError,
        EventSettledError,
        ForkedError,
        GatewayError,
        JournalError,
        KeyReusedError,
        NoAddresseeError,
        NotStartedError,
        OverloadedError,
        SendStateError,
        ShuttingDownError,
        SinkError,
        UnknownAccountError,
        UnknownLetterError,
        UnknownSendError,
        UploadError,
    )
    from gateway.events import (
        ChatMessage,
        OrderStatusChanged,
        PlatformEvent,
        SystemNotification,
        UndecodableEvent,
        UnknownEvent,
        UserInteraction,
    )
    from gateway.host.accounts import AccountView
    from gateway.host.client import WebSocketClient
    from gateway.host.gateway import Gateway
    from gateway.host.reloading import Reloaded
    from gateway.host.sends import SendTicket
    from gateway.settings import AccountSettings, Settings

__version__ = "0.1.0"

_HOMES = {
    "actors.identity": ("CredentialsChanged",),
    "actors.messages": ("StateChanged",),
    "actors.policy.alerts": ("Alert", "AlertChanged"),
    "actors.state": ("Cause", "ConnectionState"),
    "actors.ports.journal": ("Letter", "Tally"),
    "actors.values": (
        "ErrorClass",
        "Event",
        "Failure",
        "Recovered",
        "SendOutcome",
        "SendResult",
        "SendState",
    ),
    "gateway.credentials.shapes": ("CredentialsShown",),
    "gateway.host.accounts": ("AccountView",),
    "gateway.host.reloading": ("Reloaded",),
    "gateway.host.gateway": ("Gateway",),
    "gateway.host.client": ("WebSocketClient",),
    "gateway.errors": (
        "AccountExistsError",
        "ConfigError",
        "CredentialsRefusedError",
        "EventCopiedError",
        "EventSettledError",
        "ForkedError",
        "GatewayError",
        "JournalError",
        "KeyReusedError",
        "NoAddresseeError",
        "NotStartedError",
        "OverloadedError",
        "SendStateError",
        "ShuttingDownError",
        "SinkError",
        "UnknownAccountError",
        "UnknownLetterError",
        "UnknownSendError",
        "UploadError",
    ),
    "gateway.events": (
        "ChatMessage",
        "OrderStatusChanged",
        "PlatformEvent",
        "SystemNotification",
        "UndecodableEvent",
        "UnknownEvent",
        "UserInteraction",
    ),
    "gateway.host.sends": ("SendTicket",),
    "gateway.settings": ("AccountSettings", "Settings"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AccountExistsError",
    "AccountSettings",
    "AccountView",
    "Alert",
    "AlertChanged",
    "Cause",
    "ChatMessage",
    "ConfigError",
    "ConnectionState",
    "CredentialsChanged",
    "CredentialsRefusedError",
    "CredentialsShown",
    "ErrorClass",
    "Event",
    "EventCopiedError",
    "EventSettledError",
    "Failure",
    "ForkedError",
    "Gateway",
    "GatewayError",
    "JournalError",
    "KeyReusedError",
    "Letter",
    "NoAddresseeError",
    "NotStartedError",
    "OrderStatusChanged",
    "OverloadedError",
    "PlatformEvent",
    "Recovered",
    "Reloaded",
    "SendOutcome",
    "SendResult",
    "SendState",
    "SendStateError",
    "SendTicket",
    "Settings",
    "ShuttingDownError",
    "SinkError",
    "StateChanged",
    "SystemNotification",
    "Tally",
    "UndecodableEvent",
    "UnknownAccountError",
    "UnknownEvent",
    "UnknownLetterError",
    "UnknownSendError",
    "UploadError",
    "UserInteraction",
    "WebSocketClient",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
