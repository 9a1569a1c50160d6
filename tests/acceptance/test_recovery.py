"""What the platform never pushes is read out of its history: once, in order, flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from history import SHOP, Outcomes, in_lane_order, market_of, offline, opened
from market import WAIT_S, Market
from watch import Stopwatch

from actors.account.recovery import RecoveryActor
from actors.messages import StateChanged
from actors.ports.commands import JournalAnswer, JournalCommand
from actors.runtime.clock import SystemClock
from actors.state import Cause, ConnectionState
from gateway import Recovered
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import Behaviour, Rule, Shop, faults

STATE = "/r/SyncStatus/getState"
LIST = "/r/Conversation/listNewestPagination"
MESSAGES = "/r/MessageManager/listUserMessages"


def test_first_contact_reads_a_bounded_window(tmp_path: Path) -> None:
    with market_of(tmp_path, first_s=0) as market:
        buyer = market.shops[SHOP].buyer("77001")
        offline(market, [buyer], 3)
        outcomes = opened(market)
        assert outcomes.all[0].found == 0
        market.shops[SHOP].buyer("77002").says("live")
        assert market.ledger.wait(1) == ["live"]
        market.fake.wait(lambda: market.shops[SHOP].claimed)


@pytest.mark.row("D3", "one event")
def test_what_is_pushed_and_in_history_is_one_event(tmp_path: Path) -> None:
    """The platform pushes the backlog too: whichever comes first is the event."""
    with market_of(tmp_path, Behaviour(backlog="push")) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        market.fake.stop_accepting()
        shop.cut()
        shop.wait_gone()
        offline(market, [shop.buyer("77001")], 40)
        market.fake.resume()
        outcomes.wait(2)
        shop.buyer("77002").says("end")
        market.ledger.until(lambda texts: "end" in texts and len(texts) >= 41)
        assert len(market.ledger.events) == 41
        assert in_lane_order(market.ledger)


@pytest.mark.parametrize("lwp", [STATE, LIST, MESSAGES])
@pytest.mark.parametrize("fault", [faults.Answer(code=400), faults.Lose()])
def test_a_question_that_fails_once_is_asked_again(
    tmp_path: Path, lwp: str, fault: faults.Action
) -> None:
    with market_of(tmp_path, reply_s=0.2) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        market.fake.inject(Rule(on="request", lwp=lwp, do=fault, times=1))  # type: ignore[arg-type]
        offline(market, [shop.buyer("77001")], 5)
        shop.cut()
        outcomes.wait(2)
        market.ledger.wait(5)
        assert all(event.recovered for event in market.ledger.events)


@pytest.mark.peer(9)
@pytest.mark.row("D7", "nothing is claimed; on_recovery says so")
@pytest.mark.parametrize("lwp", [STATE, LIST, MESSAGES])
def test_nothing_is_acknowledged_when_history_can_not_be_read(
    tmp_path: Path, stopwatch: Stopwatch, lwp: str
) -> None:
    """recovered=false, live events go on, the cursor stays; later it is tried again."""
    with market_of(tmp_path, probe_s=0.3) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        shop.buyer("77001").says("before")
        market.ledger.wait(1)
        shop.wait_acked(1)  # or the cut takes it along
        market.fake.wait(lambda: shop.claimed)
        claimed = len(shop.claimed)
        rule = Rule(on="request", lwp=lwp, do=faults.Answer(code=400))
        market.fake.inject(rule)
        offline(market, [shop.buyer("77001")], 5)
        shop.cut()
        stopwatch.start()
        assert outcomes.wait(1, recovered=False).reason == "refused"
        stopwatch.detected(1.0)
        shop.buyer("77002").says("live")
        market.ledger.wait(2)
        shop.wait_acked(2)
        assert len(shop.claimed) == claimed, "it would have been said before this ack"
        market.fake.heal(rule)
        stopwatch.start()
        market.ledger.wait(7)
        stopwatch.recovered(2.0)
        outcomes.wait(2)
        market.fake.wait(lambda: len(shop.claimed) > claimed)
        assert in_lane_order(market.ledger)
        market.log.wait("recovery.failed", reason="refused")


@pytest.mark.row("D6", "history is read before anything is acknowledged as seen")
def test_too_long_in_the_middle_of_a_session(tmp_path: Path, stopwatch: Stopwatch) -> None:
    with market_of(tmp_path) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        offline(market, [shop.buyer("77001")], 5)
        session = shop.account.session
        assert session is not None
        with market.fake.lock:
            peer = market.fake.engine.peers[session.number]
            market.fake.engine.delivery._deliver(peer, session, session.too_long(1), None)
            market.fake.engine.wake()
        stopwatch.start()
        market.ledger.wait(5)
        stopwatch.recovered(2.0)
        assert outcomes.wait(2).reason == "backlog_cut"
        assert len(shop.sessions) == 1


@pytest.mark.peer(9)
@pytest.mark.row("D6", "what was skipped comes out of history, in order")
def test_a_gap_in_the_numbers_is_filled_in_order(tmp_path: Path) -> None:
    """The push that shows the gap waits for what it skipped."""
    with market_of(tmp_path) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        buyer.says("1")
        market.ledger.wait(1)
        market.fake.inject(Rule(on="push", do=faults.Lose(), times=2))
        for text in ("2", "3", "4"):
            buyer.says(text)
        assert market.ledger.wait(4) == ["1", "2", "3", "4"]
        assert [event.recovered for event in market.ledger.events] == [False, True, True, False]
        assert outcomes.wait(2).reason == "gap"
        assert in_lane_order(market.ledger)


def test_the_first_push_of_a_connection_shows_a_gap_before_it(tmp_path: Path) -> None:
    """What is pushed later moves the stream's position past what got lost: no probe sees it."""
    with market_of(tmp_path) as market:
        outcomes = opened(market)
        market.fake.inject(Rule(on="push", do=faults.Lose(), times=1))
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("1")
        buyer.says("2")
        assert market.ledger.wait(2) == ["1", "2"]
        assert outcomes.wait(2).reason == "gap"


