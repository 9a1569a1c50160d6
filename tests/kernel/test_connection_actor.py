"""The connection actor, driven by hand."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from workbench import Bench, read

from actors.account.connection import ConnectionActor
from actors.messages import (
    Answered,
    CancelDial,
    DeadlineExpired,
    DialAllowed,
    DialDecided,
    DialFailed,
    EndpointFailed,
    Fail,
    Flush,
    Flushed,
    FramesRejected,
    Introduce,
    LinkCondemned,
    LinkDialed,
    LinkDown,
    LinkEnded,
    LinkOpened,
    Open,
    RequestDial,
    Reset,
    SessionOpened,
    Shut,
    SignalsReceived,
    Withdraw,
    WriteAcks,
)
from actors.policy import failures
from actors.policy.retries import GiveUp
from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure, Phase, Reply, Request, Signal, SignalKind
from gateway.transport.frames import FrameWire

REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused")
EOF = Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason="eof")
S = ConnectionState


def opened(bench: Bench) -> ConnectionActor:
    """Return a connection whose dial was asked for."""
    actor = ConnectionActor(bench.pool, bench.account)
    actor.receive(Open(stretch={}))
    return actor


def dialed(bench: Bench) -> tuple[ConnectionActor, socket.socket, FrameWire]:
    """Return a connection that has written its registration."""
    actor = opened(bench)
    link, theirs, wire = bench.dialed()
    session = bench.account.plan.platform.session(bench.identity)
    actor.receive(DialDecided(generation=1, allowed=True))
    actor.receive(LinkDialed(generation=1, session=session, dialed=link))
    return actor, theirs, wire


def connected(bench: Bench) -> tuple[ConnectionActor, socket.socket, FrameWire]:
    """Return a connection whose registration was confirmed."""
    actor, theirs, wire = dialed(bench)
    (registration,) = read(theirs, wire)
    mid = json.loads(registration)["headers"]["mid"]
    actor.receive(Answered(generation=1, reply=confirmation(mid)))
    return actor, theirs, wire


def confirmation(mid: str, user: str = "2201", code: int = 200) -> Reply:
    """Return the platform's answer to a registration."""
    headers = {"mid": mid, "sid": "s", "reg-sid": "s", "reg-uid": f"{user}@goofish"}
    return Reply(
        mid=mid.split(" ", 1)[0], code=code, headers=json.dumps(headers).encode(), body=b"{}"
    )


def states(bench: Bench) -> list[ConnectionState]:
    """Return the states it went through."""
    return [change.new for change in bench.watcher.changes]


@pytest.mark.peer(4)
def test_connected_only_after_the_platform_confirmed(bench: Bench) -> None:
    """An open socket is no session: buyers' messages come only to a registered one."""
    actor, theirs, wire = dialed(bench)
    (registration,) = read(theirs, wire)
    frame = json.loads(registration)

    assert frame["lwp"] == "/reg"
    assert frame["headers"]["token"] == "t-1"
    assert states(bench) == [S.CONNECTING]
    assert bench.heard["decoder"].of(SessionOpened)

    actor.receive(Answered(generation=1, reply=confirmation(frame["headers"]["mid"])))

    assert states(bench) == [S.CONNECTING, S.CONNECTED]
    assert bench.heard["heartbeat"].of(LinkOpened)
    assert bench.heard["outbox"].of(LinkOpened)


def test_wrong_user_in_the_answer_is_a_failed_attempt(bench: Bench) -> None:
    """Another account's token must not make this account answer that one's buyers."""
    actor, theirs, wire = dialed(bench)
    mid = json.loads(read(theirs, wire)[0])["headers"]["mid"]

    actor.receive(Answered(generation=1, reply=confirmation(mid, user="9999")))

    change = bench.watcher.changes[-1]
    assert (change.new, change.cause) == (S.RECONNECTING, Cause.ATTEMPT_FAILED)
    assert change.failure is not None
    assert change.failure.error_class is ErrorClass.CONFIG


def test_registration_refused_with_401_is_an_auth_failure(bench: Bench) -> None:
    """The supervisor renews once and then stops hoping, so the class must be right."""
    actor, theirs, wire = dialed(bench)
    mid = json.loads(read(theirs, wire)[0])["headers"]["mid"]

    actor.receive(Answered(generation=1, reply=confirmation(mid, code=401)))

    failure = bench.watcher.changes[-1].failure
    assert failure is not None
    assert failure.error_class is ErrorClass.AUTH


def test_silent_registration_ends_at_its_deadline(bench: Bench) -> None:
    """A platform that never answers must not hold the account for ever."""
    actor, _, _ = dialed(bench)

    bench.advance(bench.account.plan.deadlines.register_s)
    (expired,) = bench.heard["connection"].of(DeadlineExpired)
    actor.receive(expired)

    change = bench.watcher.changes[-1]
    assert (change.new, change.cause) == (S.RECONNECTING, Cause.ATTEMPT_TIMED_OUT)
    assert change.failure == failures.REGISTRATION_TIMED_OUT


