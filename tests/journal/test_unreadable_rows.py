"""A row nobody can read costs itself: it is set aside and named, all others work."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ledger import Calendar, Lines, opened

from actors.policy.retries import History
from actors.ports.commands import (
    CloseHold,
    MarkDelivery,
    OpenHold,
    Past,
    SettleEvents,
    Settlement,
    StoreDelivery,
    StoreFrames,
    StorePast,
)
from actors.ports.journal import JournalError, SendQuery
from actors.values import (
    Content,
    Decoded,
    Delivery,
    Disposition,
    Event,
    Note,
    Outcome,
    Position,
    SendOutcome,
    SendResult,
)
from gateway.journal import care
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.unreadable import aside, finding
from gateway.journal.unreadable.finding import Depth
from gateway.journal.unreadable.sound import SOUND
from tests.open_sends import unsent

WRONG = {
    "number": "7",
    "text": "'x'",
    "blob": "x'ff00'",
    "no UTF-8": "CAST(x'ff00' AS TEXT)",
    "null": "NULL",
    "JSON": "'{}'",
    "highest": str(2**63 - 1),
    "nearly": str(2**63 - 2),
    "lowest": str(-(2**63)),
}


def send(account: str, number: int) -> Delivery:
    return Delivery(
        outbox_id=f"{account}-{number}",
        uuid=f"{account}-u{number}",
        account=account,
        conversation_id="c",
        to="b",
        content=Content(text="x"),
        expires_at_ms=9_999_999_999_999,
    )


def fill(journal: SqliteJournal, account: str) -> None:
    """Put a row of every kind into the file: pending, dead, done, sends, notes, a past, a hold."""
    numbers = journal.numbers()
    events = [
        Event(
            account=account, event_id=f"{account}/{n}", conversation_id="c", lane_seq=next(numbers)
        )
        for n in range(4)
    ]
    frames = [Decoded(raw=f"raw{n}", events=[event]) for n, event in enumerate(events)]
    store = StoreFrames(account=account, generation=1, received_at_ms=7, frames=frames)
    journal.commit([store])
    dead = Outcome(disposition=Disposition.DEAD, reason="why")
    noted = Outcome(notes=(Note(conversation_id="c", key="k", value="v"),))
    journal.commit(
        [
            SettleEvents(
                account=account,
                settlements=[Settlement(events[0], dead), Settlement(events[1], noted)],
            ),
            StoreDelivery(delivery=send(account, 1)),
            StoreDelivery(delivery=send(account, 2)),
            StoreDelivery(delivery=send(account, 3)),
            StorePast(account=account, past=Past(at_ms=1, history=History())),
            CloseHold(account=account, cursor=Position(marker="m", point=3, at_ms=4)),
            OpenHold(account=account, held_from=events[3].lane_seq or 0),
        ]
    )
    for outbox_id in (f"{account}-2", f"{account}-3"):
        journal.commit([MarkDelivery(outbox_id=outbox_id, generation=1, mid="m")])
    result = SendResult(outcome=SendOutcome.ACCEPTED, message_id="1.PNM")
    journal.commit([MarkDelivery(outbox_id=f"{account}-3", generation=1, result=result)])


def read_all(journal: SqliteJournal, account: str) -> dict[str, Any]:
    """Read as a gateway does when it starts, works, lists and stops."""
    found: dict[str, Any] = {
        "pending": [row.lane_seq for row in journal.pending(account, 0, 1000)],
        "in lane": len(journal.pending(account, 0, 1000, lane="c")),
        "open": len(journal.sends(SendQuery(account=account, open_only=True))),
        "sends": len(journal.sends(SendQuery(account=account, newest_first=True))),
        "unsent": len(unsent(journal, account)),
        "letters": len(journal.letters(account, 100)),
        "note": journal.note(account, "c", "k"),
        "cursor": journal.recovery(account).cursor,
        "known": len(journal.known(account, [f"{account}/{n}" for n in range(4)])),
        "past": account in journal.pasts(),
        "balanced": journal.tally(account).balanced,
    }
    for letter in journal.letters(None, 100):
        journal.letter(letter.event_id)
    while journal.commit(()):
        pass
    return found


def receive(journal: SqliteJournal, account: str) -> None:
    """Store something new, and a hold, with the numbers that come next."""
    number = next(journal.numbers())
    event = Event(account=account, event_id=f"new/{account}", conversation_id="c", lane_seq=number)
    frames = [Decoded(raw="new", events=[event])]
    store = StoreFrames(account=account, generation=2, received_at_ms=8, frames=frames)
    hold = OpenHold(account=account, held_from=next(journal.numbers()))
    stored, _ = journal.commit([store, hold])
    assert isinstance(stored, Sequence)
    assert [each.event_id for each in stored] == [event.event_id]
    assert number in [row.lane_seq for row in journal.pending(account, 0, 1000)]


def rows_of(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


CELLS = [(table, column) for table, columns in SOUND.items() for column in columns]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a journal as the last life left it."""
    path = tmp_path_factory.mktemp("whole") / "j.db"
    journal = opened(path)
    for account in ("a", "b"):
        fill(journal, account)
    journal.close()
    spoil(path, "INSERT INTO tally VALUES('a','done',3)")
    return path.read_bytes()


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_any_value_in_any_row(tmp_path: Path, whole: bytes, table: str, column: str) -> None:
    """A number in a column of text once left every send of the account waiting, in all lives."""
    for name, value in WRONG.items():
        path = tmp_path / f"{name.replace(' ', '-')}.db"
        path.write_bytes(whole)
        path.chmod(0o600)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            which = "account='a'" if "account" in SOUND[table] else "1"
            key = "rowid" if "WITHOUT" not in _sql(connection, table) else "1"
            query = f"UPDATE OR IGNORE {table} SET {column}={value} WHERE {which} AND {key}=("
            query += f"SELECT min({key}) FROM {table} WHERE {which})"
            try:
                connection.execute(query)
            except sqlite3.IntegrityError:  # the table itself refuses it
                continue
            unsound = finding.find(connection, Depth.CONTENT)
        log = Lines()
        journal = opened(path, log=log)
        before = read_all(journal, "b")
        assert before["open"] == before["unsent"] == 2, name
        assert (before["letters"], before["note"], before["known"]) == (1, "v", 4)
        assert before["balanced"]
        read_all(journal, "a")
        receive(journal, "a")
        receive(journal, "b")
        fresh = send("a", 9)
        journal.commit([StoreDelivery(delivery=fresh)])
        assert fresh in [each.delivery for each in journal.sends(SendQuery(account="a"))]
        told = {
            (each["table"], each["row"]) for event, each in log.lines if event.endswith("aside")
        }
        assert {(each.table, each.name) for each in unsound} <= told, name
        alerts = [each.name for each in journal.concerns()]
        after = read_all(journal, "b")
        assert ("journal.rows_set_aside" in alerts) is bool(told)
        journal.close()
        if name == "blob":  # saying so once is enough
            again = opened(path, log=(log := Lines()))
            assert read_all(again, "b") == after
            assert "journal.row_set_aside" not in log.names()
            again.close()


