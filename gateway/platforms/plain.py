"""Any WebSocket server: a frame is a message, nothing is acknowledged or answered."""

from __future__ import annotations

from collections.abc import Iterator

from actors.ports import Identity
from actors.values import Decoded, Delivery, Frame
from gateway.events import ChatMessage
from gateway.platforms.base import BasePlatform, BaseSession

CONVERSATION = "link"
"""The one conversation of a plain link; all its messages are one lane."""


class PlainSession(BaseSession):
    """Codec of one plain link."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._arrivals = 0

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        """Return one message a frame; text is ``text``, binary stands in ``raw``.

        A plain frame has no identity, and two equal frames are two messages: what makes
        them two is the journal's number, or without a journal the count of arrivals. Nor
        does it tell what kind of session it belongs to: ``session_type`` is None.
        """
        lane_seq = None if numbers is None else next(numbers)
        if lane_seq is None:
            self._arrivals += 1
            event_id = f"{self.account}/{received_at_ms}-{self._arrivals}"
        else:
            event_id = f"{self.account}/{lane_seq}"
        event = ChatMessage(
            account=self.account,
            event_id=event_id,
            conversation_id=CONVERSATION,
            lane_seq=lane_seq,
            received_at_ms=received_at_ms,
            raw=frame,
            subtype="text" if isinstance(frame, str) else "binary",
            text=frame if isinstance(frame, str) else None,
        )
        return Decoded(raw=frame, events=(event,))

    def send(self, mid: str, delivery: Delivery) -> Frame:
        """Return the text as it is; there is no answer to it.

        Raises:
            ValueError: The content is no text.
        """
        del mid
        if delivery.content.text is None:
            raise ValueError("a plain link carries text only; send the image's URL as a text")
        return delivery.content.text


class Plain(BasePlatform):
    """Any WebSocket server (``actors.ports.Platform``)."""

    name = "plain"

    def session(self, identity: Identity) -> PlainSession:
        """Return the codec of one link; it needs no credentials."""
        return PlainSession(identity)
