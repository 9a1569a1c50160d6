"""The test's handle of an account of the platform and its customers.

Every call may come from any thread; each takes the platform's lock for a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from gateway.testing.platform.accounts import PACKAGE_MAX, Account, Own
from gateway.testing.platform.buyer import Buyer, Sent, System
from gateway.testing.platform.host import Host
from gateway.testing.platform.logbook import ConnectionLog
from gateway.testing.platform.peer import Peer
from gateway.testing.platform.shapes import Entry

WAIT_S: Final = 5.0
"""How long the waits last unless told."""

_DEVICE: Final = "6F9619FF-8B86-4011-B42D-00C04FC964FF"
_FULL_BYTES: Final = 8 * 1024 * 1024
_ITEM: Final = "990394988229"


class Shop:
    """One account. Made by :meth:`FakePlatform.account`.

    Attributes:
        host: The platform.
        account: What the platform remembers of it; to be read under ``host.lock``.
    """

    def __init__(self, host: Host, account: Account) -> None:
        self.host = host
        self.account = account

    # --- what a client needs ------------------------------------------------------

    @property
    def user_id(self) -> str:
        """The account's id on the platform."""
        return self.account.user_id

    @property
    def url(self) -> str:
        """Where to connect; names the account, so rules know it before the registration."""
        return f"{self.host.url}?account={quote(self.user_id)}"

    @property
    def token(self) -> str:
        """What a registration must bear. A new one makes the last one expire."""
        return self.account.token

    @token.setter
    def token(self, token: str) -> None:
        with self.host.lock:
            self.host.engine.model.issue(self.account, token)

    @property
    def credentials(self) -> dict[str, str | None]:
        """The ``credentials`` of an account in a gateway's configuration."""
        return {
            "kind": "static",
            "user_id": self.user_id,
            "device_id": self.account.device_id or f"{_DEVICE}-{self.user_id}",
            "token": self.token,
            "cookie": self.account.cookie or None,
        }

    # --- customers ----------------------------------------------------------------

    def buyer(
        self,
        user_id: str,
        *,
        nick: str = "测试买家",
        item_id: str = _ITEM,
        system: System = "web",
    ) -> Buyer:
        """Return a customer; the same id is the same customer."""
        return Buyer(self, user_id, nick=nick, item_id=item_id, system=system)

    def offline(self, buyer: Buyer, texts: Sequence[str]) -> list[Sent]:
        """Let a customer write without a push.

        It lies in the history; with ``backlog="push"`` the next registration brings it too.
        """
        with self.host.lock:
            written = [buyer.writes(text) for text in texts]
            if self.host.engine.behaviour.backlog == "push":
                self.account.owe(written)
        cid = buyer.conversation().id
        return [
            Sent(message_id=entry.message_id or "", conversation_id=cid, pushed=False)
            for entry in written
        ]

    # --- pushes -------------------------------------------------------------------

    def push(
        self,
        entries: Sequence[Entry],
        *,
        package: int = PACKAGE_MAX,
        lwp: str = "/s/sync",
        timeout_s: float = WAIT_S,
    ) -> bool:
        """Push entries in packages of ``package``; waits while the client does not read.

        Args:
            entries: As the customers' methods or ``gateway.testing.shapes`` make them.
            package: Entries of one frame.
            lwp: ``/s/sync``, ``/s/vulcan`` or ``/s/para``.
            timeout_s: How long to wait for a client that does not read.

        Returns:
            Whether there was a session; see ``Behaviour.backlog`` otherwise.

        Raises:
            TimeoutError: 8 MiB are waiting and the client does not read.
        """
        host = self.host
        with host.lock:
            done = host.engine.push(self.account, entries, package=package, lwp=lwp)
            host.engine.wake()
            peer = self._peer()
            if peer is not None and len(peer.link.out) > _FULL_BYTES:
                out = peer.link.out
                host.wait(lambda: len(out) < _FULL_BYTES // 2, timeout_s, "the client to read")
            return done

    def push_raw(self, text: str) -> bool:
        """Send any text frame as it is; False: no session is connected."""
        with self.host.lock:
            peer = self._peer()
            if peer is None:
                return False
            peer.say(text)
            self.host.engine.wake()
            return True

    def flood(
        self,
        count: int,
        *,
        package: int = PACKAGE_MAX,
        buyer: Buyer | None = None,
        timeout_s: float = WAIT_S,
    ) -> None:
        """Push that many texts as fast as the client reads.

        Raises:
            TimeoutError: 8 MiB are waiting and the client does not read.
        """
        speaker = buyer or self.buyer("3301")
        for start in range(0, count, 1024):
            numbers = range(start, min(start + 1024, count))
            entries = [speaker.writes(f"flood {n}") for n in numbers]
            self.push(entries, package=package, timeout_s=timeout_s)

    # --- the connection -----------------------------------------------------------

    def kick(self) -> None:
        """Log the account out with ``/push/kickout``."""
        self._with_peer(lambda peer: peer.expel(removed=False))

    def remove_session(self) -> None:
        """Drop the session with ``/s/session/remove``."""
        self._with_peer(lambda peer: peer.expel(removed=True))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame."""
        self._with_peer(lambda peer: peer.close(code, reason))

    def drop(self) -> None:
        """EOF without a close frame."""
        self._with_peer(lambda peer: peer.link.finish("we_dropped"))

    def cut(self) -> None:
        """RST."""
        self._with_peer(lambda peer: peer.link.reset("we_reset"))

    def ping(self, payload: bytes = b"") -> None:
        """Send a WebSocket ping."""
        self._with_peer(lambda peer: peer.ping(payload))

    # --- what was seen ------------------------------------------------------------

    @property
    def sessions(self) -> list[ConnectionLog]:
        """Connections that registered as this account, oldest first."""
        with self.host.lock:
            return [
                log
                for log in self.host.engine.recorder.logs
                if log.registered_at is not None and log.account == self.user_id
            ]

    @property
    def session(self) -> ConnectionLog | None:
        """The connection that gets the pushes now."""
        with self.host.lock:
            peer = self._peer()
            return peer.log if peer is not None else None

    @property
    def sent(self) -> list[Own]:
        """What the account said through us, in the order it was accepted."""
        with self.host.lock:
            return list(self.account.own)

    @property
    def texts(self) -> dict[str, list[str | None]]:
        """The texts of :attr:`sent` by conversation; None for an image."""
        found: dict[str, list[str | None]] = {}
        for own in self.sent:
            found.setdefault(own.conversation_id, []).append(own.text)
        return found

    @property
    def acked(self) -> int:
        """How many messages were pushed and acknowledged, each counted once."""
        with self.host.lock:
            return self.account.acked_messages

    @property
    def unacked(self) -> list[str]:
        """Ids of messages that were pushed and never acknowledged on any connection."""
        with self.host.lock:
            return self.account.unacked

    @property
    def recalled(self) -> list[str]:
        """Ids of own messages that were taken back."""
        with self.host.lock:
            talks = self.account.conversations.values()
            return [message_id for talk in talks for message_id in sorted(talk.recalled)]

    @property
    def claimed(self) -> list[Mapping[str, object]]:
        """The states given to ``ackDiff``."""
        with self.host.lock:
            return list(self.account.claimed)

    # --- waits --------------------------------------------------------------------

    def wait_registered(self, timeout_s: float = WAIT_S, *, sessions: int = 1) -> ConnectionLog:
        """Wait until the account's ``sessions``-th session is up and pushes reach it.

        Raises:
            TimeoutError: It is not.
        """

        def up() -> ConnectionLog | None:
            peer = self._peer()
            return peer.log if peer is not None and len(self.sessions) >= sessions else None

        log = self.host.wait(up, timeout_s, f"session {sessions} of account {self.user_id}")
        assert log is not None
        return log

    def wait_acked(self, messages: int, timeout_s: float = WAIT_S) -> None:
        """Wait until that many messages were acknowledged in all.

        Raises:
            TimeoutError: They were not; says how many were.
        """
        self.host.wait(
            lambda: self.account.acked_messages >= messages,
            timeout_s,
            lambda: f"{messages} acks of account {self.user_id}, {self.acked} came",
        )

    def wait_sent(self, messages: int, timeout_s: float = WAIT_S) -> list[Own]:
        """Wait until the account has said that much, and give all of it.

        Raises:
            TimeoutError: It did not.
        """
        self.host.wait(
            lambda: len(self.account.own) >= messages,
            timeout_s,
            lambda: f"{messages} sends of account {self.user_id}, {len(self.sent)} came",
        )
        return self.sent

    def wait_gone(self, timeout_s: float = WAIT_S) -> None:
        """Wait until no session of the account is left.

        Raises:
            TimeoutError: One is.
        """
        self.host.wait(
            lambda: all(not log.alive for log in self.sessions),
            timeout_s,
            f"account {self.user_id} to be gone",
        )

    # --- inside -------------------------------------------------------------------

    def _peer(self) -> Peer | None:
        session = self.account.session
        if session is None or not session.ready:
            return None
        return self.host.engine.peers.get(session.number)

    def _with_peer(self, what: Callable[[Peer], None]) -> None:
        with self.host.lock:
            peer = self._peer()
            if peer is None:
                raise LookupError(f"account {self.user_id} has no session; wait_registered() first")
            what(peer)
            self.host.engine.wake()
