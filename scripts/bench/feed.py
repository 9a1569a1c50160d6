"""What the feed server says and expects: pushes in the platform's shape, acknowledgements.

No socket here. The shapes are those of ``protocol.md`` 2, 5, 7, 9, 10 and 12.1; the sizes
are those of the captured text message (0.95 KB of MessagePack, 1.6 KB a frame).
"""

from __future__ import annotations

import base64
import functools
import json
import struct
import time
from collections.abc import Iterable
from typing import Any

APP_KEY = "444e9908a51d1cb236a27862abc769c9"
UA = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/133.0.0.0 Safari/537.36 DingTalk(2.1.5) OS(Windows/10) Browser(Chrome/133.0.0.0) "
    "DingWeb/2.1.5 IMPaaS DingWeb/2.1.5"
)
CONVERSATIONS = 50
GREETING_MID = "ffffffff 0"
BASE_MS = time.time_ns() // 1_000_000
"""When the feed begins; what is older than the journal's horizon would not be handled."""

_TIME_MS = 1_751_448_127_515
"""Stands in the template for the time; none of its bytes is a per cent sign."""

_DIGITS = {
    "text": "000000" + "0" * 20 + "0" * 11 + " 在吗？",
    "biz": "f" * 32,
    "message": "3553511850544",
    "conversation": "58936843124",
    "sender": "2280964796282",
}


def user_id(account: int) -> str:
    """Return the platform's id of an account; 10 digits, none of the senders'."""
    return f"3{account:09d}"


def token(account: int) -> str:
    """Return the token an account registers with; it is how the server knows it."""
    return f"bench-token-{account}"


def sid(account: int) -> str:
    """Return the session id of an account; 44 hex digits."""
    return f"7f958ee5b48108f50ba28e1df842dd7c{account:012x}"


def push_mid(account: int, package: int) -> str:
    """Return the mid of a push, distinct over accounts: 8 hex digits, space, zero."""
    return f"{account:04x}{package + 1:04x} 0" if package < 0xFFFF else f"a{account:x}{package:x} 0"


def _message() -> dict[int, Any]:
    text, biz, conversation, sender = (
        _DIGITS[name] for name in ("text", "biz", "conversation", "sender")
    )
    extension = {
        "_platform": "web",
        "_appVersion": "1.0",
        "bizTag": f'{{"sourceId":"S:1","messageId":"{biz}"}}',
        "detailNotice": text,
        "extJson": f'{{"quickReply":"1","messageId":"{biz}","tag":"u"}}',
        "reminderContent": text,
        "reminderNotice": "发来一条新消息",
        "reminderTitle": "测试示例文字替换",
        "reminderUrl": "fleamarket://message_chat?itemId=782945234675"
        f"&peerUserId={sender}&sid={conversation}&messageId={biz}&adv=no",
        "senderUserId": sender,
        "senderUserType": "0",
        "sessionType": "1",
    }
    content = f'{{"atUsers":[],"contentType":1,"text":{{"text":"{text}"}}}}'
    return {
        1: {
            1: {1: f"{sender}@goofish"},
            2: f"{conversation}@goofish",
            3: f"{_DIGITS['message']}.PNM",
            4: 0,
            5: _TIME_MS,
            6: {1: 101, 3: {1: "", 2: text, 3: "", 4: 1, 5: content}},
            7: 2,
            8: 1,
            9: 0,
            10: extension,
            12: 1,
        },
        3: {"needPush": "true"},
    }


@functools.cache
def _template() -> bytes:
    # Not above: the clients of other libraries take their names from here and stay without us.
    from gateway.testing.platform.packing import pack  # noqa: PLC0415

    packed = pack(_message()).replace(b"%", b"%%")
    for name, digits in _DIGITS.items():
        packed = packed.replace(digits.encode(), f"%({name})b".encode())
    return packed.replace(struct.pack(">Q", _TIME_MS), b"%(time)b")


