"""A port that answers no SYN, without root."""

from __future__ import annotations

import socket
import struct
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class FullPort:
    """A port whose SYNs are dropped: nobody accepts and the line is full. Context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = socket.create_server((host, port), backlog=0)
        self.port = int(self._server.getsockname()[1])
        self._crowd: list[socket.socket] = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((host, self.port))
            self._crowd.append(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (*self._crowd, self._server):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
