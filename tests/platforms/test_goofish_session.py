"""What we send and what the answers mean (protocol 3, 5, 6, 14, 15, 16)."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from actors.ports import Identity, Platform, Session
from actors.values import Content, Delivery, ErrorClass, Failure, Phase, Reply, Request, SendOutcome
from gateway.platforms import get
from gateway.platforms.goofish import GoofishSession
from tests.platforms.goofish_captures import IDENTITY, SELLER, new_session, read


def sent(request: Request | None) -> dict[str, Any]:
    """Return the frame of a request."""
    assert request is not None
    assert isinstance(request.payload, str)
    frame: dict[str, Any] = json.loads(request.payload)
    assert frame["headers"]["mid"].partition(" ")[0] == request.mid
    return frame


def reply(code: int = 200, body: Any = None, **headers: str) -> Reply:
    """Return an answer; a body that is bytes stays as it is."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(mid="1", code=code, headers=json.dumps(headers).encode(), body=raw)


def captured(name: str) -> Reply:
    """Return the answer of a capture."""
    found = new_session().decode(read(f"{name}.json"), received_at_ms=1).reply
    assert found is not None
    return found


def test_shapes_of_the_ports() -> None:
    platform: Platform = get("goofish")
    session: Session = platform.session(IDENTITY)
    assert platform.name == "goofish"
    assert isinstance(session, GoofishSession)


def test_ids() -> None:
    session = new_session()
    assert session.mid(1751446438481, 0.87) == "8701751446438481 0"
    assert session.mid(1751446438481, 0.0) == "01751446438481 0"
    assert get("goofish").uuid(1751446438481, 0.99) == "-17514464384819"


def test_upgrade_headers() -> None:
    headers = new_session().upgrade_headers()
    assert headers["Origin"] == "https://www.goofish.com"
    assert "Chrome" in headers["User-Agent"]
    assert "Cookie" not in headers
    other = GoofishSession(msgspec.structs.replace(IDENTITY, user_agent="UA"))
    assert other.upgrade_headers()["User-Agent"] == "UA"


def test_registration() -> None:
    identity = msgspec.structs.replace(IDENTITY, token="a%2Bb", device_id="D-1", user_agent="UA")
    frame = sent(GoofishSession(identity).register("5123 0"))
    assert frame["lwp"] == "/reg"
    assert "body" not in frame
    headers = frame["headers"]
    assert headers.pop("ua").startswith("UA DingTalk(")
    assert headers == {
        "cache-header": "app-key token ua wv",
        "app-key": "444e9908a51d1cb236a27862abc769c9",
        "token": "a+b",
        "dt": "j",
        "wv": "im:3,au:3,sy:6",
        "sync": "0,0;0;0;",
        "did": "D-1",
        "mid": "5123 0",
    }


def test_derived_device_id_is_always_the_same() -> None:
    """It must stay the same over reconnects and restarts (protocol 3)."""
    first, second = (sent(new_session().register("1 0"))["headers"]["did"] for _ in range(2))
    assert first == second
    assert first.endswith("-" + SELLER)
    assert first[:36] == first[:36].upper()


@pytest.mark.parametrize(
    ("identity", "setting"),
    [
        (Identity(account="a", token="t"), "credentials.user_id"),
        (Identity(account="a", user_id="@goofish", token="t"), "credentials.user_id"),
        (Identity(account="a", user_id="1"), "credentials.token"),
    ],
)
def test_missing_credentials_name_the_setting(identity: Identity, setting: str) -> None:
    with pytest.raises(ValueError, match=setting):
        get("goofish").session(identity)


def test_stored_frames_are_read_without_credentials() -> None:
    """An account that cannot connect has acknowledged them all the same."""
    frame = read("real_frame_sync_two_entries.json")
    reader = get("goofish").reader(IDENTITY.account, f"{SELLER}@goofish")
    found = reader.decode(frame, received_at_ms=5).events
    assert len(found) == 2
    assert found == GoofishSession(IDENTITY).decode(frame, received_at_ms=5).events


def test_beat() -> None:
    assert sent(new_session().beat("3 0")) == {"lwp": "/!", "headers": {"mid": "3 0"}}


