"""The platform's memory: accounts, conversations and sessions.

Pure: times come in as arguments. What it answers with this is in ``answers.py``. Sections of
``protocol.md`` are named where they rule.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, Final, Literal

import msgspec

from gateway.testing.platform.shapes import APP_KEY, Entry, Message, arouse, json_text

PACKAGE_MAX: Final = 32
"""Entries of one push; more were never reported (``protocol.md`` 9.1)."""

_AROUSED: Final = 3


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What is not established about the platform, so a test chooses (``protocol.md`` 18).

    Attributes:
        redeliver_after_s: An un-acknowledged push is sent again on the same connection
            after this long; None: never.
        redeliver_on_reconnect: What was pushed and not acknowledged when a connection
            ended comes again after the next registration.
        backlog: What was said while nobody was connected: ``history`` keeps it there
            only, ``push`` also pushes it after the next registration.
        second_session: What a second registration of an account does: ``kick`` the first
            with ``/push/kickout``, ``remove`` it with ``/s/session/remove``, ``refuse``
            the second with "connect limit", or ``allow`` both (the newest gets the pushes).
        echo: Who gets an own message as a push with ``needPush`` ``"false"``: the account's
            ``others`` sessions, as on the platform; True: the newest one, which mostly is
            the one that sent it, for clients that must bear it; False: nobody.
        dedupe_uuid: A repeated client id is answered with the first result.
        ready_after_s: From the registration to the pushes that follow it; ``/r/`` requests
            before them get 400.
        answer_pings: WebSocket pings get pongs.
        history_kept: Messages kept in each conversation.
    """

    redeliver_after_s: float | None = 10.0
    redeliver_on_reconnect: bool = True
    backlog: Literal["history", "push"] = "history"
    second_session: Literal["kick", "remove", "refuse", "allow"] = "kick"
    echo: Literal["others"] | bool = "others"
    dedupe_uuid: bool = False
    ready_after_s: float = 0.0
    answer_pings: bool = True
    history_kept: int = 10_000


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A message the account sent through us, as accepted.

    Attributes:
        uuid: The client's id of it.
        connection: Number of the connection it came on.
    """

    message_id: str
    conversation_id: str
    text: str | None
    uuid: str
    connection: int
    created_at_ms: int


class Conversation:
    """One conversation of one account."""

    __slots__ = (
        "created_at_ms", "id", "item_id", "messages", "modified_at_ms", "peer_id",
        "read", "recalled",
    )  # fmt: skip

    def __init__(
        self, cid: str, peer_id: str, item_id: str, *, created_at_ms: int, kept: int
    ) -> None:
        self.id = cid
        self.peer_id = peer_id
        self.item_id = item_id
        self.created_at_ms = created_at_ms
        self.modified_at_ms = created_at_ms
        self.messages: deque[Message] = deque(maxlen=kept)
        self.read: set[str] = set()
        self.recalled: set[str] = set()

    def newest_before(self, cursor: int, limit: int) -> list[Message]:
        """Return messages older than ``cursor``, newest first; ties are never torn apart."""
        page: list[Message] = []
        for message in reversed(self.messages):
            if message.created_at_ms >= cursor:
                continue
            if len(page) >= limit and message.created_at_ms != page[-1].created_at_ms:
                break
            page.append(message)
        return page


class Push:
    """A push frame on its way; exists once for each ``mid`` of a connection."""

    __slots__ = ("acks", "body", "deliveries", "entries", "lwp", "mid", "pushed_at")

    def __init__(self, mid: str, lwp: str, body: str, entries: Sequence[Entry]) -> None:
        self.mid = mid
        self.lwp = lwp
        self.body = body
        self.entries = entries
        self.deliveries = 0
        self.acks = 0
        self.pushed_at = 0.0


class Session:
    """A registered connection: its counters and what it has not acknowledged."""

    __slots__ = (
        "_frame_head", "_frame_tail", "account", "did", "kept", "muted", "number", "pushes",
        "ready", "seen", "seqs", "sid", "unacked",
    )  # fmt: skip

    def __init__(self, account: Account, number: int, sid: str, headers: Mapping[str, Any]) -> None:
        self.account = account
        self.number = number
        self.sid = sid
        self.did = str(headers.get("did", ""))
        self.ready = False
        self.muted = False  # it is answered, and pushed nothing any more
        self.pushes = 1  # 1 was the answer; the first push of a capture is 2
        self.seqs = {"/s/sync": 0, "/s/vulcan": 0}
        self.unacked: dict[str, Push] = {}
        self.seen: dict[str, Push] = {}
        ua = json_text(str(headers.get("ua", "")))
        self._frame_head = f'{{"headers":{{"app-key":"{APP_KEY}","mid":"'
        self._frame_tail = f'","ua":{ua},"sid":"{sid}"}},"lwp":"'

    def mid(self) -> str:
        """Return the next push id: 8 hex digits, the last four count (``protocol.md`` 3)."""
        self.pushes = n = self.pushes + 1
        return f"{(self.number * 0x9E37 + (n >> 16)) & 0xFFFF:04x}{n & 0xFFFF:04x} 0"

    def package(
        self, lwp: str, entries: Sequence[Entry], *, now_ms: int, reconnect: bool = False
    ) -> Push:
        """Make the push of these entries and take their numbers (``protocol.md`` 9)."""
        data = ",".join([entry.wire() for entry in entries])
        if lwp == "/s/para":
            body = (
                '{"syncPushPackage":{"maxHighPts":0,"startSeq":0,"endSeq":0,"data":['
                f'{data}],"maxPts":0,"hasMore":0,"timestamp":0}},"syncExtensionModel":{{}}}}'
            )
            return self.push(lwp, body, entries)
        start = self.seqs[lwp] + 1
        self.seqs[lwp] = end = max(start, start + len(entries) - 1)
        times = [entry.created_at_ms or now_ms for entry in entries] or [now_ms]
        extra = ',"syncExtraType":{"type":3}' if lwp == "/s/vulcan" else ""
        body = (
            f'{{"syncPushPackage":{{"maxHighPts":0,"startSeq":{start},"endSeq":{end},'
            f'"minCreateTime":{min(times)},"data":[{data}],'
            f'"maxPts":{self.account.advance(max(times), len(entries))},"hasMore":0,'
            f'"timestamp":{now_ms}}},"syncExtensionModel":{{"reconnectType":{int(reconnect)},'
            f'"failover":0,"fingerprint":{self.account.fingerprint}}}{extra}}}'
        )
        return self.push(lwp, body, entries)

    def too_long(self, kind: int) -> Push:
        """Make the bare signal: type 1 "too long", 2 "cursor unusable" (6.4)."""
        body = (
            f'{{"syncExtensionModel":{{"fingerprint":{self.account.fingerprint}}},'
            f'"syncExtraType":{{"type":{kind}}}}}'
        )
        return self.push("/s/sync", body, ())

    def push(self, lwp: str, body: str, entries: Sequence[Entry] = ()) -> Push:
        """Make a push of any body under the next ``mid``."""
        return Push(self.mid(), lwp, body, entries)

    def text(self, push: Push, body: str | None = None) -> str:
        """Return the frame of a push, if wanted with another body."""
        return (
            f"{self._frame_head}{push.mid}{self._frame_tail}{push.lwp}"
            f'","body":{push.body if body is None else body}}}'
        )

    def delivered(self, push: Push, now: float, *, remember: int = 100_000) -> None:
        """Note that a push is leaving; the oldest acknowledged ones are forgotten."""
        push.deliveries += 1
        push.pushed_at = now
        self.unacked.pop(push.mid, None)
        self.unacked[push.mid] = push
        self.seen[push.mid] = push
        if len(self.seen) > remember:
            oldest = next(iter(self.seen))
            if oldest not in self.unacked:
                del self.seen[oldest]

    def acked(self, mid: str) -> Push | None:
        """Count an acknowledgement; None: nothing of that ``mid`` was pushed here."""
        push = self.seen.get(mid)
        if push is None:
            return None
        push.acks += 1
        self.unacked.pop(mid, None)
        if push.entries:
            awaited = self.account.awaited
            for entry in push.entries:
                if entry.message_id is not None and awaited.pop(entry.message_id, False):
                    self.account.acked_messages += 1
            push.entries = ()  # a flood must not be kept in memory
            push.body = ""
        return push


class Account:
    """One account of the platform."""

    def __init__(self, user_id: str, *, device_id: str | None, cookie: str) -> None:
        self.user_id = user_id
        self.token = ""
        self.device_id = device_id
        self.cookie = cookie
        self.fingerprint = -(int(hashlib.sha256(user_id.encode()).hexdigest()[:7], 16) + 1)
        self.conversations: dict[str, Conversation] = {}
        self.sessions: list[Session] = []
        self.owed: list[Entry] = []
        self.awaited: dict[str, bool] = {}
        self.acked_messages = 0
        self.own: list[Own] = []
        self.pts = 0
        self.states: deque[bytes] = deque(maxlen=64)
        self.claimed: list[Mapping[str, Any]] = []
        self.dids: dict[str, str] = {}
        self._last_ms = 0

    @property
    def session(self) -> Session | None:
        """The one that gets the pushes: the newest."""
        return self.sessions[-1] if self.sessions else None

    @property
    def unacked(self) -> list[str]:
        """Ids of messages that were pushed, or are owed, and never acknowledged."""
        return list(self.awaited)

    def owe(self, entries: Sequence[Entry]) -> None:
        """Remember entries to push after the next registration, each once."""
        for entry in entries:
            if entry.message_id is not None:
                self.awaited[entry.message_id] = True
        kept = {entry.data: entry for entry in (*self.owed, *entries) if not entry.transient}
        self.owed = list(kept.values())

    def collect(self) -> list[Entry]:
        """Return what is owed and was not acknowledged meanwhile; it is owed no more."""
        owed, self.owed = self.owed, []
        return [e for e in owed if e.message_id is None or e.message_id in self.awaited]

    def leave(self, session: Session, *, owe: bool) -> None:
        """Forget a session, if wanted not what it never acknowledged."""
        if session not in self.sessions:
            return
        self.sessions.remove(session)
        if owe:
            pushes = [push for push in session.unacked.values() if push.lwp == "/s/sync"]
            self.owe([entry for push in pushes for entry in push.entries])
        session.unacked = {}

    def arouse(self, now_ms: int) -> list[Entry]:
        """Return the batch a registration is followed by: old entries, again each time."""
        talks = list(self.conversations.values())[-_AROUSED:]
        return [
            arouse(
                talk.id,
                account_id=self.user_id,
                peer_id=talk.peer_id,
                item_id=talk.item_id,
                created_at_ms=min(talk.created_at_ms, now_ms),
            )
            for talk in talks
        ]

    def advance(self, created_at_ms: int, entries: int) -> int:
        """Move the sync stream and give its position (``protocol.md`` 6.2)."""
        self.pts = max(self.pts + entries, created_at_ms * 1000)
        return self.pts

    def tick(self, now_ms: int) -> int:
        """Return a create time no earlier message of the account has."""
        self._last_ms = max(self._last_ms + 1, now_ms)
        return self._last_ms


class Ids:
    """Source of ids that look like the platform's: unique, reproducible, out of order."""

    def __init__(self) -> None:
        self._messages: Iterator[int] = count(1)
        self._others: Iterator[int] = count(1)

    def message(self) -> str:
        """Return ``N.PNM``; not ordered in time, as on the wire (``protocol.md`` 3)."""
        return f"35{next(self._messages) * 61_803_398_877 % 10**11:011d}.PNM"

    def business(self) -> str:
        """Return 32 hex digits."""
        return f"{next(self._others) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"

    def order(self) -> str:
        """Return 19 digits."""
        return f"25{next(self._others) * 61_803_398_874_989_487 % 10**17:017d}"

    @staticmethod
    @lru_cache(maxsize=100_000)
    def conversation(account: str, peer: str) -> str:
        """Return 11 digits, always the same for a pair."""
        digest = hashlib.sha256(f"{account}/{peer}".encode()).digest()
        return f"5{int.from_bytes(digest[:8], 'big') % 10**10:010d}"