def test_attempt_that_never_dials_ends_at_its_deadline(bench: Bench) -> None:
    """Name resolution has no deadline of its own; the attempt has."""
    actor = opened(bench)
    actor.receive(DialDecided(generation=1, allowed=True))

    bench.advance(bench.account.plan.connect.deadline_s)
    (expired,) = bench.heard["connection"].of(DeadlineExpired)
    actor.receive(expired)

    assert bench.watcher.changes[-1].failure == failures.ATTEMPT_TIMED_OUT


def test_late_link_of_an_abandoned_attempt_is_closed(bench: Bench) -> None:
    """One session an account: a dial that comes back late must not open a second."""
    actor = opened(bench)
    actor.receive(DialFailed(generation=1, failure=REFUSED))
    link, theirs, _ = bench.dialed()
    session = bench.account.plan.platform.session(bench.identity)

    actor.receive(LinkDialed(generation=1, session=session, dialed=link))

    assert theirs.recv(1) == b""
    assert states(bench) == [S.CONNECTING, S.RECONNECTING]


def test_late_close_of_the_previous_socket_is_ignored(bench: Bench) -> None:
    """A socket that dies after its successor opened must not tear that one down."""
    actor, _, _ = connected(bench)
    actor.receive(LinkEnded(generation=1, failure=EOF))
    actor.receive(Open(stretch={}))
    before = len(bench.watcher.changes)

    actor.receive(LinkEnded(generation=1, failure=EOF))

    assert len(bench.watcher.changes) == before
    assert bench.log.lines[-1][1] == "connection.stale_dropped"


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_every_close_of_the_peer_is_a_lost_link(bench: Bench, code: int) -> None:
    """A clean close is routine here, no reason to stop listening."""
    actor, _, _ = connected(bench)

    actor.receive(LinkEnded(generation=1, failure=failures.from_close_code(code)))

    change = bench.watcher.changes[-1]
    assert (change.new, change.cause) == (S.RECONNECTING, Cause.LINK_LOST)
    assert change.failure is not None
    assert change.failure.error_class is ErrorClass.UNEXPECTED_CLOSE
    assert bench.heard["heartbeat"].of(LinkDown)
    assert bench.heard["outbox"].of(LinkDown)


@pytest.mark.parametrize(("after_s", "expected"), [(1, ErrorClass.AUTH), (60, ErrorClass.OTHER)])
def test_policy_close_is_about_credentials_only_right_after_registering(
    bench: Bench, after_s: float, expected: ErrorClass
) -> None:
    """1008 soon after the registration is its answer; later it is something else."""
    actor, _, _ = connected(bench)
    bench.clock.advance(after_s)

    actor.receive(LinkEnded(generation=1, failure=failures.from_close_code(1008)))

    failure = bench.watcher.changes[-1].failure
    assert failure is not None
    assert failure.error_class is expected


def test_acks_of_one_batch_leave_in_one_write(bench: Bench) -> None:
    """A write an ack costs more than everything else on the path of a frame."""
    actor, theirs, wire = connected(bench)

    actor.receive(WriteAcks(generation=1, acks=("a", "b", "c")))

    assert read(theirs, wire) == ["a", "b", "c"]


def test_acks_of_a_lost_link_are_dropped(bench: Bench) -> None:
    """They belong to pushes of another connection; the platform pushes those again."""
    actor, theirs, _ = connected(bench)
    actor.receive(LinkEnded(generation=1, failure=EOF))

    actor.receive(WriteAcks(generation=1, acks=("a",)))

    assert theirs.recv(65536) == b"", "something was written"


def test_nothing_is_asked_over_a_link_that_is_left(bench: Bench) -> None:
    """What was not written may be sent again without asking the history."""
    actor, theirs, wire = connected(bench)
    (opened,) = bench.heard["outbox"].of(LinkOpened)
    assert opened.calls.ask(Request(mid="m-1", payload="hello"), bench.peers.outbox)
    assert read(theirs, wire) == ["hello"]

    actor.receive(Shut(for_good=False))

    assert not opened.calls.ask(Request(mid="m-2", payload="late"), bench.peers.outbox)
    assert not opened.calls.say("late")
    assert opened.calls.take("m-1") is None


