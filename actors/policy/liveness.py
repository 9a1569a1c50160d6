"""When to send a heartbeat, and when a link is dead.

One object a link; pure: time and dice are arguments. Received bytes count as life, and so
does what the peer takes of a large write of ours, because our question stands behind it.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, TypeAlias

import msgspec

from actors.sections import HeartbeatSettings

_DEFAULTS: Final = HeartbeatSettings()

FIRST_BEAT_S: Final = 5.0
"""Latest first heartbeat: the platform is said to kick a client that is silent after
registering."""

BEAT_SPREAD: Final = 0.1
"""Share of the interval the dice take off, so that accounts do not beat in step."""

STOPPED_LIMIT_S: Final = 20.0
"""Longest time our own flow control may keep the verdict on a beat waiting."""

STOPPED_LOOK_S: Final = 1.0
"""How often to look again while the clock is stopped."""

ANSWERS_MISSED: Final = 2

SLOWEST_BYTES_PER_S: Final = 1024
"""Slowest incoming message that is waited for; if it is slower, the answer behind it counts as
missed."""

OVERSLEPT_S: Final = 3.0
"""A check that is late by this much was late because the process stood still; that time does not
count against the peer."""


class Traffic(NamedTuple):
    """What moves on a link at one moment.

    Attributes:
        received: Bytes read so far.
        arriving: A message has begun, and is not whole.
        taken: Bytes of ours that the peer has taken so far.
        leaving: Bytes of ours wait for the peer.
    """

    received: int = 0
    arriving: bool = False
    taken: int = 0
    leaving: bool = False


STILL: Final = Traffic()
"""Nothing moves."""


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Nothing to do before ``until``, monotonic seconds."""

    until: float


class SendBeat(msgspec.Struct, frozen=True, gc=False):
    """Send a heartbeat now and tell :meth:`Liveness.beat_sent`."""


class SendProbe(msgspec.Struct, frozen=True, gc=False):
    """Send the last heartbeat the link gets; tell :meth:`Liveness.beat_sent`."""


class Dead(msgspec.Struct, frozen=True, gc=False):
    """Leave the link: ``heartbeat_dead``, ``heartbeat_unanswered`` or ``backpressure``."""

    reason: str


Action: TypeAlias = Wait | SendBeat | SendProbe | Dead

_BEAT: Final = SendBeat()
_PROBE: Final = SendProbe()