# --- registration answers -------------------------------------------------------------


def refusal(answer: Reply) -> Failure:
    """Return the failure a registration answer is."""
    failure = new_session().registered(answer)
    assert failure is not None
    assert failure.phase is Phase.REGISTER
    return failure


def test_registered() -> None:
    assert new_session().registered(captured("syn_resp_reg_ok")) is None
    assert new_session().registered(reply()) is None


def test_wrong_user_shows_four_digits_only() -> None:
    failure = refusal(captured("real_frame_reg_ok"))
    assert (failure.error_class, failure.reason) == (ErrorClass.CONFIG, "wrong_user")
    assert "…1035" in failure.detail
    assert SELLER not in failure.detail


@pytest.mark.parametrize(
    ("answer", "error_class", "reason"),
    [
        (captured("syn_resp_reg_401_token"), ErrorClass.AUTH, "token_refused"),
        (captured("syn_resp_reg_401_device"), ErrorClass.AUTH, "device_mismatch"),
        (captured("syn_resp_reg_403"), ErrorClass.NEEDS_HUMAN, "forbidden"),
        (captured("syn_resp_reg_connect_limit"), ErrorClass.SERVER_OVERLOAD, "connect_limit"),
        (captured("syn_resp_400_not_ready"), ErrorClass.OTHER, "not_ready"),
        (reply(400, {"code": "400600001"}), ErrorClass.SERVER_OVERLOAD, "throttled"),
        (reply(401, {"reason": "Session Remove"}), ErrorClass.KICKED, "session_removed"),
        (reply(401, {"errorMsg": "too many"}), ErrorClass.SERVER_OVERLOAD, "connect_limit"),
        (reply(401, error="device id or appkey is not equal"), ErrorClass.AUTH, "device_mismatch"),
        (reply(403, {"reason": "RGV587_ERROR::SM"}), ErrorClass.NEEDS_HUMAN, "captcha"),
        (reply(400, {"reason": "FAIL_SYS_USER_VALIDATE"}), ErrorClass.NEEDS_HUMAN, "captcha"),
        (reply(401, {"reason": 5}), ErrorClass.AUTH, "token_refused"),
        (reply(401, b"{"), ErrorClass.AUTH, "token_refused"),
        (reply(429), ErrorClass.SERVER_OVERLOAD, "code_429"),
        (reply(503), ErrorClass.SERVER_OVERLOAD, "code_503"),
        (reply(418), ErrorClass.OTHER, "code_418"),
    ],
)
def test_refusals(answer: Reply, error_class: ErrorClass, reason: str) -> None:
    failure = refusal(answer)
    assert (failure.error_class, failure.reason) == (error_class, reason)
    assert str(answer.code) in failure.detail


def test_throttling_says_how_long() -> None:
    assert refusal(reply(400, {"code": "400600001"})).retry_after_s == 3.0


# --- sends ----------------------------------------------------------------------------


def delivery(content: Content, to: str | None = "22", conversation: str = "55") -> Delivery:
    """Return a delivery of ``content``."""
    return Delivery(
        outbox_id="o",
        uuid="-1",
        account="shop-a",
        conversation_id=conversation,
        to=to,
        content=content,
        expires_at_ms=9,
    )


def test_send_text() -> None:
    frame = sent(new_session().send("1 0", delivery(Content(text="你好 \U0001f600"))))
    message, receivers = frame["body"]
    data = message["content"]["custom"].pop("data")
    content = {"contentType": 1, "text": {"text": "你好 \U0001f600"}}
    assert json.loads(base64.b64decode(data)) == content
    assert frame["lwp"] == "/r/MessageSend/sendByReceiverScope"
    assert message == {
        "uuid": "-1",
        "cid": "55@goofish",
        "conversationType": 1,
        "content": {"contentType": 101, "custom": {"type": 1}},
        "redPointPolicy": 0,
        "extension": {"extJson": "{}"},
        "ctx": {"appVersion": "1.0", "platform": "web"},
        "mtags": {},
        "msgReadStatusSetting": 1,
    }
    assert receivers == {"actualReceivers": ["22@goofish", SELLER + "@goofish"]}


