"""The supervisor actor, driven by hand: its children are made, and never run."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest
from workbench import Bench, Heard

from actors.account.children import CHILDREN
from actors.account.reconnect import crash_loop
from actors.account.supervisor import SupervisorActor
from actors.messages import (
    AccountEnded,
    ActorDied,
    BeginRecovery,
    Control,
    Drain,
    Drained,
    Fail,
    ForgetCredentials,
    ForgetGrant,
    Introduce,
    LinkCondemned,
    LinkDown,
    Open,
    Pause,
    RecoveryEnded,
    ReplaceCredentials,
    Reset,
    RestartDue,
    RetryDue,
    Shut,
    StabilityReached,
    Start,
    StateChanged,
    Stop,
    SupervisorCommand,
    WatchCredentials,
)
from actors.policy import failures
from actors.policy.retries import GiveUp, Retries, Retry
from actors.policy.windows import LONGEST_DELAY_S
from actors.ports import CredentialSource
from actors.runtime.pool.worker import Worker
from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure, Phase, Recovered

S = ConnectionState
REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused", phase=Phase.TCP)
CAPTCHA = Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="captcha", detail="Log in by hand.")


class House:
    """A supervisor and what its children were told."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.root = Heard()
        self.actor = SupervisorActor(bench.pool, bench.account, root=self.root)
        self.generation = 0

    def told(self, name: str) -> list[Any]:
        """Take what a child was told since the last time."""
        inbox = self.inbox(name)
        messages = [*(inbox.urgent or ()), *(inbox.mail or ())]
        inbox.urgent = inbox.mail = None
        return messages

    def inbox(self, name: str) -> Any:
        """Return the inbox of whoever plays a role."""
        ref: Any = getattr(self.bench.peers, name).ref
        return ref.actor_inbox

    def start(self) -> None:
        """Start the account; its connection begins an attempt."""
        self.actor.receive(Start())
        assert [type(each) for each in self.told("connection")] == [Open]
        self.moved(S.CONNECTING, Cause.START)

    def moved(
        self,
        new: ConnectionState,
        cause: Cause,
        failure: Failure | None = None,
        why: str | None = None,
    ) -> None:
        """Tell what the connection says when it moves."""
        if new is S.CONNECTING:
            self.generation += 1
        self.actor.receive(
            StateChanged(
                account="shop-a",
                old=self.actor._state,
                new=new,
                cause=cause,
                generation=self.generation,
                failure=failure,
                why=why,
            )
        )

    def connected(self) -> None:
        """Start the account and let it connect."""
        self.start()
        self.moved(S.CONNECTED, Cause.REGISTERED)

    def fail(self, failure: Failure = REFUSED) -> None:
        """Let the attempt fail."""
        self.moved(S.RECONNECTING, Cause.ATTEMPT_FAILED, failure)

    def due(self, kind: type[Control]) -> int:
        """Pass on what the timers told; say how much of it was of a kind."""
        told = self.bench.heard["supervisor"].drain()
        for message in told:
            self.actor.receive(message)
        return sum(type(message) is kind for message in told)

    def kill(self, name: str) -> None:
        """Let a child die, and its supervisor hear of it."""
        ref: Any = getattr(self.bench.peers, name).ref
        ref.actor_inbox.kill()
        self.actor.receive(ActorDied(name=name, urn=ref.actor_urn, error="ValueError at x.py:1"))

    def revive(self, name: str) -> None:
        """Let a child die and be restarted."""
        self.kill(name)
        self.bench.advance(LONGEST_DELAY_S)
        assert self.due(RestartDue) == 1


@pytest.fixture
def house(bench: Bench) -> House:
    """Return a supervisor that was told nothing yet."""
    return House(bench)


def test_start_makes_the_children_and_dials(house: House) -> None:
    house.start()

    assert list(house.actor._children.refs) == list(CHILDREN)
    assert all(ref.is_alive() for ref in house.actor._children.refs.values())


def test_second_start_changes_nothing(house: House) -> None:
    house.connected()
    children = dict(house.actor._children.refs)

    house.actor.receive(Start())

    assert house.told("connection") == []
    assert house.actor._children.refs == children


