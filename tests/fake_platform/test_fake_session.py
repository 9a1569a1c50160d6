"""Registration, pushes, acknowledgements, sends and history, seen by an independent client."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]  # it has no stubs
import pytest
import trustme

from gateway.testing import Behaviour, FakePlatform, Shop, faults, shapes
from gateway.testing.platform.shapes import Entry

if TYPE_CHECKING:
    from tests.fake_platform.conftest import Client, Dial, Json

CAPTURES = Path(__file__).parents[1] / "data" / "goofish"
NEWEST = 9007199254740991
HISTORY = "/r/MessageManager/listUserMessages"
SEND = "/r/MessageSend/sendByReceiverScope"


def ids(push: Json) -> list[str]:
    """Message ids of a push, read by a decoder that is not ours."""
    found = []
    for entry in push["body"]["syncPushPackage"]["data"]:
        fields = msgpack.unpackb(base64.b64decode(entry["data"]), strict_map_key=False)
        if isinstance(fields[1], dict):
            found.append(fields[1][3])
    return found


def send_body(cid: str, text: str, uuid: str = "-17515", peer: str = "3301") -> list[Any]:
    data = base64.b64encode(
        json.dumps({"contentType": 1, "text": {"text": text}}).encode()
    ).decode()
    return [
        {
            "uuid": uuid,
            "cid": f"{cid}@goofish",
            "conversationType": 1,
            "content": {"contentType": 101, "custom": {"type": 1, "data": data}},
            "redPointPolicy": 0,
            "extension": {"extJson": "{}"},
            "ctx": {"appVersion": "1.0", "platform": "web"},
            "mtags": {},
            "msgReadStatusSetting": 1,
        },
        {"actualReceivers": [f"{peer}@goofish", "2201@goofish"]},
    ]


# --- registration ---------------------------------------------------------------------


def test_a_registration_has_the_captured_shape_and_is_followed_by_two_pushes(
    shop: Shop, dial: Dial
) -> None:
    shop.buyer("3301").writes("old")
    client = dial(shop.url)
    reply = client.register("t-1")
    captured = json.loads((CAPTURES / "real_frame_reg_ok.json").read_text(encoding="utf-8"))
    assert set(reply["headers"]) == set(captured["headers"])
    assert set(reply["body"]) == set(captured["body"])
    assert reply["headers"]["reg-uid"] == "2201@goofish"
    assert reply["headers"]["sid"] == reply["headers"]["reg-sid"]
    assert len(reply["headers"]["sid"]) == 44
    signal = client.push("/s/sync")
    assert signal["headers"]["mid"].endswith("0002 0")
    assert signal["headers"]["ua"] == "UA/1.0 中文"
    assert signal["body"]["syncExtraType"] == {"type": 2}
    assert "syncPushPackage" not in signal["body"]
    arouse = client.push("/s/vulcan")
    assert arouse["body"]["syncExtraType"] == {"type": 3}
    assert arouse["body"]["syncExtensionModel"]["reconnectType"] == 1
    assert arouse["body"]["syncPushPackage"]["data"][0]["bizType"] == 370


def test_pushes_have_the_captured_fields(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    shop.buyer("3301").says("你好")
    ours = client.push()
    text = (CAPTURES / "real_frame_sync_two_entries.json").read_text(encoding="utf-8")
    captured = json.loads(text)
    assert list(ours) == list(captured)
    assert list(ours["headers"]) == list(captured["headers"])
    package, theirs = (f["body"]["syncPushPackage"] for f in (ours, captured))
    assert list(package) == list(theirs)
    assert list(package["data"][0]) == list(theirs["data"][0])
    assert set(ours["body"]) == set(captured["body"])
    assert set(ours["body"]["syncExtensionModel"]) == set(captured["body"]["syncExtensionModel"])


def test_a_wrong_token_device_or_key_is_refused(fake: FakePlatform, dial: Dial) -> None:
    shop = fake.account("2202", device_id="D-1")
    client = dial(shop.url)
    assert client.register("nobody", "D-1")["body"]["reason"] == "token expired"
    refusal = client.register(shop.token, "D-2")
    assert (refusal["code"], refusal["body"]["reason"]) == (
        401,
        "device id or appkey is not equal",
    )
    assert client.register(shop.token, "D-1", **{"app-key": "x"})["code"] == 401
    assert client.register(shop.token, "D-1")["code"] == 200


def test_a_new_token_makes_the_last_one_expire(shop: Shop, dial: Dial) -> None:
    shop.token = "t-2"
    client = dial(shop.url)
    assert client.register("t-1")["code"] == 401
    assert client.register("t-2")["code"] == 200
    assert shop.credentials["token"] == "t-2"


def test_requests_before_ready_get_400(dial: Dial) -> None:
    """A client must not take "registered" for "ready" (protocol.md 5)."""
    with FakePlatform(Behaviour(ready_after_s=0.2)) as fake:
        client = dial(fake.account("2201").url)
        assert client.call("/r/SyncStatus/getState", [{"topic": "sync"}])["code"] == 401
        client.register("token-2201")
        assert client.call("/r/SyncStatus/getState", [{"topic": "sync"}])["code"] == 400
        client.push("/s/sync")
        client.push("/s/vulcan")
        assert client.call("/r/SyncStatus/getState", [{"topic": "sync"}])["code"] == 200


def test_a_heartbeat_tells_the_server_s_time(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    reply = client.call("/!")
    assert int(reply["headers"]["server-timestamp"]) > 1_700_000_000_000
    assert "body" not in reply
    assert shop.sessions[0].beats == 1
    fake.check()


def test_unknown_paths_and_bad_arguments_get_400(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    assert client.call("/r/Nothing/here")["code"] == 400
    assert client.call(HISTORY, ["x"])["code"] == 400


def test_it_speaks_tls(dial: Dial) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FakePlatform(tls=context) as fake:
        shop = fake.account("2201")
        assert shop.url.startswith("wss://")
        client = dial(shop.url, "token-2201", ssl=trusting)
        shop.flood(2_000)
        got = sum(len(ids(client.push())) for _ in range(63))
        assert got == 2_000
        shop.wait_acked(2_000)


# --- pushes and acks ------------------------------------------------------------------


def test_sequence_numbers_are_per_connection_and_path(shop: Shop, dial: Dial) -> None:
    def numbers(client: Client, texts: int) -> list[tuple[int, int]]:
        buyer = shop.buyer("3301")
        shop.push([buyer.writes(f"m{n}") for n in range(texts)], package=2)
        pushes = [client.push()["body"]["syncPushPackage"] for _ in range((texts + 1) // 2)]
        return [(push["startSeq"], push["endSeq"]) for push in pushes]

    first = dial(shop.url, "t-1")
    assert numbers(first, 5) == [(1, 2), (3, 4), (5, 5)]
    first.ws.close()
    shop.wait_gone()
    assert numbers(dial(shop.url, "t-1"), 2) == [(1, 2)]


def test_a_package_holds_at_most_32_entries_and_pts_grow(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    buyer = shop.buyer("3301")
    shop.push([buyer.writes(f"m{n}") for n in range(70)])
    packages = [client.push()["body"]["syncPushPackage"] for _ in range(3)]
    assert [len(package["data"]) for package in packages] == [32, 32, 6]
    points = [package["maxPts"] for package in packages]
    assert points == sorted(set(points))
    assert len(str(points[0])) == 16
    shop.wait_acked(70)
    assert shop.unacked == []


def test_transient_signals_are_unsequenced(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    shop.buyer("3301").types()
    package = client.push("/s/para")["body"]["syncPushPackage"]
    assert (package["startSeq"], package["endSeq"], package["maxPts"]) == (0, 0, 0)
    assert package["data"][0]["syncId"] == ""
    shop.buyer("3301").says("first")
    assert client.push()["body"]["syncPushPackage"]["startSeq"] == 1


def test_an_order_is_a_card_a_reminder_and_if_wanted_an_update_before(
    shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    sent = shop.buyer("3301").orders("paid", update=True)
    push = client.push()
    types = [entry["objectType"] for entry in push["body"]["syncPushPackage"]["data"]]
    assert types == [40105, 40000, 40000]
    assert sent.message_id in ids(push)


def test_pictures_receipts_and_markers_reach_the_client(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    buyer = shop.buyer("3301", system="ios")
    seen = buyer.shows("https://img.alicdn.com/x.jpg")
    assert ids(client.push()) == [seen.message_id]
    buyer.reads("1.PNM")
    assert client.push()["body"]["syncPushPackage"]["data"][0]["objectType"] == 40103
    buyer.marks(seen.message_id)
    client.push()
    assert shop.push_raw('{"lwp":"/s/unknown","headers":{"mid":"x"}}')
    client.push("/s/unknown", ack=False)


def test_acking_twice_or_the_unknown_is_a_breach(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    shop.buyer("3301").says("x")
    push = client.push()
    client.ack(push)
    client.ack({"headers": {"mid": "never 0", "sid": push["headers"]["sid"]}})
    client.ws.send(json.dumps({"code": 200, "headers": {"mid": push["headers"]["mid"]}}))
    fake.wait(lambda: len(fake.breaches) >= 4)
    rules = [breach.rule for breach in fake.breaches]
    assert rules == ["acked_twice", "unknown_ack", "acked_twice", "bad_ack"]
    with pytest.raises(AssertionError, match="acked_twice: account 2201, connection 1"):
        fake.check()
    fake.check(allow=set(rules))


def test_what_is_not_acked_comes_again_on_the_same_connection(dial: Dial) -> None:
    with FakePlatform(Behaviour(redeliver_after_s=0.05)) as fake:
        shop = fake.account("2201")
        client = dial(shop.url, "token-2201")
        sent = shop.buyer("3301").says("x")
        first = client.push(ack=False)
        again = client.push(ack=False)
        assert first == again
        client.ack(again)
        client.ack(first)
        shop.wait_acked(1)
        assert ids(first) == [sent.message_id]
        client.call("/!")
        fake.check(all_acked=True)


def test_what_is_not_acked_comes_again_after_a_reconnect(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    sent = shop.buyer("3301").says("x")
    client.push(ack=False)
    shop.cut()
    client = dial(shop.url, "t-1")
    push = client.push()
    assert ids(push) == [sent.message_id]
    assert push["body"]["syncExtensionModel"]["reconnectType"] == 1
    shop.wait_acked(1)


def test_reconnect_redelivery_can_be_off(dial: Dial) -> None:
    with FakePlatform(Behaviour(redeliver_on_reconnect=False)) as fake:
        shop = fake.account("2201")
        client = dial(shop.url, "token-2201")
        lost = shop.buyer("3301").says("lost")
        client.push(ack=False)
        shop.cut()
        client = dial(shop.url, "token-2201")
        shop.buyer("3301").says("new")
        assert lost.message_id not in ids(client.push())
        shop.wait_acked(1)
        with pytest.raises(AssertionError, match="not_acked: account 2201: 1"):
            fake.check(all_acked=True)


@pytest.mark.parametrize("backlog", ["history", "push"])
def test_offline_messages(backlog: Any, dial: Dial) -> None:
    """Whether a backlog is replayed is not established (protocol.md 6.5): both can be had."""
    with FakePlatform(Behaviour(backlog=backlog)) as fake:
        shop = fake.account("2201")
        buyer = shop.buyer("3301")
        missed = [sent.message_id for sent in shop.offline(buyer, ["a", "b"])]
        client = dial(shop.url, "token-2201")
        if backlog == "push":
            assert ids(client.push()) == missed
        cid = buyer.conversation().id
        page = client.call(HISTORY, [f"{cid}@goofish", False, NEWEST, 20, False])["body"]
        models = page["userMessageModels"]
        assert [m["message"]["messageId"] for m in models] == missed[::-1]


# --- history and state ----------------------------------------------------------------


def test_history_pages_back_to_the_beginning(shop: Shop, dial: Dial) -> None:
    buyer = shop.buyer("3301")
    written = [entry.message_id for entry in map(buyer.writes, map(str, range(25)))]
    client = dial(shop.url, "t-1")
    cid = f"{buyer.conversation().id}@goofish"
    found: list[str] = []
    cursor, pages = NEWEST, 0
    while True:
        body = client.call(HISTORY, [cid, False, cursor, 10, False])["body"]
        found += [model["message"]["messageId"] for model in body["userMessageModels"]]
        pages += 1
        if not body["hasMore"]:
            break
        cursor = body["nextCursor"]
    assert (found[::-1], pages) == (written, 3)
    empty = client.call(HISTORY, [cid, False, 1, 10, False])["body"]
    assert empty == {"hasMore": 0, "degradeFailover": 0}


def test_conversations_come_newest_first_in_pages(shop: Shop, dial: Dial) -> None:
    for number in range(5):
        shop.buyer(f"33{number}").writes("x")
    client = dial(shop.url, "t-1")
    first = client.call("/r/Conversation/listNewestPagination", [NEWEST, 3])["body"]
    rest = client.call("/r/Conversation/listNewestPagination", [first["nextCursor"], 9])["body"]
    assert (first["hasMore"], rest["hasMore"]) == (1, 0)
    chats = [c["singleChatUserConversation"] for c in first["userConvs"] + rest["userConvs"]]
    peers = [chat["singleChatConversation"]["pairFirst"] for chat in chats]
    assert len(set(peers)) == 5
    times = [chat["modifyTime"] for chat in chats]
    assert times == sorted(times, reverse=True)
    assert chats[0]["redPoint"] == 1
    done = client.call("/r/Conversation/listNewestPagination", [1, 9])["body"]
    assert done == {"hasMore": 0}


def test_ack_diff_takes_exactly_what_get_state_gave(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    """A home-made pts declares a backlog as read that nobody read (protocol.md 6.2)."""
    client = dial(shop.url, "t-1")
    state = client.call("/r/SyncStatus/getState", [{"topic": "sync"}])["body"]
    assert set(state) == {
        "pipeline", "tooLong2Tag", "channel", "topic", "highPts", "pts", "seq", "timestamp",
    }  # fmt: skip
    assert "body" not in client.call("/r/SyncStatus/ackDiff", [state])
    fake.check()
    assert client.call("/r/SyncStatus/ackDiff", [state | {"pts": 1}])["code"] == 200
    with pytest.raises(AssertionError, match="made_up_state"):
        fake.check()
    assert [claim["pts"] for claim in shop.claimed] == [state["pts"], 1]


def test_reading_marks_history_and_a_conversation_can_be_made(shop: Shop, dial: Dial) -> None:
    buyer = shop.buyer("3301")
    message_id = buyer.writes("x").message_id
    client = dial(shop.url, "t-1")
    assert client.call("/r/MessageStatus/read", [[message_id]])["code"] == 200
    cid = buyer.conversation().id
    page = client.call(HISTORY, [f"{cid}@goofish", False, NEWEST, 9, False])["body"]
    assert page["userMessageModels"][0]["readStatus"] == 2
    pair = {"pairFirst": "3301@goofish", "pairSecond": "2201@goofish", "bizType": "1"}
    made = client.call("/r/SingleChatConversation/create", [pair | {"extension": {"itemId": "9"}}])
    assert made["body"]["singleChatConversation"]["cid"] == f"{cid}@goofish"


# --- sends ----------------------------------------------------------------------------


def test_a_send_is_accepted_and_kept(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    cid = shop.buyer("3301").conversation().id
    reply = client.call(SEND, send_body(cid, "有货"))
    assert {"messageId", "uuid", "createAt", "content", "extension"} <= set(reply["body"])
    assert shop.texts == {cid: ["有货"]}
    assert shop.wait_sent(1)[0].uuid == "-17515"
    shop.buyer("3301").reads()
    client.push()
    page = client.call(HISTORY, [f"{cid}@goofish", False, NEWEST, 9, False])["body"]
    model = page["userMessageModels"][0]
    assert model["userExtension"]["needPush"] == "false"
    assert model["readStatus"] == 2
    fake.check()


@pytest.mark.parametrize(("echo", "to_older"), [("others", True), (True, False), (False, False)])
def test_who_hears_of_an_own_message(dial: Dial, *, echo: Any, to_older: bool) -> None:
    """A client whose own sends come back, as they do not on the platform, may answer itself."""
    with FakePlatform(Behaviour(echo=echo, second_session="allow")) as fake:
        shop = fake.account("2201")
        older, newest = (dial(shop.url, "token-2201") for _ in range(2))
        said = newest.call(SEND, send_body("5", "有货"))["body"]["messageId"]
        heard = [older] * to_older + [newest] * (echo is True)
        assert [ids(client.push()) for client in heard] == [[said]] * len(heard)
        for client in (older, newest):  # nothing else came
            mid = client.request("/!")
            assert client.recv()["headers"]["mid"] == mid


def test_an_own_message_can_be_taken_back(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    said = client.call(SEND, send_body("5", "oops"))["body"]["messageId"]
    theirs = shop.buyer("3301").writes("x").message_id
    recall = "/r/MessageManager/recallMessage"
    assert client.call(recall, [said])["code"] == 200
    assert shop.recalled == [said]
    strangers: list[list[Any]] = [[theirs], ["1.PNM"], [], [{}]]
    for strange in strangers:
        assert client.call(recall, strange)["code"] == 400
    assert shop.recalled == [said]


@pytest.mark.parametrize("form", [lambda cid: [cid], lambda cid: [[{"cid": cid}]]])
def test_a_red_point_can_be_cleared(shop: Shop, dial: Dial, form: Any) -> None:
    buyer = shop.buyer("3301")
    buyer.writes("x")
    client = dial(shop.url, "t-1")
    cid = buyer.conversation().id + "@goofish"
    for strange in (form(cid), form("9@goofish")):
        assert client.call("/r/Conversation/clearRedPoint", strange)["code"] == 200
    page = client.call("/r/Conversation/listNewestPagination", [NEWEST, 20])["body"]
    assert page["userConvs"][0]["singleChatUserConversation"]["redPoint"] == 0


def test_requests_right_after_the_registration_may_get_400(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    fake.inject(faults.not_ready(times=2))
    client = dial(shop.url, "t-1")
    answers = [client.call("/r/SyncStatus/getState", [{"topic": "sync"}]) for _ in range(3)]
    assert [answer["code"] for answer in answers] == [400, 400, 200]
    assert "body" not in answers[0]


def test_the_same_uuid_twice_is_told(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    for _ in range(2):
        client.call(SEND, send_body("5", "x"))
    assert len(shop.sent) == 2
    with pytest.raises(AssertionError, match="sent_twice"):
        fake.check()


def test_the_same_uuid_can_be_de_duplicated(dial: Dial) -> None:
    with FakePlatform(Behaviour(dedupe_uuid=True, echo=False)) as fake:
        shop = fake.account("2201")
        client = dial(shop.url, "token-2201")
        first, second = (client.call(SEND, send_body("5", "x"))["body"] for _ in range(2))
        assert first == second
        assert len(shop.sent) == 1
        fake.check()


def test_a_send_that_is_no_base64_gets_400(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    body = send_body("5", "x")
    body[0]["content"]["custom"]["data"] = "!"
    assert client.call(SEND, body)["code"] == 400
    assert [breach.rule for breach in fake.breaches] == ["bad_request"]


# --- two sessions, endings ------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "lwp"), [("kick", "/push/kickout"), ("remove", "/s/session/remove")]
)
def test_a_second_registration_puts_the_first_out(second: Any, lwp: str, dial: Dial) -> None:
    with FakePlatform(Behaviour(second_session=second)) as fake:
        shop = fake.account("2201")
        old = dial(shop.url, "token-2201")
        new = dial(shop.url, "token-2201")
        old.push(lwp, ack=False)
        shop.buyer("3301").says("to the new one")
        new.push()
        with pytest.raises(AssertionError, match="two_sessions"):
            fake.check()


def test_a_second_registration_can_be_refused_or_allowed(dial: Dial) -> None:
    with FakePlatform(Behaviour(second_session="refuse")) as fake:
        url = fake.account("2201").url
        dial(url, "token-2201")
        assert dial(url).register("token-2201")["body"]["reason"] == "connect limit"
    with FakePlatform(Behaviour(second_session="allow")) as fake:
        shop = fake.account("2201")
        old, new = dial(shop.url, "token-2201"), dial(shop.url, "token-2201")
        shop.buyer("3301").says("x")
        new.push()
        assert old.call("/!")["code"] == 200


def test_a_foreign_cookie_and_a_changed_device_are_told(fake: FakePlatform, dial: Dial) -> None:
    a = fake.account("1", cookie="unb=1; s=aaa")
    b = fake.account("2", cookie="unb=2; s=bbb")
    client = dial(fake.url, additional_headers={"Cookie": "unb=2; s=aaa"})
    assert fake.logs[0].account == "2"
    client.ready(b.token)
    client.ws.close()
    b.wait_gone()
    dial(fake.url).ready(b.token, did="OTHER")
    rules = {breach.rule: breach.detail for breach in fake.breaches}
    assert rules["foreign_cookie"] == "it carries a cookie of 1"
    assert "device_changed" in rules
    assert fake.logs[0].cookies == {"unb": "2", "s": "aaa"}
    assert a.sessions == []


def test_late_heartbeats_are_a_breach(dial: Dial) -> None:
    with FakePlatform(beat_limit_s=0.05) as fake:
        shop = fake.account("2201")
        client = dial(shop.url, "token-2201")
        with pytest.raises(TimeoutError):
            client.recv(0.1)
        with pytest.raises(AssertionError, match="heartbeat_late"):
            fake.check()
        fake.check(allow=["heartbeat_late"])


def test_what_is_not_json_is_a_breach(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    client.ws.send("not json")
    client.call("/!")
    assert [breach.rule for breach in fake.breaches] == ["not_a_frame"]


# --- the platform as a thing ----------------------------------------------------------


def test_stop_and_start_keep_port_accounts_and_history(dial: Dial) -> None:
    fake = FakePlatform()
    fake.start()
    url = fake.url
    shop = fake.account("2201")
    assert fake.account("2201") is shop
    client = dial(shop.url, "token-2201")
    fake.stop()
    fake.stop()
    with pytest.raises(Exception, match="close"):
        client.recv()
    assert shop.sessions[0].end == "stopped"
    with fake:
        fake.start()
        assert fake.url == url
        dial(shop.url, "token-2201")
        shop.wait_registered(sessions=2)


def test_a_taken_port_is_told_and_leaves_nothing_open(fake: FakePlatform) -> None:
    port = int(fake.url.split(":")[2].strip("/"))
    with pytest.raises(OSError, match="in use"):
        FakePlatform(port=port).start()


def test_a_failure_of_the_platform_itself_is_told() -> None:
    """A test must not wait in vain because the kit has a bug."""
    fake = FakePlatform()
    fake.start()
    server = fake.engine.server
    assert server is not None

    def bug() -> None:
        raise ZeroDivisionError

    with fake.lock:
        server.call_later(0, bug)
    with pytest.raises(TimeoutError) as timeout:
        fake.wait(lambda: server.error is None and fake.connections, 0.2, "a connection")
    assert isinstance(timeout.value.__cause__, ZeroDivisionError)
    with pytest.raises(RuntimeError, match="fake platform failed"):
        fake.stop()


def test_refusing_connections_leaves_the_others(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.stop_accepting()
    with pytest.raises(ConnectionRefusedError):
        dial(shop.url)
    assert client.call("/!")["code"] == 200
    fake.resume()
    dial(shop.url)
    assert len(fake.dials) == 2
    fake.cut_all()
    fake.wait_connections(0)


def test_waits_end_in_time_and_say_for_what(fake: FakePlatform, shop: Shop) -> None:
    with pytest.raises(TimeoutError, match="session 1 of account 2201"):
        shop.wait_registered(0.01)
    with pytest.raises(TimeoutError, match="3 acks of account 2201, 0 came"):
        shop.wait_acked(3, 0.01)
    with pytest.raises(TimeoutError, match="1 sends of account 2201, 0 came"):
        shop.wait_sent(1, 0.01)
    with pytest.raises(TimeoutError, match="2 connections, there are 0"):
        fake.wait_connections(2, 0.01)
    with pytest.raises(LookupError, match="has no session"):
        shop.cut()
    with pytest.raises(ValueError, match="another account"):
        fake.account("9", token="t-1")


def test_many_idle_clients(fake: FakePlatform) -> None:
    """200 here; the numbers for 10,000 are in the performance notes of docs/testing.md."""

    def upgraded() -> Iterator[socket.socket]:
        for _ in range(200):
            sock = socket.create_connection(("127.0.0.1", int(fake.url.split(":")[2][:-1])))
            sock.sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            yield sock

    clients = list(upgraded())
    fake.wait(lambda: sum(log.upgraded_at is not None for log in fake.logs) == 200)
    for client in clients:
        client.close()
    fake.wait_connections(0)


def test_an_entry_made_by_hand_can_be_pushed(shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    shop.push([Entry(data="AAAA", object_type=shapes.MESSAGE)])
    assert client.push()["body"]["syncPushPackage"]["data"][0]["data"] == "AAAA"
