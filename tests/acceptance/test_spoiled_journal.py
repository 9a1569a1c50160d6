"""One row of the journal is spoiled between two lives: the gateway says which, all else works."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from market import Market

from actors.runtime.clock import SystemClock
from gateway import ChatMessage
from gateway.journal import care
from gateway.journal.unreadable.sound import SOUND
from gateway.testing import Rule, faults

SHOP, OTHER = "2201", "2202"
KEYED = {"cursor", "account_state", "note", "tally"}
"""Tables without a rowid."""

VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.binary(max_size=9),
)


def first_life(market: Market) -> None:
    """Leave rows of every kind: done, dead, pending, sent, unsent, noted."""

    def handle(event: ChatMessage) -> None:
        if event.text == "bad":
            raise ValueError
        event.note("seen", event.text)
        event.reply("re: " + (event.text or ""))

    market.gateway.on(ChatMessage)(handle)
    market.start()
    market.fake.inject(Rule(on="request", do=faults.Lose(), lwp="/r/MessageSend/*", times=2))
    for name in (SHOP, OTHER):
        buyer = market.shops[name].buyer("77001")
        for text in ("one", "bad", "two"):
            buyer.says(text)
        market.shops[name].wait_acked(3)
    market.log.wait("event.dead_lettered", account=SHOP)
    market.log.wait("event.dead_lettered", account=OTHER)
    market.gateway.accounts.pause(SHOP)
    market.shops[SHOP].wait_gone()
    for number in range(2):
        market.gateway.send(SHOP, "c1", f"waits {number}", to="77001")
    market.gateway.stop(5.0)


@seed(20261126)
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_any_value_in_any_row_of_the_last_life(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """An INTEGER in the outbox once kept the account from sending, until the file was deleted."""
    directory = tmp_path_factory.mktemp("data")
    with Market(directory, SHOP, OTHER) as market:
        first_life(market)
        (path,) = directory.glob("*.sqlite3")
        spoiled = []
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for table, columns in SOUND.items():
                column = data.draw(st.sampled_from(list(columns)))
                value = data.draw(VALUES)
                key = {"log_meta": "key"}.get(table, "account" if table in KEYED else "rowid")
                at = data.draw(st.integers(0, 3))
                try:
                    connection.execute(
                        f"UPDATE OR IGNORE {table} SET {column}=? WHERE {key}="
                        f"(SELECT {key} FROM {table} LIMIT 1 OFFSET {at})",
                        (value,),
                    )
                except sqlite3.IntegrityError:
                    continue
                spoiled.append((table, column, value))
        told = [line for line in care.check(path) if " row " in line]
        market.gateway = market.make()
        market.listen()
        market.gateway.start()
        market.gateway.accounts.resume(SHOP)
        market.start()
        said = market.log.found("journal.row_set_aside")
        assert len(said) >= len(told), (spoiled, told)
        for name in (SHOP, OTHER):
            market.serves(name, "and now?")
            market.serves_sends(name)
            market.gateway.sends.list(name)
            market.gateway.dead_letters.list(name)
            market.gateway.note(name, "77001", "seen")
        market.gateway.stop(5.0)
        repaired = care.repair(path, clock=SystemClock())
        assert len(repaired.rows) >= len(told)
        assert care.check(path) == []


def test_an_event_its_frame_no_longer_has_is_a_dead_letter(tmp_path: Path) -> None:
    """A newer reader may see fewer events in a frame: a person must learn of the promise."""
    patient = {"handlers": {"retry_delays_s": [60, 60]}}  # it is stopped before the second try
    with Market(tmp_path, SHOP, defaults=patient) as market:
        entered, leave = threading.Event(), threading.Event()

        def wait(event: ChatMessage) -> None:
            del event
            entered.set()
            leave.wait(10.0)
            raise ValueError

        market.gateway.on(ChatMessage)(wait)
        market.start()
        market.shops[SHOP].buyer("77001").says("one")
        assert entered.wait(10.0)
        leave.set()
        market.log.wait("handler.failed", account=SHOP)
        market.gateway.stop(5.0)
        (path,) = tmp_path.glob("*.sqlite3")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE event SET idx=7")
        market.gateway = market.make()
        market.listen()
        market.start()
        market.log.wait("event.dead_lettered", account=SHOP, reason="undecodable")
        market.log.wait("letters.waiting", account=SHOP)  # it is stored by then
        (letter,) = market.gateway.dead_letters.list(SHOP)
        assert letter.reason == "undecodable"
        market.gateway.dead_letters.drop(letter.event_id)
        market.serves(SHOP, "and now?")
