"""Where events go besides the handlers: the shape, the registry, and one file a sink."""

from gateway.sinks.all import Sinks
from gateway.sinks.base import Sink
from gateway.sinks.registry import SINKS, check, kinds, make

__all__ = ["SINKS", "Sink", "Sinks", "check", "kinds", "make"]
