"""The platform's answers: requests and times in, replies and entries out.

Pure: no sockets, no threads, no clock. Sections of ``protocol.md`` are named where they rule.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec

from gateway.testing.platform.accounts import Account, Behaviour, Conversation, Ids, Own, Session
from gateway.testing.platform.calls import BEAT, Answered, Call, Reply, refused
from gateway.testing.platform.shapes import APP_KEY, DOMAIN, Entry, Message, entry_of, history_model

Judge: TypeAlias = Callable[[str, str, int], Account | str | None]
"""Says of a token, a device id and a time whose it is, or why not; None: it does not know it."""

EXPIRED: Final = "token expired"
WRONG_DEVICE: Final = "device id or appkey is not equal"
"""Why a registration is refused."""

_SEND: Final = "/r/MessageSend/sendByReceiverScope"


class Model:
    """All accounts, and the answers to all requests."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.accounts: dict[str, Account] = {}
        self.ids = Ids()
        self.judges: list[Judge] = []
        self.on_registered: list[Callable[[Session, str], None]] = []
        self._by_token: dict[str, Account] = {}
        self._cookies: dict[str, str] = {}
        self._sent: dict[tuple[str, str], Reply] = {}
        self._calls: Mapping[str, Callable[[Session, Call, int], Answered]] = {
            "/r/SyncStatus/getState": self._get_state,
            "/r/SyncStatus/ackDiff": self._ack_diff,
            "/r/MessageManager/listUserMessages": self._list_messages,
            "/r/Conversation/listNewestPagination": self._list_conversations,
            "/r/MessageStatus/read": self._read,
            "/r/MessageManager/recallMessage": self._recall,
            "/r/Conversation/clearRedPoint": self._clear_red_point,
            "/r/SingleChatConversation/create": self._create,
            _SEND: self._send,
        }

    def open_account(
        self, user_id: str, *, token: str, device_id: str | None, cookie: str
    ) -> Account:
        """Add an account.

        Raises:
            ValueError: The user id or the token is taken.
        """
        if user_id in self.accounts:
            raise ValueError(f"the account {user_id} exists already")
        account = Account(user_id, device_id=device_id, cookie=cookie)
        self.accounts[user_id] = account
        self.issue(account, token)
        for pair in cookie.split(";"):
            self._cookies.setdefault(pair.strip(), user_id)
        return account

    def issue(self, account: Account, token: str) -> None:
        """Give an account another token; its last one expires.

        Raises:
            ValueError: The token is another account's.
        """
        if self._by_token.get(token, account) is not account:
            raise ValueError(f"the token of account {account.user_id} is another account's")
        self._by_token.pop(account.token, None)
        self._by_token[token] = account
        account.token = token

    def cookie_owners(self, cookie: str) -> set[str]:
        """Say whose cookies a ``Cookie`` header carries."""
        pairs = [pair.strip() for pair in cookie.split(";")]
        return {self._cookies[pair] for pair in pairs if pair and pair in self._cookies}

    def converse(
        self, account: Account, cid: str, *, peer_id: str, item_id: str, now_ms: int
    ) -> Conversation:
        """Return the conversation of that id, a new one if need be."""
        known = account.conversations.get(cid)
        if known is None:
            known = account.conversations[cid] = Conversation(
                cid,
                peer_id,
                item_id,
                created_at_ms=now_ms,
                kept=self.behaviour.history_kept,
            )
        return known

    def keep(self, account: Account, message: Message) -> Entry:
        """Put a message into its conversation's history and give its push form."""
        conversation = account.conversations[message.conversation_id]
        conversation.messages.append(message)
        conversation.modified_at_ms = max(conversation.modified_at_ms, message.created_at_ms)
        account.advance(message.created_at_ms, 1)
        return entry_of(message)

    # --- registration (protocol.md 5) ---------------------------------------------

    def _bearer(self, token: str, device_id: str, now_ms: int) -> Account | str:
        """Return whose token it is, or why it is refused."""
        known = self._by_token.get(token)
        if known is not None:
            return known
        verdicts = (judge(token, device_id, now_ms) for judge in self.judges)
        return next((verdict for verdict in verdicts if verdict is not None), EXPIRED)

    def register(self, call: Call, *, connection: int, now_ms: int) -> Answered:
        """Judge a registration."""
        headers, mid = call.headers, call.mid
        token = str(headers.get("token"))
        account = self._bearer(token, str(headers.get("did", "")), now_ms)
        if isinstance(account, str):
            return refused(mid, 401, {"reason": account, "code": "401"})
        wrong_device = account.device_id not in (None, headers.get("did"))
        if wrong_device or headers.get("app-key") != APP_KEY:
            return refused(mid, 401, {"reason": WRONG_DEVICE})
        second = self.behaviour.second_session
        if account.sessions and second == "refuse":
            return refused(mid, 401, {"reason": "connect limit"})
        displaced = () if second in ("allow", "refuse") else tuple(account.sessions)
        digest = hashlib.sha256(f"{account.user_id}/{connection}".encode()).hexdigest()
        session = Session(account, connection, digest[:44], headers)
        account.sessions.append(session)
        for heard in self.on_registered:
            heard(session, token)
        reply = Reply(
            mid,
            headers={
                "ip-digest": digest[:32],
                "dt": "j",
                "reg-sid": session.sid,
                "ip-region-digest": digest[32:],
                "reg-uid": account.user_id + DOMAIN,
                "real-ip": "198.51.100.23",
                "sid": session.sid,
            },
            body={"unitName": "PNM", "cookie": "", "timestamp": now_ms, "isFromChina": True},
        )
        return Answered(reply=reply, session=session, displaced=displaced)

    # --- requests -----------------------------------------------------------------

    def answer(self, session: Session | None, call: Call, now_ms: int) -> Answered:
        """Answer any request but a registration."""
        lwp = call.lwp or ""
        if session is None:
            return refused(call.mid, 401, {"reason": "not registered"})
        if lwp == BEAT:
            return Answered(reply=Reply(call.mid, headers={"server-timestamp": str(now_ms)}))
        if not session.ready:
            return Answered(reply=self._reply(session, call, 400))
        perform = self._calls.get(lwp)
        if perform is None:
            return Answered(reply=self._reply(session, call, 400, {"reason": "unknown path"}))
        try:
            return perform(session, call, now_ms)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            broken = (("bad_request", f"{lwp}: {type(error).__name__}: {error}"),)
            reply = self._reply(session, call, 400, {"reason": "bad arguments"})
            return Answered(reply=reply, broken=broken)

    @staticmethod
    def _reply(session: Session, call: Call, code: int = 200, body: object = None) -> Reply:
        return Reply(call.mid, code, {"dt": "j", "sid": session.sid}, body)

    def _get_state(self, session: Session, call: Call, now_ms: int) -> Answered:
        account = session.account
        state = {
            "pipeline": "sync",
            "tooLong2Tag": "PNM,1",
            "channel": "sync",
            "topic": "sync",
            "highPts": 0,
            "pts": account.pts or now_ms * 1000,
            "seq": session.seqs["/s/sync"],
            "timestamp": now_ms,
        }
        account.states.append(msgspec.json.encode(state, order="deterministic"))
        return Answered(reply=self._reply(session, call, 200, state))

    def _ack_diff(self, session: Session, call: Call, _now_ms: int) -> Answered:
        (state,) = call.body
        given = msgspec.json.encode(state, order="deterministic")
        session.account.claimed.append(state)
        broken: Sequence[tuple[str, str]] = ()
        if given not in session.account.states:
            detail = "ackDiff with a state that getState never gave"
            broken = (("made_up_state", detail),)
        return Answered(reply=self._reply(session, call), broken=broken)

    def _list_messages(self, session: Session, call: Call, _now_ms: int) -> Answered:
        cid, _, cursor, limit, _ = call.body
        conversation = session.account.conversations.get(_bare(cid))
        page = conversation.newest_before(int(cursor), int(limit)) if conversation else []
        if conversation is None or not page:
            body: dict[str, object] = {"hasMore": 0, "degradeFailover": 0}
            return Answered(reply=self._reply(session, call, 200, body))
        models = [history_model(m, read=m.message_id in conversation.read) for m in page]
        oldest = page[-1].created_at_ms
        more = conversation.messages[0].created_at_ms < oldest
        body = {
            "userMessageModels": models,
            "nextCursor": oldest,
            "hasMore": int(more),
            "degradeFailover": 0,
        }
        return Answered(reply=self._reply(session, call, 200, body))

    def _list_conversations(self, session: Session, call: Call, _now_ms: int) -> Answered:
        cursor, limit = (int(number) for number in call.body)
        account = session.account
        older = sorted(
            (c for c in account.conversations.values() if c.modified_at_ms < cursor),
            key=lambda c: c.modified_at_ms,
            reverse=True,
        )
        page = older[:limit]
        while len(page) < len(older) and older[len(page)].modified_at_ms == page[-1].modified_at_ms:
            page.append(older[len(page)])
        body: dict[str, object] = {"hasMore": int(len(older) > len(page))}
        if page:
            body["userConvs"] = [_conversation_model(account, c) for c in page]
            body["nextCursor"] = page[-1].modified_at_ms
        return Answered(reply=self._reply(session, call, 200, body))

    def _read(self, session: Session, call: Call, _now_ms: int) -> Answered:
        wanted = set(call.body[0])
        for conversation in session.account.conversations.values():
            conversation.read |= wanted & {m.message_id for m in conversation.messages}
        return Answered(reply=self._reply(session, call))

    def _recall(self, session: Session, call: Call, _now_ms: int) -> Answered:
        """Take an own message back; it stays in the history, marked."""
        (message_id,) = call.body
        account = session.account
        for conversation in account.conversations.values():
            for message in conversation.messages:
                if (message.message_id, message.sender_id) == (message_id, account.user_id):
                    conversation.recalled.add(message.message_id)
                    return Answered(reply=self._reply(session, call))
        return Answered(reply=self._reply(session, call, 400, {"reason": "no such own message"}))

    def _clear_red_point(self, session: Session, call: Call, _now_ms: int) -> Answered:
        """Call all messages of conversations read; they are given by id, or as ``cid`` of a map."""
        (asked,) = call.body
        for one in asked if isinstance(asked, list) else [asked]:
            cid = one["cid"] if isinstance(one, dict) else one
            conversation = session.account.conversations.get(_bare(cid))
            if conversation is not None:
                conversation.read |= {message.message_id for message in conversation.messages}
        return Answered(reply=self._reply(session, call))

    def _create(self, session: Session, call: Call, now_ms: int) -> Answered:
        asked = call.body[0]
        pair = [_bare(asked["pairFirst"]), _bare(asked["pairSecond"])]
        account = session.account
        peer = pair[0] if pair[1] == account.user_id else pair[1]
        item = str(asked.get("extension", {}).get("itemId", ""))
        cid = self.ids.conversation(account.user_id, peer)
        conversation = self.converse(account, cid, peer_id=peer, item_id=item, now_ms=now_ms)
        body = {"singleChatConversation": _single_chat(account, conversation)}
        return Answered(reply=self._reply(session, call, 200, body))

    # --- sends (protocol.md 14) ---------------------------------------------------

    def _send(self, session: Session, call: Call, now_ms: int) -> Answered:
        account = session.account
        asked, scope = call.body
        uuid = str(asked["uuid"])
        before = self._sent.get((account.user_id, uuid))
        if before is not None and self.behaviour.dedupe_uuid:
            reply = Reply(call.mid, before.code, before.headers, before.body)
            return Answered(reply=reply)
        message = self._own_message(account, asked, scope, now_ms)
        entry = self.keep(account, message)
        content = msgspec.json.decode(message.content)
        account.own.append(
            Own(
                message_id=message.message_id,
                conversation_id=message.conversation_id,
                text=content.get("text", {}).get("text"),
                uuid=uuid,
                connection=session.number,
                created_at_ms=message.created_at_ms,
            )
        )
        model = cast("dict[str, Any]", history_model(message)["message"])
        custom = model["content"]["custom"] | {"title": "", "degrade": ""}
        body = {
            "messageId": message.message_id,
            "uuid": uuid,
            "createAt": message.created_at_ms,
            "content": {"contentType": 101, "custom": custom},
            "extension": model["extension"],
            "receiverCount": 2,
            "unreadCount": 1,
            "msgReadStatusSetting": 1,
            "msgReadStatusDowngrade": 0,
        }
        reply = self._reply(session, call, 200, body)
        self._sent[account.user_id, uuid] = reply
        broken = () if before is None else (("sent_twice", f"uuid {uuid} was accepted again"),)
        echo = self.behaviour.echo
        return Answered(
            reply=reply,
            pushed=(entry,) if echo is True else (),
            to_others=(entry,) if echo == "others" else (),
            broken=broken,
        )

    def _own_message(
        self, account: Account, asked: Mapping[str, Any], scope: Mapping[str, Any], now_ms: int
    ) -> Message:
        cid = _bare(asked["cid"])
        receivers = [_bare(receiver) for receiver in scope["actualReceivers"]]
        peer = next((one for one in receivers if one != account.user_id), "")
        conversation = self.converse(account, cid, peer_id=peer, item_id="", now_ms=now_ms)
        try:
            data = base64.b64decode(asked["content"]["custom"]["data"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"content.custom.data is not base64: {error}") from None
        content = msgspec.json.decode(data)
        kind = int(content["contentType"])
        text = content["text"]["text"] if kind == 1 else "[图片]"
        return Message(
            message_id=self.ids.message(),
            conversation_id=cid,
            sender_id=account.user_id,
            created_at_ms=account.tick(now_ms),
            content=data.decode(),
            content_type=kind,
            summary=text,
            nick=f"shop-{account.user_id}",
            business_id=self.ids.business(),
            item_id=conversation.item_id,
            app_version="",
            needs_push=False,
        )


def _bare(wire_id: str) -> str:
    return wire_id.removesuffix(DOMAIN)


def _single_chat(account: Account, conversation: Conversation) -> dict[str, object]:
    return {
        "cid": conversation.id + DOMAIN,
        "pairFirst": conversation.peer_id + DOMAIN,
        "pairSecond": account.user_id + DOMAIN,
        "bizType": "1",
        "extension": {"itemId": conversation.item_id},
        "createAt": conversation.created_at_ms,
    }


def _conversation_model(account: Account, conversation: Conversation) -> dict[str, object]:
    newest = conversation.messages[-1] if conversation.messages else None
    read, own = conversation.read, account.user_id
    unread = sum(m.message_id not in read and m.sender_id != own for m in conversation.messages)
    chat: dict[str, object] = {
        "singleChatConversation": _single_chat(account, conversation),
        "modifyTime": conversation.modified_at_ms,
        "redPoint": unread,
        "visible": 1,
        "topRank": 0,
        "muteNotification": 0,
        "joinTime": conversation.created_at_ms,
        "user_extension": {},
    }
    if newest is not None:
        chat["lastMessage"] = history_model(newest)
    return {"type": 1, "singleChatUserConversation": chat}
