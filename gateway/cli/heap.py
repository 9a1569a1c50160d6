"""The memory of a process once its start is over. Nothing here runs by itself."""

from __future__ import annotations

import ctypes
import gc
import sys


def settle() -> None:
    """Leave alone what is alive now, and give back what the start needed for a moment.

    Call it once when all accounts are connected; ``xianyu-gateway run`` does so a minute after its
    start. The collector of cycles never looks again at what lives then: a full collection
    stops every thread, for 20 ms with 100 accounts, and hardly any of it is ever garbage. What a
    thousand dials had allocated goes back to the system, where its C library can do that (glibc:
    a seventh of the memory of 10,000 accounts, in a few milliseconds, other threads going on).
    """
    gc.freeze()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(ctypes.c_size_t(0))
