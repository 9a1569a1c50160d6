"""How often an address gave a wrong token, and how long it is refused for that."""

from __future__ import annotations

import collections
import ipaddress
import math
import threading
from collections.abc import Callable
from typing import Final

MOST: Final = 5
"""Wrong tokens of an address within :data:`WINDOW_S`; then it is refused."""

WINDOW_S: Final = 60.0

BLOCK_S: Final = 60.0
"""Seconds it is refused."""

MOST_ADDRESSES: Final = 1000
"""Addresses that are remembered; the one that was heard of longest ago is forgotten."""


class _Address:
    """What is known of an address; the owner's lock guards it."""

    __slots__ = ("blocked_until_s", "wrong_s")

    def __init__(self) -> None:
        self.wrong_s: collections.deque[float] = collections.deque(maxlen=MOST)
        self.blocked_until_s = -math.inf


class Attempts:
    """Counts wrong tokens by address. May be called on any thread.

    Args:
        clock_s: Monotonic time.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._known: collections.OrderedDict[str, _Address] = collections.OrderedDict()

    def blocked_s(self, address: str) -> float:
        """Return for how many seconds an address is refused; 0 if it is not."""
        with self._lock:
            known = self._known.get(bucket(address))
            return 0.0 if known is None else max(0.0, known.blocked_until_s - self._clock_s())

    def wrong(self, address: str) -> bool:
        """Count a wrong token; return True if the address is refused from now on."""
        name, now_s = bucket(address), self._clock_s()
        with self._lock:
            known = self._known.setdefault(name, _Address())
            self._known.move_to_end(name)
            if len(self._known) > MOST_ADDRESSES:
                self._known.popitem(last=False)
            if known.blocked_until_s > now_s:  # one that was compared while another ended it
                return False
            known.wrong_s.append(now_s)
            if len(known.wrong_s) < MOST or known.wrong_s[0] <= now_s - WINDOW_S:
                return False
            known.wrong_s.clear()
            known.blocked_until_s = now_s + BLOCK_S
            return True

    def __len__(self) -> int:
        """Return the number of addresses that are remembered."""
        return len(self._known)


def bucket(address: str) -> str:
    """Return what an address counts as: of IPv6 its network, whose addresses anybody there has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
