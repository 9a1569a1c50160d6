"""Decodes answers to our requests (protocol 5, 6, 14, 15, 16).

Codes and named fields decide. The one exception is a refused registration, for which the
protocol knows nothing but a text to look at; see :func:`judge_registration`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.ports import Conversation, ConversationPage, Page
from actors.values import (
    Delivery,
    ErrorClass,
    Event,
    Failure,
    Phase,
    Position,
    Reply,
    SendOutcome,
    SendResult,
)
from gateway.events import ChatMessage
from gateway.platforms.goofish.fields import at, ident, integer, plain_id, text
from gateway.platforms.goofish.history import own_images, read_models
from gateway.platforms.goofish.identity import Arrival
from gateway.platforms.goofish.payload import mending, unpack_json
from gateway.platforms.goofish.send_reasons import NO_MESSAGE_ID, THROTTLED, of_code
from gateway.platforms.goofish.subtypes import BAD_PAGE, IMAGE

OK = 200
_SERVER_ERRORS = 500
_THROTTLED_CODE = "400600001"
_RETRY_THROTTLED_CODE_S = 3.0
_REASON_CHARS, _SHORT_BYTES = 100, 1024
_LEAST_MS, _MOST_MS = 10**12, 10**13  # 2001 to 2286: anything else is no time in milliseconds

_BY_WORDS = (
    (
        ("captcha", "rgv587", "fail_sys_user_validate"),
        ErrorClass.NEEDS_HUMAN,
        "captcha",
        (
            "the platform wants a person to prove who they are; log in on the website by hand, "
            "then renew the credentials"
        ),
    ),
    (
        ("session remove",),
        ErrorClass.KICKED,
        "session_removed",
        "the platform dropped this session; look for another client of the account",
    ),
    (
        ("connect limit", "too many"),
        ErrorClass.SERVER_OVERLOAD,
        "connect_limit",
        "too many connections of this account; look for another client of it",
    ),
    (
        ("device id or appkey is not equal",),
        ErrorClass.AUTH,
        "device_mismatch",
        (
            "the token was made for another device; credentials.device_id must be the deviceId "
            "the token was asked for"
        ),
    ),
)


def judge_registration(reply: Reply, user_id: str) -> Failure | None:
    """Judge the answer to ``/reg``; None: it is confirmed, and for the right account."""
    if reply.code == OK:
        return _wrong_user(reply, user_id)
    body = _body(reply)
    if at(body, "code") == _THROTTLED_CODE:
        return _failure(
            reply,
            ErrorClass.SERVER_OVERLOAD,
            "throttled",
            "the platform asks to slow down",
            retry_after_s=_RETRY_THROTTLED_CODE_S,
        )
    # One code, 401, stands for a bad token, a wrong device and too many connections. Only
    # words tell them apart (protocol 5), so here, and nowhere else, words are looked at.
    words = _words(reply, body)
    for known, error_class, reason, detail in _BY_WORDS:
        if any(word in words for word in known):
            return _failure(reply, error_class, reason, detail)
    return _by_code(reply)


def _by_code(reply: Reply) -> Failure:
    match reply.code:
        case 401:
            return _failure(
                reply,
                ErrorClass.AUTH,
                "token_refused",
                "the token is bad or expired; with kind: static write a new one into the settings",
            )
        case 403:
            return _failure(
                reply,
                ErrorClass.NEEDS_HUMAN,
                "forbidden",
                "the platform refuses this account; log in on the website by hand and look why",
            )
        case 400:
            return _failure(
                reply, ErrorClass.OTHER, "not_ready", "the session was not ready or is stale"
            )
        case code if code >= _SERVER_ERRORS or code == 429:
            return _failure(
                reply, ErrorClass.SERVER_OVERLOAD, f"code_{code}", "the platform is in trouble"
            )
        case code:
            return _failure(reply, ErrorClass.OTHER, f"code_{code}", "a refusal of unknown meaning")


def _wrong_user(reply: Reply, user_id: str) -> Failure | None:
    registered = ident(at(_json(reply.headers), "reg-uid"))
    if registered is None or registered == user_id:
        return None
    return _failure(
        reply,
        ErrorClass.CONFIG,
        "wrong_user",
        f"the token belongs to user …{registered[-4:]}, credentials.user_id is …{user_id[-4:]}; "
        "give this account its own token and user_id",
    )


def read_time(reply: Reply) -> int | None:
    """Read when an answer was made: a header says it (protocol 8), or a registration's body (5).

    The time in a state is none: it says when the stream stood there.
    """
    told = integer(at(_json(reply.headers), "server-timestamp"))
    if told is None and len(reply.body) <= _SHORT_BYTES:
        body = _body(reply)
        told = None if at(body, "pts") is not None else integer(at(body, "timestamp"))
    return told if told is not None and _LEAST_MS <= told <= _MOST_MS else None


def judge_send(reply: Reply) -> SendResult:
    """Judge the answer to a send: accepted is 200 with a ``messageId`` (protocol 14)."""
    body = _body(reply)
    message_id = plain_id(at(body, "messageId"))
    if reply.code == OK and message_id is not None:
        return SendResult(outcome=SendOutcome.ACCEPTED, message_id=message_id)
    reason, coded = _reason(body), of_code(reply.code)
    if at(body, "code") == _THROTTLED_CODE:
        return SendResult(outcome=SendOutcome.REFUSED, reason=reason or THROTTLED, throttled=True)
    if reply.code >= _SERVER_ERRORS:
        return SendResult(outcome=SendOutcome.UNKNOWN, reason=reason or coded)
    if reply.code != OK:
        return SendResult(outcome=SendOutcome.REFUSED, reason=reason or coded)
    if reason is not None:
        return SendResult(outcome=SendOutcome.REFUSED, reason=reason)
    return SendResult(outcome=SendOutcome.UNKNOWN, reason=NO_MESSAGE_ID)


def match_own(event: Event, delivery: Delivery) -> str | None:
    """Return the id of an own message with the content of a send; None if it is another."""
    if not (
        isinstance(event, ChatMessage)
        and event.own
        and event.conversation_id == delivery.conversation_id
    ):
        return None
    content = delivery.content
    if content.text is not None:
        return event.message_id if event.text == content.text else None
    # The address stands in the content as JSON text, inside what came: a history model
    # (base64 in JSON) or the entry of a push.
    urls = own_images(str(event.raw)) if event.subtype == IMAGE else ()
    return event.message_id if content.image_url in urls else None


def read_state(reply: Reply) -> bytes | None:
    """Return the state object byte for byte, or None if there is none."""
    return reply.body if reply.code == OK and at(_body(reply), "pts") is not None else None


def read_position(state: bytes) -> Position:
    """Read where a state stands (protocol 6.2); without a time, ``pts`` tells it."""
    value = _json(state)
    point = integer(at(value, "pts")) or 0
    return Position(
        marker=text(at(value, "tooLong2Tag")) or "",
        point=point,
        at_ms=integer(at(value, "timestamp")) or point // 1000,
    )


def read_conversations(reply: Reply, self_id: str) -> ConversationPage | None:
    """Read a page of conversations; None: the answer is a refusal."""
    body = _page(reply)
    if body is None:
        return None
    lines = at(body, "userConvs")
    return ConversationPage(
        conversations=tuple(_conversations(lines if type(lines) is list else [], self_id)),
        next_cursor=_next_cursor(body),
    )


def read_messages(reply: Reply, arrival: Arrival) -> Page | None:
    """Read a page of history, newest first; None: the answer is a refusal."""
    body = _page(reply)
    if body is None:
        return None
    events = read_models(reply.body.decode(), arrival)
    if events and events[0].subtype == BAD_PAGE:
        return None
    return Page(events=events, next_cursor=_next_cursor(body))


def _conversations(lines: list[Any], self_id: str) -> Iterator[Conversation]:
    for line in lines:
        outer = at(line, "singleChatUserConversation")
        inner = at(outer, "singleChatConversation")
        conversation_id = ident(at(inner, "cid"))
        if conversation_id is None:
            continue
        pair = (ident(at(inner, "pairFirst")), ident(at(inner, "pairSecond")))
        times = (
            integer(at(outer, "modifyTime")),
            integer(at(outer, "lastMessage", "message", "createAt")),
            integer(at(inner, "createAt")),
        )
        yield Conversation(
            conversation_id=conversation_id,
            modified_at_ms=next((time for time in times if time is not None), 0),
            peer_id=next((who for who in pair if who is not None and who != self_id), None),
            item_id=plain_id(at(inner, "extension", "itemId")),
        )


def _page(reply: Reply) -> Any:
    """Return the body of a list; None if it is a refusal, which may come as a 200 too."""
    body = _body(reply)
    if reply.code != OK or type(body) is not dict or _reason(body) or at(body, "code"):
        return None
    return body


def _next_cursor(body: Any) -> int | None:
    return integer(at(body, "nextCursor")) if at(body, "hasMore") else None


def _json(raw: bytes) -> Any:
    try:
        return mending(unpack_json, raw.decode())
    except (ValueError, RecursionError):
        return None


def _body(reply: Reply) -> Any:
    return _json(reply.body)


def _reason(body: Any) -> str | None:
    for name in ("reason", "moreInfo", "errorMsg"):
        found = text(at(body, name))
        if found:
            return found[:_REASON_CHARS]
    return None


def _words(reply: Reply, body: Any) -> str:
    """Return all a refusal says (protocol 5), in lower case."""
    said = (
        at(body, "reason"),
        at(body, "errorMsg"),
        at(body, "moreInfo"),
        at(_json(reply.headers), "error"),
    )
    return " ".join(text(word) or "" for word in said).lower()


def _failure(
    reply: Reply,
    error_class: ErrorClass,
    reason: str,
    detail: str,
    *,
    retry_after_s: float | None = None,
) -> Failure:
    return Failure(
        error_class=error_class,
        reason=reason,
        detail=f"registration answered {reply.code}: {detail}",
        phase=Phase.REGISTER,
        retry_after_s=retry_after_s,
    )
