"""A fault kit for tests of handlers and of the gateway itself.

Needs no network and nothing beyond what the gateway needs; see ``docs/testing.md``. Names are
loaded on first use, so that the pytest plugin costs a test run nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.testing import events, faults, shapes
    from gateway.testing.bench import Handled, HandlerBench, Said
    from gateway.testing.buyer import Buyer, Sent
    from gateway.testing.clock import ManualClock, ManualTimers
    from gateway.testing.events import chat
    from gateway.testing.factory import GatewayFactory
    from gateway.testing.invariants import Recorder
    from gateway.testing.memory import Behaviour, Own
    from gateway.testing.platform import FakePlatform
    from gateway.testing.proxy import FaultProxy, ProxyCounters
    from gateway.testing.recorder import Breach, ConnectionLog
    from gateway.testing.rules import Rule
    from gateway.testing.scripts import ScriptError
    from gateway.testing.shop import Shop

_HOMES = {
    "bench": (
        "Handled",
        "HandlerBench",
        "Said",
    ),
    "buyer": (
        "Buyer",
        "Sent",
    ),
    "clock": (
        "ManualClock",
        "ManualTimers",
    ),
    "events": ("chat",),
    "factory": ("GatewayFactory",),
    "invariants": ("Recorder",),
    "memory": (
        "Behaviour",
        "Own",
    ),
    "platform": ("FakePlatform",),
    "proxy": (
        "FaultProxy",
        "ProxyCounters",
    ),
    "recorder": (
        "Breach",
        "ConnectionLog",
    ),
    "rules": ("Rule",),
    "scripts": ("ScriptError",),
    "shop": ("Shop",),
}
_MODULES = ("events", "faults", "shapes")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Behaviour",
    "Breach",
    "Buyer",
    "ConnectionLog",
    "FakePlatform",
    "FaultProxy",
    "GatewayFactory",
    "Handled",
    "HandlerBench",
    "ManualClock",
    "ManualTimers",
    "Own",
    "ProxyCounters",
    "Recorder",
    "Rule",
    "Said",
    "ScriptError",
    "Sent",
    "Shop",
    "chat",
    "events",
    "faults",
    "shapes",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
