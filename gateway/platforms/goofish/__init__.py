"""Goofish / 闲鱼 web IM: a codec without sockets, clock or dice (``protocol.md``)."""

from gateway.platforms.goofish.decoding import decode_any, decode_entry, decode_history
from gateway.platforms.goofish.facts import facts
from gateway.platforms.goofish.session import Goofish, GoofishSession

__all__ = [
    "Goofish",
    "GoofishSession",
    "decode_any",
    "decode_entry",
    "decode_history",
    "facts",
]
