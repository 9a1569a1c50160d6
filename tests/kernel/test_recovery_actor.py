"""The recovery actor and the connection's part of it, driven by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from workbench import Bench

from actors.account.recovery import RecoveryActor
from actors.account.sync import CatchUp
from actors.messages import (
    Answered,
    BeginRecovery,
    HistoryFound,
    HistoryRefused,
    HistoryStored,
    KnownRead,
    LinkDown,
    MentionsRead,
    RecordRead,
    RecoveryDue,
    RecoveryEnded,
)
from actors.policy.attempts import AttemptRules
from actors.policy.rates import TokenBucket
from actors.values import ErrorClass, Failure, Position, Recovered, Reply, Request, SignalKind

NOW_MS = 1_700_000_000_000
STATE = {"tooLong2Tag": "PNM,1", "pts": NOW_MS * 1000, "timestamp": NOW_MS}
BEHIND = Position(marker="PNM,1", point=1, at_ms=NOW_MS - 1000)


class Table:
    """A recovery whose link, journal and decoder are the test."""

    def __init__(self, bench: Bench, *, forced: bool = True, burst: int = 100) -> None:
        self.bench = bench
        self.heard = bench.heard
        plan = bench.account.plan
        self.calls = bench.calls(4)
        session = plan.platform.session(bench.identity)
        assert session.history is not None
        order = BeginRecovery(
            generation=4,
            calls=self.calls,
            session=session,
            history=session.history,
            reason="registered",
            forced=forced,
        )
        rate = TokenBucket(rate_per_s=2.0, burst=burst)
        self.actor = RecoveryActor(bench.pool, bench.account, order, rate)
        self.actor.started()
        self.pump()

    def pump(self) -> None:
        """Hand the actor what it is told by timers and the journal."""
        while mail := self.actor.actor_inbox.mail:
            self.actor.receive(mail.popleft())

    def asked(self) -> Request:
        """Return the one question that left."""
        (request,) = self.questions()
        return request

    def questions(self) -> list[Request]:
        """Return the questions that left since the last time."""
        asked, self.calls.asked = self.calls.asked, []
        return asked

    def answer(self, body: object, code: int = 200) -> None:
        """Answer the question that left."""
        reply = Reply(mid=self.asked().mid, code=code, body=msgspec.json.encode(body))
        self.actor.receive(Answered(generation=4, reply=reply))
        self.pump()

    def read(self, *conversations: str) -> None:
        """Answer with the state and a list."""
        self.answer(STATE)
        lines = [
            {
                "singleChatUserConversation": {
                    "singleChatConversation": {"cid": cid},
                    "modifyTime": NOW_MS,
                }
            }
            for cid in conversations
        ]
        self.answer({"userConvs": lines, "hasMore": 0})

    def found(self) -> HistoryFound:
        """Return what the decoder is to store."""
        (found,) = self.heard["decoder"].of(HistoryFound)
        assert isinstance(found, HistoryFound)
        return found

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.bench.advance(seconds)
        self.pump()

    @property
    def outcomes(self) -> Sequence[Recovered]:
        """Return what the observer heard."""
        return self.bench.watcher.recoveries


def test_commit_then_the_very_state_then_gone(bench: Bench) -> None:
    table = Table(bench)
    table.read()
    found = table.found()
    assert found.closes
    assert found.cursor is not None
    assert found.cursor.point == STATE["pts"]
    assert table.questions() == [], "nothing before the commit"

    table.actor.receive(HistoryStored(found=2, foreign=1))

    ack = table.asked()
    assert msgspec.json.decode(ack.payload)["body"] == [STATE]
    (outcome,) = table.outcomes
    assert (outcome.recovered, outcome.found, outcome.to_ms) == (True, 2, NOW_MS)
    table.actor.receive(Answered(generation=4, reply=Reply(mid=ack.mid, code=200)))
    (ended,) = table.heard["connection"].of(RecoveryEnded)
    assert (ended.position, ended.foreign) == (found.cursor, 1)
    assert table.heard["supervisor"].of(RecoveryEnded) == [ended]
    assert bench.timers.pending() == []


def test_nothing_happened_needs_no_page(bench: Bench) -> None:
    table = Table(bench, forced=False)
    table.actor.receive(RecordRead(cursor=Position(marker="PNM,1", point=STATE["pts"], at_ms=1)))  # type: ignore[arg-type]
    table.calls.asked.pop(0)
    table.answer(STATE)
    assert table.found().closes


@pytest.mark.parametrize("reason", ["refused", "unanswered"])
def test_three_tries_then_nothing_is_acknowledged(bench: Bench, reason: str) -> None:
    table = Table(bench)
    for _ in range(3):
        if reason == "refused":
            table.answer({"reason": "busy"}, code=400)
            table.advance(1.0)
        else:
            table.asked()
            table.advance(10.0)
            table.advance(1.0)
    found = table.found()
    assert (found.closes, found.cursor) == (True, None)
    table.actor.receive(HistoryStored(found=0, foreign=0))
    assert [(each.recovered, each.reason) for each in table.outcomes] == [(False, reason)]
    assert table.questions() == []
    (ended,) = table.heard["connection"].of(RecoveryEnded)
    assert ended.position is None


@pytest.mark.parametrize("stage", ["list", "messages"])
def test_a_page_nobody_can_read_is_a_refusal(bench: Bench, stage: str) -> None:
    table = Table(bench)
    if stage == "list":
        table.answer(STATE)
        table.answer({"reason": "no"})
    else:
        table.read("c1")
        table.answer({"userMessageModels": 7})
    table.advance(1.0)
    assert table.asked().payload


def test_the_account_and_the_process_have_a_rate(bench: Bench) -> None:
    table = Table(bench, burst=1)
    table.answer(STATE)
    assert table.questions() == []
    table.advance(0.5)
    table.answer({"userConvs": [], "hasMore": 0})
    assert table.found().closes


def test_an_ack_that_is_refused_loses_nothing(bench: Bench) -> None:
    table = Table(bench)
    table.read()
    table.actor.receive(HistoryStored(found=0, foreign=0))
    for _ in range(3):
        table.answer({}, code=400)
        table.advance(1.0)
    (ended,) = table.heard["connection"].of(RecoveryEnded)
    assert ended.position is not None
    assert ("warning", "recovery.ack_failed") in [line[:2] for line in bench.log.lines]


def test_a_link_lost_while_reading(bench: Bench) -> None:
    table = Table(bench)
    table.actor.receive(LinkDown(generation=3))
    assert table.outcomes == []
    table.actor.receive(LinkDown(generation=4))
    assert [each.reason for each in table.outcomes] == ["link_lost"]
    assert bench.timers.pending() == []


def test_a_link_lost_while_committing_waits_for_the_commit(bench: Bench) -> None:
    table = Table(bench)
    table.read()
    table.actor.receive(LinkDown(generation=4))
    assert table.outcomes == []
    table.actor.receive(HistoryStored(found=1, foreign=1))
    assert [each.recovered for each in table.outcomes] == [True]
    assert table.questions() == []


def test_a_link_lost_after_the_commit_changes_nothing(bench: Bench) -> None:
    table = Table(bench)
    table.read()
    table.actor.receive(HistoryStored(found=1, foreign=1))
    table.actor.receive(LinkDown(generation=4))
    assert [each.recovered for each in table.outcomes] == [True]


TOO_BIG = Failure(error_class=ErrorClass.PROTOCOL, reason="frame_too_big")
CUT = Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason="eof")


def model(number: int, text: str) -> dict[str, Any]:
    """Make a message of the history."""
    content = {"contentType": 1, "text": {"text": text}}
    data = base64.b64encode(json.dumps(content).encode()).decode()
    return {
        "message": {
            "messageId": f"{number}.PNM",
            "cid": "c1@goofish",
            "createAt": NOW_MS + number,
            "sender": {"uid": "77@goofish"},
            "content": {"custom": {"type": 1, "data": data, "summary": ""}},
        }
    }


def body(table: Table) -> list[Any]:
    """Return what the question that left asks for."""
    request = table.asked()
    table.calls.asked.append(request)  # it is still to be answered
    found: list[Any] = msgspec.json.decode(request.payload)["body"]
    return found


def lost(table: Table, failure: Failure | None) -> None:
    """Lose the link."""
    table.actor.receive(LinkDown(generation=4, failure=failure))
    for heard in table.heard.values():
        heard.messages.clear()


@pytest.mark.parametrize("failure", [TOO_BIG, CUT])
def test_what_broke_the_link_is_not_asked_again_unchanged(bench: Bench, failure: Failure) -> None:
    """Each registration asked for the same page, and each link ended on its answer."""
    asked = []
    for _ in range(5):
        table = Table(bench)
        table.read("c1")
        asked.append(body(table)[3])
        lost(table, failure)
    assert asked == [20, 10, 5, 2, 1]
    table = Table(bench)
    table.read("c1", "c2")
    assert body(table)[0] == "c2@goofish", "the others go on"
    table.answer({"userMessageModels": [], "hasMore": 0})
    found = table.found()
    assert (found.closes, found.cursor) == (True, None), "nothing is said to be read"
    table.actor.receive(HistoryStored(found=0, foreign=0))
    assert [each.reason for each in table.outcomes[5:]] == ["answer_breaks_link"]
    told = [alert.name for alert in bench.alerts.on("shop-a")]
    assert told == (["history.oversized"] if failure is TOO_BIG else [])


def test_what_was_found_before_it_is_kept(bench: Bench) -> None:
    bench.account.carried.sizes.broke("lane/c1", 1, TOO_BIG, place=7)
    table = Table(bench)
    table.read("c1")
    table.answer({"userMessageModels": [model(1, "x")], "hasMore": 1, "nextCursor": 7})
    found = table.found()
    assert [each.event_id for each in found.events] == ["shop-a/1.PNM"]
    assert not found.closes
    table.actor.receive(HistoryStored(found=1, foreign=1))
    assert table.found().closes


def test_what_we_end_ourselves_broke_nothing(bench: Bench) -> None:
    table = Table(bench)
    table.read("c1")
    lost(table, None)
    table = Table(bench)
    table.read("c1")
    assert body(table)[3] == 20


def test_a_page_is_as_large_as_its_answer_may_be(bench: Bench) -> None:
    """A hundred messages of ten kilobytes are more than a frame may have."""
    table = Table(bench)
    table.read("c1", "c2")
    long = [model(number, "x" * 10_000) for number in range(2)]
    table.answer({"userMessageModels": long, "hasMore": 1, "nextCursor": 7})
    assert 20 < body(table)[3] < 50
    table.answer({"userMessageModels": [], "hasMore": 0})
    table.actor.receive(HistoryStored(found=2, foreign=2))
    table.heard["decoder"].messages.clear()
    assert body(table)[3] == 9, "the next conversation may have messages four times as large"
    table.answer({"userMessageModels": [model(9, "x")], "hasMore": 1, "nextCursor": 7})
    assert body(table)[3] == 100


def test_an_answer_that_does_not_come_is_asked_for_in_part(bench: Bench) -> None:
    table = Table(bench)
    table.read("c1")
    asked = []
    for _ in range(3):
        asked.append(body(table)[3])
        table.asked()
        table.advance(10.0)
        table.advance(1.0)
    assert asked == [20, 10, 5]


def test_a_list_that_breaks_the_link_is_asked_for_in_part(bench: Bench) -> None:
    asked = []
    for _ in range(6):
        table = Table(bench)
        table.answer(STATE)
        asked.append(body(table)[1])
        lost(table, TOO_BIG)
    assert asked == [50, 25, 12, 6, 3, 1]
    table = Table(bench)
    table.answer(STATE)
    assert table.found().cursor is None


def test_a_state_that_breaks_the_link_again_and_again_rests(bench: Bench) -> None:
    """The account stays connected; the recovery is tried again a minute later."""
    for _ in range(4):
        lost(Table(bench), CUT)
    table = Table(bench)
    assert table.questions() == []
    table.actor.receive(HistoryStored(found=0, foreign=0))
    assert table.outcomes[-1].reason == "answer_breaks_link"
    assert Table(bench).asked().payload


def test_late_answers_go_to_who_asked(bench: Bench) -> None:
    """The next recovery took them for its own: it died of them, or ended before its commit."""
    former = Table(bench)
    former.read("c1")
    asked = former.asked()
    former.actor.receive(Answered(generation=4, reply=Reply(mid=asked.mid, code=200, body=b"{}")))
    other = Table(bench)
    other.read()
    theirs = former.actor.actor_inbox.mail
    assert theirs is not None
    assert [type(message) for message in theirs] == [KnownRead]
    former.pump()
    finds = bench.heard["decoder"].of(HistoryFound)
    assert [find.reply_to for find in finds] == [other.actor._mailbox, former.actor._mailbox]
    assert not other.actor.actor_inbox.mail
    assert bench.heard["recovery"].drain() == []


def test_what_no_journal_can_store(bench: Bench) -> None:
    table = Table(bench)
    table.read()
    table.found()
    table.actor.receive(HistoryRefused())
    assert table.found().cursor is None
    table.actor.receive(HistoryRefused())
    assert [each.reason for each in table.outcomes] == ["journal_refused"]


def test_a_journal_that_is_silent(bench: Bench) -> None:
    table = Table(bench)
    table.read("c1")
    asked = table.asked()
    table.actor.receive(Answered(generation=4, reply=Reply(mid=asked.mid, code=200, body=b"{}")))
    table.actor.actor_inbox.mail = None  # what the journal would have said
    table.advance(10.0)
    table.actor.receive(HistoryStored(found=0, foreign=0))
    assert [each.reason for each in table.outcomes] == ["journal_silent"]
    table.actor.receive(KnownRead(known={}, held=True))


def test_what_comes_too_late_is_not_taken(bench: Bench) -> None:
    table = Table(bench)
    table.actor.receive(Answered(generation=4, reply=Reply(mid="another", code=200)))
    table.actor.receive(RecoveryDue())
    assert table.asked().payload
    wrong: Any = "?"
    with pytest.raises(TypeError, match="cannot receive str"):
        table.actor.receive(wrong)


# --- the connection's part ------------------------------------------------------------


class Watch:
    """A catch-up, by hand."""

    def __init__(self, bench: Bench, **plan: Any) -> None:
        account = bench.with_plan(recovery=plan)
        self.bench = bench
        self.calls = bench.calls(4)
        session = account.plan.platform.session(bench.identity)
        assert session.history is not None
        self.it = CatchUp(account, 4, self.calls, session, session.history)

    def begun(self) -> list[tuple[str, bool]]:
        """Return reason and force of the recoveries that were begun."""
        told = self.bench.heard["supervisor"].of(BeginRecovery)
        return [(order.reason, order.forced) for order in told]

    def ended(
        self, reason: str = "registered", *, recovered: bool = True, foreign: int = 0
    ) -> None:
        """End a recovery."""
        outcome = Recovered(
            account="shop-a", recovered=recovered, from_ms=0, to_ms=0, found=foreign, reason=reason
        )
        position = BEHIND if recovered else None
        self.it.ended(
            RecoveryEnded(generation=4, outcome=outcome, position=position, foreign=foreign)
        )

    def look(self) -> Request | None:
        """Do what is due; give the request of a probe if one left."""
        self.it.look()
        asked, self.calls.asked = self.calls.asked, []
        return asked[0] if asked else None

    def probe(self, point: int) -> None:
        """Let a probe be answered with where the platform stands."""
        assert self.look() is not None
        body = msgspec.json.encode(STATE | {"pts": point})
        self.it.answered(Reply(mid="1", code=200, body=body))


@pytest.fixture
def watch(bench: Bench) -> Watch:
    """Return one whose first recovery is over."""
    made = Watch(bench)
    made.it.signalled(SignalKind.READY)
    assert made.begun() == [("registered", False)]
    made.it.signalled(SignalKind.READY)
    made.ended()
    return made


def test_a_platform_that_never_says_ready(bench: Bench) -> None:
    watch = Watch(bench)
    bench.clock.advance(3.0)
    assert watch.look() is None
    assert watch.begun() == [("registered", False)]


def test_a_cut_forces_and_comes_before_ready(bench: Bench) -> None:
    watch = Watch(bench)
    watch.it.signalled(SignalKind.BACKLOG_CUT)
    assert watch.begun() == [("registered", True)]
    watch.it.signalled(SignalKind.GAP)
    watch.ended()
    assert watch.begun() == [("gap", True)]


def test_what_was_pushed_is_not_ahead(watch: Watch) -> None:
    watch.it.stored(7)
    watch.probe(7)
    assert watch.begun() == []
    watch.it.answered(Reply(mid="2", code=200))
    watch.probe(8)
    watch.it.stored(8)
    assert watch.look() is None
    assert watch.begun() == [], "it was on its way"


def test_ahead_and_foreign_and_silent_is_a_zombie(watch: Watch) -> None:
    watch.bench.clock.advance(60.0)
    watch.probe(9)
    watch.look()
    assert watch.begun() == [("probe", False)]
    watch.ended("probe", foreign=1)
    assert watch.it.is_zombie()
    watch.bench.clock.advance(1.0)
    watch.it.stored(9)
    assert not watch.it.is_zombie()
    assert watch.look() is None


@pytest.mark.parametrize(("horizon_s", "after_s"), [(None, 86_400.0), (86_400.0, 43_200.0)])
def test_a_link_that_holds_is_read_again_while_all_is_known(
    bench: Bench, horizon_s: float | None, after_s: float
) -> None:
    """Its cursor would stay at the registration: weeks later, what was handled looks missing."""
    bench.with_plan(tries=AttemptRules(retry_delays_s=(), horizon_s=horizon_s))
    watch = Watch(bench)
    watch.it.signalled(SignalKind.READY)
    watch.ended()
    watch.begun()
    for _ in range(3):
        watch.bench.clock.advance(0.7 * after_s)
        watch.probe(1)
        assert watch.begun() == []
        watch.bench.clock.advance(0.3 * after_s)
        assert watch.look() is None
        assert watch.begun() == [("refreshed", True)]
        watch.ended("refreshed")


@pytest.mark.parametrize("probe_s", [0.0, 60.0])
def test_a_failed_recovery_is_retried(bench: Bench, probe_s: float) -> None:
    watch = Watch(bench, probe_s=probe_s)
    bench.advance(3.0)
    watch.look()
    watch.begun()
    watch.ended(recovered=False)
    bench.clock.advance(72.0)
    assert bench.timers.fire_due() == 1
    assert watch.look() is None
    assert watch.begun() == [("retried", True)]


def test_without_probes_there_is_no_timer(bench: Bench) -> None:
    watch = Watch(bench, probe_s=0.0)
    bench.advance(3.0)
    watch.look()
    watch.ended()
    watch.ended()
    assert bench.timers.pending() == []


def test_an_unanswered_probe_is_the_heartbeats_business(watch: Watch) -> None:
    assert watch.look() is not None
    assert watch.look() is None
    assert watch.begun() == []
    assert watch.look() is not None


def test_mentions_are_looked_up_a_little_later(watch: Watch) -> None:
    watch.it.mentioned(["shop-a/1"])
    watch.it.mentioned(["shop-a/2"])
    watch.look()
    (read,) = watch.bench.heard["connection"].of(MentionsRead)
    assert read.unknown == 2
    watch.it.mentions_read(read)
    assert watch.begun() == [("unknown_marker", True)]
    watch.it.mentions_read(read)
    watch.it.mentioned(["shop-a/3"])
    watch.it.begin_again()
    assert watch.begun() == [("restarted", True)]
    watch.ended()
    assert watch.begun() == [("unknown_marker", True)]
    watch.ended()
    watch.it.begin_again()
    assert watch.look() is None, "it looks up what was mentioned meanwhile"
