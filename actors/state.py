"""ConnectionState and its transitions as data. One actor owns the state.

Here: the six states, what may move them, the table, and :func:`advance`. Not here: what
is done on a move (``actors/account/connection.py``), when to retry or to give up
(``actors/policy/retries.py``). ``docs/states.md`` is drawn from the table.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias


class ConnectionState(enum.Enum):
    """The state of an account's connection."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    CLOSED = "closed"


class Cause(enum.Enum):
    """Why a connection changes its state. What leaves the state as it is has no cause."""

    START = "start"
    RETRY = "retry"
    REGISTERED = "registered"
    ATTEMPT_FAILED = "attempt_failed"
    ATTEMPT_TIMED_OUT = "attempt_timed_out"
    CIRCUIT_OPEN = "circuit_open"
    GRANT_AWAITED = "grant_awaited"
    LINK_LOST = "link_lost"
    HEARTBEAT_DEAD = "heartbeat_dead"
    ZOMBIE = "zombie"
    PROTOCOL_ERRORS = "protocol_errors"
    BACKPRESSURE = "backpressure"
    AUTH_EXPIRED = "auth_expired"
    KICKED = "kicked"
    SESSION_REMOVED = "session_removed"
    MAX_AGE = "max_age"
    CHILD_CRASHED = "child_crashed"
    JOURNAL_DOWN = "journal_down"
    LEASE_LOST = "lease_lost"
    PAUSE = "pause"
    GAVE_UP = "gave_up"
    BUDGET_EXCEEDED = "budget_exceeded"
    AUTO_PROBE = "auto_probe"
    RESET = "reset"
    STOP = "stop"


Row: TypeAlias = tuple[ConnectionState, Cause, ConnectionState, str]
"""From, on, to, and a note for the drawn page."""

_S = ConnectionState
_C = Cause

