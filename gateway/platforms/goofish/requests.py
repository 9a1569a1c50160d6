"""Makes our requests: registration, heartbeat, messages, reads (protocol 3, 5, 6, 7, 14, 15)."""

from __future__ import annotations

import base64
import uuid
from typing import Any
from urllib.parse import unquote

import msgspec

from actors.values import Content, Delivery, Request
from gateway.platforms.goofish.fields import with_suffix

APP_KEY = "444e9908a51d1cb236a27862abc769c9"
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/133.0.0.0 Safari/537.36"
)
_DINGTALK = (
    " DingTalk(2.1.5) OS(Windows/10) Browser(Chrome/133.0.0.0) DingWeb/2.1.5 IMPaaS DingWeb/2.1.5"
)
NEWEST = 9007199254740991
"""First cursor of both lists: 2**53 - 1."""


_encode = msgspec.json.Encoder().encode


def upgrade_headers(user_agent: str | None) -> dict[str, str]:
    """Return the headers of the WebSocket upgrade (protocol 1); the cookie is not among them."""
    return {
        "Origin": "https://www.goofish.com",
        "User-Agent": user_agent or BROWSER,
        "Pragma": "no-cache",
        "Cache-Control": "no-cache",
        "Accept-Language": "zh-CN,zh;q=0.9",
    }


def new_mid(now_ms: int, draw: float) -> str:
    """Return ``<0..999><13-digit ms> 0`` (protocol 3)."""
    return f"{int(draw * 1000)}{now_ms} 0"


def new_uuid(now_ms: int, draw: float) -> str:
    """Return ``-<13-digit ms><digit>`` (protocol 3)."""
    return f"-{now_ms}{int(draw * 10)}"


def derived_device_id(user_id: str) -> str:
    """Return the device id of an account that has none configured; always the same one."""
    made = uuid.uuid5(uuid.NAMESPACE_URL, f"https://www.goofish.com/device/{user_id}")
    return f"{made}".upper() + "-" + user_id


def register(mid: str, *, token: str, device_id: str, user_agent: str | None) -> Request:
    """Register; all of it stands in headers (protocol 5)."""
    return _request(
        "/reg",
        mid,
        headers={
            "cache-header": "app-key token ua wv",
            "app-key": APP_KEY,
            # The official page decodes it once; a token without % is the same either way.
            "token": unquote(token),
            "ua": (user_agent or BROWSER) + _DINGTALK,
            "dt": "j",
            "wv": "im:3,au:3,sy:6",
            "sync": "0,0;0;0;",
            "did": device_id,
        },
    )


def beat(mid: str) -> Request:
    """Return a heartbeat (protocol 7)."""
    return _request("/!", mid)


def send(mid: str, delivery: Delivery, self_id: str) -> Request:
    """Send a text or an uploaded image (protocol 14).

    Raises:
        ValueError: The delivery names no addressee, or holds nothing.
    """
    if not delivery.to:
        raise ValueError(
            "goofish needs the other user's id to send: give to=…, e.g. the sender_id of the event"
        )
    content_type, content = _content(delivery.content)
    message = {
        "uuid": delivery.uuid,
        "cid": with_suffix(delivery.conversation_id),
        "conversationType": 1,
        "content": {
            "contentType": 101,
            "custom": {
                "type": content_type,
                "data": base64.b64encode(_encode(content)).decode(),
            },
        },
        "redPointPolicy": 0,
        "extension": {"extJson": "{}"},
        "ctx": {"appVersion": "1.0", "platform": "web"},
        "mtags": {},
        "msgReadStatusSetting": 1,
    }
    receivers = {"actualReceivers": [with_suffix(delivery.to), with_suffix(self_id)]}
    return _request("/r/MessageSend/sendByReceiverScope", mid, [message, receivers])


def get_state(mid: str) -> Request:
    """Ask where the sync stream stands (protocol 6.1)."""
    return _request("/r/SyncStatus/getState", mid, [{"topic": "sync"}])


def ack_diff(mid: str, state: bytes) -> Request:
    """Acknowledge a state, byte for byte as it came (protocol 6.1, 17.5)."""
    return _request("/r/SyncStatus/ackDiff", mid, [msgspec.Raw(state)])


def list_conversations(mid: str, cursor: int | None, limit: int) -> Request:
    """Ask for a page of conversations (protocol 15)."""
    body = [NEWEST if cursor is None else cursor, limit]
    return _request("/r/Conversation/listNewestPagination", mid, body)


def list_messages(mid: str, conversation_id: str, cursor: int | None, limit: int) -> Request:
    """Ask for a page of a conversation's history (protocol 15); ``limit`` up to 100."""
    start = NEWEST if cursor is None else cursor
    body = [with_suffix(conversation_id), False, start, limit, False]
    return _request("/r/MessageManager/listUserMessages", mid, body)


def _content(content: Content) -> tuple[int, dict[str, Any]]:
    if content.text is not None:
        return 1, {"contentType": 1, "text": {"text": content.text}}
    if content.image_url is None:
        raise ValueError("goofish sends a text or an image; the content holds neither")
    picture = {
        "height": content.height,
        "type": 0,
        "url": content.image_url,
        "width": content.width,
    }
    return 2, {"contentType": 2, "image": {"pics": [picture]}}


def _request(
    lwp: str, mid: str, body: list[Any] | None = None, *, headers: dict[str, str] | None = None
) -> Request:
    frame: dict[str, Any] = {"lwp": lwp, "headers": {**(headers or {}), "mid": mid}}
    if body is not None:
        frame["body"] = body
    return Request(mid=mid.partition(" ")[0], payload=_encode(frame).decode())
