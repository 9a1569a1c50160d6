"""Rows that come late, are damaged or have a number that was given before."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.values import Content
from gateway.journal import schema as journal_schema
from gateway.journal.sqlite import following
from gateway.platforms import registry
from gateway.reading import schema
from gateway.reading.copying import SETTLED_S, Copying
from gateway.reading.overview import Overview
from gateway.reading.queries import Queries

NOW_MS = 1_700_000_000_000


class Rig:
    """A journal file that the test writes, and its copy."""

    def __init__(self, folder: Path) -> None:
        self.journal = sqlite3.connect(folder / "journal.sqlite3", isolation_level=None)
        journal_schema.create(self.journal, NOW_MS)
        self.copy = schema.create(folder / schema.FILE)
        self.reading = following.connect(folder / "journal.sqlite3")
        reader = registry.get("plain").reader("a", None)
        self.reader = {"a": reader}.get
        self.copying = Copying(self.reading, self.copy, self.reader)
        self.queries = Queries(folder / schema.FILE)
        self.overview = Overview(folder / schema.FILE)
        self.now_s = 1000.0

    def event(self, number: int, text: str, **other: Any) -> None:
        """Store an event of its own frame."""
        row = {"raw_id": number, "idx": 0, "account": "a", "flags": 0, **other}
        self.journal.execute(
            "INSERT INTO inbox VALUES(?,?,1,?,0,?)",
            (number, "a", NOW_MS + int(self.now_s * 1000), text),
        )
        self.journal.execute(
            "INSERT INTO event(lane_seq,event_id,raw_id,idx,account,source,flags) "
            "VALUES(?,?,?,?,?,0,?)",
            (number, f"e{number}", row["raw_id"], row["idx"], row["account"], row["flags"]),
        )

    def send(self, position: int, name: str, state: int = 0, body: bytes | None = None) -> None:
        """Store a send."""
        self.journal.execute(
            "INSERT INTO outbox(position,outbox_id,uuid,account,lane,body,expires_at,accepted_at,"
            "state,ended_at) VALUES(?,?,?,'a','default',?,0,?,?,?)",
            (
                position, name, name, body or msgspec.json.encode(Content(text=name)), NOW_MS,
                state, NOW_MS if state >= 3 else None,
            ),
        )  # fmt: skip

    def step(self, later_s: float = 1.0) -> int:
        """Look once; give how many lines are new."""
        self.now_s += later_s
        return self.copying.step(NOW_MS + int(self.now_s * 1000), self.now_s).written

    def texts(self) -> list[str]:
        """Return what the copy has, by number."""
        return [text for (text,) in self.copy.execute("SELECT text FROM said ORDER BY seq")]

    def sends(self) -> dict[str, str]:
        """Return the states of sends."""
        return dict(self.copy.execute("SELECT outbox_id, state FROM sent").fetchall())

    def again(self) -> None:
        """Go on as after a restart."""
        self.copying = Copying(self.reading, self.copy, self.reader)

    def close(self) -> None:
        for each in (self.journal, self.copy, self.reading):
            each.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with contextlib.closing(Rig(tmp_path)) as rig:
        yield rig


def test_a_number_that_is_stored_late_is_read(rig: Rig) -> None:
    for number in (1, 2, 5, 9):
        rig.event(number, f"m{number}")
    assert rig.step() == 4
    rig.event(4, "m4")
    rig.event(8, "m8")
    assert rig.step() == 2
    rig.event(3, "m3")
    rig.event(10, "m10")
    assert rig.step() == 2
    assert rig.texts() == ["m1", "m2", "m3", "m4", "m5", "m8", "m9", "m10"]
    assert rig.step() == 0


def test_a_late_number_is_read_after_a_restart_too(rig: Rig) -> None:
    rig.event(1, "m1")
    rig.event(3, "m3")
    rig.step()
    rig.event(2, "m2")
    rig.again()
    assert rig.step() == 1
    assert rig.texts() == ["m1", "m2", "m3"]


def test_a_number_that_never_comes_is_given_up(rig: Rig) -> None:
    rig.event(1, "m1")
    rig.event(3, "m3")
    rig.step()
    assert schema.kept(rig.copy)["floor"] == 1
    rig.step(SETTLED_S + 1)
    assert schema.kept(rig.copy)["floor"] == 3


def test_a_damaged_row_costs_itself_alone(rig: Rig) -> None:
    rig.event(1, "m1")
    rig.event(2, "m2", idx="x")
    rig.event(3, "m3", flags=b"\xff")
    rig.event(4, "m4", raw_id="nowhere")
    rig.event(5, "m5", idx=-1)
    rig.event(6, "m6", idx=7)
    rig.journal.execute("UPDATE event SET account=CAST(x'ff61' AS TEXT) WHERE lane_seq=6")
    rig.event(7, "m7")
    rig.journal.execute("UPDATE inbox SET raw=CAST(x'ff61' AS TEXT) WHERE raw_id=7")
    rig.event(8, "m8")
    rig.journal.execute("UPDATE inbox SET received_at='soon' WHERE raw_id=8")
    rig.event(9, "m9")
    rig.send(1, "s1", body=b"{")
    rig.send(2, "s2")
    rig.step()
    assert rig.texts() == ["m1", "\\xffa", "m8", "m9"]
    assert rig.sends() == {"s2": "queued"}


def test_a_batch_of_sends_nobody_can_read_is_passed(rig: Rig) -> None:
    for position in range(1, 601):
        rig.send(position, f"s{position}", body=b"{")
    rig.send(601, "fine")
    rig.step()
    rig.step()
    assert rig.sends() == {"fine": "queued"}


def test_positions_that_are_given_again_are_read_again(rig: Rig) -> None:
    rig.send(1, "s1", state=3)
    rig.send(2, "s2")
    rig.step()
    assert rig.sends() == {"s1": "accepted", "s2": "queued"}
    rig.journal.execute("UPDATE outbox SET state=3, ended_at=1 WHERE outbox_id='s2'")
    assert rig.step() == 1
    rig.journal.execute("DELETE FROM outbox")  # as retention does, after a week without a send
    rig.send(1, "s3")
    rig.send(2, "s4")
    rig.again()
    rig.step()
    assert rig.sends() == {"s1": "accepted", "s2": "accepted", "s3": "queued", "s4": "queued"}
    rig.journal.execute("DELETE FROM outbox WHERE outbox_id='s3'")
    rig.step()  # nobody knows what became of it: it is not asked for any more
    ended = dict(rig.copy.execute("SELECT outbox_id, ended FROM sent").fetchall())
    assert (ended["s3"], ended["s4"]) == (1, 0)


def test_a_copy_of_a_quiet_shop_outlives_the_journal_s_rows(rig: Rig) -> None:
    rig.event(1, "m1")
    rig.step(SETTLED_S * 2)
    rig.journal.execute("DELETE FROM event")
    rig.journal.execute("INSERT INTO log_meta VALUES('numbers', 1)")
    assert following.newest(rig.reading) >= int(schema.kept(rig.copy)["floor"])


def test_lines_of_one_moment_are_paged_without_loss(rig: Rig) -> None:
    for number in range(1, 12):
        rig.event(number, f"m{number}")
    rig.step()
    rig.copy.execute("UPDATE said SET at=?", (NOW_MS,))
    lane = rig.queries.conversations()[0].lane
    seen: list[str | None] = []
    before = None
    while page := rig.queries.transcript("a", lane, before=before, limit=4):
        seen = [line.text for line in page] + seen
        before = page[0].at_ms, page[0].key
    assert seen == [f"m{number}" for number in range(1, 12)]


@pytest.mark.parametrize("sought", ["", "  ", "\0", "%", "_", '"', "''", "\ud800", "AND", "m*"])
def test_what_is_looked_for_is_taken_as_it_is(rig: Rig, sought: str) -> None:
    rig.event(1, "m1 100% a_b \" AND ''")
    rig.step()
    if sought == "\ud800":
        with pytest.raises(ValueError, match="half of a character"):
            rig.queries.search(sought)
        return
    found = rig.queries.search(sought)
    assert bool(found) == (sought in {"%", "_", '"', "''", "AND"})
