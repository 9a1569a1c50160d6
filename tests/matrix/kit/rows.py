"""The rows of the fault matrix (``contract.md`` 5) as data.

A test shows a row by ``@row("C1", "what is expected")``; any test may, wherever it stands
(outside this folder as ``@pytest.mark.row``). ``scripts/draw_faults.py`` draws
``docs/faults.md`` from the rows, those marks and the measured times.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

row = pytest.mark.row
"""Says which row a test shows, and what it expects."""


class Row(NamedTuple):
    """One fault.

    Attributes:
        name: Number in the matrix.
        fault: What happens.
        detect: Longest time from the fault to the first right reaction.
        recover: Longest time from the fault's end to CONNECTED again.
    """

    name: str
    fault: str
    detect: str = "—"
    recover: str = "—"


ROWS: Final = (
    # connecting
    Row("C1", "connection refused", "1 s", "65 s"),
    Row("C2", "SYN black hole", "20 s", "65 s"),
    Row("C3", "name unknown, or the resolver hangs", "5 s", "65 s"),
    Row("C4", "first address dead, second good", "5 s", "same attempt"),
    Row("C5", "garbage or a reset in the TLS handshake", "5 s", "65 s"),
    Row("C6", "wrong host name or expired certificate", "5 s", "300 s"),
    Row("C7", "the handshake drips", "20 s", "65 s"),
    Row("C8", "HTTP 401, 403", "1 s", "reset"),
    Row("C9", "HTTP 429, 503 with Retry-After", "1 s", "60 s"),
    Row("C10", "302 to another host", "1 s"),
    Row("C11", "101 with a wrong proof, 200 instead of 101", "1 s", "35 s"),
    Row("C12", "the registration is never answered", "10 s", "35 s"),
    Row("C13", "the registration is answered 401", "1 s", "reset"),
    Row("C14", "proxy down, proxy wants another login", "5 s", "65 s"),
    Row("C15", "Set-Cookie on another account's link"),
    Row("C16", "the dial succeeds after its deadline", "1 s"),
    # connected
    Row("N1", "close 1000 by the server", "1 s", "5 s"),
    Row("N2", "close 1001, 1011", "1 s", "5 s"),
    Row("N3", "close 1008", "1 s", "35 s"),
    Row("N4", "close 1012", "1 s", "35 s"),
    Row("N5", "close 1013", "1 s", "65 s"),
    Row("N6", "EOF without a close frame, also in mid-frame", "1 s", "5 s"),
    Row("N7", "RST in mid-frame, in mid-handshake", "1 s", "5 s"),
    Row("N8", "close frames RFC 6455 forbids", "1 s", "35 s"),
    Row("N9", "half-open TCP: the peer vanishes", "30 s", "35 s"),
    Row("N10", "silent server: TCP lives, nothing is said", "30 s", "5 s"),
    Row("N11", "no answer to heartbeats while pushes flow", "45 s", "5 s"),
    Row("N12", "pushes flow, what we send vanishes", "45 s", "5 s"),
    Row("N13", "zombie: heartbeats answered, no pushes", "90 s", "10 s"),
    Row("N14", "zombie by a stale token", "90 s", "10 s"),
    Row("N15", "kicked out once, twice", "1 s", "65 s, reset"),
    Row("N16", "session removed", "1 s", "reset"),
    Row("N17", "latency, jitter, 64 kbit/s"),
    Row("N18", "every TCP segment is one byte"),
    Row("N19", "flapping", "100 s", "305 s"),
    Row("N20", "abort in the middle of TLS traffic", "1 s", "5 s"),
    Row("N21", "close while the reader is blocked", "1 s"),
    # data
    Row("D1", "a push ten times, under the same and a new mid"),
    Row("D2", "redelivery after reconnect, restart, six days"),
    Row("D3", "the same item in push and history"),
    Row("D4", "items out of order before dispatch"),
    Row("D5", "an older item after a newer was handled"),
    Row("D6", "gap in the sequence, state jump, too long", "1 s", "30 s"),
    Row("D7", "history down during recovery", "1 s", "when it is back"),
    Row("D8", "one corrupt item of fifty"),
    Row("D9", "corrupt payloads, 1,000 mutations"),
    Row("D10", "frames that are no JSON", "at once", "35 s"),
    Row("D11", "oversize frames and messages", "at once", "35 s"),
    Row("D12", "fragments with pings between"),
    Row("D13", "frames RFC 6455 forbids", "at once", "35 s"),
    Row("D14", "the ack cannot be written after the commit"),
    Row("D15", "answers with unknown, reused or late mid"),
    Row("D16", "decompression or nesting bomb"),
    # load and handlers
    Row("H1", "handlers a hundred times too slow"),
    Row("H2", "a flood on one account", "1 s", "10 s"),
    Row("H3", "we stop reading on purpose"),
    Row("H4", "the peer stops reading", "10 s", "5 s"),
    Row("H5", "a handler raises", "at once", "31 s"),
    Row("H6", "a handler raises SystemExit and its like"),
    Row("H7", "a handler hangs", "60 s", "300 s for its lane"),
    Row("H8", "every handler hangs", "60 s", "60 s"),
    Row("H9", "a handler waits for its own gateway", "5 s"),
    Row("H10", "10,000 sends in a second"),
    Row("U1", "the answer to a send is lost", "10 s", "30 s"),
    Row("U2", "a send is lost", "10 s", "45 s"),
    Row("U3", "the link drops between the two", "1 s", "60 s"),
    Row("U4", "a send is refused"),
    # actors and process
    Row("A1", "an exception in each actor, at each message", "0.1 s", "1 s"),
    Row("A2", "an exception at the start of an actor", "1 s", "15 min probe"),
    Row("A3", "a thread dies without a word", "2 s", "3 s"),
    Row("A4", "an actor hangs", "5 s", "1 s"),
    Row("A5", "the heartbeat dies", "2 s", "3 s"),
    Row("A6", "the journal writer dies with work waiting", "1 s", "2 s"),
    Row("A7", "one account of many crashes in a loop"),
    Row("A8", "random stops, starts and crashes"),
    Row("K1", "kill -9 before the commit", "—", "10 s"),
    Row("K2", "kill -9 after the commit, before the ack", "—", "10 s"),
    Row("K3", "kill -9 after the ack, before the dispatch", "—", "10 s"),
    Row("K4", "kill -9 in a handler", "—", "10 s"),
    Row("K5", "kill -9 after the settlement", "—", "10 s"),
    Row("K6", "kill -9 after a send was accepted", "—", "10 s"),
    Row("K7", "kill -9 after a send was written", "—", "60 s"),
    Row("K8", "kill -9 after the answer to a send", "—", "60 s"),
    Row("K9", "kill -9 during upkeep of the journal", "—", "10 s"),
    Row("K10", "kill -9 at random moments under load"),
    Row("S1", "SIGTERM under load, each phase slow", "—", "30 s"),
    Row("S2", "storm: every link is dropped at once", "1 s", "60 s"),
    Row("S3", "cold start of 1,000 accounts", "—", "60 s"),
    # credentials
    Row("B1", "there is no `_m_h5_tk` yet", "1 s", "same attempt"),
    Row("B2", "`_m_h5_tk` is over at every call", "1 s", "5 min"),
    Row("B3", "the sign is refused without a Set-Cookie", "1 s", "5 min"),
    Row("B4", "the session is over, the long login valid", "30 s", "same attempt"),
    Row("B5", "session and long login are over", "30 s", "person"),
    Row("B6", "the login's renewal says yes, the token call no", "30 s", "person"),
    Row("B7", "a captcha at the start", "1 s", "person"),
    Row("B8", "a captcha at the renewal, the link stands", "1 s", "person"),
    Row("B9", "B8, then a restart", "1 s", "person"),
    Row("B10", "login over and a captcha's link in one answer", "1 s"),
    Row("B11", "throttled", "1 s", "10 min"),
    Row("B12", "illegal access three times", "50 min", "person"),
    Row("B13", "ret is unknown, missing, a number, null, nested junk", "1 s", "1 min"),
    Row("B14", "head or body drips, never ends, has 1 GiB", "10 s", "1 min"),
    Row("B15", "HTML, 302 to another host, 500, cut in the middle", "1 s", "1 min"),
    Row("B16", "refused, black hole, DNS, TLS mistrusted, proxy down", "10 s", "65 s"),
    Row("B17", "fifty reconnects in a storm, the token valid"),
    Row("B18", "the registration with a stored token is answered 401", "1 s", "10 s"),
    Row("B19", "so is that with each new token", "1 s", "reset"),
    Row("B20", "a hundred needs at once"),
    Row("B21", "an answer after the deadline, a newer renewal has won"),
    Row("B22", "a person pastes a cookie while a renewal runs"),
    Row("B23", "pasted: another account's, without unb, garbage, 10 MB", "1 s"),
    Row("B24", "kill -9 between the question and the registration", "—", "70 s"),
    Row("B25", "store: disk full, not ours, 0644, half a file, newer format", "1 s", "1 min"),
    Row("B26", "a restart with the seed of thirty rotations ago"),
    Row("B27", "a restart with a changed seed"),
    Row("B28", "one cookie in two scopes, one of them deleted"),
    Row("B29", "Set-Cookie: foreign domain, 5,000 of them, 1 MB, CR LF"),
    Row("B30", "clock a day off, sleep of 9 h, step back", "1 min", "1 min"),
    Row("B31", "a new token mutes the old link", "60 s", "10 s"),
    Row("B32", "10,000 accounts are due at once after a restart"),
    Row("B33", "a source raises, hangs, returns junk", "31 s", "1 min"),
    Row("B34", "sign-in by a code that ends in any of its ways", "2 s", "person"),
    Row("B35", "the credentials actor dies", "1 s", "5 s"),
    Row("B36", "pause, reset, stop during a renewal"),
    # disk, clock, fleet
    Row("J1", "disk full", "1 s", "15 s"),
    Row("J2", "I/O errors, read-only file system", "1 s", "15 s"),
    Row("J3", "a commit takes three seconds", "2 s"),
    Row("J4", "a database page is overwritten", "start"),
    Row("J5", "the write-ahead log is torn", "start", "10 s"),
    Row("J6", "two processes on one journal", "1 s"),
    Row("T1", "the wall clock jumps"),
    Row("T2", "the machine sleeps, SIGSTOP", "1 s", "10 s"),
    *(Row(f"F{number}", "fleet") for number in range(1, 12)),
)

_FLEET = "there is no fleet yet"

ELSEWHERE: Final[dict[str, str]] = {
    "T1": "timers read a monotonic clock only; the jump is shown by tests/policy",
    **dict.fromkeys((f"F{n}" for n in range(1, 12)), _FLEET),
}
"""Why a row has no test here. A row that gets one leaves this table; a test sees to it."""
