"""The genuine wire shapes of the platform, from plain values (``protocol.md`` 9 to 15).

A :class:`Message` is what lies in the history; :func:`entry_of` gives its push form and
:func:`history_model` its history form, so that both routes tell the same. Entries without
a message (receipts, typing, markers) have a function each; trade cards are in ``orders.py``.
No clock, no ids, no state.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from gateway.testing.platform.packing import Packable, pack

DOMAIN = "@goofish"
APP_KEY = "444e9908a51d1cb236a27862abc769c9"

MESSAGE = 40000
TYPING = 40006
READ_RECEIPT = 40103
READ_RECEIPTS = 40102
EXTENSION_UPDATE = 40105
AROUSE = 370000

_TEXT, _IMAGE = 1, 2


def json_text(value: object) -> str:
    """Return compact JSON with the characters as they are."""
    return msgspec.json.encode(value).decode()


class Phone(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The personal data a phone's message carries."""

    client_ip: str = "203.0.113.7"
    port: str = "50123"
    umid: str
    umid_token: str
    utdid: str

    @classmethod
    def of(cls, user_id: str) -> Phone:
        """Make a phone that is always the same for a user."""
        digest = hashlib.sha256(user_id.encode()).hexdigest()
        return cls(umid="WV" + digest[:31], umid_token=digest[:32], utdid=digest[32:56])


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message of a conversation, as the platform keeps it.

    Attributes:
        message_id: ``N.PNM``.
        conversation_id: Without the domain.
        sender_id: Without the domain.
        created_at_ms: Server time.
        content_type: ``protocol.md`` 12.2.
        content: JSON text.
        summary: What a notification shows.
        nick: ``reminderTitle``.
        business_id: 32 hex digits, another id of the same message.
        item_id: What the conversation is about.
        system: ``android``, ``ios`` or ``web``.
        app_version: Left out of the extension where empty.
        phone: Personal data of a phone; None: none.
        masked_nick: ``peerUserNick`` of the link, as some captures have it.
        receivers: 2 on messages of people, 1 on cards and tips.
        needs_push: ``"false"`` on the wire for own messages and tips.
        extension: Replaces the one made from the fields above; cards have their own.
    """

    message_id: str
    conversation_id: str
    sender_id: str
    created_at_ms: int
    content: str
    summary: str
    content_type: int = _TEXT
    nick: str = ""
    business_id: str = ""
    item_id: str = ""
    system: str = "web"
    app_version: str = "1.0"
    phone: Phone | None = None
    masked_nick: str = ""
    receivers: int = 2
    needs_push: bool = True
    extension: Mapping[str, str] | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a push, ready for the wire.

    Attributes:
        data: The ``data`` field: base64, or JSON text.
        object_type: What it is.
        biz_type: 40, or 370 for session arouse.
        message_id: Of the message it carries; None where it carries none.
        created_at_ms: Server time.
        transient: It has no place in the sequence (``/s/para``).
    """

    data: str
    object_type: int = MESSAGE
    biz_type: int = 40
    message_id: str | None = None
    created_at_ms: int = 0
    transient: bool = False

    def wire(self) -> str:
        """Return the JSON object that stands in ``syncPushPackage.data``."""
        data = self.data
        quoted = json_text(data) if '"' in data or "\n" in data or "\\" in data else f'"{data}"'
        tail = ',"syncId":""}' if self.transient else "}"
        return (
            f'{{"bizType":{self.biz_type},"data":{quoted},"streamId":"{self.biz_type}",'
            f'"objectType":{self.object_type}{tail}'
        )


def base64_text(data: bytes) -> str:
    """Return base64 without a line end."""
    return binascii.b2a_base64(data, newline=False).decode()


# --- contents -------------------------------------------------------------------------


def text_content(text: str, *, phone: bool = True) -> str:
    """Return content type 1; phones add ``atUsers``."""
    quoted = json_text(text)
    users = '"atUsers":[],' if phone else ""
    return f'{{{users}"contentType":1,"text":{{"text":{quoted}}}}}'


def image_content(url: str, *, width: int, height: int) -> str:
    """Return content type 2 with one picture that is already uploaded."""
    picture = {"height": height, "type": 0, "url": url, "width": width}
    return json_text({"atUsers": [], "contentType": _IMAGE, "image": {"pics": [picture]}})


# --- messages -------------------------------------------------------------------------


def chat_extension(message: Message) -> dict[str, str]:
    """Return field ``1.10`` of a message of a person, keys in the captures' order."""
    business_id, summary, phone = message.business_id, message.summary, message.phone
    about = f'"messageId":"{business_id}"'
    device = f'"utdid":"{phone.utdid}",' if phone else ""
    token = f',"umidToken":"{phone.umid_token}"' if phone else ""
    nick = f"&peerUserNick={message.masked_nick}" if message.masked_nick else ""
    fields = {"_appVersion": message.app_version} if message.app_version else {}
    fields["_platform"] = message.system
    fields["bizTag"] = f'{{"sourceId":"S:1",{about}}}'
    if phone:
        fields["clientIp"] = phone.client_ip
    fields["detailNotice"] = summary
    fields["extJson"] = f'{{"quickReply":"1",{device}{about}{token},"tag":"u"}}'
    if phone:
        fields["port"] = phone.port
    fields["reminderContent"] = summary
    fields["reminderNotice"] = "发来一条新消息"
    fields["reminderTitle"] = message.nick
    fields["reminderUrl"] = (
        f"fleamarket://message_chat?itemId={message.item_id}&peerUserId={message.sender_id}{nick}"
        f"&sid={message.conversation_id}&messageId={business_id}&adv=no"
    )
    fields["senderUserId"] = message.sender_id
    fields["senderUserType"] = "0"
    fields["sessionType"] = "1"
    if phone:
        fields["umid"] = phone.umid
        fields["umidToken"] = phone.umid_token
        fields["utdid"] = phone.utdid
    return fields


