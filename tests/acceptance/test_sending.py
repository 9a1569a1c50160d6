"""Sends: one honest outcome each, in order, at the account's rate, and never twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from market import CROWD, WAIT_S, Market
from watch import Stopwatch

from actors.ports.errors import OverloadedError as KernelOverloadedError
from actors.values import SendOutcome, SendState
from gateway import ChatMessage, OverloadedError, ShuttingDownError, UnknownAccountError
from gateway.errors import SendStateError, UnknownSendError
from gateway.testing import Behaviour, Rule, faults

SHOP = "2201"
SEND = "/r/MessageSend/*"
HISTORY = "/r/MessageManager/listUserMessages"


@pytest.mark.peer(15)
def test_accepted_means_the_platform_said_so(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market:
        market.start()
        result = market.gateway.send(SHOP, "c1", "你好", to="77001").result(WAIT_S)
        (own,) = market.shops[SHOP].wait_sent(1)
        assert result.outcome is SendOutcome.ACCEPTED
        assert result.message_id == own.message_id
        assert (own.conversation_id, own.text) == ("c1", "你好")


@pytest.mark.peer(15)
@pytest.mark.row("U4", "refused with its reason, not tried again")
def test_a_refusal_with_200_is_a_refusal(tmp_path: Path) -> None:
    """The platform hides its blocks in the body of a success."""
    with Market(tmp_path, SHOP, *CROWD) as market:
        market.start()
        market.fake.inject(faults.forbid_sends(SHOP, times=1))
        result = market.gateway.send(SHOP, "c1", "加微信", to="77001").result(WAIT_S)
        assert result.outcome is SendOutcome.REFUSED
        assert result.reason is not None
        assert "CSI_FORBID" in result.reason
        after = market.gateway.send(SHOP, "c1", "你好", to="77001").result(WAIT_S)
        assert after.outcome is SendOutcome.ACCEPTED
        market.keep_their_sessions(*CROWD)


@pytest.mark.peer(15)
@pytest.mark.row("U2", "absent twice, sent again under its uuid; one copy")
@pytest.mark.row("U1", "found in history, accepted; one copy")
@pytest.mark.parametrize("on", ["reply", "request"])
def test_a_lost_answer_and_a_lost_request_leave_one_copy(
    tmp_path: Path, stopwatch: Stopwatch, on: str
) -> None:
    """U1, U2: the history tells them apart; neither is sent blindly again, neither is lost."""
    behaviour = Behaviour(backlog="push", echo=False)
    with Market(tmp_path, SHOP, *CROWD, behaviour=behaviour) as market:
        market.start()
        moment = Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1)
        if on == "request":
            moment = Rule(on="request", lwp=SEND, do=faults.Lose(), times=1)
        market.fake.inject(moment)
        stopwatch.only("U1" if on == "reply" else "U2")
        stopwatch.start()
        first = market.gateway.send(SHOP, "c1", "first", to="77001")
        second = market.gateway.send(SHOP, "c1", "second", to="77001")
        market.log.wait("send.doubted", account=SHOP, reason="no_answer")
        stopwatch.detected(0.5 + 1.0)
        result = first.result(WAIT_S)
        stopwatch.recovered(2 * 0.1 + 1.0)
        assert result.outcome is SendOutcome.ACCEPTED
        assert second.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        sent = market.shops[SHOP].sent
        assert [own.text for own in sent] == ["first", "second"]
        assert result.message_id == sent[0].message_id
        found = market.gateway.sends.get(first.outbox_id)
        assert found is not None
        assert (found.state, found.attempts) == (SendState.ACCEPTED, 1 if on == "reply" else 2)
        market.fake.check()
        market.keep_their_sessions(*CROWD)


@pytest.mark.row("U3", "looked for on the next link; one copy")
@pytest.mark.parametrize("on", ["reply", "request"])
def test_a_link_cut_under_a_send(tmp_path: Path, stopwatch: Stopwatch, on: str) -> None:
    """U3: on the next link the history is asked first."""
    behaviour = Behaviour(backlog="push", echo=False)
    with Market(tmp_path, SHOP, *CROWD, behaviour=behaviour) as market:
        market.start()
        rule = Rule(on="reply", lwp=SEND, do=faults.Reset(), times=1)
        if on == "request":
            rule = Rule(on="request", lwp=SEND, do=faults.Reset(), times=1)
        market.fake.inject(rule)
        first = market.gateway.send(SHOP, "c1", "first", to="77001")
        second = market.gateway.send(SHOP, "c1", "second", to="77001")
        stopwatch.start()
        assert first.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        stopwatch.recovered(2 * 0.1 + 2.0)
        assert second.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [own.text for own in market.shops[SHOP].wait_sent(2)] == ["first", "second"]
        market.fake.check()
        market.keep_their_sessions(*CROWD)


@pytest.mark.parametrize("code", [1009, 1000, 4000])
def test_a_send_the_platform_hangs_up_on_is_not_tried_for_ever(tmp_path: Path, code: int) -> None:
    """It closed twice right after the same send, and has not got it: the rest goes on."""
    behaviour = Behaviour(backlog="push", echo=False)
    with Market(tmp_path, SHOP, behaviour=behaviour) as market:
        market.start()
        close = faults.Close(code=code)
        market.fake.inject(Rule(on="request", lwp=SEND, do=close, times=2))
        bad = market.gateway.send(SHOP, "c1", "bad", to="77001")
        shop = market.shops[SHOP]
        shop.wait_registered(sessions=3)
        after = market.gateway.send(SHOP, "c1", "after", to="77001")
        other = market.gateway.send(SHOP, "c2", "other", to="77002")
        result = bad.result(WAIT_S)
        assert (result.outcome, result.reason) == (SendOutcome.REFUSED, "link_closed_by_platform")
        assert after.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert other.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert sorted(own.text or "" for own in shop.sent) == ["after", "other"]
        assert len(shop.sessions) == 3


def test_the_echo_stands_in_for_a_lost_answer(tmp_path: Path) -> None:
    """O3: the platform's own push says that it has the message, and which one it is."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(backlog="push", echo=True)) as market:
        market.start()
        market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
        market.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Lose()))
        result = market.gateway.send(SHOP, "c1", "你好", to="77001").result(WAIT_S)
        (own,) = market.shops[SHOP].sent
        assert (result.outcome, result.message_id) == (SendOutcome.ACCEPTED, own.message_id)


