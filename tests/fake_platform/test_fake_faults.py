"""Each misbehaviour, seen from the client's side of the wire."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]  # it has no stubs
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from gateway.testing import Behaviour, FakePlatform, Rule, Shop, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fake_platform.conftest import Dial, Json

SEND = "/r/MessageSend/sendByReceiverScope"
UPGRADE = (
    b"GET /?account=2201 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture
def raw(fake: FakePlatform) -> Iterator[Callable[[], socket.socket]]:
    """Yield plain TCP connections to the platform."""
    with ExitStack() as sockets:

        def open_socket() -> socket.socket:
            address = ("127.0.0.1", int(fake.url.split(":")[2].strip("/")))
            return sockets.enter_context(socket.create_connection(address, timeout=3))

        yield open_socket


def texts(push: Json) -> list[str]:
    found = []
    for entry in push["body"]["syncPushPackage"]["data"]:
        fields = msgpack.unpackb(base64.b64decode(entry["data"]), strict_map_key=False)
        found.append(fields[1][6][3][2])
    return found


def send_body(text: str) -> list[Any]:
    content = json.dumps({"contentType": 1, "text": {"text": text}}).encode()
    custom = {"type": 1, "data": base64.b64encode(content).decode()}
    asked = {"uuid": f"-{text}", "cid": "5@goofish"}
    return [
        asked | {"content": {"contentType": 101, "custom": custom}},
        {"actualReceivers": ["3301@goofish", "2201@goofish"]},
    ]


# --- rules are data -------------------------------------------------------------------


def test_rules_can_be_read_from_plain_data() -> None:
    rules = faults.load(
        [
            {"on": "push", "do": {"type": "Duplicate", "times": 2}, "account": "1", "times": 1},
            {"on": "upgrade", "do": {"type": "Refuse", "status": 503}},
        ]
    )
    assert rules[0] == Rule(on="push", do=faults.Duplicate(times=2), account="1", times=1)
    assert msgspec.json.decode(msgspec.json.encode(rules), type=list[Rule]) == rules
    with pytest.raises(msgspec.ValidationError, match=r"\$\[0\]"):
        faults.load([{"on": "push", "do": {"type": "Nonsense"}}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "push", "do": faults.Refuse(status=401)},
        {"on": "accept", "do": faults.Reset(), "account": "1"},
        {"on": "upgrade", "do": faults.Reset(), "lwp": "/reg"},
    ],
)
def test_a_rule_that_could_never_fire_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"happen on|not known yet|no lwp"):
        Rule(**wrong)


def test_a_rule_counts_skips_and_ends() -> None:
    book = faults.FaultBook()
    rule = Rule(on="request", do=faults.Lose(), account="1", connection=2, lwp="/r/*", after=1,
                times=2)  # fmt: skip
    book.arm([rule])

    def hit(account: str = "1", connection: int = 2, lwp: str | None = "/r/x") -> bool:
        found = book.match("request", account, of_account=connection, of_platform=9, lwp=lwp)
        return found is not None

    assert not hit(account="2")
    assert not hit(connection=1)
    assert not hit(lwp="/!")
    assert not hit(lwp=None)
    assert [hit() for _ in range(5)] == [False, True, True, False, False]
    assert book.fired(rule) == 2
    book.heal([rule])
    assert not book.armed


def test_healing_ends_a_fault(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    refuse = faults.refuse(503, retry_after_s=7)
    fake.inject(refuse)
    with pytest.raises(InvalidStatus) as refused:
        dial(shop.url)
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "7"
    assert fake.fired(refuse[0]) == 1
    fake.wait(lambda: fake.logs[0].end == "refused")
    fake.heal(refuse)
    fake.heal()
    dial(shop.url, "t-1")


# --- accept and upgrade ---------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 401, 403, 429])
def test_the_upgrade_can_be_refused_for_one_account(
    status: int, fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    fake.inject(faults.refuse(status, account="2201"))
    with pytest.raises(InvalidStatus):
        dial(shop.url)
    dial(fake.account("2202").url, "token-2202")


def test_a_redirect_names_another_host(fake: FakePlatform, shop: Shop, raw: Any) -> None:
    fake.inject(faults.redirect("ws://127.0.0.2/", account=shop.user_id))
    sock = raw()
    sock.sendall(UPGRADE)
    answer = sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 302 Found\r\n")
    assert b"Location: ws://127.0.0.2/" in answer


def test_a_wrong_accept_key_and_more_headers(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    fake.inject(Rule(on="upgrade", do=faults.BadAccept(), connection=1))
    cookie = faults.Headers(headers={"Set-Cookie": "s=1"})
    fake.inject(Rule(on="upgrade", do=cookie, connection=2))
    with pytest.raises(InvalidHandshake, match="Accept"):
        dial(shop.url)
    client = dial(shop.url, "t-1")
    assert client.ws.response is not None
    assert client.ws.response.headers["Set-Cookie"] == "s=1"


def test_a_stalled_upgrade_says_nothing(fake: FakePlatform, shop: Shop, raw: Any) -> None:
    fake.inject(Rule(on="upgrade", do=faults.Stall(), account=shop.user_id))
    sock = raw()
    sock.sendall(UPGRADE)
    fake.wait(lambda: bool(fake.logs and fake.logs[0].path))
    sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        sock.recv(1)


def test_a_dripping_handshake_comes_a_byte_at_a_time(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    fake.inject(Rule(on="upgrade", do=faults.Drip(size_bytes=1, every_s=0.001)))
    began = time.monotonic()
    dial(shop.url, "t-1")
    assert time.monotonic() - began > 0.1


def test_a_late_upgrade_works(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    fake.inject(Rule(on="upgrade", do=faults.Delay(by_s=0.05)))
    dial(shop.url, "t-1")


@pytest.mark.parametrize("action", [faults.Reset(), faults.Drop()])
def test_a_connection_can_end_on_arrival(
    action: Any, fake: FakePlatform, shop: Shop, raw: Any
) -> None:
    fake.inject(Rule(on="accept", do=action, connection=1))
    assert _end_of(raw) == ("reset" if isinstance(action, faults.Reset) else "eof")
    assert shop.sessions == []


def test_garbage_before_the_handshake(fake: FakePlatform, raw: Any) -> None:
    fake.inject(Rule(on="accept", do=faults.SendBytes(data=b"220 ftp\r\n")))
    assert raw().recv(9) == b"220 ftp\r\n"


def test_a_bad_upgrade_is_answered_and_told(fake: FakePlatform, raw: Any) -> None:
    for head in (
        UPGRADE.replace(b"GET", b"PUT"),
        UPGRADE.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        UPGRADE.replace(b"Connection: Upgrade", b"Connection: close"),
        UPGRADE.replace(b"Version: 13", b"Version: 8"),
        UPGRADE.replace(b"AAAAAAAA", b"!"),
        UPGRADE.replace(b"AAAAAAAA", b""),
    ):
        sock = raw()
        sock.sendall(head)
        assert sock.recv(4096).startswith(b"HTTP/1.1 400")
    assert [breach.rule for breach in fake.breaches] == ["bad_upgrade"] * 6


def test_an_endless_head_is_cut_off(fake: FakePlatform, raw: Any) -> None:
    sock = raw()
    with pytest.raises(ConnectionError):
        sock.sendall(b"x" * (64 << 20))
    fake.wait(lambda: fake.logs[0].end == "broken")


def _end_of(dial_raw: Callable[[], socket.socket]) -> str:
    try:  # the end may come before connect() returns
        sock = dial_raw()
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return "reset"
    return "eof"


# --- registration ---------------------------------------------------------------------


def test_a_registration_is_never_answered(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    fake.inject(Rule(on="request", lwp="/reg", do=faults.Lose()))
    client = dial(shop.url)
    client.request("/reg", token="t-1")
    fake.wait(lambda: fake.logs[0].requests["/reg"] == 1)
    with pytest.raises(TimeoutError):
        client.recv(0.05)
    assert shop.sessions == []


def test_a_captcha_and_the_wrong_user(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    fake.inject(faults.captcha("2201"))
    client = dial(shop.url)
    reply = client.register("t-1")
    assert reply["body"]["reason"] == "FAIL_SYS_USER_VALIDATE"
    fake.heal()
    fake.inject(faults.wrong_user("999"))
    reply = client.register("t-1")
    assert (reply["code"], reply["headers"]["reg-uid"]) == (200, "999@goofish")


def test_close_codes_after_a_registration(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    fake.inject(Rule(on="ready", lwp="/s/vulcan", do=faults.Close(code=1008, reason="bye")))
    client = dial(shop.url)
    client.register("t-1")
    client.push("/s/sync", ack=False)
    with pytest.raises(ConnectionClosed) as closed:
        client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "bye")
    fake.wait_connections(0)
    assert (fake.logs[0].end, fake.logs[0].close_code) == ("we_closed", 1008)


# --- liveness -------------------------------------------------------------------------


def test_silent_deaf_and_zombie(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    buyer = shop.buyer("3301")
    fake.inject(faults.deaf())
    client.request("/!")
    assert client.call("/r/SyncStatus/getState", [{}])["code"] == 200
    fake.heal()
    fake.inject(faults.zombie(connection=1))
    buyer.says("unseen")
    assert client.call("/!")["code"] == 200
    fake.heal()
    fake.inject(faults.silent(account="2201"))
    client.request("/!")
    buyer.says("unheard")
    pong = client.ws.ping()
    assert not pong.wait(0.05)
    fake.heal()
    buyer.says("heard")
    assert texts(client.push()) == ["heard"]
    shop.wait_acked(1)
    assert len(shop.unacked) == 2


def test_pings_are_answered_late_or_never(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    assert client.ws.ping().wait(2)
    fake.inject(Rule(on="ping", do=faults.Delay(by_s=0.05)))
    assert client.ws.ping().wait(2)
    shop.ping(b"from us")
    assert client.call("/!")["code"] == 200


# --- pushes ---------------------------------------------------------------------------


@pytest.mark.parametrize("new_mid", [False, True])
def test_duplicates_under_the_same_or_a_new_mid(
    new_mid: bool,  # noqa: FBT001  # a parameter of the test
    fake: FakePlatform,
    shop: Shop,
    dial: Dial,
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Duplicate(times=2, new_mid=new_mid)))
    shop.buyer("3301").says("x")
    pushes = [client.push() for _ in range(3)]
    assert len({push["headers"]["mid"] for push in pushes}) == (3 if new_mid else 1)
    assert [texts(push) for push in pushes] == [["x"]] * 3
    client.call("/!")
    assert shop.acked == 1
    fake.check(all_acked=True)


def test_reorder_swaps_two_pushes(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Swap(at_most_s=0.05), times=1))
    buyer = shop.buyer("3301")
    for text in ("a", "b", "c"):
        buyer.says(text)
    assert [texts(client.push())[0] for _ in range(3)] == ["b", "a", "c"]


def test_a_held_push_leaves_by_itself(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Swap(at_most_s=0.02), times=1))
    shop.buyer("3301").says("alone")
    assert texts(client.push()) == ["alone"]


def test_a_lost_push_leaves_a_gap(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Lose(), after=1, times=1))
    buyer = shop.buyer("3301")
    for text in ("a", "lost", "c"):
        buyer.says(text)
    starts = [client.push()["body"]["syncPushPackage"]["startSeq"] for _ in range(2)]
    assert starts == [1, 3]


@pytest.mark.parametrize("how", ["base64", "truncate", "garbage"])
def test_one_entry_is_damaged_the_others_are_whole(
    how: Any, fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Corrupt(how=how, entry=1)))
    buyer = shop.buyer("3301")
    shop.push([buyer.writes("a"), buyer.writes("broken"), buyer.writes("c")])
    push = client.push()
    damaged = push["body"]["syncPushPackage"]["data"].pop(1)
    assert texts(push) == ["a", "c"]
    with pytest.raises(Exception, match=r"."):  # which one depends on the damage
        msgpack.unpackb(base64.b64decode(damaged["data"], validate=True), strict_map_key=False)
    shop.wait_acked(3)


def test_a_damaged_frame_is_no_json(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Corrupt(how="frame")))
    shop.buyer("3301").says("x")
    with pytest.raises(json.JSONDecodeError):
        client.recv()


def test_fragments_with_pings_between_are_one_message(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Fragment(size_bytes=100, pings=True)))
    shop.buyer("3301").says("碎片")
    assert texts(client.push()) == ["碎片"]
    shop.wait_acked(1)


def test_a_header_that_claims_a_terabyte(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    client.ws.protocol.max_message_size = 1 << 20
    fake.inject(Rule(on="push", do=faults.Oversize(claimed_bytes=1 << 40)))
    shop.buyer("3301").says("x")
    with pytest.raises(ConnectionClosed) as closed:
        client.recv()
    assert closed.value.sent is not None
    assert closed.value.sent.code == 1009


@pytest.mark.parametrize("reset", [True, False])
def test_a_frame_is_cut_in_the_middle(
    reset: bool,  # noqa: FBT001  # a parameter of the test
    fake: FakePlatform,
    shop: Shop,
    dial: Dial,
) -> None:
    client = dial(shop.url, "t-1")
    sent = shop.buyer("3301").says("whole")
    client.push()
    shop.wait_acked(1)
    fake.inject(Rule(on="push", do=faults.Cut(part=0.5, reset=reset), times=1))
    shop.buyer("3301").says("half")
    with pytest.raises(ConnectionClosed):
        client.recv()
    assert sent.message_id not in shop.unacked
    again = dial(shop.url, "t-1")
    assert texts(again.push()) == ["half"]
    fake.wait(lambda: fake.logs[0].end == ("we_reset" if reset else "we_dropped"))


def test_a_push_can_be_late(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Delay(by_s=0.05), times=1))
    buyer = shop.buyer("3301")
    buyer.says("late")
    buyer.says("in time")
    assert [texts(client.push())[0] for _ in range(2)] == ["in time", "late"]


def test_kick_by_rule_and_by_hand(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Kick(), times=1))
    shop.buyer("3301").says("x")
    client.push("/push/kickout", ack=False)
    client = dial(shop.url, "t-1")
    client.push()
    shop.remove_session()
    client.push("/s/session/remove", ack=False)
    client = dial(shop.url, "t-1")
    shop.kick()
    client.push("/push/kickout", ack=False)
    fake.wait_connections(0)
    assert [log.end for log in fake.logs] == ["kicked", "removed", "kicked"]


@pytest.mark.parametrize(
    ("how", "end"), [("cut", "we_reset"), ("drop", "we_dropped"), ("close", "we_closed")]
)
def test_every_way_to_end(how: str, end: str, fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    getattr(shop, how)()
    with pytest.raises(ConnectionClosed):
        client.recv()
    shop.wait_gone()
    assert fake.logs[0].end == end
    assert fake.logs[0].registration["did"] == "DID"


# --- sends ----------------------------------------------------------------------------


def test_sends_refused_late_lost_before_and_lost_after(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    """The four honest results of a send need a platform that gives all four."""
    client = dial(shop.url, "t-1")
    fake.inject(faults.forbid_sends(times=1))
    assert client.call(SEND, send_body("forbidden"))["body"]["reason"] == "CSI_FORBID"
    assert shop.sent == []

    fake.inject(Rule(on="request", lwp=SEND, do=faults.Lose(), times=1))
    client.request(SEND, send_body("lost before"))
    client.call("/!")
    assert shop.sent == []

    fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
    client.request(SEND, send_body("lost after"))
    shop.wait_sent(1)
    assert [own.text for own in shop.sent] == ["lost after"]

    fake.inject(Rule(on="reply", lwp=SEND, do=faults.Delay(by_s=0.02), times=1))
    assert client.call(SEND, send_body("late"))["body"]["messageId"]

    fake.inject(Rule(on="request", lwp=SEND, do=faults.Delay(by_s=0.02), times=1))
    assert client.call(SEND, send_body("slow"))["body"]["messageId"]
    assert [own.text for own in shop.sent] == ["lost after", "late", "slow"]


def test_an_answer_can_come_twice_or_throttled(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="reply", lwp="/!", do=faults.Duplicate()))
    mid = client.request("/!")
    assert [client.recv()["headers"]["mid"] for _ in range(2)] == [mid, mid]
    throttled = faults.Answer(code=200, body={"code": "400600001", "reason": "flow control"})
    fake.inject(Rule(on="request", lwp="/r/*", do=throttled))
    assert client.call("/r/SyncStatus/getState", [{}])["body"]["code"] == "400600001"


def test_a_link_can_drop_between_request_and_reply(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="reply", lwp=SEND, do=faults.Reset(), times=1))
    client.request(SEND, send_body("done"))
    with pytest.raises(ConnectionClosed):
        client.recv()
    assert [own.text for own in shop.sent] == ["done"]


def test_the_platform_can_stop_reading_for_a_while(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="request", lwp="/!", do=faults.StopReading(for_s=0.1), times=1))
    client.call("/!")
    began = time.monotonic()
    client.call("/!")
    assert time.monotonic() - began > 0.05


def test_a_client_that_breaks_the_wire_is_told_and_closed(fake: FakePlatform, raw: Any) -> None:
    sock = raw()
    sock.sendall(UPGRADE)
    assert b"101 Switching Protocols" in sock.recv(4096)
    sock.sendall(b"\x81\x02hi")  # not masked
    assert sock.recv(4096)[:1] == b"\x88"
    assert [breach.rule for breach in fake.breaches] == ["wire_broken"]


# --- floods ---------------------------------------------------------------------------


def test_a_client_that_does_not_read_bounds_the_flood(raw: Any, fake: FakePlatform) -> None:
    """The kit must not eat the memory of the test that uses it."""
    shop = fake.account("2201")
    sock = raw()
    sock.sendall(UPGRADE)
    sock.recv(4096)
    fake.wait(lambda: fake.connections[0].upgraded_at is not None)
    body = json.dumps(
        {
            "lwp": "/reg",
            "headers": {
                "mid": "1 0",
                "token": "token-2201",
                "ua": "x" * 100,
                "app-key": "444e9908a51d1cb236a27862abc769c9",
            },
        }
    ).encode()
    sock.sendall(b"\x81" + bytes((0x80 | 126,)) + len(body).to_bytes(2, "big") + bytes(4) + body)
    shop.wait_registered()
    with pytest.raises(TimeoutError, match="the client to read"):
        shop.flood(30_000, timeout_s=0.1)
    peer = next(iter(fake.engine.peers.values()))
    assert len(peer.link.out) < 12 << 20


def test_a_flood_arrives_whole_and_in_order(dial: Dial) -> None:
    with FakePlatform(Behaviour()) as fake:
        shop = fake.account("2201")
        client = dial(shop.url, "token-2201")
        shop.flood(1_000, package=10)
        seen = [text for _ in range(100) for text in texts(client.push())]
        assert seen == [f"flood {n}" for n in range(1_000)]
        shop.wait_acked(1_000)
        fake.check(all_acked=True)