@pytest.mark.parametrize(
    "error_class",
    [ErrorClass.UNEXPECTED_CLOSE, ErrorClass.NETWORK, ErrorClass.SERVER_OVERLOAD, ErrorClass.AUTH],
)
def test_delay_is_the_policy_s_for_this_class(house: House, error_class: ErrorClass) -> None:
    """A flapping line is dialled soon, a refused login with patience."""
    failure = Failure(error_class=error_class, reason="because")
    verdict = Retries(house.bench.account.plan.reconnect).failed(
        failure, 0.0, random.Random(7).random()
    )
    assert isinstance(verdict, Retry)
    house.start()

    house.fail(failure)

    assert house.told("connection") == []
    ((due, _, message),) = house.bench.timers.pending()
    assert due == pytest.approx(verdict.delay_s)
    assert isinstance(message, RetryDue)
    assert house.bench.log.lines[-1][1] == "reconnect.scheduled"
    house.bench.advance(verdict.delay_s)
    house.due(RetryDue)
    assert [type(each) for each in house.told("connection")] == [Open]


def test_phase_that_timed_out_gets_longer_the_next_time(house: House) -> None:
    house.start()

    house.fail(
        Failure(error_class=ErrorClass.NETWORK, reason="tls", phase=Phase.TLS, timed_out=True)
    )
    house.bench.advance(3600)
    house.due(RetryDue)

    (command,) = house.told("connection")
    assert command.stretch.keys() == {Phase.TLS}
    assert command.stretch[Phase.TLS] > 1


def test_retry_that_was_overtaken_is_none(house: House) -> None:
    """One attempt at a time, whatever the timers still had to say."""
    house.start()
    house.fail()
    house.actor.receive(Reset())
    assert [type(each) for each in house.told("connection")] == [Open]

    house.actor.receive(RetryDue())

    assert house.told("connection") == []
    assert house.bench.timers.pending() == []


def test_some_failures_need_a_person(house: House) -> None:
    house.start()

    house.fail(CAPTCHA)

    assert house.told("connection") == [Fail(verdict=GiveUp(failure=CAPTCHA, why="needs_human"))]
    house.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA, why="needs_human")
    assert house.bench.log.lines[-1] == (
        "error",
        "account.failed",
        {
            "account": "shop-a",
            "why": "needs_human",
            "reason": "captcha",
            "detail": "Log in by hand.",
            "next_step": "fix what the detail names, then reset the account",
        },
    )
    house.bench.advance(3600)
    assert house.due(RetryDue) == 0


def test_failed_without_a_failure_names_the_cause(house: House) -> None:
    house.start()

    house.moved(S.FAILED, Cause.BUDGET_EXCEEDED)

    assert house.bench.log.lines[-1][2]["reason"] == "budget_exceeded"


def test_reset_lets_a_failed_account_try_again(house: House) -> None:
    house.start()
    house.fail(CAPTCHA)
    house.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA)
    house.told("connection")

    house.actor.receive(Reset())
    assert house.told("connection") == [Reset()]
    house.moved(S.RECONNECTING, Cause.RESET)

    assert [type(each) for each in house.told("connection")] == [Open]


def test_reset_of_a_healthy_account_changes_nothing(house: House) -> None:
    house.connected()

    house.actor.receive(Reset())

    assert house.told("connection") == []


def test_stable_link_forgets_the_failures_before_it(house: House) -> None:
    """The loss of a link that held for a day is the first failure, not the tenth."""
    house.start()
    for _ in range(4):
        house.fail()
        house.bench.advance(3600)
        house.due(RetryDue)
        house.moved(S.CONNECTING, Cause.RETRY)
    house.moved(S.CONNECTED, Cause.REGISTERED)
    house.bench.advance(house.bench.account.plan.reconnect.stable_s)
    assert house.due(StabilityReached) == 1

    house.moved(S.RECONNECTING, Cause.LINK_LOST, REFUSED)

    assert house.bench.log.lines[-1][2]["attempt"] == 1


def test_stability_of_a_former_link_is_none(house: House) -> None:
    house.connected()
    house.bench.clock.advance(3600)
    house.actor.receive(StabilityReached(generation=0))

    assert not house.actor._reconnect._retries._settled


