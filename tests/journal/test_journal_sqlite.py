"""What only the file can do: survive, refuse, fail and heal."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from actors.policy.reasons import ABSENT
from actors.ports.commands import MarkDelivery, SettleEvents, Settlement, StoreDelivery, StoreFrames
from actors.ports.journal import JournalError
from actors.runtime.clock import SystemClock
from actors.values import (
    Content,
    Decoded,
    Delivery,
    Disposition,
    Event,
    Frame,
    Outcome,
    SendOutcome,
    SendResult,
)
from gateway.journal import schema
from gateway.journal.files import integrity
from gateway.journal.files.opening import failure, needs_new_handle
from gateway.journal.sqlite import frames as inbound
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.upkeep import checkpoint
from tests.open_sends import unsent


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal(path, clock=SystemClock())


def push(
    journal: SqliteJournal,
    *names: str,
    account: str = "a",
    raw: Frame = "raw",
    lane: str = "c",
    at: int = 1,
) -> StoreFrames:
    numbers = journal.numbers()
    events = [
        Event(
            account=account,
            event_id=f"{account}/{name}",
            conversation_id=lane,
            lane_seq=next(numbers),
            occurred_at_ms=at,
        )
        for name in names
    ]
    return StoreFrames(
        account=account, generation=1, received_at_ms=7, frames=[Decoded(raw=raw, events=events)]
    )


def store(journal: SqliteJournal, command: StoreFrames) -> list[Event]:
    (answer,) = journal.commit([command])
    assert isinstance(answer, list)
    return [e for e in answer if isinstance(e, Event)]


def settle(journal: SqliteJournal, events: Sequence[Event], outcome: Outcome | None = None) -> None:
    settlements = [Settlement(event=e, outcome=outcome or Outcome()) for e in events]
    journal.commit([SettleEvents(account="a", settlements=settlements)])


def sent(name: str, text: str = "hi", uuid: str | None = None) -> Delivery:
    return Delivery(
        outbox_id=name,
        uuid=uuid or f"u-{name}",
        account="a",
        conversation_id="c",
        to=None,
        content=Content(text=text),
        expires_at_ms=1,
    )


def rows(journal: SqliteJournal, query: str) -> list[tuple[object, ...]]:
    assert journal._handle.connection is not None
    return journal._handle.connection.execute(query).fetchall()


# --- survives ---


def test_reopening_finds_everything(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "j.db"
    journal = opened(path)
    events = store(journal, push(journal, "m1", "m2", "m3", raw="帧"))
    store(journal, push(journal, "m1"))
    settle(journal, events[:1])
    settle(journal, events[1:2], Outcome(disposition=Disposition.DEAD, reason="E"))
    journal.commit([StoreDelivery(delivery=sent("s1", "你好")), StoreDelivery(delivery=sent("s2"))])
    unknown = SendResult(outcome=SendOutcome.UNKNOWN)
    journal.commit([MarkDelivery(outbox_id="s2", generation=1, mid="x", result=unknown)])
    before = journal.tally("a")
    journal.close()

    journal = opened(path)
    try:
        assert [(p.frame, p.index, p.lane_seq) for p in journal.pending("a", 0, 9)] == [
            ("帧", 2, events[2].lane_seq)
        ]
        assert journal.tally("a") == before
        assert before.received == 4
        assert unsent(journal, "a") == [
            (sent("s1", "你好"), None),
            (sent("s2"), SendOutcome.UNKNOWN),
        ]
        assert next(journal.numbers()) > (events[-1].lane_seq or 0)
        assert store(journal, push(journal, "m1", "m2", "m3")) == []
        assert rows(journal, "SELECT event_id, reason FROM dead_letter") == [("a/m2", "E")]
    finally:
        journal.close()


_CHILD = """
import itertools, sys, time
from actors.values import Decoded, Event, Outcome
from actors.ports.commands import SettleEvents, Settlement, StoreFrames
from gateway.journal.sqlite.journal import SqliteJournal

class WallClock:
    monotonic = staticmethod(time.monotonic)
    unix_ms = staticmethod(lambda: int(time.time() * 1000))

