"""The gateway's codec and the fake must agree; they were written apart from each other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from actors.ports import Identity
from actors.values import Content, Delivery, ErrorClass, Reply, Request, SendOutcome, SignalKind
from gateway.platforms.goofish import Goofish, GoofishSession
from gateway.testing import FakePlatform, Shop, faults
from gateway.testing.platform.shapes import entry_of

if TYPE_CHECKING:
    from tests.fake_platform.conftest import Client, Dial

NOW_MS = 1_795_469_246_000


def session_of(shop: Shop) -> GoofishSession:
    given = shop.credentials
    identity = Identity(
        account="shop-a",
        user_id=given["user_id"],
        device_id=given["device_id"],
        token=given["token"],
    )
    return Goofish().session(identity)


def asked(client: Client, session: GoofishSession, request: Request | None) -> Reply:
    """Send a request and give its reply as the codec reads it."""
    assert request is not None
    client.ws.send(request.payload)
    while True:
        decoded = session.decode(client.ws.recv(timeout=3), received_at_ms=NOW_MS)
        assert decoded.fault is None, decoded.fault
        if decoded.reply is not None and decoded.reply.mid == request.mid:
            return decoded.reply


def test_every_request_and_every_push_is_understood(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    session = session_of(shop)
    mids = (session.mid(NOW_MS + n, 0.5) for n in itertools.count())
    client = dial(shop.url)
    buyer = shop.buyer("3301", nick="小王", system="android")
    old = buyer.writes("从前")

    assert session.registered(asked(client, session, session.register(next(mids)))) is None
    signals = []
    for _ in range(2):
        decoded = session.decode(client.ws.recv(timeout=3), received_at_ms=NOW_MS)
        signals.append(decoded.signal.kind if decoded.signal else None)
        assert decoded.ack is not None
        client.ws.send(decoded.ack)
    assert signals == [SignalKind.BACKLOG_CUT, SignalKind.READY]
    assert asked(client, session, session.beat(next(mids))).code == 200

    state = session.history.state(asked(client, session, session.history.get_state(next(mids))))
    assert state is not None
    assert asked(client, session, session.history.ack_diff(next(mids), state)).code == 200
    page = session.history.conversations(
        asked(client, session, session.history.list_conversations(next(mids), None))
    )
    assert page is not None
    (talk,) = page.conversations
    assert (talk.conversation_id, talk.peer_id) == (buyer.conversation().id, "3301")
    request = session.history.list_messages(next(mids), talk.conversation_id, None, 20)
    history = session.history.messages(asked(client, session, request), received_at_ms=NOW_MS)
    assert history is not None
    assert history.next_cursor is None

    shop.push([old])
    buyer.orders("paid", update=True)
    buyer.types()
    pushed = []
    for _ in range(3):
        decoded = session.decode(client.ws.recv(timeout=3), received_at_ms=NOW_MS)
        pushed.append([event.kind for event in decoded.events])
        assert decoded.ack is not None
        client.ws.send(decoded.ack)
        if len(pushed) == 1:
            assert decoded.events[0].event_id == history.events[0].event_id
    assert pushed == [["chat_message"], ["order_status"] * 3, ["user_interaction"]]

    delivery = Delivery(
        outbox_id="1",
        uuid=Goofish().uuid(NOW_MS, 0.5),
        account="shop-a",
        conversation_id=talk.conversation_id,
        to="3301",
        content=Content(text="有货"),
        expires_at_ms=NOW_MS + 1,
    )
    sent = session.sent(asked(client, session, session.send(next(mids), delivery)))
    assert (sent.outcome, sent.message_id) == (SendOutcome.ACCEPTED, shop.sent[0].message_id)
    entry = shop.account.conversations[talk.conversation_id].messages[-1]
    shop.push([entry_of(entry)])  # as another session of the account would see it
    echo = session.decode(client.ws.recv(timeout=3), received_at_ms=NOW_MS)
    assert [event.own for event in echo.events] == [True]
    assert echo.ack is not None
    client.ws.send(echo.ack)
    assert shop.sent[0].uuid == delivery.uuid
    fake.inject(faults.forbid_sends())
    refused = session.sent(asked(client, session, session.send(next(mids), delivery)))
    assert refused.outcome is SendOutcome.REFUSED
    shop.wait_acked(2)
    fake.check()


def test_every_refused_registration_has_its_class(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    session = session_of(shop)

    def judged() -> ErrorClass | None:
        client = dial(shop.url)
        failure = session.registered(asked(client, session, session.register("11 0")))
        return failure.error_class if failure else None

    fake.inject(faults.captcha())
    assert judged() is ErrorClass.NEEDS_HUMAN
    fake.heal()
    fake.inject(faults.wrong_user("999"))
    assert judged() is not None
    fake.heal()
    shop.token = "renewed"
    assert judged() is ErrorClass.AUTH
