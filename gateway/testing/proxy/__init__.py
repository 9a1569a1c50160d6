"""The fault proxy: a TCP relay on loopback that misbehaves on demand, for any server."""

from __future__ import annotations

from gateway.testing.proxy.proxy import FaultProxy
from gateway.testing.proxy.relay import ProxyCounters

__all__ = ["FaultProxy", "ProxyCounters"]
