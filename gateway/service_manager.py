"""Tells the service manager that started this process how it stands (``sd_notify(3)``).

A datagram each time, and nothing where no service manager asked for it: by ``NOTIFY_SOCKET``, and
by ``WATCHDOG_USEC`` for a sign of life. No library: systemd's own needs a compiler.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, MutableMapping
from typing import Final

NAMES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

_USEC: Final = 1_000_000
_DIGITS: Final = 15


class ServiceManager:
    """A service manager that listens. Any thread; nothing blocks or raises.

    Args:
        address: Path of its datagram socket; ``@`` begins a name in the abstract namespace.
        watchdog_s: It kills a process that gives no sign of life for so many seconds; None: never.
        unheard: Called with why, the first time that it could not be told something.
    """

    def __init__(
        self, address: str, *, watchdog_s: float | None, unheard: Callable[[str], None]
    ) -> None:
        self.watchdog_s: Final = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._unheard = unheard
        self._told_so = False

    def tell(self, *lines: str) -> None:
        """Send assignments, e.g. ``READY=1``; a line break in one becomes a blank."""
        if sys.platform == "win32":
            return
        text = "\n".join(" ".join(line.splitlines()) for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(text.encode("utf-8", "replace"), self._address)
        except (OSError, ValueError) as error:
            if not self._told_so:
                self._told_so = True
                self._unheard(str(error))


def service_manager(
    environ: MutableMapping[str, str], pid: int, *, unheard: Callable[[str], None]
) -> ServiceManager | None:
    """Return who wants to be told; None: nobody does.

    The variables are taken away, so that no child of this process speaks in its place.

    Args:
        environ: Of this process.
        pid: Of this process; the watchdog may be meant for another one.
        unheard: As :class:`ServiceManager` takes it; also called for variables nobody understands.
    """
    address, usec, meant = (environ.pop(name, "") for name in NAMES)
    if not address:
        return None
    if not address.startswith(("/", "@")) or sys.platform == "win32":
        unheard(f"NOTIFY_SOCKET names no Unix socket: {address[:100]!r}")
        return None
    watchdog_s = None
    if usec and meant in ("", str(pid)):
        if usec.isascii() and usec.isdigit() and int(usec[:_DIGITS]) > 0:
            watchdog_s = int(usec[:_DIGITS]) / _USEC
        else:
            unheard(f"WATCHDOG_USEC is no number of microseconds: {usec[:100]!r}")
    return ServiceManager(address, watchdog_s=watchdog_s, unheard=unheard)
