"""A fault kit for tests of handlers and of the gateway itself.

Needs no network and nothing beyond what the gateway needs; see ``docs/testing.md``. Names are
loaded on first use, so that the pytest plugin costs a test run nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.testing import faults
    from gateway.testing.faults import Rule, ScriptError
    from gateway.testing.kit import events
    from gateway.testing.kit.bench import Handled, HandlerBench, Said
    from gateway.testing.kit.clock import ManualClock, ManualTimers
    from gateway.testing.kit.events import chat
    from gateway.testing.kit.factory import GatewayFactory
    from gateway.testing.kit.recorder import Recorder
    from gateway.testing.platform import (
        Behaviour,
        Breach,
        Buyer,
        ConnectionLog,
        FakePlatform,
        Own,
        Sent,
        Shop,
        shapes,
    )
    from gateway.testing.proxy import FaultProxy, ProxyCounters
    from gateway.testing.web import (
        FakeMtop,
        FakePassport,
        FakeWeb,
        Grant,
        Scan,
        Seller,
        Upload,
        WebBehaviour,
        WebCall,
        WebRule,
    )
    from gateway.testing.web import rules as web_rules

_HOMES = {
    "faults": ("Rule", "ScriptError"),
    "kit.bench": ("Handled", "HandlerBench", "Said"),
    "kit.clock": ("ManualClock", "ManualTimers"),
    "kit.events": ("chat",),
    "kit.factory": ("GatewayFactory",),
    "kit.recorder": ("Recorder",),
    "platform": (
        "Behaviour",
        "Breach",
        "Buyer",
        "ConnectionLog",
        "FakePlatform",
        "Own",
        "Sent",
        "Shop",
    ),
    "proxy": ("FaultProxy", "ProxyCounters"),
    "web": (
        "FakeMtop",
        "FakePassport",
        "FakeWeb",
        "Grant",
        "Scan",
        "Seller",
        "Upload",
        "WebBehaviour",
        "WebCall",
        "WebRule",
    ),
}
_MODULES = {
    "events": "kit.events",
    "faults": "faults",
    "shapes": "platform.shapes",
    "web_rules": "web.rules",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Behaviour",
    "Breach",
    "Buyer",
    "ConnectionLog",
    "FakeMtop",
    "FakePassport",
    "FakePlatform",
    "FakeWeb",
    "FaultProxy",
    "GatewayFactory",
    "Grant",
    "Handled",
    "HandlerBench",
    "ManualClock",
    "ManualTimers",
    "Own",
    "ProxyCounters",
    "Recorder",
    "Rule",
    "Said",
    "Scan",
    "ScriptError",
    "Seller",
    "Sent",
    "Shop",
    "Upload",
    "WebBehaviour",
    "WebCall",
    "WebRule",
    "chat",
    "events",
    "faults",
    "shapes",
    "web_rules",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
