"""Sans-I/O codecs, one chat service each. Nothing here knows a socket, clock or thread."""

from gateway.platforms.registry import get, names, register

__all__ = ["get", "names", "register"]
