"""The dialing actor, driven by hand: its threads are made, and never run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pykka import ActorDeadError
from workbench import Bench, Heard

from actors import dialing
from actors.account.services import Peers
from actors.dialing import DialingActor
from actors.messages import (
    CancelDial,
    DialAllowed,
    DialDecided,
    DialEnded,
    DialFailed,
    EndpointFailed,
    GateDue,
    LinkDialed,
    RequestDial,
)
from actors.policy import failures
from actors.policy.circuit import LEAST_ATTEMPTS, OVERLOADS, PROBE_TIMEOUT_S
from actors.policy.gate import ConnectGate
from actors.ports import Dialed
from actors.runtime.pool.worker import Worker
from actors.values import ErrorClass, Failure, Phase

ENDPOINT = "ws://127.0.0.1:9"
REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused", phase=Phase.TCP)
OVERLOADED = failures.from_close_code(1013, since_registered_s=60.0)
UNUSABLE = Failure(error_class=ErrorClass.AUTH, reason="no", phase=Phase.CREDENTIALS)


class Hall:
    """A dialing actor, and the accounts that were let through."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.threads: list[str] = []
        self.exhausted = False
        self.supervisors: dict[str, Heard] = {}
        self.worker = Worker(bench.pool._queue, name="hand", monotonic=bench.clock.monotonic)
        hall = self

        class Thread:
            def __init__(
                self, *, target: object, args: tuple[object, ...], name: str, daemon: bool
            ) -> None:
                assert target is dialing._dial
                assert daemon
                del args
                self.name = name

            def start(self) -> None:
                if hall.exhausted:
                    raise RuntimeError("can't start new thread")
                hall.threads.append(self.name.rpartition("/")[2])

        monkeypatch.setattr(threading, "Thread", Thread)
        self.actor = self.made(ConnectGate())

    def begun(self) -> list[int]:
        """Return the generations of the attempts that began since the last look at them."""
        return self._decided(allowed=True)

    def barred(self) -> list[int]:
        """Return the generations that the circuit kept waiting since the last look at them."""
        return self._decided(allowed=False)

    def _decided(self, *, allowed: bool) -> list[int]:
        connection = self.bench.heard["connection"]
        told = connection.of(DialDecided)
        connection.messages += [each for each in told if each.allowed is not allowed]
        return [each.generation for each in told if each.allowed is allowed]

    def made(self, gate: ConnectGate) -> DialingActor:
        """Return an actor behind a gate."""
        bench = self.bench
        self.actor = DialingActor(
            bench.pool,
            gate=gate,
            clock=bench.clock,
            dice=bench.account.services.dice,
            timers=bench.timers,
            mailbox=bench.dialing,
            counts=bench.account.services.dials,
        )
        return self.actor

    def request(self, name: str, generation: int = 1) -> RequestDial:
        """Make an account's request."""
        peers = Peers()
        peers.connection.ref = self.bench.heard["connection"]
        peers.supervisor.ref = self.supervisors.setdefault(name, Heard())
        return RequestDial(
            plan=self.bench.with_plan(account=name).plan,
            connection=peers.connection,
            supervisor=peers.supervisor,
            generation=generation,
            stretch={},
        )

    def ask(self, *names: str) -> None:
        """Let accounts ask for a dial."""
        for name in names:
            self.actor.receive(self.request(name))

    def ended(self, name: str, failure: Failure | None = None) -> None:
        """Let a dial end."""
        self.actor.receive(
            DialEnded(account=name, generation=1, endpoint=ENDPOINT, failure=failure)
        )

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.bench.advance(seconds)
        for due in self.bench.dialing.drain():
            self.actor.receive(due)
        for name, supervisor in self.supervisors.items():
            for allowed in supervisor.of(DialAllowed):
                self.actor.receive(self.request(name, generation=allowed.generation + 1))

    def granted(self) -> list[str]:
        """Return who was let through since the last time."""
        granted, self.threads = self.threads, []
        return granted

    def open_circuit(self) -> None:
        """Let so many dials fail that the endpoint is left alone."""
        for number in range(LEAST_ATTEMPTS):
            self.ended(f"f{number}", REFUSED)
        assert not self.actor._circuits[ENDPOINT].allows(self.bench.clock.now)

    def until_circuit_looks(self) -> None:
        """Let the pause of the circuit pass."""
        due = self.actor._circuits[ENDPOINT].next_at(self.bench.clock.now)
        assert due is not None
        self.advance(due - self.bench.clock.now)