journal = SqliteJournal(sys.argv[1], clock=WallClock())
numbers, run = journal.numbers(), sys.argv[2]
for turn in itertools.count():
    frames = [
        Decoded(raw="x" * 500, events=[
            Event(account="a", event_id=f"a/{run}-{turn}-{f}-{i}", conversation_id="c",
                  lane_seq=next(numbers)) for i in range(3)])
        for f in range(1 + turn % 5)]
    (events,) = journal.commit(
        [StoreFrames(account="a", generation=1, received_at_ms=1, frames=frames)])
    print("stored", *(e.event_id for e in events), flush=True)
    done = events[::2]
    journal.commit([SettleEvents(account="a", settlements=[
        Settlement(event=e, outcome=Outcome()) for e in done])])
    print("settled", *(e.event_id for e in done), flush=True)
    if turn % 40 == 39:
        journal._upkeep._commits = 10**6
        journal.commit(())
"""


def test_a_killed_process_loses_nothing_it_answered(tmp_path: Path) -> None:
    """Kill -9 at moments set by how much was said, a different one each round."""
    path = tmp_path / "j.db"
    stored: set[str] = set()
    settled: set[str] = set()
    for run, lines in enumerate((1, 2, 7, 60, 190)):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path), str(run)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        with child, child.stdout:
            for _ in range(lines):
                word, *ids = child.stdout.readline().split()
                (stored if word == "stored" else settled).update(ids)
            child.kill()
            # What it said before it died counts, too; the last line may be cut.
            for line in child.stdout:
                if line.endswith("\n"):
                    word, *ids = line.split()
                    (stored if word == "stored" else settled).update(ids)
    journal = opened(path)
    try:
        found = {f"a/{local}": status for local, status in rows(journal, _ALL)}
        assert stored <= set(found)
        assert all(found[event_id] == 1 for event_id in settled)
        pending = {p.lane_seq for p in journal.pending("a", 0, 100_000)}
        assert len(pending) == sum(status == 0 for status in found.values())
        per_frame = rows(journal, "SELECT count(*) FROM event GROUP BY raw_id")
        assert {count for (count,) in per_frame} == {3}, "half a frame was stored"
        counts = journal.tally("a")
        assert counts.received == len(found) == counts.done + counts.pending
    finally:
        journal.close()


_ALL = "SELECT event_id, status FROM event"


@pytest.mark.row("J5", "the last whole transaction counts")
def test_a_torn_log_costs_only_what_was_not_answered(tmp_path: Path) -> None:
    """J5: a log cut in the middle ends at the last whole transaction."""
    journal = opened(tmp_path / "j.db")
    zero = store(journal, push(journal, "m0"))
    first = store(journal, push(journal, "m1"))
    log = tmp_path / "j.db-wal"
    whole = log.stat().st_size
    store(journal, push(journal, "m2"))
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "j.db").read_bytes())
    (tmp_path / "copy.db-wal").write_bytes(log.read_bytes()[: whole + 3000])
    journal.close()
    torn = opened(copy)
    try:
        assert [p.lane_seq for p in torn.pending("a", 0, 9)] == [
            zero[0].lane_seq,
            first[0].lane_seq,
        ]
    finally:
        torn.close()


# --- refuses ---


@pytest.mark.row("J6", "the second is refused and told who has it")
def test_a_second_owner_is_refused_and_told_the_first(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = opened(path)
    with pytest.raises(JournalError, match=rf"in use by process {os.getpid()} on "):
        opened(path)
    code = (
        "import sys, time\nfrom gateway.journal.sqlite.journal import SqliteJournal\n"
        "SqliteJournal(sys.argv[1], clock=time)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert f"in use by process {os.getpid()}" in other.stderr
    journal.close()
    opened(path).close()


def test_an_unreadable_lock_file_still_locks(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = opened(path)
    (tmp_path / "j.db.lock").write_text("?")
    with pytest.raises(JournalError, match="in use by another process"):
        opened(path)
    journal.close()


@pytest.mark.row("J4", "the start is refused; nothing is written")
@pytest.mark.parametrize("damage", ["header", "page", "frame", "empty", "text"])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "j.db"
    journal = opened(path)
    for i in range(50):
        store(journal, push(journal, f"m{i}", raw="x" * 2000))
    journal.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:16] = b"not SQLite at al"
    elif damage == "page":
        content[3 * schema.PAGE_BYTES : 9 * schema.PAGE_BYTES] = b"\xa5" * 6 * schema.PAGE_BYTES
    elif damage == "frame":  # one that nobody reads at the start but the check
        begin = content.index(b"x" * 2000) // schema.PAGE_BYTES * schema.PAGE_BYTES
        content[begin : begin + schema.PAGE_BYTES] = b"\xa5" * schema.PAGE_BYTES
    elif damage == "empty":
        content = bytearray()
    else:
        content = bytearray(b"a letter to my mother")
    path.write_bytes(content)
    with pytest.raises(JournalError, match="left as it is") as refusal:
        opened(path)
    assert str(path) in str(refusal.value)
    assert path.read_bytes() == content
    with pytest.raises(JournalError, match="left as it is"):
        opened(path)


def test_a_large_file_is_checked_without_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "FULL_CHECK_BYTES", 1)
    path = tmp_path / "j.db"
    journal = opened(path)
    for i in range(200):
        store(journal, push(journal, *(f"m{i}-{k}" for k in range(20)), raw="x"))
    (root,) = rows(journal, "SELECT rootpage FROM sqlite_schema WHERE name='event'")[0]
    journal.close()
    opened(path).close()
    content = bytearray(path.read_bytes())
    assert isinstance(root, int)
    begin = (root - 1) * schema.PAGE_BYTES
    content[begin + 12 : begin + 40] = b"\xff" * 28
    path.write_bytes(content)
    with pytest.raises(JournalError, match="damaged"):
        opened(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(JournalError, match="schema 99, this program knows 4"):
        opened(path)


def test_a_lost_file_with_a_log_is_not_begun_anew(tmp_path: Path) -> None:
    """SQLite would throw the log away, and with it what was acknowledged."""
    path = tmp_path / "j.db"
    (tmp_path / "j.db-wal").write_bytes(b"x")
    with pytest.raises(JournalError, match="may hold messages"):
        opened(path)
    assert not path.exists()


def test_a_creation_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "j.db.new").write_bytes(b"half")
    opened(tmp_path / "j.db").close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["j.db", "j.db.lock"]


def test_directories_that_cannot_be_used_say_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be made .*set data_dir"):
        opened(tmp_path / "file" / "j.db")
    (tmp_path / "dir").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # Root may write anywhere, so a mode would prove nothing here.
        patch.setattr(os, "access", lambda *_: False)
        with pytest.raises(JournalError, match="not writable by this user"):
            opened(tmp_path / "dir" / "j.db")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "j.db"
    journal = opened(path)
    store(journal, push(journal, "m1"))
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    journal.close()
    assert set(modes.values()) == {0o600}
    assert {"j.db", "j.db-wal", "j.db.lock"} <= set(modes)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# --- fails and heals ---


def test_a_full_disk_does_nothing_by_half_and_heals(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    try:
        kept = store(journal, push(journal, "m1"))
        (pages,) = rows(journal, "PRAGMA page_count")[0]
        rows(journal, f"PRAGMA max_page_count={pages}")
        big = push(journal, "m2", raw="x" * 100_000)
        for _ in range(2):
            with pytest.raises(JournalError, match=r"is full.*free space"):
                journal.commit([big, StoreDelivery(delivery=sent("s1"))])
        assert [p.lane_seq for p in journal.pending("a", 0, 9)] == [kept[0].lane_seq]
        assert unsent(journal, "a") == []
        assert journal.tally("a").received == 1
        rows(journal, "PRAGMA max_page_count=1000000")
        assert [e.event_id for e in store(journal, big)] == ["a/m2"]
        assert journal.tally("a").received == 2
    finally:
        journal.close()


def test_a_commit_of_unknown_end_is_answered_in_full_when_tried_again(tmp_path: Path) -> None:
    """After a failed fsync the rows may be there; they are still new to their reader."""
    journal = opened(tmp_path / "j.db")
    try:
        command = push(journal, "m1", "m2")
        first = store(journal, command)
        assert store(journal, command) == first
        assert [p.lane_seq for p in journal.pending("a", 0, 9)] == [e.lane_seq for e in first]
    finally:
        journal.close()


def test_a_retry_of_unknown_end_keeps_arranged_events(tmp_path: Path) -> None:
    """The first try dealt the numbers out anew; the second must know them as its own."""
    journal = opened(tmp_path / "j.db")
    try:
        numbers = journal.numbers()
        events = [
            Event(
                account="a",
                event_id=f"a/{at}",
                conversation_id="c",
                lane_seq=next(numbers),
                occurred_at_ms=at,
            )
            for at in (9, 1, 5)
        ]
        command = StoreFrames(
            account="a", generation=1, received_at_ms=1, frames=[Decoded(raw="r", events=events)]
        )
        first = store(journal, command)
        assert [e.event_id for e in first] == ["a/1", "a/5", "a/9"]
        assert store(journal, command) == first
        # A disordered frame of nothing but known events leaves no row behind.
        again = [
            Event(
                account="a",
                event_id=e.event_id,
                conversation_id="c",
                lane_seq=next(numbers),
                occurred_at_ms=e.occurred_at_ms,
            )
            for e in events
        ]
        known = StoreFrames(
            account="a", generation=1, received_at_ms=1, frames=[Decoded(raw="r", events=again)]
        )
        assert store(journal, known) == []
        assert rows(journal, "SELECT count(*) FROM inbox") == [(1,)]
    finally:
        journal.close()


def test_an_io_error_gets_a_new_handle(tmp_path: Path) -> None:
    """J2: a handle that met a disk error is not trusted again; the next commit opens another."""
    journal = opened(tmp_path / "j.db")
    try:
        store(journal, push(journal, "m1"))
        assert journal._handle.connection is not None
        old = journal._handle.connection
        old.execute("PRAGMA query_only=ON")  # every write fails with SQLITE_READONLY
        with pytest.raises(JournalError, match="make the file and its directory writable"):
            journal.commit([push(journal, "m2")])
        assert [e.event_id for e in store(journal, push(journal, "m2"))] == ["a/m2"]
        assert journal._handle.connection is not old
    finally:
        journal.close()


def test_errors_name_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    for code, word, anew in (
        (sqlite3.SQLITE_CORRUPT, "damaged", True),
        (sqlite3.SQLITE_IOERR_FSYNC, "look at the disk", True),
        (sqlite3.SQLITE_BUSY, "close the other program", False),
        (sqlite3.SQLITE_MISMATCH, "look at the disk and the system log", False),
    ):
        error = sqlite3.OperationalError("words")
        error.sqlite_errorcode = code
        text = str(failure(path, error))
        assert word in text
        assert str(path) in text
        assert needs_new_handle(error) is anew


def test_another_writer_on_the_file_is_an_error_not_a_wait(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    stranger = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    try:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="close the other program"):
            journal.commit([push(journal, "m1")])
        stranger.execute("ROLLBACK")
        store(journal, push(journal, "m1"))
    finally:
        stranger.close()
        journal.close()


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    command = push(journal, "m1")
    journal.close()
    for call in (lambda: journal.commit([command]), lambda: journal.pending("a", 0, 1)):
        with pytest.raises(JournalError, match="closed"):
            call()


# --- strange values ---


def test_values_sqlite_refuses_do_not_break_a_commit(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    try:
        strange = push(
            journal, "id\ud800", "id\udfff", raw='{"t":"\ud800"}', lane="lane\udc00", at=2**70
        )
        huge = push(journal, "huge", raw="好" * 1_000_000, at=-(2**70), lane="nul\x00")
        assert len(store(journal, strange)) == 2
        assert len(store(journal, huge)) == 1
        assert store(journal, push(journal, "id\ud800", "id\udfff", "huge")) == []
        pending = journal.pending("a", 0, 9)
        assert [len(p.frame) for p in pending] == [9, 9, 1_000_000]
        assert pending[0].frame == '{"t":"\ud800"}'
        times = rows(journal, "SELECT server_time FROM event ORDER BY lane_seq")
        assert times == [(2**63 - 1,), (2**63 - 1,), (-(2**63),)]
        journal.commit([StoreDelivery(delivery=sent("s\ud800", "say \ud800!"))])
        ((delivery, _),) = unsent(journal, "a")
        assert (delivery.outbox_id, delivery.content.text) == ("s\ud800", "say ?!")
    finally:
        journal.close()


def test_what_can_never_be_stored_is_a_value_error(tmp_path: Path) -> None:
    """The writer keeps what the disk refuses and gives up what no disk could take."""
    journal = opened(tmp_path / "j.db")
    try:
        journal.commit([StoreDelivery(delivery=sent("s1", uuid="u"))])
        with pytest.raises(ValueError, match=r"cannot be stored .*outbox\.uuid"):
            journal.commit([push(journal, "m0"), StoreDelivery(delivery=sent("s2", uuid="u"))])
        assert journal.pending("a", 0, 9) == [], "half of it was kept"
        (kept,) = store(journal, push(journal, "m1"))
        thief = push(journal, "m2").frames[0].events[0]
        stolen = Event(account="a", event_id=thief.event_id, lane_seq=kept.lane_seq)
        command = StoreFrames(
            account="a",
            generation=1,
            received_at_ms=1,
            frames=[Decoded(raw="r", events=[stolen])],
        )
        with pytest.raises(ValueError, match="lane_seq that others have"):
            journal.commit([command])
        assert journal.tally("a").received == 1
    finally:
        journal.close()


def test_identities_of_every_form_stay_apart(tmp_path: Path) -> None:
    """The account is cut from the front of an identity; that must never make two equal."""
    journal = opened(tmp_path / "j.db")
    try:
        ids = ["x", "a/x", "\x01x", "a/\x01x", "\x01a/\x01x", "a/a/x", "b/x", "/x", "a/", "a"]
        numbers = journal.numbers()
        events = [Event(account="a", event_id=i, lane_seq=next(numbers)) for i in ids]
        command = StoreFrames(
            account="a",
            generation=1,
            received_at_ms=1,
            frames=[Decoded(raw="r", events=events)],
        )
        assert [e.event_id for e in store(journal, command)] == ids
        other = push(journal, "x", account="b")
        assert len(store(journal, other)) == 1
    finally:
        journal.close()


def test_frames_stored_for_duplicates_only_are_forgotten(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    try:
        store(journal, push(journal, "m1"))
        store(journal, push(journal, "m1"))
        assert rows(journal, "SELECT count(*) FROM inbox") == [(1,)]
    finally:
        journal.close()


def test_faults_are_kept_cut_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "FAULTS_KEPT", 2)
    journal = opened(tmp_path / "j.db")
    try:
        rubbish = [Decoded(raw="z" * 10_000, fault="not JSON")] * 5
        journal.commit(
            [StoreFrames(account="a", generation=1, received_at_ms=1, frames=rubbish)] * 2
        )
        store(journal, push(journal, "m1"))
        # A duplicate beside a fault: only the empty frame goes.
        journal.commit([push(journal, "m1")])
        kept = rows(journal, "SELECT kind, length(raw) FROM inbox ORDER BY raw_id")
        assert kept == [(2, 4096), (2, 4096), (0, 3)]
    finally:
        journal.close()


def test_flags_and_source_are_noted(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    try:
        numbers = journal.numbers()
        events = [
            Event(account="a", event_id="a/1", lane_seq=next(numbers), own=True, weak_id=True),
            Event(account="a", event_id="a/2", lane_seq=next(numbers), late=True, recovered=True),
        ]
        journal.commit(
            [
                StoreFrames(
                    account="a",
                    generation=1,
                    received_at_ms=1,
                    frames=[Decoded(raw="r", events=events)],
                )
            ]
        )
        assert rows(journal, "SELECT flags, source FROM event ORDER BY lane_seq") == [
            (3, 0),
            (4, 1),
        ]
    finally:
        journal.close()


def test_settled_marks_are_the_statuses_of_the_schema(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    try:
        for disposition in set(Disposition) - {Disposition.RETRY}:
            events = store(journal, push(journal, disposition.value))
            settle(journal, events, Outcome(disposition=disposition))
        found = {name: status for name, status in rows(journal, _ALL)}  # noqa: C416  # pairs
        assert found == {
            "done": schema.Status.DONE,
            "ignored": schema.Status.IGNORED,
            "dead": schema.Status.DEAD,
            "parked": schema.Status.PARKED,
            "expired": schema.Status.EXPIRED,
        }
    finally:
        journal.close()


def test_attempts_and_results_are_rows(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    try:
        journal.commit([StoreDelivery(delivery=sent("s1"))])
        lost = SendResult(outcome=SendOutcome.UNKNOWN, reason="no_answer")
        taken = SendResult(outcome=SendOutcome.ACCEPTED, message_id="9")
        journal.commit(
            [
                MarkDelivery(outbox_id="s1", generation=1, mid="m1"),
                MarkDelivery(outbox_id="s1", generation=1, result=lost),
                MarkDelivery(outbox_id="s1", generation=1, mid="m1", requeued=ABSENT),
                MarkDelivery(outbox_id="s1", generation=2, mid="m2", result=taken),
            ]
        )
        assert rows(journal, "SELECT mid, gen, result FROM attempt ORDER BY rowid") == [
            ("m1", 1, ABSENT),
            ("m2", 2, "accepted"),
        ]
        ended = rows(journal, "SELECT state, server_message_id, ended_at > 0 FROM outbox")
        assert ended == [(schema.SendState.CONFIRMED, "9", 1)]
    finally:
        journal.close()


# --- house-keeping ---


def test_idle_journals_move_the_log_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that only grows would make the next start slow."""
    monkeypatch.setattr(checkpoint, "EVERY_PAGES", 1_000_000)  # none is copied beside commits
    path = tmp_path / "j.db"
    journal = opened(path)
    try:
        for i in range(300):
            store(journal, push(journal, f"m{i}", raw="x" * 1000))
        before = path.stat().st_size
        journal.commit(())
        assert path.stat().st_size > before + 250_000
        grown = path.stat().st_size
        store(journal, push(journal, "last", raw="y" * 50_000))
        journal.commit(())
        assert path.stat().st_size == grown, "a short log is not worth two fsyncs"
    finally:
        journal.close()
    assert not (tmp_path / "j.db-wal").exists()