@pytest.mark.peer(15)
@pytest.mark.row("D15", "a late answer confirms its attempt")
def test_a_late_answer_still_counts(tmp_path: Path) -> None:
    """O4: it says more than any search."""
    behaviour = Behaviour(backlog="push", echo=False)
    with Market(tmp_path, SHOP, behaviour=behaviour) as market:
        market.start()
        market.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Answer(code=500)))
        market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Delay(by_s=0.8), times=1))
        ticket = market.gateway.send(SHOP, "c1", "slowly", to="77001")
        market.log.wait("send.doubted", account=SHOP, outbox_id=ticket.outbox_id)
        assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [own.text for own in market.shops[SHOP].sent] == ["slowly"]


@pytest.mark.peer(15)
def test_what_nobody_can_tell_is_resolved_by_a_person(tmp_path: Path) -> None:
    """No history, no answer: it stays UNKNOWN, visible, and does not hold up the others."""
    behaviour = Behaviour(backlog="push", echo=False)
    overrides = {SHOP: {"send": {"review_s": 0.3}}}
    with Market(tmp_path, SHOP, behaviour=behaviour, overrides=overrides) as market:
        market.start()
        market.fake.inject(Rule(on="request", lwp=HISTORY, do=faults.Answer(code=500)))
        market.fake.inject(Rule(on="reply", lwp=SEND, do=faults.Lose(), times=1))
        sends = market.gateway.sends
        first = market.gateway.send(SHOP, "c1", "first", to="77001")
        second = market.gateway.send(SHOP, "c1", "second", to="77001")
        result = first.result(WAIT_S)
        assert (result.outcome, result.reason) == (SendOutcome.UNKNOWN, "needs_review")
        assert second.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        (open_,) = sends.list(account=SHOP, state="unknown")
        assert (open_.outbox_id, open_.reason) == (first.outbox_id, "needs_review")
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.start()
        sends = market.gateway.sends
        assert market.gateway.ticket(first.outbox_id).result(0.0) == result
        with pytest.raises(SendStateError, match="is unknown; only what is queued"):
            sends.cancel(first.outbox_id)
        view = sends.resolve(first.outbox_id, "accepted", "1.PNM")
        assert (view.state, view.message_id, view.reason) == (
            SendState.ACCEPTED,
            "1.PNM",
            "by_hand",
        )
        assert sends.list(state=SendState.UNKNOWN) == []
        with pytest.raises(SendStateError, match="is accepted"):
            sends.resolve(first.outbox_id, SendOutcome.REFUSED)
        assert [own.text for own in market.shops[SHOP].sent] == ["first", "second"]