def test_link_that_was_lost_is_not_stable_later(house: House) -> None:
    house.connected()
    house.moved(S.RECONNECTING, Cause.LINK_LOST, REFUSED)

    house.bench.advance(3600)

    assert house.due(StabilityReached) == 0


def test_pause_keeps_it_away_until_it_is_resumed(house: House) -> None:
    house.connected()

    house.actor.receive(Pause())
    assert house.told("connection") == [Shut(for_good=False)]
    house.moved(S.DISCONNECTED, Cause.PAUSE)
    assert house.told("connection") == []

    house.actor.receive(Start())
    assert [type(each) for each in house.told("connection")] == [Open]


def test_resume_before_the_link_is_closed_connects_again(house: House) -> None:
    house.connected()
    house.actor.receive(Pause())
    house.actor.receive(Start())
    house.told("connection")

    house.moved(S.DISCONNECTED, Cause.PAUSE)

    assert [type(each) for each in house.told("connection")] == [Open]


def test_pause_while_waiting_cancels_the_retry(house: House) -> None:
    house.start()
    house.fail()

    house.actor.receive(Pause())

    assert house.bench.timers.pending() == []


def test_loss_while_pausing_is_not_retried(house: House) -> None:
    house.connected()
    house.actor.receive(Pause())
    house.told("connection")

    house.moved(S.RECONNECTING, Cause.LINK_LOST, REFUSED)
    assert house.told("connection") == []
    assert house.bench.timers.pending() == []

    house.actor.receive(Start())
    assert [type(each) for each in house.told("connection")] == [Open]


def test_late_retry_of_a_paused_account_is_none(house: House) -> None:
    house.start()
    house.actor.receive(Pause())
    house.told("connection")

    house.actor.receive(RetryDue())

    assert house.told("connection") == []


def test_stop_ends_the_children_in_reverse(house: House) -> None:
    """The link first: nothing may come in while those who take it are gone."""
    house.connected()
    house.actor.receive(Stop())
    assert house.told("connection") == [Shut(for_good=True)]
    stopped: list[str] = []

    class Child:
        def __init__(self, name: str) -> None:
            self.name = name

        def is_alive(self) -> bool:
            return self.name != "outbox"

        def stop(self, *, block: bool) -> None:
            assert not block
            stopped.append(self.name)

    children: dict[str, Any] = {name: Child(name) for name in CHILDREN}
    house.actor._children.refs = children
    house.moved(S.CLOSED, Cause.STOP)
    assert stopped == ["connection", "heartbeat", "decoder"]
    assert house.told("dispatcher") == [Drain()]
    assert house.root.drain() == []

    house.actor.receive(Drained())
    worker = Worker(house.bench.pool._queue, name="by hand", monotonic=house.bench.clock.monotonic)
    house.bench.pool.adopt(house.actor)
    house.actor.take_turn(worker)

    assert stopped == ["connection", "heartbeat", "decoder", "dispatcher"]
    assert house.root.drain() == [AccountEnded()]
    assert not house.actor.actor_ref.is_alive()
    assert house.bench.timers.pending() == []


def test_dispatcher_that_dies_while_its_handlers_end_is_waited_for_no_longer(house: House) -> None:
    house.connected()
    house.actor.receive(Stop())
    house.moved(S.CLOSED, Cause.STOP)

    house.kill("dispatcher")

    assert house.root.drain() == [AccountEnded()]
    assert house.bench.timers.pending() == []


def test_supervisor_that_dies_while_handlers_end_has_no_second_life(house: House) -> None:
    """Its account is closed: there is nothing left to supervise, only to be let go."""
    house.connected()
    house.actor.receive(Stop())
    house.moved(S.CLOSED, Cause.STOP)
    house.actor.died("ValueError at x.py:1")
    house.root.drain()

    again = SupervisorActor(house.bench.pool, house.bench.account, root=house.root)
    again.started()

    assert again._children.refs == {}
    assert house.root.drain() == [AccountEnded()]