def test_send_image_to_a_sibling_domain() -> None:
    content = Content(image_url="https://img/x.jpg", width=3, height=4)
    frame = sent(new_session().send("1 0", delivery(content, conversation="a#1@cntaobao")))
    message = frame["body"][0]
    custom = message["content"]["custom"]
    assert (message["cid"], custom["type"]) == ("a#1@cntaobao", 2)
    assert json.loads(base64.b64decode(custom["data"]))["image"]["pics"] == [
        {"height": 4, "type": 0, "url": "https://img/x.jpg", "width": 3}
    ]


def test_what_can_not_be_sent() -> None:
    session = new_session()
    with pytest.raises(ValueError, match="to=…"):
        session.send("1 0", delivery(Content(text="x"), to=None))
    with pytest.raises(ValueError, match="neither"):
        session.send("1 0", delivery(Content()))


@pytest.mark.parametrize(
    ("answer", "outcome", "told"),
    [
        (reply(body={"messageId": "1.PNM"}), SendOutcome.ACCEPTED, "1.PNM"),
        (captured("syn_resp_send_csi_forbid"), SendOutcome.REFUSED, "CSI_FORBID"),
        (captured("syn_resp_send_400"), SendOutcome.REFUSED, "闲鱼走神了，您稍后再试～"),
        (captured("syn_resp_400_not_ready"), SendOutcome.REFUSED, "code_400"),
        (captured("syn_resp_flow_control"), SendOutcome.REFUSED, "flow control"),
        (reply(body={"moreInfo": "CSI||x"}), SendOutcome.REFUSED, "CSI||x"),
        (reply(body={"messageId": ""}), SendOutcome.UNKNOWN, "answer without messageId"),
        (reply(), SendOutcome.UNKNOWN, "answer without messageId"),
        (reply(body=b"\xff"), SendOutcome.UNKNOWN, "answer without messageId"),
        (reply(500), SendOutcome.UNKNOWN, "code_500"),
        (reply(502, {"reason": "busy"}), SendOutcome.UNKNOWN, "busy"),
    ],
)
def test_sent(answer: Reply, outcome: SendOutcome, told: str) -> None:
    result = new_session().sent(answer)
    assert result.outcome is outcome
    assert told == (result.message_id if outcome is SendOutcome.ACCEPTED else result.reason)


# --- state, conversations, history ----------------------------------------------------


def test_state_goes_back_byte_for_byte() -> None:
    """A home-made state would declare a backlog read that nobody read (protocol 6.2)."""
    session = new_session()
    assert sent(session.history.get_state("1 0"))["body"] == [{"topic": "sync"}]
    odd = b'{ "pts" : 1751600575160007.0, "z":"\\u00e9" }'
    state = session.history.state(reply(body=odd))
    assert state == odd
    request = session.history.ack_diff("2 0", odd)
    assert isinstance(request.payload, str)
    assert f'"body":[{odd.decode()}]' in request.payload
    assert session.history.state(captured("syn_resp_get_state")) is not None
    for answer in (captured("syn_resp_flow_control"), captured("syn_resp_ack_diff"), reply(400)):
        assert session.history.state(answer) is None


def test_a_state_tells_where_it_stands() -> None:
    """Protocol 6.2; without a time, ``pts`` tells it."""
    session = new_session()
    full = session.history.position(b'{"pts":1751600575160007,"timestamp":5,"tooLong2Tag":"PNM,1"}')
    assert (full.marker, full.point, full.at_ms) == ("PNM,1", 1751600575160007, 5)
    bare = session.history.position(b'{"pts":1751600575160007}')
    assert (bare.marker, bare.at_ms) == ("", 1751600575160)
    empty = session.history.position(b"[]")
    assert (empty.marker, empty.point, empty.at_ms) == ("", 0, 0)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply(200, None, **{"server-timestamp": "1700000000001"}), 1_700_000_000_001),
        (reply(body={"unitName": "PNM", "timestamp": 1_700_000_000_002}), 1_700_000_000_002),
        (reply(401, None, **{"server-timestamp": "1700000000003"}), 1_700_000_000_003),
        (reply(body={"pts": 1, "timestamp": 1_700_000_000_004}), None),
        (reply(body={"timestamp": 1_700_000_000_005, "long": "x" * 1024}), None),
        (reply(body={"timestamp": 1_700_000_000}), None),
        (reply(200, None, **{"server-timestamp": "1" * 20}), None),
        (reply(), None),
    ],
    ids=["header", "registration", "a refusal", "a state", "a page", "seconds", "huge", "none"],
)
def test_what_time_it_is_there(answer: Reply, told: int | None) -> None:
    """A time in a state or a page is of what it speaks of; the platform's clock may be past it."""
    assert new_session().told_ms(answer) == told


