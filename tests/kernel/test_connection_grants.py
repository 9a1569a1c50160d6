"""A connection whose account renews its credentials: asks before the gate, reports afterwards."""

from __future__ import annotations

import json
import socket
from typing import Any, cast

import pytest
from test_connection_actor import confirmation, states
from workbench import Bench, read

from actors.account.connection import ConnectionActor
from actors.identity import Grant, Why
from actors.messages import (
    Answered,
    CancelGrant,
    DialDecided,
    DialFailed,
    Flush,
    ForgetGrant,
    GrantAwaited,
    GrantGiven,
    GrantReported,
    Introduce,
    LinkCondemned,
    LinkDialed,
    LinkEnded,
    Open,
    RequestDial,
    RequestGrant,
    Rotate,
    Shut,
    SignalsReceived,
)
from actors.policy import failures
from actors.ports import CredentialSource
from actors.state import Cause, ConnectionState
from actors.values import ErrorClass, Failure, Signal, SignalKind
from gateway.transport.frames import FrameWire

S = ConnectionState
EOF = Failure(error_class=ErrorClass.UNEXPECTED_CLOSE, reason="eof")


class Door:
    """A connection of an account with a source."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        bench.with_plan(source=cast("CredentialSource", object()))
        self.actor = ConnectionActor(bench.pool, bench.account)

    def grant(self, version: int) -> Grant:
        return Grant(
            identity=self.bench.identity.__class__(
                account="shop-a", user_id="2201", device_id="D", token="new", version=version
            ),
            obtained_at_ms=0,
        )

    def given(self, version: int, generation: int = 1) -> None:
        self.actor.receive(GrantGiven(generation=generation, grant=self.grant(version)))

    def connect(self, version: int = 1, generation: int = 1) -> None:
        self.actor.receive(Open(stretch={}))
        self.given(version, generation)
        link, theirs, wire = self.bench.dialed()
        session = self.bench.account.plan.platform.session(self.bench.identity)
        self.actor.receive(DialDecided(generation=generation, allowed=True))
        self.actor.receive(LinkDialed(generation=generation, session=session, dialed=link))
        self.register(theirs, wire, generation)

    def register(self, theirs: socket.socket, wire: FrameWire, generation: int) -> None:
        mid = json.loads(read(theirs, wire)[0])["headers"]["mid"]
        self.actor.receive(Answered(generation=generation, reply=confirmation(mid)))

    def reports(self) -> list[Any]:
        return self.bench.credentials.of(GrantReported)

    def cause(self) -> Cause:
        return self.bench.watcher.changes[-1].cause


@pytest.fixture
def door(bench: Bench) -> Door:
    return Door(bench)


def test_no_dial_is_asked_for_before_the_grant(door: Door) -> None:
    door.actor.receive(Open(stretch={}, urgent=True))
    (asked,) = door.bench.credentials.of(RequestGrant)
    assert asked.generation == 1
    assert not door.bench.dialing.messages
    door.given(3)
    (dial,) = door.bench.dialing.of(RequestDial)
    assert dial.identity.version == 3
    assert dial.urgent
    assert states(door.bench) == [S.CONNECTING]


def test_an_account_without_a_source_asks_nobody(bench: Bench) -> None:
    actor = ConnectionActor(bench.pool, bench.account)
    actor.receive(Open(stretch={}))
    assert bench.dialing.of(RequestDial)[0].identity is None
    actor.receive(Introduce(name="credentials"))
    actor.receive(Rotate(version=9))
    assert not bench.credentials.messages


def test_who_waits_for_a_grant_is_reconnecting(door: Door) -> None:
    door.actor.receive(Open(stretch={}))
    door.actor.receive(GrantAwaited(generation=1, failure=failures.GRANT_AWAITED))
    assert states(door.bench) == [S.CONNECTING, S.RECONNECTING]
    assert door.cause() is Cause.GRANT_AWAITED
    door.given(1)
    assert not door.bench.dialing.of(RequestDial), "its generation is over; it asks anew"
    door.actor.receive(Open(stretch={}))
    door.given(1, 2)
    assert door.bench.dialing.of(RequestDial)[0].generation == 2


def test_a_pause_withdraws_the_request(door: Door) -> None:
    door.actor.receive(Open(stretch={}))
    door.actor.receive(Shut(for_good=False))
    assert door.bench.credentials.of(CancelGrant) == [CancelGrant(account="shop-a", generation=1)]
    door.actor.receive(Shut(for_good=True))
    assert not door.bench.credentials.of(CancelGrant)


def test_a_refusal_for_good_ends_the_attempt(door: Door) -> None:
    door.actor.receive(Open(stretch={}))
    failure = Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="verification_asked")
    door.actor.receive(DialFailed(generation=1, failure=failure))
    change = door.bench.watcher.changes[-1]
    assert (change.cause, change.failure) == (Cause.ATTEMPT_FAILED, failure)
    assert not door.reports()


def test_a_link_is_reported_up_and_down(door: Door) -> None:
    door.connect(version=4)
    assert door.reports() == [GrantReported(account="shop-a", version=4, linked=True)]
    door.actor.receive(LinkEnded(generation=1, failure=EOF))
    assert door.reports() == [GrantReported(account="shop-a", version=4, linked=False)]


def test_a_refused_registration_is_reported(door: Door) -> None:
    door.actor.receive(Open(stretch={}))
    door.given(4)
    link, theirs, wire = door.bench.dialed()
    session = door.bench.account.plan.platform.session(door.bench.identity)
    door.actor.receive(LinkDialed(generation=1, session=session, dialed=link))
    mid = json.loads(read(theirs, wire)[0])["headers"]["mid"]
    door.actor.receive(Answered(generation=1, reply=confirmation(mid, code=401)))
    (report,) = door.reports()
    assert (report.version, report.linked, report.fault) == (4, False, Why.REFUSED)


def test_a_token_that_expires_on_the_link_is_reported(door: Door) -> None:
    door.connect(version=2)
    signal = Signal(kind=SignalKind.AUTH_EXPIRED)
    door.actor.receive(SignalsReceived(generation=1, signals=[signal]))
    assert [report.fault for report in door.reports()] == [None, Why.REFUSED]


def test_a_zombie_makes_its_token_suspect(door: Door) -> None:
    door.connect(version=2)
    door.actor.receive(LinkCondemned(generation=1, failure=failures.ZOMBIE))
    assert [report.fault for report in door.reports()] == [None, Why.SUSPECT]


def test_a_newer_grant_replaces_the_link_in_order(door: Door) -> None:
    """What was received is stored and acknowledged before the link is closed."""
    door.connect(version=2)
    door.reports()
    door.actor.receive(Rotate(version=2))
    assert not door.bench.heard["decoder"].of(Flush)
    door.actor.receive(Rotate(version=3))
    assert door.bench.heard["decoder"].of(Flush)
    door.actor.receive(Rotate(version=4))
    assert states(door.bench)[-1] is S.CONNECTED
    door.actor.receive(LinkEnded(generation=1, failure=EOF))
    change = door.bench.watcher.changes[-1]
    assert (change.cause, change.new, change.failure) == (Cause.MAX_AGE, S.RECONNECTING, None)
    assert [report.linked for report in door.reports()] == [False]


def test_a_restarted_credentials_actor_learns_what_its_former_self_knew(door: Door) -> None:
    door.actor.receive(Open(stretch={}))
    door.bench.credentials.drain()
    door.actor.receive(Introduce(name="credentials"))
    assert door.bench.credentials.of(RequestGrant)
    door.actor.receive(Introduce(name="dialing"))
    assert not door.bench.dialing.of(RequestDial), "the grant comes first"
    door.actor.receive(Shut(for_good=False))
    door.actor.receive(Introduce(name="credentials"))
    assert not door.bench.credentials.of(RequestGrant)
    door.connect(version=2, generation=2)
    door.reports()
    door.actor.receive(Introduce(name="credentials"))
    assert [report.linked for report in door.reports()] == [True]


def test_a_link_of_other_credentials_stays_until_there_is_a_grant(door: Door) -> None:
    door.connect(version=7)
    door.actor.receive(ForgetGrant())
    assert states(door.bench)[-1] is S.CONNECTED
    door.actor.receive(Rotate(version=1))
    door.actor.receive(
        LinkEnded(generation=1, failure=Failure(error_class=ErrorClass.OTHER, reason="closed"))
    )
    assert (door.cause(), states(door.bench)[-1]) == (Cause.MAX_AGE, S.RECONNECTING)


def test_a_link_ends_if_nothing_renews_the_new_credentials(door: Door) -> None:
    door.connect(version=7)
    door.bench.with_plan(source=None)
    door.actor._account.plan = door.bench.account.plan
    door.actor.receive(ForgetGrant())
    door.actor.receive(LinkEnded(generation=1, failure=EOF))
    assert (door.cause(), states(door.bench)[-1]) == (Cause.MAX_AGE, S.RECONNECTING)
    door.actor.receive(Open(stretch={}))
    assert door.bench.dialing.of(RequestDial)[-1].identity is None


def test_an_attempt_with_other_credentials_begins_again(door: Door) -> None:
    door.actor.receive(Open(stretch={}))
    door.actor.receive(ForgetGrant())
    assert (door.cause(), states(door.bench)[-1]) == (Cause.GRANT_AWAITED, S.RECONNECTING)
    door.given(1)
    assert not door.bench.dialing.of(RequestDial), "it was asked for with the old credentials"
    door.actor.receive(Open(stretch={}))
    assert [each.generation for each in door.bench.credentials.of(RequestGrant)] == [1, 2]


def test_what_the_old_credentials_did_is_not_said_of_the_new(door: Door) -> None:
    """A refusal of the old token must not cost the new one its try."""
    door.connect(version=7)
    door.reports()
    door.actor.receive(ForgetGrant())
    expired = Signal(kind=SignalKind.AUTH_EXPIRED)
    door.actor.receive(SignalsReceived(generation=1, signals=(expired,)))
    assert [(each.version, each.linked) for each in door.reports()] == [
        (0, True),
        (0, False),
    ]
