"""The fake platform: a Goofish server in a thread, with accounts, buyers and a logbook."""

from __future__ import annotations

from gateway.testing.platform.accounts import Behaviour, Own
from gateway.testing.platform.buyer import Buyer, Sent
from gateway.testing.platform.logbook import Breach, ConnectionLog
from gateway.testing.platform.platform import FakePlatform
from gateway.testing.platform.shop import Shop

__all__ = [
    "Behaviour",
    "Breach",
    "Buyer",
    "ConnectionLog",
    "FakePlatform",
    "Own",
    "Sent",
    "Shop",
]
