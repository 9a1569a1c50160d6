"""Sends that carry a key of their caller: the second call with a key gives the first one's send.

The key becomes the id of the send, which the outbox holds once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from actors.values import Delivery
from gateway import arguments
from gateway.errors import KeyReusedError
from gateway.host.access import ANSWER_S
from gateway.host.sends import Sends, SendTicket

if TYPE_CHECKING:
    from actors.system import System

_LOCKS: Final = 64
"""Calls that may work at a time at most; those of one key come one after another."""


def outbox_id_of(key: str) -> str:
    """Return the id of the send that a key stands for."""
    return hashlib.sha256(b"idempotency_key\0" + key.encode()).hexdigest()[:32]


def checked(key: object) -> str:
    """Return a key that a caller gave.

    Raises:
        TypeError: It is no ``str``.
        ValueError: It is blank, too long, or cannot be printed.
    """
    return arguments.identifier(
        "idempotency_key", key, remedy="give what names this message, e.g. the order's id"
    )


class KeyedSends:
    """Accepts a send with a key once. Any thread; the calls of one key wait for one another.

    Args:
        sends: Those there are.
        running: Gives the running system, or raises ShuttingDownError.
    """

    def __init__(self, sends: Sends, running: Callable[[], System]) -> None:
        self._sends = sends
        self._running = running
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))

    def once(
        self, key: str, wanted: Delivery, accept: Callable[[Delivery], SendTicket]
    ) -> SendTicket:
        """Return the ticket of the send of a key; accept it if there is none.

        Args:
            key: As it was checked.
            wanted: What is to be sent.
            accept: Puts it into the outbox.

        Raises:
            KeyReusedError: The send of this key is another one.
            TimeoutError: The journal did not answer in 10 s; the same call may be repeated.
        """
        outbox_id = outbox_id_of(key)
        wanted = msgspec.structs.replace(wanted, outbox_id=outbox_id)
        lock = self._locks[int(outbox_id[:8], 16) % _LOCKS]
        if not lock.acquire(timeout=ANSWER_S):
            raise TimeoutError(f"the same call is still waiting after {ANSWER_S:g} s")
        try:
            found = self._sends.known(outbox_id)
            if found is not None:
                return _same(key, wanted, *found)
            if outbox_id in self._running().services.sends:
                raise TimeoutError("the journal has not stored the first call yet; repeat this one")
            return accept(wanted)
        finally:
            lock.release()


def _same(key: str, wanted: Delivery, there: Delivery, ticket: SendTicket) -> SendTicket:
    """Return the ticket if both say the same to the same."""
    for name in ("account", "conversation_id", "to", "content"):
        if getattr(wanted, name) != getattr(there, name):
            raise KeyReusedError(key, there.outbox_id, name)
    return ticket