@pytest.fixture
def hall(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """Return a dialing actor with a wide gate."""
    return Hall(bench, monkeypatch)


def test_gate_lets_through_as_many_as_it_may(hall: Hall) -> None:
    """A thousand accounts that dial at once look like an attack."""
    hall.made(ConnectGate(rate_per_s=1.0, burst=2))
    hall.ask("a", "b", "c")
    assert hall.granted() == ["a", "b"]
    assert (
        hall.bench.heard["connection"].of(DialDecided)
        == [DialDecided(generation=1, allowed=True)] * 2
    )

    hall.advance(1.0)
    assert hall.granted() == ["c"]
    assert hall.bench.timers.pending() == []


def test_end_of_a_dial_makes_room(hall: Hall) -> None:
    hall.made(ConnectGate(max_in_flight=1))
    hall.ask("a", "b")
    assert hall.granted() == ["a"]

    hall.ended("a")

    assert hall.granted() == ["b"]


def test_cancelled_dial_is_not_made(hall: Hall) -> None:
    hall.made(ConnectGate(max_in_flight=1))
    hall.ask("a", "b")
    hall.actor.receive(CancelDial(account="b", generation=0))
    hall.actor.receive(CancelDial(account="x", generation=1))
    assert list(hall.actor._waiting) == ["b"]

    hall.actor.receive(CancelDial(account="b", generation=1))
    hall.ended("a")

    assert hall.granted() == ["a"]


def test_newer_request_takes_the_place_of_the_older(hall: Hall) -> None:
    hall.made(ConnectGate(max_in_flight=1))
    hall.ask("a", "b")
    hall.actor.receive(hall.request("b", generation=2))

    hall.ended("a")

    assert hall.granted() == ["a", "b"]
    assert hall.begun()[-1] == 2


def test_permit_that_nobody_wants_any_more_is_given_back(hall: Hall) -> None:
    """A gate outlives its actor; what it remembers of a former one must not clog it."""
    gate = ConnectGate()
    gate.ask("ghost")
    hall.made(gate)

    hall.actor.receive(GateDue())

    assert hall.granted() == []
    assert gate.in_flight == 0


def test_circuit_bars_an_endpoint_that_is_down_and_tries_with_one(hall: Hall) -> None:
    """A platform that is down is asked by one account, not by all."""
    hall.open_circuit()
    hall.ask("a", "b", "c")
    assert hall.granted() == []
    assert (
        hall.bench.heard["connection"].of(DialDecided)
        == [DialDecided(generation=1, allowed=False)] * 3
    )

    hall.until_circuit_looks()
    assert hall.granted() == ["a"]
    hall.ended("a")
    hall.advance(20.0)
    hall.advance(20.0)

    assert hall.granted() == ["b", "c"]
    assert hall.actor._barred == {}


def test_cancelled_dial_does_not_use_up_the_probe(hall: Hall) -> None:
    """Else everybody would wait half a minute for an answer that cannot come."""
    hall.open_circuit()
    hall.ask("a", "b")
    hall.actor.receive(CancelDial(account="a", generation=1))

    hall.until_circuit_looks()

    assert hall.granted() == ["b"]


def test_last_one_barred_may_leave(hall: Hall) -> None:
    hall.open_circuit()
    hall.ask("a")

    hall.actor.receive(CancelDial(account="a", generation=1))
    hall.until_circuit_looks()

    assert hall.granted() == []
    assert hall.bench.timers.pending() == []


def test_bad_credentials_say_nothing_about_the_endpoint(hall: Hall) -> None:
    """They fail before anybody is dialled; the circuit must not take that for an answer."""
    hall.open_circuit()
    hall.ask("a", "b")
    hall.until_circuit_looks()

    hall.ended("a", UNUSABLE)
    hall.advance(PROBE_TIMEOUT_S - 1)
    assert hall.granted() == ["a"]

    hall.advance(1.0)
    assert hall.granted() == ["b"]


def test_dials_are_counted_whether_the_endpoint_was_asked_or_not(hall: Hall) -> None:
    hall.ended("a")
    hall.ended("b", Failure(error_class=ErrorClass.NETWORK, reason="refused", phase=Phase.TCP))
    hall.ended("c", Failure(error_class=ErrorClass.AUTH, reason="x", phase=Phase.CREDENTIALS))
    ended = hall.bench.account.services.dials.ended
    assert {result for result, count in ended.items() if count == 1} == {"ok", "network", "auth"}


def test_no_thread_left_is_a_failed_attempt(hall: Hall) -> None:
    """The machine's limit must not end dialling for all accounts."""
    hall.exhausted = True
    hall.ask("a")

    assert hall.bench.heard["connection"].of(DialFailed) == [
        DialFailed(generation=1, failure=failures.NO_THREAD)
    ]
    (ended,) = hall.bench.dialing.of(DialEnded)
    hall.actor.receive(ended)
    assert hall.actor._gate.in_flight == 0


def test_stopped_actor_leaves_no_timer(hall: Hall) -> None:
    hall.actor.stopped()
    hall.open_circuit()
    hall.ask("a")
    assert hall.bench.timers.pending()

    hall.actor.stopped()

    assert hall.bench.timers.pending() == []


def test_death_fails_the_attempts_that_wait(hall: Hall) -> None:
    """Their deadline begins with the dial: nobody else would ever wake them."""
    hall.open_circuit()
    hall.ask("a")
    hall.actor.actor_ref.tell("what?")
    hall.actor.actor_ref.tell(hall.request("b", generation=5))
    hall.actor.actor_ref.tell(GateDue())

    hall.actor.take_turn(hall.worker)

    assert hall.bench.heard["connection"].of(DialFailed) == [
        DialFailed(generation=5, failure=dialing.DIALING_CRASHED)
    ]
    assert hall.supervisors["a"].of(DialAllowed) == [DialAllowed(generation=1)]


def test_circuit_that_opens_takes_the_gate_s_queue(hall: Hall) -> None:
    """Else a thousand that wait at the gate would go on asking a platform that is down."""
    hall.made(ConnectGate(max_in_flight=1))
    hall.ask("a", "b", "c")
    assert hall.granted() == ["a"]

    hall.open_circuit()

    assert hall.granted() == []
    assert hall.actor._gate.waiting == 0
    assert len(hall.barred()) == 2
    hall.ended("a", REFUSED)
    hall.until_circuit_looks()
    assert hall.granted() == ["b"]


def test_barred_account_that_asks_anew_keeps_its_place(hall: Hall) -> None:
    """An operator's reset must not put it behind a thousand others."""
    hall.open_circuit()
    hall.ask("a", "b")
    hall.bench.heard["connection"].drain()

    hall.actor.receive(hall.request("a", generation=2))

    assert hall.bench.heard["connection"].of(DialDecided) == [
        DialDecided(generation=2, allowed=False)
    ]
    hall.until_circuit_looks()
    assert hall.granted() == ["a"]


def test_account_let_through_is_barred_again_if_the_circuit_opens_again(hall: Hall) -> None:
    hall.open_circuit()
    hall.ask("a")
    hall.bench.clock.advance(hall.actor._circuits[ENDPOINT].next_at(0.0) or 0.0)
    hall.actor.receive(GateDue())
    assert hall.supervisors["a"].of(DialAllowed) == [DialAllowed(generation=1)]
    hall.ended("x", REFUSED)

    hall.actor.receive(hall.request("a", generation=2))

    assert hall.granted() == []
    assert hall.bench.heard["connection"].of(DialDecided)[-1] == DialDecided(
        generation=2, allowed=False
    )


def test_account_let_through_that_is_paused_leaves_nothing_behind(hall: Hall) -> None:
    hall.open_circuit()
    hall.ask("a")
    hall.bench.clock.advance(hall.actor._circuits[ENDPOINT].next_at(0.0) or 0.0)
    hall.actor.receive(GateDue())

    hall.actor.receive(CancelDial(account="a", generation=1))

    assert hall.actor._allowed == set()


def test_open_links_closed_for_overload_count(hall: Hall) -> None:
    """Five closes with 1013 say the same as five refused upgrades."""
    for _ in range(OVERLOADS):
        hall.actor.receive(EndpointFailed(endpoint=ENDPOINT, failure=OVERLOADED))

    hall.ask("a")

    assert hall.granted() == []


def test_unknown_message_is_our_own_bug(hall: Hall) -> None:
    wrong: Any = "what?"
    with pytest.raises(TypeError, match="str"):
        hall.actor.receive(wrong)


# --- the body of a dial thread --------------------------------------------------------


class Dials:
    """A dialer whose result the test gives."""

    endpoint = ENDPOINT

    def __init__(self, result: Dialed | Failure | Exception) -> None:
        self.result = result
        self.stretched: list[float] = []

    def dial(
        self,
        headers: dict[str, str],
        cookie: str | None,
        *,
        deadline_s: float,
        stretch: Callable[[Phase], float],
    ) -> Dialed | Failure:
        """Return it."""
        del headers, cookie, deadline_s
        self.stretched = [stretch(Phase.TLS), stretch(Phase.TCP)]
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def run(bench: Bench, **plan: Any) -> list[Any]:
    """Run a dial; give what the connection was told."""
    account = bench.with_plan(**plan)
    request = RequestDial(
        plan=account.plan,
        connection=account.peers.connection,
        supervisor=account.peers.supervisor,
        generation=4,
        stretch={Phase.TLS: 2.0},
    )
    dialing._dial(request, bench.dialing)
    return bench.heard["connection"].drain()


def the_end(bench: Bench) -> Failure | None:
    """Return the failure that the dialing actor was told."""
    (ended,) = bench.dialing.of(DialEnded)
    assert isinstance(ended, DialEnded)
    assert (ended.account, ended.generation, ended.endpoint) == ("shop-a", 4, ENDPOINT)
    return ended.failure


def test_dial_that_succeeds_hands_the_link_over(bench: Bench) -> None:
    dialed, _, _ = bench.dialed()
    dials = Dials(dialed)

    (told,) = run(bench, dialer=dials)

    assert isinstance(told, LinkDialed)
    assert told.dialed is dialed
    assert dials.stretched == [2.0, 1.0]
    assert the_end(bench) is None


def test_link_that_nobody_takes_is_closed(bench: Bench) -> None:
    """A session without a reader would swallow the account's messages."""
    dialed, theirs, _ = bench.dialed()

    class Dead:
        def tell(self, message: object) -> None:
            raise ActorDeadError(str(message))

    bench.peers.connection.ref = Dead()
    run(bench, dialer=Dials(dialed))

    assert theirs.recv(1) == b""
    assert the_end(bench) is None


def test_dial_that_fails_says_so(bench: Bench) -> None:
    assert run(bench, dialer=Dials(REFUSED)) == [DialFailed(generation=4, failure=REFUSED)]
    assert the_end(bench) == REFUSED


def test_dialer_that_raises_is_a_failed_attempt(bench: Bench) -> None:
    (told,) = run(bench, dialer=Dials(KeyError("secret")))

    assert told.failure.reason == "dial_crashed"
    assert "secret" not in told.failure.detail
    assert the_end(bench) == told.failure


@pytest.mark.parametrize(
    ("error", "error_class", "detail"),
    [
        (ValueError("credentials.token is missing"), ErrorClass.CONFIG, "token is missing"),
        (OSError("token=secret"), ErrorClass.AUTH, "OSError"),
        (SystemExit(3), ErrorClass.AUTH, "SystemExit"),
    ],
)
def test_credentials_that_can_not_be_had_are_a_failed_attempt(
    bench: Bench, error: BaseException, error_class: ErrorClass, detail: str
) -> None:
    """A provider is the host's code: whatever it does, the attempt ends and says why."""

    def identity() -> Any:
        raise error

    (told,) = run(bench, identity=identity)

    assert told.failure.error_class is error_class
    assert told.failure.phase is Phase.CREDENTIALS
    assert detail in told.failure.detail
    assert "secret" not in told.failure.detail
    assert the_end(bench) == told.failure
