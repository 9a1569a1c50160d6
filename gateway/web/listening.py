"""The socket the control listens on: a port, or a file that ends with it."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Final

from gateway.settings.listen import Listen, Port

MODE: Final = 0o660
"""Of a socket in the file system: its owner and its group may ask."""

_FIRST: Final = 0o600


class Listener:
    """A bound socket; listens once a server takes it.

    Args:
        listen: Where.

    Attributes:
        socket: The server's from now on.
        url: How a person addresses it.

    Raises:
        OSError: It cannot listen there.
    """

    def __init__(self, listen: Listen) -> None:
        self._file: tuple[Path, int] | None = None
        if isinstance(listen, Port):
            self.socket = _port(listen)
            host, port = self.socket.getsockname()[:2]
            self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        else:
            path = Path(listen.path)
            self.socket = _file(path)
            self._file = path, path.stat().st_ino
            self.url = f"unix:{path}"

    def close(self) -> None:
        """Close it, and remove its file if it is still there."""
        self.socket.close()
        if self._file is not None:
            path, number = self._file
            with contextlib.suppress(OSError):
                if path.lstat().st_ino == number:
                    path.unlink()


def _port(listen: Port) -> socket.socket:
    """Return a socket on the first address of a name."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        listen.host.strip("[]"), listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def _file(path: Path) -> socket.socket:
    """Return a socket at a path, in place of one that nobody listens on any more."""
    listener = socket.socket(_family(), socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # where it works, nobody else sees it for a moment
                os.fchmod(listener.fileno(), _FIRST)
        _remove_left(path)
        listener.bind(str(path))
        path.chmod(MODE)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_left(path: Path) -> None:
    """Remove the socket of a process that was killed; anything else stays, and bind says so."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(_family(), socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return


def _family() -> int:
    """Return the family of sockets in the file system.

    Raises:
        OSError: This system, or its Python, has none.
    """
    family: int | None = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise OSError("this system has no sockets in the file system")
    return family
