"""Defaults for everything a codec can leave out.

The default implementations do nothing or refuse in words, and a subclass implements whatever
it has. A session needs ``decode``, and ``send`` unless it only listens; a platform needs
``name`` and ``session``. ``CONTRIBUTING.md`` shows a whole platform made of these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from actors.ports import History, Identity, Reader, Session
from actors.values import (
    Decoded,
    Delivery,
    Event,
    Failure,
    Frame,
    Reply,
    Request,
    SendOutcome,
    SendResult,
)


class BaseSession:
    """A codec of one account that registers nothing, beats with pings and keeps no history.

    A subclass adds ``decode`` and is an ``actors.ports.Session`` then.

    Attributes:
        account: Our name of the account; every event carries it.
        user_agent: The configured one; None: the platform's own.
        history: Reads the account's history; None: the platform keeps none.
    """

    history: History | None = None

    def __init__(self, identity: Identity) -> None:
        self.account = identity.account
        self.user_agent = identity.user_agent

    def upgrade_headers(self) -> dict[str, str]:
        """Return a ``User-Agent`` if one is configured."""
        return {} if self.user_agent is None else {"User-Agent": self.user_agent}

    def mid(self, now_ms: int, draw: float) -> str:
        """Return a request id: the time and six digits."""
        return _numbered(now_ms, draw)

    def register(self, mid: str) -> Request | None:
        """Return None: an open link is enough."""
        del mid
        return None

    def registered(self, reply: Reply) -> Failure | None:
        """Return None: nothing is wrong."""
        del reply
        return None

    def told_ms(self, reply: Reply) -> int | None:
        """Return None: answers do not tell when they were made."""
        del reply
        return None

    def beat(self, mid: str) -> Request | None:
        """Return None: a WebSocket ping is the heartbeat."""
        del mid
        return None

    def send(self, mid: str, delivery: Delivery) -> Request | Frame:
        """Refuse: a codec without a ``send`` of its own only listens.

        Raises:
            ValueError: Always.
        """
        del mid, delivery
        raise ValueError("this platform only listens; nothing can be sent over its link")

    def sent(self, reply: Reply) -> SendResult:
        """Return UNKNOWN: no answer tells what became of a send."""
        del reply
        return SendResult(outcome=SendOutcome.UNKNOWN, reason="the platform answers no sends")

    def echoed(self, event: Event, delivery: Delivery) -> str | None:
        """Return None: the platform does not show the account its own messages."""
        del event, delivery
        return None


class BasePlatform(ABC):
    """A chat service whose sessions read its stored frames, and whose sends name no addressee.

    Attributes:
        name: In the configuration.
        addressed: Sends must name the other user (``Delivery.to``).
    """

    name: str
    addressed: bool = False

    @abstractmethod
    def session(self, identity: Identity) -> Session:
        """Return the codec of one account.

        Raises:
            ValueError: The identity lacks what the platform needs; says which setting.
        """

    def reader(self, account: str, user_id: str | None) -> Reader:
        """Return what reads an account's stored frames: a session without credentials.

        A platform whose sessions want credentials overrides this.
        """
        return self.session(Identity(account=account, user_id=user_id))

    def decode(self, frame: Frame) -> Decoded:
        """Return what a frame means without knowing the account."""
        return self.reader("", None).decode(frame, received_at_ms=0)

    def uuid(self, now_ms: int, draw: float) -> str:
        """Return a client id for an outgoing message: the time and six digits."""
        return _numbered(now_ms, draw)


def _numbered(now_ms: int, draw: float) -> str:
    return f"{now_ms}-{int(draw * 1_000_000):06}"