def test_three_unreadable_frames_in_a_minute_end_the_link(bench: Bench) -> None:
    """One may be noise; three are a link that has gone wrong."""
    actor, _, _ = connected(bench)
    actor.receive(FramesRejected(generation=1, faults=("not_json", "not_json")))
    assert states(bench)[-1] is S.CONNECTED

    actor.receive(FramesRejected(generation=1, faults=("not_json",)))

    assert bench.watcher.changes[-1].cause is Cause.PROTOCOL_ERRORS


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (SignalKind.KICKED, Cause.KICKED),
        (SignalKind.SESSION_REMOVED, Cause.SESSION_REMOVED),
        (SignalKind.AUTH_EXPIRED, Cause.AUTH_EXPIRED),
    ],
)
def test_platform_ends_the_session(bench: Bench, kind: SignalKind, cause: Cause) -> None:
    """A kicked session answers heartbeats and brings nothing: leave it."""
    actor, _, _ = connected(bench)

    actor.receive(SignalsReceived(generation=1, signals=(Signal(kind=kind),)))

    assert bench.watcher.changes[-1].cause is cause
    assert states(bench)[-1] is S.RECONNECTING


def test_condemned_link_is_left(bench: Bench) -> None:
    """The heartbeat's verdict is final for this generation."""
    actor, theirs, _ = connected(bench)

    actor.receive(LinkCondemned(generation=1, failure=failures.HEARTBEAT_DEAD))

    assert bench.watcher.changes[-1].cause is Cause.HEARTBEAT_DEAD
    assert theirs.recv(65536) == b""


def test_stop_says_goodbye_and_closes_once_the_peer_has(bench: Bench) -> None:
    """An orderly close lets the server forget us at once."""
    actor, theirs, wire = connected(bench)

    actor.receive(Shut(for_good=True))
    assert bench.heard["decoder"].of(Flush), "acks of what was received must leave first"
    actor.receive(WriteAcks(generation=1, acks=("last ack",)))
    actor.receive(Flushed(generation=1))
    last_ack, farewell = read(theirs, wire)
    assert last_ack == "last ack"
    assert farewell.code == 1000
    assert states(bench)[-1] is S.CONNECTED

    actor.receive(LinkEnded(generation=1, failure=failures.from_close_code(1000)))
    assert bench.watcher.changes[-1].cause is Cause.STOP
    assert states(bench)[-1] is S.CLOSED


def test_stop_does_not_wait_for_a_peer_that_is_gone(bench: Bench) -> None:
    """The close timeout makes the poller end the link."""
    actor, theirs, _ = connected(bench)
    actor.receive(Shut(for_good=True))

    bench.advance(bench.account.plan.deadlines.close_s)
    (expired,) = bench.heard["connection"].of(DeadlineExpired)
    actor.receive(expired)

    theirs.recv(65536)
    assert theirs.recv(1) == b""


def test_stop_while_dialling_cancels_the_dial(bench: Bench) -> None:
    """A stopped account never dials again."""
    actor = opened(bench)

    actor.receive(Shut(for_good=True))

    assert states(bench)[-1] is S.CLOSED
    assert bench.dialing.of(CancelDial)
    actor.receive(Open(stretch={}))
    assert states(bench)[-1] is S.CLOSED
    assert len(bench.dialing.of(RequestDial)) == 1


def test_pause_then_open_connects_again(bench: Bench) -> None:
    """A pause is no end."""
    actor, _, _ = connected(bench)
    actor.receive(Shut(for_good=False))
    actor.receive(LinkEnded(generation=1, failure=EOF))
    assert states(bench)[-1] is S.DISCONNECTED

    actor.receive(Open(stretch={}))

    assert states(bench)[-1] is S.CONNECTING


def test_given_up_until_reset(bench: Bench) -> None:
    """FAILED stays FAILED until somebody says otherwise."""
    actor = opened(bench)
    actor.receive(DialFailed(generation=1, failure=REFUSED))
    actor.receive(Fail(verdict=GiveUp(failure=REFUSED, why="max_attempts")))
    assert states(bench)[-1] is S.FAILED

    actor.receive(Reset())

    assert bench.watcher.changes[-1].cause is Cause.RESET
    assert states(bench)[-1] is S.RECONNECTING


def test_pause_of_a_failed_account_changes_nothing(bench: Bench) -> None:
    """It is away already; only a reset brings it back."""
    actor = opened(bench)
    actor.receive(DialFailed(generation=1, failure=REFUSED))
    actor.receive(Fail(verdict=GiveUp(failure=REFUSED, why="max_attempts")))

    actor.receive(Shut(for_good=False))

    assert states(bench)[-1] is S.FAILED


def test_restarted_heartbeat_is_introduced_to_the_link(bench: Bench) -> None:
    """A heartbeat that was reborn must not let the link go unwatched."""
    actor, _, _ = connected(bench)
    bench.heard["heartbeat"].drain()

    actor.receive(Introduce(name="heartbeat"))

    assert bench.heard["heartbeat"].of(LinkOpened)


def test_death_leaves_no_socket(bench: Bench) -> None:
    """A crash must not leave a registered session that nobody reads."""
    actor, theirs, _ = connected(bench)

    actor.died("ValueError at x.py:1")

    assert theirs.recv(65536) == b""