def test_conversations() -> None:
    session = new_session()
    assert sent(session.history.list_conversations("1 0", None))["body"] == [9007199254740991, 50]
    assert sent(session.history.list_conversations("1 0", 7))["body"][0] == 7

    def line(inner: Any, **outer: Any) -> dict[str, Any]:
        return {"singleChatUserConversation": {"singleChatConversation": inner, **outer}}

    pair = {"pairFirst": SELLER + "@goofish", "pairSecond": "22@goofish"}
    page = session.history.conversations(
        reply(
            body={
                "userConvs": [
                    line(
                        {"cid": "5@goofish", "extension": {"itemId": "9"}, **pair}, modifyTime="17"
                    ),
                    line({"cid": "6@goofish"}, lastMessage={"message": {"createAt": 16}}),
                    line({"cid": "7@goofish", "createAt": 15}),
                    line({"cid": "8@goofish"}),
                    line({}),
                    5,
                ],
                "hasMore": 1,
                "nextCursor": 15,
            }
        )
    )
    assert page is not None
    assert [(one.conversation_id, one.modified_at_ms) for one in page.conversations] == [
        ("5", 17),
        ("6", 16),
        ("7", 15),
        ("8", 0),
    ]
    assert (page.conversations[0].peer_id, page.conversations[0].item_id) == ("22", "9")
    assert page.conversations[1].peer_id is None
    assert page.next_cursor == 15


def test_messages() -> None:
    session = new_session()
    frame = sent(session.history.list_messages("1 0", "55", None, 20))
    assert frame["body"] == ["55@goofish", False, 9007199254740991, 20, False]
    assert sent(session.history.list_messages("1 0", "55", 3, 20))["body"][2] == 3
    models = json.loads(read("real_history_10_newest.json"))["userMessageModels"]
    body = {"userMessageModels": models, "hasMore": 1, "nextCursor": 4}
    page = session.history.messages(reply(body=body), received_at_ms=8)
    assert page is not None
    assert (len(page.events), page.next_cursor) == (10, 4)
    first = page.events[0]
    assert (first.event_id, first.received_at_ms) == ("shop-a/3554804831726.PNM", 8)
    assert all(event.recovered and event.lane_seq is None for event in page.events)


def test_end_of_history_has_no_list() -> None:
    page = new_session().history.messages(captured("syn_resp_history_empty"), received_at_ms=1)
    assert page is not None
    assert (page.events, page.next_cursor) == ((), None)


@pytest.mark.parametrize(
    "answer",
    [
        captured("syn_resp_flow_control"),
        captured("syn_resp_400_not_ready"),
        reply(),
        reply(body=[]),
        reply(body={"reason": "x"}),
        reply(body=b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    ],
)
def test_refused_pages(answer: Reply) -> None:
    """A refusal is no empty page: recovery would believe there was nothing."""
    session = new_session()
    assert session.history.conversations(answer) is None
    assert session.history.messages(answer, received_at_ms=1) is None


def test_a_page_nobody_can_read_is_no_empty_page() -> None:
    body = {"userMessageModels": 7, "hasMore": 0}
    assert new_session().history.messages(reply(body=body), received_at_ms=1) is None


def test_no_conversations_is_an_empty_page() -> None:
    page = new_session().history.conversations(reply(body={"hasMore": 0}))
    assert page is not None
    assert page.conversations == ()