@pytest.mark.row("D5", "handed on with late=True")
def test_older_than_what_was_handled_is_late(tmp_path: Path) -> None:
    """Without the hold the push goes first; what it skipped says that it is late."""
    with market_of(tmp_path, hold_s=0) as market:
        opened(market)
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("1")
        market.ledger.wait(1)
        market.fake.inject(
            Rule(on="push", do=faults.Lose(), times=1),
            Rule(on="request", lwp=STATE, do=faults.Delay(by_s=0.2)),
        )
        buyer.says("2")
        buyer.says("3")
        assert market.ledger.wait(3) == ["1", "3", "2"]
        assert [event.late for event in market.ledger.events] == [False, False, True]


@pytest.mark.row("D5", "handed on with late=True")
def test_pushed_behind_what_was_handled_is_late(tmp_path: Path) -> None:
    """The platform kept it back and pushes it with the next registration."""
    with market_of(tmp_path, Behaviour(backlog="push")) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        shop.offline(buyer, ["1"])
        buyer.says("2")
        assert market.ledger.wait(1) == ["2"]
        market.fake.inject(Rule(on="request", lwp=STATE, do=faults.Delay(by_s=0.2), times=1))
        shop.cut()
        assert market.ledger.wait(2) == ["2", "1"]
        assert [(e.late, e.recovered) for e in market.ledger.events] == [
            (False, False),
            (True, False),
        ]
        assert outcomes.wait(2).found == 0


@pytest.mark.row("D5", "handed on with late=True")
def test_late_without_a_history_to_tell(tmp_path: Path) -> None:
    """Nothing can be asked, so nothing is put in order; but nobody is told it were."""
    with market_of(tmp_path, Behaviour(backlog="push"), hold_s=0.2) as market:
        outcomes = opened(market)
        market.fake.inject(
            Rule(on="push", do=faults.Delay(by_s=1.0), times=1),
            *(Rule(on="request", lwp=lwp, do=faults.Answer(code=400)) for lwp in (STATE, LIST)),
        )
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("1")
        buyer.says("2")
        assert market.ledger.wait(2) == ["2", "1"]
        assert [event.late for event in market.ledger.events] == [False, True]
        assert outcomes.wait(1, recovered=False).reason == "refused"


@pytest.mark.row("D4", "in order of the platform clock while none is handled")
def test_pushes_that_overtake_each_other_are_put_in_order(tmp_path: Path) -> None:
    """The gap is none: what it skipped comes by itself, and nothing is found."""
    with market_of(tmp_path) as market:
        outcomes = opened(market)
        market.fake.inject(
            Rule(on="push", do=faults.Delay(by_s=0.1), times=1),
            Rule(on="request", lwp=STATE, do=faults.Delay(by_s=0.4), times=1),
        )
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("1")
        buyer.says("2")
        assert market.ledger.wait(2) == ["1", "2"]
        assert not any(event.late or event.recovered for event in market.ledger.events)
        assert outcomes.wait(2).found == 0


