"""The platform and its per-account codec; the ports' shape over the functions beside it."""

from __future__ import annotations

from actors.ports import ConversationPage, Identity, Page
from actors.values import (
    Delivery,
    Event,
    Failure,
    Position,
    Reply,
    Request,
    SendResult,
)
from gateway.commands import page
from gateway.platforms.base import BasePlatform, BaseSession
from gateway.platforms.goofish import replies, requests
from gateway.platforms.goofish.fields import SUFFIX
from gateway.platforms.goofish.frames import FrameReader
from gateway.platforms.goofish.identity import Arrival


class GoofishHistory:
    """The history of one Goofish account (``actors.ports.History``)."""

    __slots__ = ("_account", "_user_id")

    def __init__(self, account: str, user_id: str) -> None:
        self._account = account
        self._user_id = user_id

    def get_state(self, mid: str) -> Request:
        """Ask where the account's sync stream stands."""
        return requests.get_state(mid)

    def state(self, reply: Reply) -> bytes | None:
        """Return the state exactly as received."""
        return replies.read_state(reply)

    def position(self, state: bytes) -> Position:
        """Read where a state stands."""
        return replies.read_position(state)

    def ack_diff(self, mid: str, state: bytes) -> Request:
        """Acknowledge exactly a state that :meth:`state` gave."""
        return requests.ack_diff(mid, state)

    def list_conversations(self, mid: str, cursor: int | None, limit: int = 50) -> Request:
        """Ask for a page of conversations."""
        return requests.list_conversations(mid, cursor, limit)

    def conversations(self, reply: Reply) -> ConversationPage | None:
        """Read a page of conversations."""
        return replies.read_conversations(reply, self._user_id)

    def list_messages(
        self, mid: str, conversation_id: str, cursor: int | None, limit: int
    ) -> Request:
        """Ask for a page of a conversation's history."""
        return requests.list_messages(mid, conversation_id, cursor, limit)

    def messages(self, reply: Reply, *, received_at_ms: int) -> Page | None:
        """Read a page of history; its events are ``recovered``."""
        return replies.read_messages(
            reply,
            Arrival(account=self._account, user_id=self._user_id, received_at_ms=received_at_ms),
        )


class GoofishSession(BaseSession):
    """Codec of one Goofish account (``actors.ports.Session``).

    Raises:
        ValueError: The credentials lack the user id or the token.
    """

    history: GoofishHistory

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        user_id = (identity.user_id or "").removesuffix(SUFFIX)
        if not user_id:
            raise ValueError(
                f"account {identity.account}: credentials.user_id is missing; it is the number "
                "of the account, the value of the cookie `unb`"
            )
        if not identity.token:
            raise ValueError(
                f"account {identity.account}: credentials.token is missing; with kind: goofish "
                f"the gateway asks for tokens itself, see {page('README.md')}, section "
                "`A real account`"
            )
        self._user_id = user_id
        self._token = identity.token
        self._device_id = identity.device_id or requests.derived_device_id(user_id)
        self._reader = FrameReader(identity.account, user_id)
        self.history = GoofishHistory(identity.account, user_id)
        # Bound, not wrapped: this is called for every frame.
        self.decode = self._reader.decode

    def upgrade_headers(self) -> dict[str, str]:
        """Return the headers of the WebSocket upgrade."""
        return requests.upgrade_headers(self.user_agent)

    def mid(self, now_ms: int, draw: float) -> str:
        """Return a new request id."""
        return requests.new_mid(now_ms, draw)

    def register(self, mid: str) -> Request:
        """Return the registration; sequence numbers start again with it."""
        request = requests.register(
            mid, token=self._token, device_id=self._device_id, user_agent=self.user_agent
        )
        self._reader.begin(request.mid)
        return request

    def registered(self, reply: Reply) -> Failure | None:
        """Judge the answer to the registration."""
        return replies.judge_registration(reply, self._user_id)

    def told_ms(self, reply: Reply) -> int | None:
        """Return the platform's Unix time at which it made an answer."""
        return replies.read_time(reply)

    def beat(self, mid: str) -> Request:
        """Return a heartbeat."""
        return requests.beat(mid)

    def send(self, mid: str, delivery: Delivery) -> Request:
        """Return the request that sends a message.

        Raises:
            ValueError: ``delivery.to`` is missing, or its content is empty.
        """
        return requests.send(mid, delivery, self._user_id)

    def sent(self, reply: Reply) -> SendResult:
        """Judge the answer to a send."""
        return replies.judge_send(reply)

    def echoed(self, event: Event, delivery: Delivery) -> str | None:
        """Return the id of an own message that says what ``delivery`` says.

        Neither pushes nor history show the client id (protocol 12.1, 15), so content decides.
        """
        return replies.match_own(event, delivery)


class Goofish(BasePlatform):
    """闲鱼 (``actors.ports.Platform``)."""

    name = "goofish"
    addressed = True

    def session(self, identity: Identity) -> GoofishSession:
        """Make the codec of one account.

        Raises:
            ValueError: The credentials lack the user id or the token.
        """
        return GoofishSession(identity)

    def reader(self, account: str, user_id: str | None) -> FrameReader:
        """Make what reads an account's stored frames."""
        return FrameReader(account, (user_id or "").removesuffix(SUFFIX) or None)

    def uuid(self, now_ms: int, draw: float) -> str:
        """Return a client id for an outgoing message.

        There are ten a millisecond (protocol 3): who needs more takes the next one.
        """
        return requests.new_uuid(now_ms, draw)
