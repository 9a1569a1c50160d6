"""Ties sockets, memory, faults and records together. Everything here runs under one lock.

Bytes of a connection become requests, requests become replies and pushes, and on every
step a rule of the fault book may step in.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from actors.ports import Beaten, PeerClosed, Pinged, WireBroken
from gateway.testing.faults import actions
from gateway.testing.faults.actions import AnyAction
from gateway.testing.faults.rules import FaultBook
from gateway.testing.platform.accounts import PACKAGE_MAX, Account, Behaviour, Push, Session
from gateway.testing.platform.answers import Model
from gateway.testing.platform.calls import BEAT, REGISTER, Answered, Call, Reply
from gateway.testing.platform.delivery import Delivery
from gateway.testing.platform.handshake import Upgrade, response, switching
from gateway.testing.platform.link import Link
from gateway.testing.platform.logbook import ConnectionLog, Logbook
from gateway.testing.platform.peer import Peer
from gateway.testing.platform.server import Server
from gateway.testing.platform.shapes import Entry

_decode = msgspec.json.Decoder(Call).decode


class Engine:
    """The platform at work; the hooks of its server.

    Args:
        lock: Held by every caller.
        behaviour: What is not established about the platform.
        beat_limit_s: Heartbeats further apart are a breach.
        unix_ms: Wall time.
    """

    def __init__(
        self,
        lock: threading.Condition,
        *,
        behaviour: Behaviour,
        beat_limit_s: float | None,
        unix_ms: Callable[[], int],
    ) -> None:
        self.lock = lock
        self.behaviour = behaviour
        self.model = Model(behaviour)
        self.delivery = Delivery(self.model, behaviour, unix_ms)
        self.book = FaultBook()
        self.recorder = Logbook(beat_limit_s=beat_limit_s)
        self.unix_ms = unix_ms
        self.server: Server | None = None
        self.peers: dict[int, Peer] = {}
        self.dials: deque[float] = deque(maxlen=1_000_000)
        self._dialed: dict[str, int] = {}
        self.on_ack: list[Callable[[Session, Push], None]] = []

    # --- hooks of the server ------------------------------------------------------

    def accepted(self, link: Link) -> None:
        """Begin the record of a connection."""
        now = time.monotonic()
        log = ConnectionLog(link.number, now)
        self.dials.append(now)
        self.recorder.logs.append(log)
        peer = Peer(link, log, self.book, owe=self.behaviour.redeliver_on_reconnect)
        self.peers[link.number] = peer
        action = peer.match("accept")
        if action is not None:
            peer.suffer(action)

    def upgrading(self, link: Link, upgrade: Upgrade, rest: bytes) -> None:
        """Answer the upgrade, or do what a rule wants."""
        peer = self.peers[link.number]
        peer.log.path, peer.log.headers = upgrade.path, upgrade.headers
        if upgrade.account is not None:
            self._belongs(peer, upgrade.account)
        action = peer.match("upgrade")
        if isinstance(action, actions.Delay):
            peer.link.loop.call_later(
                action.by_s, partial(self._upgrade, peer, upgrade, rest, None)
            )
        else:
            self._upgrade(peer, upgrade, rest, action)

    def arrived(self, link: Link, data: bytes) -> None:
        """Take the frames of a gulp one by one."""
        peer = self.peers[link.number]
        wire = link.wire
        if wire is None:
            return
        for item in wire.feed(data):
            if link.state not in ("open", "drain"):
                return
            if isinstance(item, str | bytes):
                self._frame(peer, item)
            elif isinstance(item, Pinged):
                self._ping(peer, item.payload)
            elif isinstance(item, Beaten):
                peer.log.pongs += 1
            elif isinstance(item, PeerClosed):
                peer.log.close_code = item.code
                link.write(wire.close(item.code or 1000))
                link.finish("closed")
            elif isinstance(item, WireBroken):
                self.recorder.breach(peer.log, "wire_broken", f"{item.reason}: {item.detail}")
                link.write(wire.close(item.code, item.reason))
                link.finish("broken")

    def ended(self, link: Link, how: str) -> None:
        """End the record of a connection."""
        peer = self.peers.pop(link.number)
        peer.log.ended_at = time.monotonic()
        peer.log.end = how
        peer.leave()

    # --- the upgrade --------------------------------------------------------------

    def _belongs(self, peer: Peer, account: str) -> None:
        """Note whose connection it is, and number it."""
        if peer.account != account:
            peer.account = peer.log.account = account
            peer.of_account = self._dialed[account] = self._dialed.get(account, 0) + 1

    def _upgrade(self, peer: Peer, upgrade: Upgrade, rest: bytes, action: AnyAction | None) -> None:
        link = peer.link
        if isinstance(action, actions.Refuse):
            link.write(response(action.status, action.headers, action.body))
            link.finish("refused")
            return
        if action is not None and peer.suffer(action):
            return
        if upgrade.wrong is not None:
            self.recorder.breach(peer.log, "bad_upgrade", upgrade.wrong)
            link.write(response(400, {"Sec-WebSocket-Version": "13"}, upgrade.wrong))
            link.finish("refused")
            return
        more = action.headers if isinstance(action, actions.Headers) else {}
        honest = not isinstance(action, actions.BadAccept)
        head = switching(upgrade, honest=honest, more=more)
        if isinstance(action, actions.Drip):
            self._drip(peer, head, action, rest)
            return
        link.write(head)
        self._open(peer, rest)

    def _open(self, peer: Peer, rest: bytes) -> None:
        peer.log.upgraded_at = time.monotonic()
        peer.link.opened()
        if rest:
            self.arrived(peer.link, rest)

    def _drip(self, peer: Peer, head: bytes, drip: actions.Drip, rest: bytes) -> None:
        peer.link.write(head[: drip.size_bytes])
        head = head[drip.size_bytes :]
        if head:
            peer.link.loop.call_later(drip.every_s, partial(self._drip, peer, head, drip, rest))
        elif peer.link.state == "head":
            self._open(peer, rest)

    # --- frames in ----------------------------------------------------------------

    def _ping(self, peer: Peer, payload: bytes) -> None:
        action = peer.match("ping")
        if not self.behaviour.answer_pings:
            return
        if isinstance(action, actions.Delay):
            peer.link.loop.call_later(action.by_s, partial(peer.pong, payload))
        elif action is None or not peer.suffer(action):
            peer.pong(payload)

    def _frame(self, peer: Peer, raw: str | bytes) -> None:
        try:
            call = _decode(raw)
        except msgspec.MsgspecError:
            self.recorder.breach(peer.log, "not_a_frame", "a frame is not a JSON object of ours")
            return
        if call.lwp is None:
            self._ack(peer, call)
            return
        if peer.closing or peer.link.state != "open":
            return
        peer.log.requests[call.lwp] += 1
        if call.lwp == BEAT:
            peer.log.beat(time.monotonic())
        action = peer.match("request", call.lwp)
        if action is None:
            self._request(peer, call)
        elif isinstance(action, actions.Answer):
            reply = Reply(call.mid, action.code or 200, {"dt": "j"}, action.body)
            reply.headers.update(action.headers)
            peer.say(reply.text())
        elif isinstance(action, actions.Delay):
            peer.link.loop.call_later(action.by_s, partial(self._request, peer, call))
        elif not peer.suffer(action):
            self._request(peer, call)

    def _ack(self, peer: Peer, call: Call) -> None:
        log, session = peer.log, peer.session
        log.acks += 1
        sent = session.seen.get(call.mid) if session is not None else None
        if session is not None and sent is not None:
            for heard in self.on_ack:
                heard(session, sent)  # before an acknowledged push forgets its entries
        push = session.acked(call.mid) if session is not None else None
        if session is None or push is None:
            self.recorder.breach(log, "unknown_ack", f"mid {call.mid!r} was not pushed here")
            return
        log.last_ack_s = time.monotonic() - push.pushed_at
        if push.acks > push.deliveries:
            detail = f"mid {push.mid!r} went out {push.deliveries}×, {push.acks} acks came"
            self.recorder.breach(log, "acked_twice", detail)
        if str(call.code) != "200":
            self.recorder.breach(log, "bad_ack", f"code {call.code!r} for mid {push.mid!r}")
        if call.headers.get("sid") != session.sid:
            self.recorder.breach(log, "bad_ack", f"the sid for mid {push.mid!r} is not ours")

    def _request(self, peer: Peer, call: Call) -> None:
        if peer.link.state != "open" or peer.closing:
            return
        now_ms = self.unix_ms()
        if call.lwp == REGISTER:
            answered = self.model.register(call, connection=peer.link.number, now_ms=now_ms)
        else:
            answered = self.model.answer(peer.session, call, now_ms)
        for rule, detail in answered.broken:
            self.recorder.breach(peer.log, rule, detail)
        if answered.session is not None:
            self._registered(peer, call, answered, answered.session)
        self._reply(peer, call, answered.reply)
        if answered.session is not None:
            wait_s = self.behaviour.ready_after_s
            if wait_s:
                peer.link.loop.call_later(wait_s, partial(self._ready, peer))
            else:
                self._ready(peer)
        account = peer.session.account if peer.session is not None else None
        if account is not None and answered.pushed:
            self.push(account, answered.pushed)
        if account is not None and answered.to_others:
            for session in account.sessions:
                other = self.peers.get(session.number)
                if other is not None and other is not peer and session.ready and not session.muted:
                    self.delivery.packages(other, session, answered.to_others)

    def push(
        self,
        account: Account,
        entries: Sequence[Entry],
        *,
        package: int = PACKAGE_MAX,
        lwp: str = "/s/sync",
    ) -> bool:
        """Push entries to the newest ready session; False: there is none, see ``backlog``."""
        session = account.session
        peer = self.peers.get(session.number) if session is not None else None
        if session is None or peer is None or not session.ready or session.muted:
            if self.behaviour.backlog == "push":
                account.owe(entries)
            return False
        self.delivery.packages(peer, session, entries, package=package, lwp=lwp)
        return True

    def _reply(self, peer: Peer, call: Call, reply: Reply) -> None:
        action = peer.match("reply", call.lwp)
        if isinstance(action, actions.Answer):
            reply = Reply(
                reply.mid,
                reply.code if action.code is None else action.code,
                {**reply.headers, **action.headers},
                reply.body if action.body is None else action.body,
            )
            action = None
        if action is None:
            peer.say(reply.text())
        else:
            peer.mangle(reply.text(), action)

    # --- sessions -----------------------------------------------------------------

    def _registered(self, peer: Peer, call: Call, answered: Answered, session: Session) -> None:
        account = session.account
        peer.leave()
        peer.session = session
        self._belongs(peer, account.user_id)
        log = peer.log
        log.registered_at = time.monotonic()
        log.registration = {name: str(value) for name, value in call.headers.items()}
        log.sid = session.sid
        rivals = [one for one in account.sessions if one is not session]
        if rivals:
            self.recorder.breach(
                log, "two_sessions", f"connection {rivals[0].number} is registered as well"
            )
        self._own_credentials(log, account, session)
        for rival in answered.displaced:
            other = self.peers.get(rival.number)
            if other is not None:
                other.expel(removed=self.behaviour.second_session == "remove")

    def _own_credentials(self, log: ConnectionLog, account: Account, session: Session) -> None:
        cookie = log.headers.get("cookie", "")
        for owner in self.model.cookie_owners(cookie) - {account.user_id}:
            self.recorder.breach(log, "foreign_cookie", f"it carries a cookie of {owner}")
        known = account.dids.setdefault(account.token, session.did)
        if known != session.did:
            self.recorder.breach(log, "device_changed", "the token is the same, the did is not")

    def _ready(self, peer: Peer) -> None:
        session = peer.session
        if session is None or peer.link.state != "open":
            return
        session.ready = True
        self.delivery.begin(peer, session)

    def wake(self) -> None:
        """Make the server's thread write what is waiting."""
        if self.server is not None:
            self.server.wake()