@pytest.mark.row("D7", "lanes wait no longer than hold_s")
def test_live_events_wait_for_a_slow_history_no_longer_than_they_may(tmp_path: Path) -> None:
    with market_of(tmp_path, hold_s=0.3, reply_s=5.0) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        rule = Rule(on="request", lwp=LIST, do=faults.Delay(by_s=1.0))
        market.fake.inject(rule)
        buyer = shop.buyer("77001")
        offline(market, [buyer], 1)
        shop.cut()
        shop.wait_registered(sessions=2)
        buyer.says("live")
        assert market.ledger.wait(2) == ["live", "missed 0"]
        assert [event.late for event in market.ledger.events] == [False, True]
        outcomes.wait(2)


@pytest.mark.peer(1)
@pytest.mark.row("N13", "a probe of the state unmasks it; the link is left")
def test_a_zombie_is_unmasked_by_a_probe_and_left(tmp_path: Path, stopwatch: Stopwatch) -> None:
    """Heartbeats are answered, nothing is pushed: history has it, and the link goes."""
    behaviour = Behaviour(backlog="history", echo=False, redeliver_on_reconnect=False)
    with market_of(tmp_path, behaviour, probe_s=0.2, zombie_s=0.4) as market:
        opened(market)
        shop = market.shops[SHOP]
        market.fake.inject(*faults.zombie(SHOP, 1))
        stopwatch.start()
        shop.buyer("77001").says("unheard")
        assert market.ledger.wait(1) == ["unheard"]

        def left(change: StateChanged) -> bool:
            return change.cause is Cause.ZOMBIE

        market.states.wait(SHOP, left)
        stopwatch.detected(0.2 * 1.2 + 0.4 + 1.0)
        shop.wait_registered(sessions=2)
        stopwatch.recovered(1.0)
        market.serves(SHOP)


@pytest.mark.peer(1)
def test_a_quiet_account_is_no_zombie(tmp_path: Path) -> None:
    """Nobody writes for many probes: each says that nothing was missed, and the link stays."""
    with market_of(tmp_path, probe_s=0.1, zombie_s=0.1) as market:
        opened(market)
        log = market.shops[SHOP].session
        assert log is not None
        market.fake.wait(lambda: log.requests[STATE] >= 6, WAIT_S, "five probes")
        assert len(market.shops[SHOP].sessions) == 1
        market.serves(SHOP)


@pytest.mark.peer(1)
def test_own_messages_without_an_echo_make_no_zombie(tmp_path: Path) -> None:
    behaviour = Behaviour(backlog="history", echo=False)
    with market_of(tmp_path, behaviour, probe_s=0.1, zombie_s=0.1) as market:
        outcomes = opened(market)
        for number in range(3):
            market.gateway.send(SHOP, "c1", f"own {number}", to="77001").result(WAIT_S)
            outcomes.wait(number + 2)
        assert len(market.shops[SHOP].sessions) == 1


def test_a_marker_of_a_message_that_never_came(tmp_path: Path) -> None:
    with market_of(tmp_path, zombie_s=0.2) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        (missed,) = shop.offline(buyer, ["missed"])
        buyer.marks(missed.message_id)
        assert market.ledger.wait(1) == ["missed"]
        assert outcomes.wait(2).reason == "unknown_marker"


def test_more_pages_than_allowed_go_on_in_the_background(tmp_path: Path) -> None:
    with market_of(tmp_path, pages=3) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        offline(market, [shop.buyer(f"7700{lane}") for lane in range(6)], 12)
        shop.cut()
        assert outcomes.wait(1, recovered=False).reason == "page_limit"
        market.ledger.wait(12)
        assert outcomes.wait(2).found == 12
        assert in_lane_order(market.ledger)


