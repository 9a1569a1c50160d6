"""Names to addresses under a deadline.

``getaddrinfo`` can hang for 40 s and nothing interrupts it, so it runs on a disposable
daemon thread. Whoever asks for a name that is already being looked up waits for the same
answer: a dead resolver costs one thread a name, and at most fifty in all.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from gateway.transport.timed import Deadline

Address: TypeAlias = tuple[int, Any]
"""Address family and what ``socket.connect`` takes."""

Resolve: TypeAlias = Callable[..., Iterable[tuple[Any, ...]]]
"""Called as ``resolve(host, port, type=SOCK_STREAM)``; answers like ``socket.getaddrinfo``."""

MAX_LOOKUPS = 50


class _Lookup:
    """A question under way and, once ``done``, its answer."""

    __slots__ = ("addresses", "done", "error")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.addresses: list[Address] = []
        self.error: Exception | None = None


_changed = threading.Condition()
_under_way: dict[tuple[Resolve, str, int], _Lookup] = {}


def addresses_of(host: str, port: int, *, resolve: Resolve, until: Deadline) -> list[Address]:
    """Return the addresses of a host, families taking turns, so that one dead family costs one try.

    Raises:
        TimeoutError: No answer in time.
        socket.gaierror: There is no such name, or the resolver failed.
    """
    literal = _literal(host, port)
    if literal is not None:
        return [literal]
    lookup = _ask(resolve, host, port, until)
    if not lookup.done.wait(until.left()):
        raise TimeoutError
    if lookup.error is not None:
        code = lookup.error.errno if isinstance(lookup.error, OSError) else socket.EAI_FAIL
        raise socket.gaierror(code, "name lookup failed") from lookup.error
    if not lookup.addresses:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    return _by_turns(lookup.addresses)


def _literal(host: str, port: int) -> Address | None:
    name, _, zone = host.partition("%")
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, name)
            if family == socket.AF_INET6:
                return family, (name, port, 0, _scope(zone))
            return family, (name, port)
    return None


def _scope(zone: str) -> int:
    """Return the number of a network interface (RFC 4007); 0 where none is named."""
    if not zone or zone.isdecimal():
        return int(zone or 0)
    try:
        return socket.if_nametoindex(zone)
    except OSError:
        raise socket.gaierror(
            socket.EAI_NONAME, "there is no network interface of this name"
        ) from None


def _ask(resolve: Resolve, host: str, port: int, until: Deadline) -> _Lookup:
    """Join the lookup of this name, or start it once there is room."""
    key = (resolve, host, port)
    with _changed:
        while (lookup := _under_way.get(key)) is None:
            if len(_under_way) < MAX_LOOKUPS:
                lookup = _under_way[key] = _Lookup()
                _start(key, lookup)
                break
            _changed.wait(until.left())
    return lookup


def _start(key: tuple[Resolve, str, int], lookup: _Lookup) -> None:
    thread = threading.Thread(target=_answer, args=(key, lookup), name="dns", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        del _under_way[key]
        raise OSError(errno.EAGAIN, "no thread for a name lookup") from error


def _answer(key: tuple[Resolve, str, int], lookup: _Lookup) -> None:
    resolve, host, port = key
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
        lookup.addresses = [(int(entry[0]), entry[4]) for entry in found]
    except Exception as error:  # noqa: BLE001 - a resolver of the host may raise anything
        lookup.error = error
    finally:
        with _changed:
            del _under_way[key]
            _changed.notify_all()
        lookup.done.set()


def _by_turns(addresses: list[Address]) -> list[Address]:
    """Let families take turns, the resolver's first choice first (RFC 8305 section 4)."""
    unique = list(dict.fromkeys(addresses))
    first = [address for address in unique if address[0] == unique[0][0]]
    other = [address for address in unique if address[0] != unique[0][0]]
    turns: list[Address] = []
    while first or other:
        turns += first[:1] + other[:1]
        first, other = first[1:], other[1:]
    return turns