def test_sends_can_be_asked_for_and_cancelled(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market:
        with pytest.raises(ShuttingDownError):
            market.gateway.sends.list()
        market.start()
        sends = market.gateway.sends
        market.gateway.accounts.pause(SHOP)
        market.shops[SHOP].wait_gone()
        tickets = [market.gateway.send(SHOP, "c1", str(n), to="77001") for n in range(3)]
        assert [view.text for view in sends.list(limit=2)] == ["2", "1"]
        queued = sends.get(tickets[1].outbox_id)
        assert queued is not None
        assert (queued.state, queued.outcome, queued.attempts) == (SendState.QUEUED, None, 0)
        assert sends.cancel(tickets[1].outbox_id).state is SendState.CANCELLED
        assert tickets[1].result(WAIT_S).outcome is SendOutcome.CANCELLED
        again = market.gateway.ticket(tickets[2].outbox_id)
        market.gateway.accounts.resume(SHOP)
        assert again.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [own.text for own in market.shops[SHOP].sent] == ["0", "2"]
        with pytest.raises(SendStateError, match="is accepted; only what is queued"):
            sends.cancel(tickets[0].outbox_id)
        assert sends.get("nobody") is None
        for ask in (sends.cancel, sends.ticket):
            with pytest.raises(UnknownSendError, match="no send 'nobody'"):
                ask("nobody")
        with pytest.raises(ValueError, match="no state 'lost'; there are queued"):
            sends.list(state="lost")
        with pytest.raises(ValueError, match="accepted"):
            sends.resolve(tickets[0].outbox_id, "expired")


@pytest.mark.peer(15)
def test_what_could_not_leave_in_time_never_leaves(tmp_path: Path) -> None:
    """An answer an hour late is worse than none."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        market.gateway.accounts.pause(SHOP)
        market.shops[SHOP].wait_gone()
        ticket = market.gateway.send(SHOP, "c1", "old news", to="77001", expires_s=0.1)
        assert ticket.result(WAIT_S).outcome is SendOutcome.EXPIRED
        market.gateway.accounts.resume(SHOP)
        market.shops[SHOP].wait_registered(sessions=2)
        fresh = market.gateway.send(SHOP, "c1", "news", to="77001")
        assert fresh.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [own.text for own in market.shops[SHOP].sent] == ["news"]


def test_order_and_rate(tmp_path: Path) -> None:
    """In a conversation in order; over all of them no faster than the account may."""
    overrides = {SHOP: {"send": {"rate_per_s": 20.0, "burst": 2}}}
    with Market(tmp_path, SHOP, overrides=overrides) as market:
        market.start()
        since = time.monotonic()
        tickets = [
            market.gateway.send(SHOP, f"c{number % 2}", str(number), to="77001")
            for number in range(12)
        ]
        assert all(ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED for ticket in tickets)
        assert time.monotonic() - since >= 10 / 20.0 - 0.05
        assert market.shops[SHOP].texts == {
            "c0": ["0", "2", "4", "6", "8", "10"],
            "c1": ["1", "3", "5", "7", "9", "11"],
        }
        market.fake.check()


@pytest.mark.peer(14)
def test_too_much_is_refused_before_it_is_accepted(tmp_path: Path) -> None:
    """A bounded outbox says no at once; once there is room again it says yes."""
    overrides = {SHOP: {"send": {"limit": 3}}}
    with Market(tmp_path, SHOP, overrides=overrides) as market:
        market.start()
        market.gateway.accounts.pause(SHOP)
        market.shops[SHOP].wait_gone()
        tickets = [market.gateway.send(SHOP, "c1", str(n), to="77001") for n in range(3)]
        with pytest.raises(OverloadedError, match="outbox of 2201"):
            market.gateway.send(SHOP, "c1", "too much", to="77001")
        with pytest.raises(KernelOverloadedError):
            market.gateway.send(SHOP, "c2", "one class", to="77001")
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.fake.inject(Rule(on="upgrade", do=faults.Delay(by_s=0.5), times=1))
        market.gateway.start()
        market.gateway.accounts.resume(SHOP)  # a pause outlives its life
        system = market.gateway._system  # what an earlier life accepted counts, too
        assert system is not None
        market.fake.wait(lambda: system.services.sends.count(SHOP) == 3, WAIT_S, "the rows")
        with pytest.raises(OverloadedError):
            market.gateway.send(SHOP, "c1", "too much", to="77001")
        again = [market.gateway.ticket(each.outbox_id) for each in tickets]
        results = [ticket.result(WAIT_S) for ticket in again]
        assert {each.outcome for each in results} == {SendOutcome.ACCEPTED}, results
        more = market.gateway.send(SHOP, "c1", "3", to="77001")
        assert more.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [own.text for own in market.shops[SHOP].sent] == list("0123")


def test_an_image(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market:
        market.start()
        url = "https://img.alicdn.com/x.png"
        ticket = market.gateway.send(SHOP, "c1", image_url=url, width=64, height=32, to="77001")
        assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        assert [own.text for own in market.shops[SHOP].sent] == [None]


def test_a_reply_and_nothing_but_a_reply(tmp_path: Path) -> None:
    """The echo of our own answer is no question: it must not be answered."""
    with Market(tmp_path, SHOP, behaviour=Behaviour(backlog="push", echo=True)) as market:
        seen: list[str] = []
        echoed = threading.Event()

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            seen.append(event.text or "")
            event.reply(f"re: {event.text}")
            event.reply("bye")

        @market.gateway.on(ChatMessage, own=True)
        def watch(event: ChatMessage) -> None:
            if event.own and event.text == "bye":
                echoed.set()

        market.start()
        asked = market.shops[SHOP].buyer("77001").says("还在吗？")
        sent = market.shops[SHOP].wait_sent(2)
        assert [own.text for own in sent] == ["re: 还在吗？", "bye"]
        assert {own.conversation_id for own in sent} == {asked.conversation_id}
        assert echoed.wait(WAIT_S)
        assert seen == ["还在吗？"]
        market.fake.check()


def test_a_handler_that_fails_after_its_reply_answers_once(tmp_path: Path) -> None:
    """Replies leave with the settlement: a failed try leaves none behind."""
    with Market(tmp_path, SHOP) as market:
        tries: list[int] = []

        @market.gateway.on(ChatMessage)
        def fragile(event: ChatMessage) -> None:
            tries.append(1)
            event.reply(f"try {len(tries)}")
            if len(tries) < 3:
                raise RuntimeError

        market.start()
        market.shops[SHOP].buyer("77001").says("还在吗？")
        market.shops[SHOP].wait_sent(1)
        market.serves_sends(SHOP)
        assert [own.text for own in market.shops[SHOP].sent] == ["try 3", "checked"]


def test_a_text_nobody_can_send(tmp_path: Path) -> None:
    """A host's bad string must not sit in the outbox, nor block the conversation."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        with pytest.raises(ValueError, match="text has half of a character"):
            market.gateway.send(SHOP, "c1", "\ud800", to="77001")
        nobody = market.gateway.send(SHOP, "c1", "to nobody").result(WAIT_S)
        assert nobody.outcome is SendOutcome.REFUSED
        market.serves_sends(SHOP)


def test_a_reply_nobody_can_send(tmp_path: Path) -> None:
    """It fails its handler; the event is a dead letter and the lane goes on."""
    with Market(tmp_path, SHOP) as market:
        market.listen()

        @market.gateway.on(ChatMessage)
        def bad(event: ChatMessage) -> None:
            if event.text == "bad":
                event.reply("\ud800")

        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("bad")
        buyer.says("good")
        market.log.wait("event.dead_lettered", account=SHOP)
        market.ledger.until(lambda texts: "good" in texts)
        market.serves_sends(SHOP)
        (letter,) = market.gateway.dead_letters.list(SHOP)
        assert (letter.reason or "").startswith("ValueError")


def test_who_can_not_send(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP, overrides={SHOP: {}}) as market:
        with pytest.raises(ShuttingDownError):
            market.gateway.send(SHOP, "c1", "too early")
        market.start()
        with pytest.raises(UnknownAccountError, match="2201"):
            market.gateway.send("2210", "c1", "to whom")
        with pytest.raises(ValueError, match="a text or an image_url"):
            market.gateway.send(SHOP, "c1")
        market.gateway.stop(5.0)
        with pytest.raises(ShuttingDownError):
            market.gateway.send(SHOP, "c1", "too late")


def test_a_reply_does_not_wait_for_the_next_message(tmp_path: Path) -> None:
    """The answer to the first of two questions leaves while the second is being thought over."""
    release = threading.Event()
    with Market(tmp_path, SHOP) as market:

        @market.gateway.on(ChatMessage)
        def think(event: ChatMessage) -> None:
            if event.text == "hard":
                release.wait(30.0)
            event.reply(f"re: {event.text}")

        try:
            market.start()
            shop = market.shops[SHOP]
            buyer = shop.buyer("77001")
            shop.push([buyer.writes("easy"), buyer.writes("hard")])
            assert [own.text for own in shop.wait_sent(1)] == ["re: easy"]
        finally:
            release.set()
        shop.wait_sent(2)