def entry(account: int, number: int, conversations: int, sent_ns: int) -> str:
    """Return the ``data`` of one chat message.

    Args:
        account: Whose message.
        number: Which of the account's messages, from 0.
        conversations: The account's messages go round this many conversations.
        sent_ns: ``CLOCK_MONOTONIC`` at sending, or 0; 20 digits in the text after the
            six of the sequence number in its conversation.
    """
    lane = account * CONVERSATIONS + number % conversations
    index = account << 20 | number
    text = f"{number // conversations:06d}{sent_ns:020d}{index:011d} 在吗？"
    packed = _template() % {
        b"text": text.encode(),
        b"biz": b"%032x" % index,
        b"message": b"%013d" % (3_550_000_000_000 + index),
        b"conversation": b"5%010d" % lane,
        b"sender": b"22%011d" % lane,
        b"time": struct.pack(">Q", BASE_MS + number),
    }
    return base64.b64encode(packed).decode()


def push(account: int, package: int, first_seq: int, entries: Iterable[str]) -> bytes:
    """Return one ``/s/sync`` push as an unmasked WebSocket frame."""
    listed = list(entries)
    now_ms = BASE_MS + package
    data = ",".join(
        f'{{"bizType":40,"data":"{data}","streamId":"40","objectType":40000}}' for data in listed
    )
    return ws_frame(
        f'{{"headers":{{"app-key":"{APP_KEY}","mid":"{push_mid(account, package)}","ua":"{UA}",'
        f'"sid":"{sid(account)}"}},"lwp":"/s/sync","body":{{"syncPushPackage":{{"maxHighPts":0,'
        f'"startSeq":{first_seq},"endSeq":{first_seq + len(listed) - 1},'
        f'"minCreateTime":{now_ms},"data":[{data}],"maxPts":{now_ms}000,"hasMore":0,'
        f'"timestamp":{now_ms}}},"syncExtensionModel":{{"reconnectType":0,"failover":0,'
        f'"fingerprint":-898528959}},"syncExtraType":{{"type":0}}}}}}'.encode()
    )


def greeting(account: int) -> bytes:
    """Return the empty ``/s/vulcan`` push that tells a session is ready (protocol.md 5)."""
    headers = {"app-key": APP_KEY, "mid": GREETING_MID, "ua": UA, "sid": sid(account)}
    package = {"data": [], "startSeq": 1, "endSeq": 0, "maxPts": BASE_MS * 1000, "maxHighPts": 0}
    package |= {"minCreateTime": BASE_MS, "hasMore": 0, "timestamp": BASE_MS}
    body = {
        "syncPushPackage": package,
        "syncExtensionModel": {"reconnectType": 1, "failover": 0, "fingerprint": -898528959},
        "syncExtraType": {"type": 3},
    }
    return ws_frame(json.dumps({"lwp": "/s/vulcan", "headers": headers, "body": body}).encode())


def answer(request: dict[str, Any], account: int) -> bytes:
    """Answer a request as the platform does for an account without history."""
    headers = {"dt": "j", "mid": request["headers"]["mid"], "sid": sid(account)}
    body: dict[str, Any] | None = None
    lwp: str = request["lwp"]
    match lwp:
        case "/reg":
            headers |= {"reg-sid": sid(account), "reg-uid": f"{user_id(account)}@goofish"}
            headers |= {"real-ip": "198.51.100.111", "ip-digest": "0" * 32}
            body = {"unitName": "PNM", "cookie": "", "timestamp": BASE_MS, "isFromChina": True}
        case "/!":
            headers = {"mid": headers["mid"], "server-timestamp": str(BASE_MS)}
        case "/r/SyncStatus/getState":
            body = {"pipeline": "sync", "tooLong2Tag": "PNM,1", "channel": "sync", "topic": "sync"}
            body |= {"highPts": 0, "pts": BASE_MS * 1000, "seq": 0, "timestamp": BASE_MS}
        case "/r/Conversation/listNewestPagination" | "/r/MessageManager/listUserMessages":
            body = {"hasMore": 0, "degradeFailover": 0}
        case _:
            pass
    reply = {"headers": headers, "code": 200} | ({} if body is None else {"body": body})
    return ws_frame(json.dumps(reply).encode())


def ws_frame(payload: bytes, opcode: int = 1) -> bytes:
    """Return one unmasked, unfragmented frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
    return head + payload


def unmask(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Undo the client's masking (RFC 6455 5.3)."""
    size = len(payload)
    key = (bytes(mask) * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