# fmt: off
# ruff: noqa: E501  one transition, one line
TRANSITIONS: Final[tuple[Row, ...]] = (
    # in             on                    go to             note
    (_S.DISCONNECTED, _C.START,             _S.CONNECTING,   "next generation; ask the gate for a dial"),
    (_S.DISCONNECTED, _C.GAVE_UP,           _S.FAILED,       "a verdict from before the restart still holds"),
    (_S.DISCONNECTED, _C.BUDGET_EXCEEDED,   _S.FAILED,       "its actors crash too often"),
    (_S.DISCONNECTED, _C.STOP,              _S.CLOSED,       "release everything"),

    (_S.CONNECTING,   _C.REGISTERED,        _S.CONNECTED,    "start heartbeat, recovery and sends; arm the stable timer"),
    (_S.CONNECTING,   _C.ATTEMPT_FAILED,    _S.RECONNECTING, "ask for a verdict; tell the circuit"),
    (_S.CONNECTING,   _C.ATTEMPT_TIMED_OUT, _S.RECONNECTING, "abandon the dial; its late success is stale"),
    (_S.CONNECTING,   _C.CIRCUIT_OPEN,      _S.RECONNECTING, "not dialled yet: wait for the circuit, no attempt counted"),
    (_S.CONNECTING,   _C.GRANT_AWAITED,     _S.RECONNECTING, "no token yet: wait for its renewal, no attempt counted, no dial slot taken"),
    (_S.CONNECTING,   _C.LINK_LOST,         _S.RECONNECTING, "the link ended before the registration"),
    (_S.CONNECTING,   _C.PROTOCOL_ERRORS,   _S.RECONNECTING, "the peer does not speak the platform's language"),
    (_S.CONNECTING,   _C.AUTH_EXPIRED,      _S.RECONNECTING, "renew the credentials once at once"),
    (_S.CONNECTING,   _C.KICKED,            _S.RECONNECTING, "ask for a verdict: reclaim once or give up"),
    (_S.CONNECTING,   _C.SESSION_REMOVED,   _S.RECONNECTING, "ask for a verdict: give up"),
    (_S.CONNECTING,   _C.CHILD_CRASHED,     _S.RECONNECTING, "an actor of the link died; its restart is budgeted"),
    (_S.CONNECTING,   _C.JOURNAL_DOWN,      _S.DISCONNECTED, "shut the socket; nothing can be stored"),
    (_S.CONNECTING,   _C.LEASE_LOST,        _S.DISCONNECTED, "shut the socket at once; another process owns the account"),
    (_S.CONNECTING,   _C.PAUSE,             _S.DISCONNECTED, "shut the socket; an operator wants it off"),
    (_S.CONNECTING,   _C.BUDGET_EXCEEDED,   _S.FAILED,       "its actors crash too often"),
    (_S.CONNECTING,   _C.STOP,              _S.CLOSED,       "shut the socket, release everything"),

    (_S.CONNECTED,    _C.LINK_LOST,         _S.RECONNECTING, "close frame of any code, end of stream, reset, send timeout"),
    (_S.CONNECTED,    _C.HEARTBEAT_DEAD,    _S.RECONNECTING, "no sign of life, or two answers in a row missing"),
    (_S.CONNECTED,    _C.ZOMBIE,            _S.RECONNECTING, "alive but not pushing; renew the token"),
    (_S.CONNECTED,    _C.PROTOCOL_ERRORS,   _S.RECONNECTING, "three bad frames in a minute; samples are kept"),
    (_S.CONNECTED,    _C.BACKPRESSURE,      _S.RECONNECTING, "our pipeline stood still too long"),
    (_S.CONNECTED,    _C.AUTH_EXPIRED,      _S.RECONNECTING, "renew the credentials once at once"),
    (_S.CONNECTED,    _C.KICKED,            _S.RECONNECTING, "ask for a verdict: reclaim once or give up"),
    (_S.CONNECTED,    _C.SESSION_REMOVED,   _S.RECONNECTING, "ask for a verdict: give up"),
    (_S.CONNECTED,    _C.MAX_AGE,           _S.RECONNECTING, "planned: no delay, through the gate"),
    (_S.CONNECTED,    _C.CHILD_CRASHED,     _S.RECONNECTING, "an actor of the link died; its restart is budgeted"),
    (_S.CONNECTED,    _C.JOURNAL_DOWN,      _S.DISCONNECTED, "shut the socket; nothing was acknowledged meanwhile"),
    (_S.CONNECTED,    _C.LEASE_LOST,        _S.DISCONNECTED, "shut the socket at once, no closing handshake"),
    (_S.CONNECTED,    _C.PAUSE,             _S.DISCONNECTED, "close the link; an operator wants it off"),
    (_S.CONNECTED,    _C.BUDGET_EXCEEDED,   _S.FAILED,       "its actors crash too often"),
    (_S.CONNECTED,    _C.STOP,              _S.CLOSED,       "orderly shutdown"),

    (_S.RECONNECTING, _C.RETRY,             _S.CONNECTING,   "the delay is over, or an operator would not wait"),
    (_S.RECONNECTING, _C.GAVE_UP,           _S.FAILED,       "the verdict: a person has to look"),
    (_S.RECONNECTING, _C.JOURNAL_DOWN,      _S.DISCONNECTED, "cancel the retry timer"),
    (_S.RECONNECTING, _C.LEASE_LOST,        _S.DISCONNECTED, "cancel the retry timer"),
    (_S.RECONNECTING, _C.PAUSE,             _S.DISCONNECTED, "cancel the retry timer"),
    (_S.RECONNECTING, _C.BUDGET_EXCEEDED,   _S.FAILED,       "its actors crash too often"),
    (_S.RECONNECTING, _C.STOP,              _S.CLOSED,       "cancel the retry timer, release everything"),

    (_S.FAILED,       _C.RESET,             _S.RECONNECTING, "failures forgotten; through the gate"),
    (_S.FAILED,       _C.AUTO_PROBE,        _S.CONNECTING,   "only after crashes: every 15 min, three times"),
    (_S.FAILED,       _C.STOP,              _S.CLOSED,       "release everything"),

    (_S.CLOSED,       _C.STOP,              _S.CLOSED,       "stopping twice is fine; a new life is a new actor"),
)
# fmt: on

_NEXT: Final = {(before, cause): after for before, cause, after, _ in TRANSITIONS}


class IllegalTransitionError(Exception):
    """A connection was moved by a cause its state does not know; our own bug.

    Attributes:
        state: Where the connection stood.
        cause: What should have moved it.
    """

    def __init__(self, state: ConnectionState, cause: Cause) -> None:
        super().__init__(state, cause)
        self.state = state
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"a connection that is {self.state.value} knows no {self.cause.value!r}: the caller "
            "let a stale cause pass, or TRANSITIONS in actors/state.py lacks a row"
        )


def advance(state: ConnectionState, cause: Cause) -> ConnectionState:
    """Return the state after ``cause``.

    Raises:
        IllegalTransitionError: The table has no such row.
    """
    after = _NEXT.get((state, cause))
    if after is None:
        raise IllegalTransitionError(state, cause)
    return after