def message_map(message: Message) -> Mapping[int, Packable]:
    """Return the map of ``protocol.md`` 12.1."""
    extension = message.extension
    return {
        1: {
            1: {1: message.sender_id + DOMAIN},
            2: message.conversation_id + DOMAIN,
            3: message.message_id,
            4: 0,
            5: message.created_at_ms,
            6: {
                1: 101,
                3: {1: "", 2: message.summary, 3: "", 4: message.content_type, 5: message.content},
            },
            7: message.receivers,
            8: 1,
            9: 0,
            10: chat_extension(message) if extension is None else extension,
            12: 1,
        },
        3: {"needPush": "true" if message.needs_push else "false"},
    }


def entry_of(message: Message) -> Entry:
    """Return the push form of a message."""
    return Entry(
        data=base64_text(pack(message_map(message))),
        message_id=message.message_id,
        created_at_ms=message.created_at_ms,
    )


def history_model(message: Message, *, read: bool = False) -> dict[str, object]:
    """Return the history form of a message (``protocol.md`` 15)."""
    extension = message.extension
    custom = {
        "summary": message.summary,
        "data": base64_text(message.content.encode()),
        "type": message.content_type,
    }
    return {
        "readStatus": 2 if read else 1,
        "userExtension": {"needPush": "true" if message.needs_push else "false"},
        "recallFeature": {"showRecallStatusSetting": 1, "operatorType": 0},
        "message": {
            "extension": chat_extension(message) if extension is None else extension,
            "messageId": message.message_id,
            "unreadCount": 0 if read else 1,
            "msgReadStatusSetting": 1,
            "createAt": message.created_at_ms,
            "content": {"custom": custom, "contentType": 101},
            "displayStyle": 0,
            "redPointPolicy": 0,
            "sender": {"uid": message.sender_id + DOMAIN, "tag": 0},
            "receiverCount": message.receivers,
            "cid": message.conversation_id + DOMAIN,
        },
        "msgStatus": 1,
    }


# --- entries without a message --------------------------------------------------------


def entry_from(value: Mapping[int, Packable], object_type: int, created_at_ms: int) -> Entry:
    """Return the entry of any payload."""
    data = base64_text(pack(value))
    return Entry(data=data, object_type=object_type, created_at_ms=created_at_ms)


def read_receipt(conversation_id: str, message_ids: Sequence[str], created_at_ms: int) -> Entry:
    """Return a read receipt: of one message as 40103, of several as 40102."""
    cid = conversation_id + DOMAIN
    if len(message_ids) == 1:
        single: Mapping[int, Packable] = {
            1: message_ids[0],
            2: 2,
            3: 0,
            4: cid,
            5: 1,
            6: created_at_ms,
        }
        return entry_from(single, READ_RECEIPT, created_at_ms)
    several: Mapping[int, Packable] = {1: tuple(message_ids), 2: 2, 3: cid, 4: 1, 5: created_at_ms}
    return entry_from(several, READ_RECEIPTS, created_at_ms)


def marker(conversation_id: str, message_id: str, created_at_ms: int) -> Entry:
    """Return "something about this message"."""
    value: Mapping[int, Packable] = {
        1: conversation_id + DOMAIN,
        2: 1,
        3: message_id,
        4: created_at_ms,
    }
    return entry_from(value, MESSAGE, created_at_ms)


def typing(conversation_id: str, account_id: str, *, on: bool) -> Entry:
    """Return the transient typing signal; it names the logged-in account (12.3)."""
    signal: dict[int, Packable] = {
        1: conversation_id + DOMAIN,
        2: 1,
        3: int(on),
        4: account_id + DOMAIN,
    }
    data = base64_text(pack({1: (signal,)}))
    return Entry(data=data, object_type=TYPING, transient=True)


def arouse(
    conversation_id: str, *, account_id: str, peer_id: str, item_id: str, created_at_ms: int
) -> Entry:
    """Return a session-arouse entry, as ``/s/vulcan`` brings after a registration."""
    extensions = {
        "extUserType": "0",
        "itemTitle": "测试商品",
        f"squadId_{account_id}": item_id,
        "extUserId": peer_id,
        "ownerUserType": "0",
        "itemId": item_id,
        "itemFeatures": '{"idle_cat_leaf":"126860375"}',
        "itemSellerId": account_id,
        "ownerUserId": account_id,
    }
    info = {
        "residentFunctions": [],
        "arouseTimeStamp": created_at_ms,
        "arouseChatScriptInfo": [],
    }
    value = {
        "chatType": 1,
        "incrementType": 1,
        "operation": {
            "content": {
                "contentType": 8,
                "sessionArouse": {
                    "memberFlags": 0,
                    "needKeyBoard": True,
                    "sessionArouseInfo": info,
                },
            },
            "receiverIds": [account_id],
            "sessionInfo": {
                "createTime": created_at_ms,
                "extensions": extensions,
                "groupOwnerId": account_id,
                "sessionId": conversation_id,
                "sessionType": 1,
                "type": 1,
            },
        },
        "sessionId": conversation_id,
    }
    data = base64_text(msgspec.json.encode(value))
    return Entry(data=data, object_type=AROUSE, biz_type=370, created_at_ms=created_at_ms)