def test_child_due_for_its_restart_stays_away_from_a_closed_account(house: House) -> None:
    house.connected()
    house.kill("decoder")
    house.actor.receive(Stop())
    house.moved(S.CLOSED, Cause.STOP)

    house.bench.advance(LONGEST_DELAY_S)
    assert house.due(RestartDue) == 1

    assert list(house.actor._children.refs) == ["dispatcher"]


def test_stop_before_the_start_still_closes(house: House) -> None:
    """Observers wait for CLOSED; only a connection can say it."""
    house.actor.receive(Stop())

    assert house.told("connection") == [Shut(for_good=True)]
    assert list(house.actor._children.refs) == ["connection"]


def test_death_takes_the_children_and_the_timers_along(house: House) -> None:
    house.connected()
    refs = dict(house.actor._children.refs)

    house.actor.died("ValueError at x.py:1")

    assert house.actor._children.refs == {}
    assert all(ref.actor_inbox.urgent for ref in refs.values())  # type: ignore[attr-defined]
    assert house.bench.timers.pending() == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("heartbeat", Introduce(name="heartbeat")),
        ("outbox", Introduce(name="outbox")),
        ("dispatcher", None),
        ("decoder", LinkCondemned(generation=1, failure=failures.DECODER_RESTARTED)),
    ],
)
def test_dead_child_is_replaced(house: House, name: str, remedy: Control | None) -> None:
    """A heartbeat or an outbox gets to know the link; what a decoder lost, only a new link has."""
    house.connected()
    before: Any = getattr(house.bench.peers, name).ref

    house.revive(name)

    after: Any = getattr(house.bench.peers, name).ref
    assert after.actor_urn != before.actor_urn
    assert house.told("connection") == ([] if remedy is None else [remedy])
    assert house.bench.log.lines[-1][1] == "actor.died"


def test_death_of_a_former_incarnation_is_old_news(house: House) -> None:
    house.connected()

    house.actor.receive(ActorDied(name="decoder", urn="urn:other", error="hung"))
    house.actor.receive(ActorDied(name="nobody", urn="urn:other", error="hung"))
    house.actor.receive(RestartDue(name="decoder"))

    assert house.told("connection") == []
    assert len(house.actor._children.refs) == len(CHILDREN)


def test_dead_connection_is_spoken_for_and_dials_again(house: House) -> None:
    """Its link died with it: nobody else can say so."""
    house.connected()
    house.told("heartbeat")

    house.kill("connection")

    assert house.told("heartbeat") == [LinkDown(generation=1)]
    assert house.told("outbox")[-1] == LinkDown(generation=1)
    (change,) = house.bench.watcher.changes
    assert (change.old, change.new, change.cause) == (
        S.CONNECTED,
        S.RECONNECTING,
        Cause.CHILD_CRASHED,
    )
    assert change.failure == failures.CONNECTION_CRASHED
    house.bench.advance(LONGEST_DELAY_S)
    house.due(RestartDue)
    assert [type(each) for each in house.told("connection")] == [Open]


@pytest.mark.parametrize(("command", "for_good"), [(Pause(), False), (Stop(), True)])
def test_command_to_a_dead_connection_reaches_the_next(
    house: House, command: SupervisorCommand, *, for_good: bool
) -> None:
    """Else a stop that comes at the wrong moment would never end."""
    house.connected()
    house.kill("connection")
    house.actor.receive(command)

    house.bench.advance(LONGEST_DELAY_S)
    house.due(RestartDue)

    assert house.told("connection") == [Shut(for_good=for_good)]


def test_crash_does_not_revive_a_failed_account(house: House) -> None:
    house.start()
    house.fail(CAPTCHA)
    house.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA)

    house.revive("connection")

    assert house.told("connection") == []
    assert house.bench.watcher.changes == []


def test_child_that_keeps_dying_fails_the_account(house: House) -> None:
    """After five restarts in a minute a person has to look; and the process must not spin."""
    house.connected()
    for _ in range(5):
        house.revive("dispatcher")
    house.told("connection")

    house.kill("dispatcher")

    (verdict,) = house.told("connection")
    assert verdict == Fail(verdict=crash_loop("dispatcher"))
    assert verdict.verdict.budget_exceeded
    assert verdict.verdict.failure.reason == "crash_loop"
    assert "dispatcher" in verdict.verdict.failure.detail
    house.bench.advance(LONGEST_DELAY_S - 0.1)
    assert house.due(RestartDue) == 0
    house.bench.advance(0.1)
    assert house.due(RestartDue) == 1