def test_unknown_message_is_our_own_bug(bench: Bench) -> None:
    """A wrong message must not pass in silence."""
    actor, _, _ = connected(bench)

    class Wrong:
        generation = 1

    message: Any = Wrong()
    with pytest.raises(TypeError, match="Wrong"):
        actor.receive(message)


def test_registration_deadline_stretches_after_timeouts(bench: Bench) -> None:
    """A slow platform gets more time the next attempt."""
    actor = ConnectionActor(bench.pool, bench.account)
    actor.receive(Open(stretch={Phase.REGISTER: 2.0}))
    link, _, _ = bench.dialed()
    session = bench.account.plan.platform.session(bench.identity)
    actor.receive(LinkDialed(generation=1, session=session, dialed=link))

    bench.advance(bench.account.plan.deadlines.register_s * 1.5)
    assert not bench.heard["connection"].of(DeadlineExpired)
    bench.advance(bench.account.plan.deadlines.register_s)
    assert bench.heard["connection"].of(DeadlineExpired)


def test_barred_by_the_circuit_it_waits_reconnecting(bench: Bench) -> None:
    """It is not dialling: nobody must take it for an attempt that takes long."""
    actor = opened(bench)
    actor.receive(DialDecided(generation=1, allowed=False))
    (_, change) = bench.watcher.changes
    assert (change.new, change.cause) == (S.RECONNECTING, Cause.CIRCUIT_OPEN)
    assert change.failure == failures.CIRCUIT_OPEN

    actor.receive(Introduce(name="dialing"))  # which died with its line
    assert bench.heard["supervisor"].of(DialAllowed) == [DialAllowed(generation=1)]
    actor.receive(Shut(for_good=False))
    assert bench.dialing.of(CancelDial) == [CancelDial(account="shop-a", generation=1)]
    assert states(bench)[-1] is S.DISCONNECTED


@pytest.mark.parametrize(("code", "told"), [(1000, 0), (1011, 1), (1012, 1), (1013, 1)])
def test_close_that_is_the_endpoint_s_fault_is_told_to_its_circuit(
    bench: Bench, code: int, told: int
) -> None:
    actor, _, _ = connected(bench)
    failure = failures.from_close_code(code, since_registered_s=60.0)
    actor.receive(LinkEnded(generation=1, failure=failure))
    assert len(bench.dialing.of(EndpointFailed)) == told
    assert states(bench)[-1] is S.RECONNECTING


def test_link_that_came_too_late_for_the_dead_is_closed(bench: Bench) -> None:
    """It lay in the mail of an actor that died: nobody else knows of the socket."""
    actor = opened(bench)
    link, theirs, _ = bench.dialed()
    session = bench.account.plan.platform.session(bench.identity)
    actor.actor_ref.tell(LinkDialed(generation=1, session=session, dialed=link))

    actor.tear_down()

    assert theirs.recv(1) == b""


# --- the journal is down --------------------------------------------------------------


def test_withdrawing_shuts_the_link_at_once_and_drops_late_acks(bench: Bench) -> None:
    """What could not be stored in time is the platform's to keep."""
    actor, theirs, wire = connected(bench)
    actor.receive(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))

    change = bench.watcher.changes[-1]
    assert (change.new, change.cause) == (S.DISCONNECTED, Cause.JOURNAL_DOWN)
    assert change.failure is failures.JOURNAL_UNAVAILABLE
    actor.receive(WriteAcks(generation=1, acks=("ack",)))
    theirs.settimeout(1.0)
    assert theirs.recv(65536) == b"", "neither an ack nor a closing handshake"
    del wire


@pytest.mark.parametrize("state", [S.DISCONNECTED, S.FAILED, S.CLOSED])
def test_withdrawing_changes_nothing_where_there_is_no_link(
    bench: Bench, state: ConnectionState
) -> None:
    actor = ConnectionActor(bench.pool, bench.account, state=state)
    actor.receive(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))
    assert states(bench) == []


def test_withdrawing_takes_back_a_dial_and_ends_a_wait(bench: Bench) -> None:
    actor = opened(bench)
    actor.receive(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))
    assert bench.dialing.of(CancelDial)
    waiting = ConnectionActor(bench.pool, bench.account, state=S.RECONNECTING)
    waiting.receive(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))
    assert states(bench) == [S.CONNECTING, S.DISCONNECTED, S.DISCONNECTED]


def test_withdrawing_in_the_middle_of_a_pause_is_the_pause(bench: Bench) -> None:
    actor, _, _ = connected(bench)
    actor.receive(Shut(for_good=False))
    actor.receive(Withdraw(failure=failures.JOURNAL_UNAVAILABLE))
    assert bench.watcher.changes[-1].cause is Cause.PAUSE