def _sql(connection: sqlite3.Connection, table: str) -> str:
    query = "SELECT sql FROM sqlite_schema WHERE name=?"
    return str(connection.execute(query, (table,)).fetchone()[0])


def spoil(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount > 0


def test_check_finds_such_rows_and_repair_takes_them_out(tmp_path: Path, whole: bytes) -> None:
    """It was called sound, and the only cure was to delete the journal."""
    path, clock = tmp_path / "j.db", Calendar()
    path.write_bytes(whole)
    path.chmod(0o600)
    assert care.check(path) == []
    spoil(path, "UPDATE outbox SET lane=52393275420 WHERE outbox_id='a-1'")
    spoil(path, "UPDATE note SET value=CAST(x'ff' AS TEXT) WHERE account='b'")
    assert care.check(path) == [
        "outbox row 1: lane is the number 52393275420",
        "note row b/c/k: value is no UTF-8",
    ]
    done = care.repair(path, clock=clock)
    assert done.rows == [
        "note row b/c/k: value is no UTF-8",
        "outbox row 1: lane is the number 52393275420",
    ]
    assert done.copy is not None
    copies = [json.loads(line) for line in Path(done.copy).read_bytes().splitlines()]
    assert copies[1]["row"]["lane"] == 52393275420
    assert copies[1]["row"]["outbox_id"] == "a-1"
    assert copies[0]["row"]["value"] == {"base64": "/w=="}
    assert Path(done.copy).stat().st_mode & 0o777 == 0o600
    assert care.check(path) == []
    assert care.repair(path, clock=clock) == care.Repair(path=str(path), copy=None, rows=[])
    journal = opened(path)
    assert [each.delivery.outbox_id for each in journal.sends(SendQuery(account="a"))] == [
        "a-2",
        "a-3",
    ]
    assert {each.name for each in journal.concerns()} <= {"letters.waiting"}
    journal.close()


def test_what_a_start_set_aside_is_told_until_it_is_repaired(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(whole)
    path.chmod(0o600)
    spoil(
        path,
        "UPDATE inbox SET raw=5 WHERE raw_id=(SELECT max(raw_id) FROM inbox WHERE account='a')",
    )
    journal = opened(path)
    (alert,) = [each for each in journal.concerns() if each.name == "journal.rows_set_aside"]
    assert "inbox" in alert.detail
    assert "journal repair" in alert.next_step
    assert len(journal.pending("a", 0, 9)) == 1
    assert journal.tally("a").balanced
    with pytest.raises(JournalError, match="in use"):
        care.repair(path, clock=Calendar())
    journal.close()
    (told, _) = care.check(path)
    assert "is set aside" in told
    rows = care.repair(path, clock=Calendar()).rows
    assert any("its frame cannot be read" in row for row in rows)
    assert care.check(path) == []


def test_an_event_whose_frame_is_missing_is_told(tmp_path: Path, whole: bytes) -> None:
    """It was pending for ever, and nobody was told."""
    path = tmp_path / "j.db"
    path.write_bytes(whole)
    path.chmod(0o600)
    spoil(path, "UPDATE event SET raw_id=999999 WHERE account='a' AND status=0")
    log = Lines()
    journal = opened(path, log=log)
    assert {each["why"] for _, each in log.lines} == {"its frame is missing"}
    assert journal.tally("a").pending == 0
    assert journal.tally("a").balanced
    journal.close()


def test_a_row_that_goes_bad_while_it_runs_costs_itself(tmp_path: Path, whole: bytes) -> None:
    """Somebody has an editor open on the file; the outbox gets an answer all the same."""
    path = tmp_path / "j.db"
    path.write_bytes(whole)
    path.chmod(0o600)
    log = Lines()
    journal = opened(path, log=log)
    spoil(path, "UPDATE outbox SET body=CAST(x'ff' AS TEXT) WHERE outbox_id='a-1'")
    assert len(journal.sends(SendQuery(account="a", open_only=True))) == 1
    assert len(journal.sends(SendQuery(account="b", open_only=True))) == 2
    assert log.names() == ["journal.row_set_aside"]
    spoil(path, "UPDATE outbox SET body=x'ff' WHERE outbox_id='a-2'")  # looked a moment ago
    assert journal.sends(SendQuery(account="a", open_only=True)) == []
    journal.close()


def test_an_attempt_that_cannot_be_read_is_not_forgotten(tmp_path: Path, whole: bytes) -> None:
    """Bytes may have left: without any attempt the send would count as never tried."""
    path = tmp_path / "j.db"
    path.write_bytes(whole)
    path.chmod(0o600)
    spoil(path, "UPDATE attempt SET started_at='x' WHERE outbox_id='a-2'")
    journal = opened(path)
    (record,) = journal.sends(SendQuery(outbox_id="a-2"))
    assert record.attempts == 1
    assert record.first_attempt_ms == record.accepted_at_ms
    journal.close()


def test_copies_are_json(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE outbox SET uuid=x'00ff' WHERE outbox_id='a-1'")
        found = finding.find(connection, Depth.CONTENT)
        aside.set_aside(connection, found, 5)
        (copy,) = aside.kept(connection)
    assert copy["row"]["uuid"] == {"base64": "AP8="}
    assert (copy["table"], copy["at_ms"]) == ("outbox", 5)