def test_connection_that_keeps_dying_is_told_to_give_up(house: House) -> None:
    house.connected()
    for _ in range(5):
        house.revive("connection")
        house.moved(S.CONNECTING, Cause.RETRY)

    house.revive("connection")

    (verdict,) = house.told("connection")
    assert isinstance(verdict, Fail)
    assert verdict.verdict.failure.reason == "crash_loop"


def test_unknown_message_is_our_own_bug(house: House) -> None:
    wrong: Any = "what?"
    with pytest.raises(TypeError, match="str"):
        house.actor.receive(wrong)


# --- recoveries -----------------------------------------------------------------------


def order(house: House, generation: int | None = None) -> BeginRecovery:
    """Return what the connection asks for."""
    session = house.bench.account.plan.platform.session(house.bench.identity)
    assert session.history is not None
    return BeginRecovery(
        generation=house.generation if generation is None else generation,
        calls=house.bench.calls(),
        session=session,
        history=session.history,
        reason="registered",
        forced=True,
    )


def recovery(house: House) -> Any:
    """Return who plays the recovery now."""
    return house.bench.peers.recovery.ref


def test_a_recovery_lives_as_long_as_it_runs(house: House) -> None:
    """An idle account has no such actor."""
    house.connected()
    house.bench.peers.recovery.ref = None
    house.actor.receive(order(house, generation=99))
    assert recovery(house) is None
    house.actor.receive(order(house))
    first = recovery(house)
    house.actor.receive(order(house))
    assert recovery(house) is not first
    outcome = Recovered(
        account="shop-a", recovered=True, from_ms=0, to_ms=1, found=0, reason="registered"
    )
    house.actor.receive(RecoveryEnded(generation=house.generation, outcome=outcome))
    assert recovery(house) is None
    assert "recovery" not in house.actor._children.refs


def test_a_dead_recovery_is_asked_for_again_then_given_up(house: House) -> None:
    """Its budget is its own: the link stays, and the gap is told."""
    house.connected()
    for _ in range(5):
        house.actor.receive(order(house))
        house.revive("recovery")
        assert house.told("connection")[-1:] == [Introduce(name="recovery")]
    house.actor.receive(order(house))
    house.kill("recovery")
    (told,) = house.told("connection")
    assert (told.outcome.recovered, told.outcome.reason) == (False, "crashed")
    assert house.bench.watcher.recoveries == [told.outcome]
    assert house.actor._state is S.CONNECTED


@pytest.mark.parametrize("renewed", [True, False])
def test_other_credentials_forget_what_the_old_ones_did(house: House, *, renewed: bool) -> None:
    house.start()
    house.moved(S.RECONNECTING, Cause.ATTEMPT_FAILED, CAPTCHA)
    house.moved(S.FAILED, Cause.GAVE_UP, CAPTCHA)
    house.told("connection")
    before = house.bench.account.plan
    fields = {name: getattr(before, name) for name in before.__struct_fields__}
    fields["source"] = cast("CredentialSource", object()) if renewed else None
    plan = type(before)(**fields)
    house.actor.receive(ReplaceCredentials(plan=plan))
    assert house.bench.account.plan is plan
    assert [type(each) for each in house.told("connection")] == [ForgetGrant, Reset]
    kept = WatchCredentials(plan=plan, connection=house.bench.peers.connection)
    told = kept if renewed else ForgetCredentials(account=before.account)
    assert house.bench.credentials.messages == [told]


def test_other_credentials_are_not_lost_with_a_supervisor(house: House) -> None:
    order = ReplaceCredentials(plan=house.bench.account.plan)
    house.start()
    house.actor.actor_ref.tell(order)
    house.actor.died("boom")
    house.actor.tear_down()
    assert house.bench.account.carried.unheard == (order,)
