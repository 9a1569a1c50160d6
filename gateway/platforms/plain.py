"""Any WebSocket server: a frame is a message, nothing is acknowledged or answered."""

from __future__ import annotations

from collections.abc import Iterator

from actors.ports import ConversationPage, Identity, Page
from actors.values import (
    Content,
    Decoded,
    Delivery,
    Event,
    Failure,
    Frame,
    Position,
    Reply,
    Request,
    SendOutcome,
    SendResult,
)
from gateway.events import ChatMessage

CONVERSATION = "link"
"""The one conversation of a plain link; all its messages are one lane."""


class PlainSession:
    """Codec of one plain link (``actors.ports.Session``)."""

    def __init__(self, account: str, user_agent: str | None = None) -> None:
        self._account = account
        self._user_agent = user_agent
        self._arrivals = 0

    def upgrade_headers(self) -> dict[str, str]:
        """Give a ``User-Agent`` if one is configured."""
        return {} if self._user_agent is None else {"User-Agent": self._user_agent}

    def mid(self, now_ms: int, draw: float) -> str:
        """Give a request id; a plain server never sees it."""
        return f"{now_ms}-{int(draw * 1_000_000):06}"

    def register(self, mid: str) -> Request | None:
        """Give nothing: an open link is enough."""
        del mid
        return None

    def registered(self, reply: Reply) -> Failure | None:
        """Find nothing wrong."""
        del reply
        return None

    def told_ms(self, reply: Reply) -> None:
        """It tells no time."""

    def beat(self, mid: str) -> Request | None:
        """Give nothing: a WebSocket ping is the heartbeat."""
        del mid
        return None

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        """Give one message a frame; text is ``text``, binary stands in ``raw``.

        A plain frame has no identity, and two equal frames are two messages: what makes
        them two is the journal's number, or without a journal the count of arrivals. Nor
        does it tell what kind of session it belongs to: ``session_type`` is None.
        """
        lane_seq = None if numbers is None else next(numbers)
        if lane_seq is None:
            self._arrivals += 1
            event_id = f"{self._account}/{received_at_ms}-{self._arrivals}"
        else:
            event_id = f"{self._account}/{lane_seq}"
        event = ChatMessage(
            account=self._account,
            event_id=event_id,
            conversation_id=CONVERSATION,
            lane_seq=lane_seq,
            received_at_ms=received_at_ms,
            raw=frame,
            subtype="text" if isinstance(frame, str) else "binary",
            text=frame if isinstance(frame, str) else None,
        )
        return Decoded(raw=frame, events=(event,))

    def send(self, mid: str, delivery: Delivery) -> Request | None:
        """Give nothing: nobody answers, so :meth:`plain` is what leaves."""
        del mid, delivery
        return None

    def plain(self, content: Content) -> Frame:
        """Give the text as it is.

        Raises:
            ValueError: The content is no text.
        """
        if content.text is None:
            raise ValueError("a plain link carries text only; send the image's URL as a text")
        return content.text

    def sent(self, reply: Reply) -> SendResult:
        """Know nothing: there are no answers."""
        del reply
        return SendResult(outcome=SendOutcome.UNKNOWN, reason="a plain link answers nothing")

    def echoed(self, event: Event, delivery: Delivery) -> str | None:
        """Give nothing: a plain server says nothing of our own messages."""
        del event, delivery
        return None

    def get_state(self, mid: str) -> Request | None:
        """Give nothing: there is no sync stream."""
        del mid
        return None

    def state(self, reply: Reply) -> bytes | None:
        """Give nothing."""
        del reply
        return None

    def position(self, state: bytes) -> Position:
        """Refuse; :meth:`state` never gave a state.

        Raises:
            ValueError: Always.
        """
        raise _no_history(state)

    def ack_diff(self, mid: str, state: bytes) -> Request:
        """Refuse; :meth:`state` never gave a state.

        Raises:
            ValueError: Always.
        """
        raise _no_history(mid, state)

    def list_conversations(self, mid: str, cursor: int | None, limit: int = 50) -> Request:
        """Refuse; there is no history.

        Raises:
            ValueError: Always.
        """
        raise _no_history(mid, cursor, limit)

    def conversations(self, reply: Reply) -> ConversationPage | None:
        """Give nothing."""
        del reply
        return None

    def list_messages(
        self, mid: str, conversation_id: str, cursor: int | None, limit: int
    ) -> Request:
        """Refuse; there is no history.

        Raises:
            ValueError: Always.
        """
        raise _no_history(mid, conversation_id, cursor, limit)

    def messages(self, reply: Reply, *, received_at_ms: int) -> Page | None:
        """Give nothing."""
        del reply, received_at_ms
        return None


class Plain:
    """Any WebSocket server (``actors.ports.Platform``)."""

    name = "plain"
    addressed = False

    def session(self, identity: Identity) -> PlainSession:
        """Make the codec of one link; it needs no credentials."""
        return PlainSession(identity.account, identity.user_agent)

    def reader(self, account: str, user_id: str | None) -> PlainSession:
        """Make what reads an account's stored frames; no user has an id here."""
        del user_id
        return PlainSession(account)

    def decode(self, frame: Frame) -> Decoded:
        """Say what a frame means without knowing the account."""
        return PlainSession("").decode(frame, received_at_ms=0)

    def uuid(self, now_ms: int, draw: float) -> str:
        """Give a client id; a plain server never sees it."""
        return f"{now_ms}-{int(draw * 1_000_000):06}"


def _no_history(*_: object) -> ValueError:
    return ValueError("a plain link has no history; get_state() says so by giving None")
