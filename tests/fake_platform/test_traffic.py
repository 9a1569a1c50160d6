from __future__ import annotations

import base64
import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import msgpack  # type: ignore[import-untyped]  # it has no stubs
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateway.testing import Behaviour, FakePlatform
from gateway.testing.platform.traffic import Traffic

if TYPE_CHECKING:
    from tests.fake_platform.conftest import Client, Dial, Json

SEND = "/r/MessageSend/sendByReceiverScope"


def answer(client: Client, push: Json, seen: set[str]) -> None:
    for entry in push["body"].get("syncPushPackage", {}).get("data", []):
        if entry["objectType"] != 40000 or entry["bizType"] != 40:
            continue
        fields = msgpack.unpackb(base64.b64decode(entry["data"]), strict_map_key=False)
        if not isinstance(fields[1], dict) or fields[1][1][1] == "2201@goofish":
            continue
        one = fields[1]
        if one[3] in seen or "#" not in one[6][3][2]:
            continue
        content = json.dumps({"contentType": 1, "text": {"text": f"收到：{one[6][3][2]}"}})
        custom = {"type": 1, "data": base64.b64encode(content.encode()).decode()}
        asked = {"uuid": f"-{one[3]}", "cid": one[2], "content": {"custom": custom}}
        receivers = {"actualReceivers": [one[1][1], "2201@goofish"]}
        client.request(SEND, [asked, receivers])
        seen.add(one[3])


def test_traffic_with_a_forced_reconnect_is_counted(dial: Dial) -> None:
    """The demo's "0 lost" is only worth something if the count can also say otherwise."""
    seen: set[str] = set()
    with FakePlatform(Behaviour(backlog="push", dedupe_uuid=True)) as fake:
        shop = fake.account("2201")
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with suppress(ConnectionClosed, InvalidHandshake, TimeoutError, OSError):
                    client = dial(shop.url, "token-2201")
                    while not ended.is_set():
                        frame = client.recv(0.2)
                        if "lwp" in frame:
                            client.ack(frame)
                            answer(client, frame, seen)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            shop.wait_registered()
            traffic = Traffic(fake, [shop], seed=7, rate_per_s=400)
            assert traffic.reconnect(questions=3) is shop
            with traffic:
                shop.wait_registered(sessions=2)
                fake.wait(lambda: traffic.tally().asked >= 60)
            tally = traffic.settle(5)
        finally:
            ended.set()
            thread.join(5)
        assert tally.asked >= 60
        assert (tally.lost, tally.doubled, tally.unacked, tally.breaches) == (0, 0, 0, 0)
        assert tally.pushed == tally.acked > tally.asked
        assert tally.other > 0
        assert tally.connections == 2


def test_questions_nobody_answers_are_lost_and_doubles_are_seen(dial: Dial) -> None:
    with FakePlatform() as fake:
        shop = fake.account("2201")
        client = dial(shop.url, "token-2201")
        traffic = Traffic(fake, [shop], seed=1)
        assert traffic.reconnect(fake.account("9")) is None
        traffic._ask(0)
        traffic._ask(0)
        push = client.push()
        answer(client, push, set())
        answer(client, push, set())
        shop.wait_sent(2)
        tally = traffic.settle(0.05)
        assert (tally.asked, tally.answered, tally.lost, tally.doubled) == (2, 1, 1, 1)
        assert tally.unacked > 0


def test_the_same_seed_does_the_same_things() -> None:
    def texts(seed: int) -> list[str]:
        with FakePlatform() as fake:
            shops = [fake.account("1"), fake.account("2")]
            traffic = Traffic(fake, shops, seed=seed)
            for _ in range(50):
                traffic._happen()
            talks = [talk for shop in shops for talk in shop.account.conversations.values()]
            return [f"{talk.id} {m.summary}" for talk in talks for m in talk.messages]

    assert texts(3) == texts(3) != texts(4)