def test_only_bare_settlements_wait_for_no_disk(tmp_path: Path) -> None:
    """A second sync per event would double the wait of the next one (ADR 7)."""
    full, normal = 2, 1
    journal = opened(tmp_path / "j.db")

    def level() -> int:
        assert journal._handle.connection is not None
        (found,) = journal._handle.connection.execute("PRAGMA synchronous").fetchone()
        return int(found)

    try:
        events = store(journal, push(journal, "m1", "m2", "m3"))
        assert level() == full
        settle(journal, events[:1])
        assert level() == normal
        settle(journal, events[1:2], Outcome(replies=(sent("o1"),)))
        assert level() == full, "a reply leaves with it"
        settle(journal, events[2:])
        store(journal, push(journal, "m4"))
        assert level() == full
        settle(journal, store(journal, push(journal, "m5")))
        journal.commit(())
        assert level() == full, "an idle journal syncs what waits"
        assert rows(journal, "SELECT count(*) FROM log_meta WHERE key = 'synced_at'") == [(1,)]
    finally:
        journal.close()


def test_any_thread_may_take_over(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    stored: list[Event] = []
    thread = threading.Thread(target=lambda: stored.extend(store(journal, push(journal, "m1"))))
    thread.start()
    thread.join(10)
    journal.close()
    assert [e.event_id for e in stored] == ["a/m1"]
