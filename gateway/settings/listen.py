"""``http.listen``: a port of an address, or a socket in the file system. Pure."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from gateway.settings.addresses import ascii_host, is_loopback
from gateway.settings.paths import is_homeless, resolved

PREFIX: Final = "unix:"
MOST_PATH_BYTES: Final = 103
"""Longest path of a socket that every system takes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port.

    Attributes:
        host: Name or address, an IPv6 address in brackets.
        port: 0 takes any free one.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketFile:
    """A socket in the file system: who may open it may ask.

    Attributes:
        path: Absolute, once settings have it.
    """

    path: str


Listen: TypeAlias = Port | SocketFile


def parse_listen(listen: str) -> Listen | None:
    """Return what ``host:port`` or ``unix:PATH`` names; None: it is neither."""
    if listen.startswith(PREFIX):
        path = listen.removeprefix(PREFIX)
        fits = 0 < len(os.fsencode(path)) <= MOST_PATH_BYTES and "\0" not in path
        return SocketFile(path=path) if fits and not is_homeless(path) else None
    host, _, digits = listen.rpartition(":")
    # Their length first: the interpreter refuses to read thousands of digits.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535):
        return None
    bare = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if host != bare or ascii_host(host) is None:
            return None
    return Port(host=host, port=int(digits))


def is_of_this_machine(listen: Listen) -> bool:
    """Return whether nobody on another machine can reach it."""
    return isinstance(listen, SocketFile) or is_loopback(listen.host)


def resolved_listen(listen: T) -> T:
    """Return the same with an absolute path, if it is a path."""
    if not isinstance(listen, str) or not listen.startswith(PREFIX) or listen == PREFIX:
        return listen
    return PREFIX + resolved(listen.removeprefix(PREFIX))  # type: ignore[return-value]  # T is str
