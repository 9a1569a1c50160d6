"""The port of a platform: its codec, its sessions, its history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from actors.identity import Identity
from actors.values import (
    AccountId,
    Decoded,
    Delivery,
    Event,
    Failure,
    Frame,
    Position,
    Reply,
    Request,
    SendResult,
)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of history.

    Attributes:
        events: Newest first, ``recovered`` set.
        next_cursor: Where the next page begins; None at the end.
    """

    events: Sequence[Event]
    next_cursor: int | None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the conversation list."""

    conversation_id: str
    modified_at_ms: int
    peer_id: str | None = None
    item_id: str | None = None


class ConversationPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the conversation list, newest first."""

    conversations: Sequence[Conversation]
    next_cursor: int | None


class Reader(Protocol):
    """Reads the frames of one account that lie in the journal. Pure, and needs no credentials."""

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        """Return what a frame means, as :meth:`Session.decode` does."""


class History(Protocol):
    """What a platform keeps of an account, and how it is asked for it. Pure, like its session."""

    def get_state(self, mid: str) -> Request:
        """Ask where the account's sync stream stands."""

    def state(self, reply: Reply) -> bytes | None:
        """Return the state exactly as received, or None if the answer is a refusal."""

    def position(self, state: bytes) -> Position:
        """Read where a state that :meth:`state` gave stands."""

    def ack_diff(self, mid: str, state: bytes) -> Request:
        """Acknowledge exactly a state that :meth:`state` gave."""

    def list_conversations(self, mid: str, cursor: int | None, limit: int = 50) -> Request:
        """Ask for a page of conversations; None begins at the newest."""

    def conversations(self, reply: Reply) -> ConversationPage | None:
        """Read the page, or None if the answer is a refusal."""

    def list_messages(
        self, mid: str, conversation_id: str, cursor: int | None, limit: int
    ) -> Request:
        """Ask for a page of a conversation's history; None begins at the newest."""

    def messages(self, reply: Reply, *, received_at_ms: int) -> Page | None:
        """Read the page, or None if the answer is a refusal."""


class Session(Protocol):
    """The codec of one account: frames in, meaning out; requests out, results in.

    Pure: no clock, no dice, no I/O. Any thread; one at a time. What a platform need not say is
    said by :class:`gateway.platforms.base.BaseSession`.
    """

    @property
    def history(self) -> History | None:
        """Return what reads the account's history; None: the platform keeps none."""

    def upgrade_headers(self) -> dict[str, str]:
        """Return the headers the platform wants in the WebSocket upgrade."""

    def mid(self, now_ms: int, draw: float) -> str:
        """Return a new request id from our Unix time and a number in [0, 1)."""

    def register(self, mid: str) -> Request | None:
        """Return the registration; None: the platform has none, an open link is enough."""

    def registered(self, reply: Reply) -> Failure | None:
        """Judge the answer to the registration; None: it is confirmed."""

    def told_ms(self, reply: Reply) -> int | None:
        """Return the platform's Unix time at which it made an answer; None: it does not say."""

    def beat(self, mid: str) -> Request | None:
        """Return a heartbeat; None: use a WebSocket ping."""

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        """Return what a frame means. Never raises; what is damaged is an event or a fault.

        Args:
            frame: One WebSocket message.
            received_at_ms: Our Unix time of arrival.
            numbers: Gives ``lane_seq``, one for each event; None leaves it None.
        """

    def send(self, mid: str, delivery: Delivery) -> Request | Frame:
        """Return what sends a message: a request, or the bare frame if nothing answers it.

        Raises:
            ValueError: The platform cannot carry this content, or wants somebody named;
                says what it can, or what is missing.
        """

    def sent(self, reply: Reply) -> SendResult:
        """Judge the answer to a send: ACCEPTED or REFUSED, UNKNOWN if it says neither."""

    def echoed(self, event: Event, delivery: Delivery) -> str | None:
        """Return the platform's id of an own message if it says what ``delivery`` says.

        By the client id where the platform shows it, otherwise by conversation and content:
        whoever asks must look at the time, and at what is known to be another send's.
        """


class Platform(Protocol):
    """One chat service. ``gateway.platforms.registry`` knows them by name.

    Attributes:
        name: In the configuration.
        addressed: A send must say in which conversation and to which user (``Delivery.to``);
            one without counts as False.
    """

    name: str
    addressed: bool

    def session(self, identity: Identity) -> Session:
        """Make the codec of one account.

        Raises:
            ValueError: The identity lacks what the platform needs; says which setting.
        """

    def reader(self, account: AccountId, user_id: str | None) -> Reader:
        """Make what reads an account's stored frames, whether it can connect or not.

        Args:
            account: Our name of the account.
            user_id: The platform's id of it; None: its own messages cannot be told apart.
        """

    def decode(self, frame: Frame) -> Decoded:
        """Return what a frame means without knowing the account."""

    def uuid(self, now_ms: int, draw: float) -> str:
        """Return a client id for an outgoing message; the same arguments give the same id."""
