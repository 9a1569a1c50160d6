"""A fake Goofish platform for tests of handlers and of the gateway itself.

Needs no network and nothing beyond what the gateway needs; see ``docs/testing.md``.
"""

from gateway.testing import faults, shapes
from gateway.testing.buyer import Buyer, Sent
from gateway.testing.faults import Rule
from gateway.testing.memory import Behaviour, Own
from gateway.testing.platform import FakePlatform
from gateway.testing.recorder import Breach, ConnectionLog
from gateway.testing.shop import Shop

__all__ = [
    "Behaviour",
    "Breach",
    "Buyer",
    "ConnectionLog",
    "FakePlatform",
    "Own",
    "Rule",
    "Sent",
    "Shop",
    "faults",
    "shapes",
]
