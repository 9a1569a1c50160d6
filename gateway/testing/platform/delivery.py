"""Delivery of pushes: packages, redelivery, and the rules that apply on the way.

Under the platform's lock, like everything around it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from gateway.testing.faults import actions
from gateway.testing.faults.actions import AnyAction
from gateway.testing.platform.accounts import PACKAGE_MAX, Account, Behaviour, Push, Session
from gateway.testing.platform.answers import Model
from gateway.testing.platform.peer import Peer, corrupted
from gateway.testing.platform.shapes import Entry, Message, text_content

STRANGER: Final = "3399"
"""Sender of the texts of the action ``Flood``."""


class Delivery:
    """Pushes to registered connections."""

    def __init__(self, model: Model, behaviour: Behaviour, unix_ms: Callable[[], int]) -> None:
        self._model = model
        self._redeliver_after_s = behaviour.redeliver_after_s
        self._unix_ms = unix_ms

    def begin(self, peer: Peer, session: Session) -> None:
        """Push what follows a registration: the signal, the arousal, what is owed."""
        account, now_ms = session.account, self._unix_ms()
        signal = session.too_long(2)
        self._deliver(peer, session, signal, peer.match("ready", signal.lwp))
        talks = account.arouse(now_ms)
        arouse = session.package("/s/vulcan", talks, now_ms=now_ms, reconnect=True)
        self._deliver(peer, session, arouse, peer.match("ready", arouse.lwp))
        self.packages(peer, session, account.collect(), reconnect=True)

    def packages(
        self,
        peer: Peer,
        session: Session,
        entries: Sequence[Entry],
        *,
        package: int = PACKAGE_MAX,
        lwp: str = "/s/sync",
        reconnect: bool = False,
        harmless: bool = False,
    ) -> None:
        """Push entries in packages of ``package``; ``harmless`` ones no rule bites."""
        now_ms = self._unix_ms()
        awaited = session.account.awaited
        for at in range(0, len(entries), package):
            part = entries[at : at + package]
            for entry in part:
                if entry.message_id is not None:
                    awaited[entry.message_id] = True
            push = session.package(lwp, part, now_ms=now_ms, reconnect=reconnect)
            action = None if harmless else peer.match("push", lwp)
            self._deliver(peer, session, push, action)

    def _deliver(self, peer: Peer, session: Session, push: Push, action: AnyAction | None) -> None:
        if peer.link.state != "open":
            return
        if isinstance(action, actions.Lose):
            return
        if isinstance(action, actions.TooLong):
            self._deliver(peer, session, session.too_long(action.kind), None)
            return
        text = session.text(push)
        now = time.monotonic()
        session.delivered(push, now)
        peer.log.pushes += 1
        peer.log.entries += len(push.entries)
        self._watch_acks(peer)
        if action is None:
            peer.say(text)
            peer.release()
        elif isinstance(action, actions.Duplicate):
            peer.say(text)
            body, entries = push.body, push.entries  # an acknowledged push forgets them
            for _ in range(action.times):
                again = partial(self._again, peer, push, action, body, entries)
                if action.after_s:
                    peer.link.loop.call_later(action.after_s, again)
                else:
                    again()
        elif isinstance(action, actions.Flood):
            peer.say(text)
            texts = self._stranger_texts(session.account, action.count)
            self.packages(peer, session, texts, package=action.package, harmless=True)
        elif isinstance(action, actions.Corrupt):
            peer.say(corrupted(session, push, action))
        else:
            peer.mangle(text, action)

    def _stranger_texts(self, account: Account, count: int) -> list[Entry]:
        """Put ``count`` texts of a stranger into the history; return their push forms."""
        model, now_ms = self._model, self._unix_ms()
        cid = model.ids.conversation(account.user_id, STRANGER)
        talk = model.converse(account, cid, peer_id=STRANGER, item_id="", now_ms=now_ms)
        return [
            model.keep(
                account,
                Message(
                    message_id=model.ids.message(),
                    conversation_id=talk.id,
                    sender_id=STRANGER,
                    created_at_ms=account.tick(now_ms),
                    content=text_content(f"flood {number}"),
                    content_type=1,
                    summary=f"flood {number}",
                    nick="stranger",
                    business_id=model.ids.business(),
                ),
            )
            for number in range(count)
        ]

    @staticmethod
    def _again(
        peer: Peer,
        push: Push,
        action: actions.Duplicate,
        body: str,
        entries: Sequence[Entry],
    ) -> None:
        """Push it once more on the connection it went out on."""
        session = peer.session
        if session is None or peer.link.state != "open":
            return
        again = session.push(push.lwp, body, entries) if action.new_mid else push
        session.delivered(again, time.monotonic())
        peer.say(session.text(again, body))

    def _watch_acks(self, peer: Peer) -> None:
        limit_s = self._redeliver_after_s
        if limit_s is not None and not peer.redelivering:
            peer.redelivering = True
            peer.link.loop.call_later(limit_s, partial(self._redeliver, peer, limit_s))

    def _redeliver(self, peer: Peer, limit_s: float) -> None:
        peer.redelivering = False
        session = peer.session
        if session is None or session.muted or peer.link.state != "open":
            return
        now = time.monotonic()
        for push in list(session.unacked.values()):
            wait_s = push.pushed_at + limit_s - now
            if wait_s > 0:
                peer.redelivering = True
                peer.link.loop.call_later(wait_s, partial(self._redeliver, peer, limit_s))
                return
            self._deliver(peer, session, push, peer.match("push", push.lwp))
        if session.unacked:
            self._watch_acks(peer)