class Liveness:
    """The heartbeat of one link.

    A peer that vanishes is noticed within ``interval_s + reply_timeout_s +
    probe_timeout_s``, counted from its last byte or from the opening; later by the time
    we did not read, at most 20 s, and by what the longer of the two timeouts exceeds the
    interval: who spoke after its beat was sent gets the next one when this one is judged.

    An answer behind a message that is still arriving, or to a beat behind a message that is
    still leaving, is not missed as long as that moves by :data:`SLOWEST_BYTES_PER_S`.

    Args:
        interval_s: Longest time between two beats.
        reply_timeout_s: Seconds an answer may take.
        probe_timeout_s: Seconds the probe may take that follows complete silence.
        backpressure_limit_s: Longest time without reading.
    """

    __slots__ = (
        "_asked",
        "_backpressure_limit_s",
        "_beat",
        "_before",
        "_gap_s",
        "_interval_s",
        "_late",
        "_looked_at",
        "_missed",
        "_next_beat_at",
        "_probe",
        "_probe_timeout_s",
        "_reply_timeout_s",
        "_resumed_at",
        "_slept_s",
        "_stopped",
        "_stopped_left_s",
        "_stopped_s",
    )

    def __init__(
        self,
        *,
        interval_s: float = _DEFAULTS.interval_s,
        reply_timeout_s: float = _DEFAULTS.reply_timeout_s,
        probe_timeout_s: float = _DEFAULTS.probe_timeout_s,
        backpressure_limit_s: float = math.inf,
    ) -> None:
        if min(interval_s, reply_timeout_s, probe_timeout_s) <= 0:
            raise ValueError(
                f"interval_s={interval_s}, reply_timeout_s={reply_timeout_s}, "
                f"probe_timeout_s={probe_timeout_s}: each must be above 0"
            )
        self._interval_s = interval_s
        self._reply_timeout_s = reply_timeout_s
        self._probe_timeout_s = probe_timeout_s
        self._backpressure_limit_s = backpressure_limit_s
        self._reset(math.inf)

    def _reset(self, next_beat_at: float) -> None:
        self._next_beat_at = next_beat_at
        self._gap_s = self._interval_s
        self._beat: tuple[object, float] | None = None
        self._probe: tuple[object, float] | None = None
        self._late: tuple[object, float] | None = None
        self._missed = 0
        self._before = STILL
        self._asked = math.inf
        self._resumed_at = -math.inf
        self._slept_s = 0.0
        self._looked_at = next_beat_at
        self._stopped = False
        self._stopped_s = 0.0
        self._stopped_left_s = STOPPED_LIMIT_S

    def opened(self, now: float, draw: float) -> None:
        """Begin: the platform confirmed the registration.

        Args:
            now: Monotonic seconds.
            draw: A number in [0, 1).
        """
        self._reset(now + draw * min(FIRST_BEAT_S, self._interval_s))

    def beat_sent(self, now: float, key: object, traffic: Traffic = STILL) -> None:
        """Note the beat or the probe :meth:`decide` asked for.

        Args:
            now: Monotonic seconds.
            key: What its answer will bear.
            traffic: What moves on the link.
        """
        self._asked = math.inf
        self._resumed_at = -math.inf
        if self._beat is None:
            self._before = traffic
            self._beat = (key, now)
            self._next_beat_at = now + self._gap_s
            self._stopped_left_s = STOPPED_LIMIT_S
        else:
            self._probe = (key, now)
        self._looked_at = now
        self._stopped_s = 0.0

    def answered(self, now: float, key: object) -> float | None:
        """Note an answer, in time or late.

        Returns:
            Seconds since that beat was sent; None if ``key`` is not awaited.
        """
        if self._late is not None and self._late[0] == key:
            sent_at = self._late[1]
            self._late = None
        else:
            for sent in (self._beat, self._probe):
                if sent is not None and sent[0] == key:
                    sent_at = sent[1]
                    self._beat = self._probe = None
                    break
            else:
                return None
        self._missed = 0
        return now - sent_at

    def decide(
        self,
        now: float,
        last_received: float,
        reading_stopped_s: float,
        draw: float,
        traffic: Traffic = STILL,
    ) -> Action:
        """Return what to do now.

        Args:
            now: Monotonic seconds.
            last_received: When the link last gave bytes of any kind.
            reading_stopped_s: For how long we have not been reading; 0 while we read.
            draw: A number in [0, 1); decides the beat after the next one.
            traffic: What moves on the link.
        """
        self._wake(now, reading_stopped_s)
        if reading_stopped_s - self._slept_s > self._backpressure_limit_s:
            return Dead("backpressure")
        self._stop_clock(now, reading_stopped_s)
        if self._beat is None:
            return self._beat_or_wait(now, draw)
        timeout_s = self._reply_timeout_s if self._probe is None else self._probe_timeout_s
        _, waiting_since = self._probe or self._beat
        due_at = max(waiting_since + self._stopped_s, self._resumed_at) + timeout_s
        if now < due_at:
            return self._wait(self._look_at(now, due_at))
        if not self._moves(now, self._beat[1], traffic):
            if last_received <= self._beat[1]:
                return _PROBE if self._probe is None else Dead("heartbeat_dead")
            self._missed += 1
            if self._missed >= ANSWERS_MISSED:
                return Dead("heartbeat_unanswered")
        self._late = self._beat
        self._beat = self._probe = None
        return self._beat_or_wait(now, draw)

    def _beat_or_wait(self, now: float, draw: float) -> Action:
        if now < self._next_beat_at:
            return self._wait(self._next_beat_at)
        self._gap_s = self._interval_s * (1.0 - BEAT_SPREAD * draw)
        return _BEAT

    def _wait(self, until: float) -> Wait:
        self._asked = until
        return Wait(until)

    def _wake(self, now: float, reading_stopped_s: float) -> None:
        """Notice that the process stood still; once a beat, that gives its answer more time."""
        slept_s = now - self._asked
        if slept_s > OVERSLEPT_S:
            self._asked = math.inf
            self._slept_s += slept_s
            if self._resumed_at < 0:
                self._resumed_at = now
        if reading_stopped_s <= 0:
            self._slept_s = 0.0

    def _moves(self, now: float, since: float, traffic: Traffic) -> bool:
        """Return whether a message that keeps the answer, or the beat, behind it gets on."""
        least = SLOWEST_BYTES_PER_S * (now - since)
        before = self._before
        return (traffic.arriving and traffic.received - before.received >= least) or (
            traffic.leaving and traffic.taken - before.taken >= least
        )

    def _stop_clock(self, now: float, reading_stopped_s: float) -> None:
        """Add the time since the last look in which we did not read."""
        if reading_stopped_s > 0 or self._stopped:
            since = self._looked_at
            if not self._stopped:
                since = max(since, now - reading_stopped_s)
            stopped_s = min(self._stopped_left_s, max(0.0, now - since))
            self._stopped_s += stopped_s
            self._stopped_left_s -= stopped_s
        self._stopped = reading_stopped_s > 0
        self._looked_at = now

    def _look_at(self, now: float, due_at: float) -> float:
        if not self._stopped:
            return due_at
        return min(max(due_at, now + STOPPED_LOOK_S), due_at + self._stopped_left_s)