def test_a_link_lost_in_the_middle_begins_anew(tmp_path: Path) -> None:
    with market_of(tmp_path) as market:
        outcomes = opened(market)
        shop = market.shops[SHOP]
        offline(market, [shop.buyer(f"7700{lane}") for lane in range(5)], 20)
        market.fake.inject(Rule(on="request", lwp=MESSAGES, do=faults.Reset(), after=2, times=1))
        shop.cut()
        assert outcomes.wait(1, recovered=False).reason == "link_lost"
        market.ledger.wait(20)
        outcomes.wait(2)
        assert in_lane_order(market.ledger)
        assert len({event.event_id for event in market.ledger.events}) == 20


class Witness(SqliteJournal):
    """Remembers, with each cursor, how much the platform had been told by then."""

    shop: Shop
    told: list[int]

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        before = len(self.shop.claimed)
        answers = super().commit(commands)
        if any(getattr(command, "cursor", None) is not None for command in commands):
            self.told.append(before)
        return answers


def test_the_platform_is_told_after_the_commit_and_with_its_own_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ``ackDiff`` before the commit declares messages read that a crash may lose."""
    monkeypatch.setattr("gateway.host.assembly.SqliteJournal", Witness)
    with market_of(tmp_path) as market:
        Witness.shop, Witness.told = market.shops[SHOP], []
        outcomes = opened(market)
        shop = market.shops[SHOP]
        market.fake.wait(lambda: len(shop.claimed) == 1)
        offline(market, [shop.buyer("77001")], 5)
        shop.cut()
        outcomes.wait(2)
        market.ledger.wait(5)
        market.fake.wait(lambda: len(shop.claimed) == 2)
        assert Witness.told == [0, 1]
        market.fake.check()


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Market]:
    """A gateway that was stopped while a recovery was open and live events waited."""
    with market_of(tmp_path, reply_s=5.0) as market:
        opened(market)
        shop = market.shops[SHOP]
        buyer = shop.buyer("77001")
        offline(market, [buyer], 3)
        rule = Rule(on="request", lwp=LIST, do=faults.Lose())
        market.fake.inject(rule)
        shop.cut()
        shop.wait_registered(sessions=2)
        buyer.says("live")
        shop.wait_acked(1)
        market.gateway.stop()
        assert market.ledger.events == []
        market.fake.heal(rule)
        yield market


def test_a_restart_in_the_middle_keeps_the_order(stopped: Market, tmp_path: Path) -> None:
    """Stored and acknowledged before the stop, it still waits for what was missed."""
    journal = SqliteJournal(tmp_path / "journal.sqlite3", synchronous="NORMAL", clock=SystemClock())
    assert journal.recovery(SHOP).held_from is not None
    journal.close()
    stopped.gateway = stopped.make()
    stopped.listen()
    stopped.start()
    assert stopped.ledger.wait(4) == ["missed 0", "missed 1", "missed 2", "live"]
    assert [event.recovered for event in stopped.ledger.events] == [True, True, True, False]
    assert not any(event.late or event.redelivered for event in stopped.ledger.events)
    assert in_lane_order(stopped.ledger)


def test_a_plain_link_has_none_of_this(tmp_path: Path) -> None:
    with market_of(tmp_path) as market:
        market.config["accounts"][0] |= {"platform": "plain", "credentials": {}}
        market.gateway = market.make()
        outcomes = Outcomes()
        market.gateway.on_recovery(outcomes)
        market.start()
        assert outcomes.all == []
        assert market.actor("ConnectionActor", SHOP)._catch_up is None


def test_a_recovery_that_dies_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its death is its own: the link stays, the next life reads."""
    whole, deaths = RecoveryActor._take_conversations, [RuntimeError("poison")]

    def dies(self: RecoveryActor, reply: Any) -> bool:
        if deaths:
            raise deaths.pop()
        return whole(self, reply)

    with market_of(tmp_path) as market:
        outcomes = opened(market)
        monkeypatch.setattr(RecoveryActor, "_take_conversations", dies)
        shop = market.shops[SHOP]
        offline(market, [shop.buyer("77001")], 3)
        shop.cut()
        market.ledger.wait(3)
        outcomes.wait(2)
        market.log.wait("actor.died", actor="recovery")
        assert len(shop.sessions) == 2
        assert market.gateway.accounts[SHOP].state is ConnectionState.CONNECTED


def test_a_listener_that_raises_hurts_nobody(tmp_path: Path) -> None:
    def bad(outcome: Recovered) -> None:
        raise RuntimeError(outcome.reason)

    with market_of(tmp_path) as market:
        market.gateway.on_recovery(bad)
        opened(market)
        market.serves(SHOP)
