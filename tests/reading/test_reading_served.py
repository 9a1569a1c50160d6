"""The copy of a gateway that is served, and the commands that look at it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from commands import call
from market import WAIT_S, Market

from gateway import web
from gateway.reading import schema
from gateway.reading.asking import CopyUnreadableError
from gateway.reading.keeping import Reading
from gateway.web.pages import past

SHOP = "2201"


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        market.listen()
        yield market


class Ear:
    """Counts what is heard; waits for more."""

    def __init__(self, reading: Reading) -> None:
        self._changed = threading.Condition()
        self._times = 0
        self.end = reading.heard(self)

    def __call__(self) -> None:
        with self._changed:
            self._times += 1
            self._changed.notify_all()
        raise RuntimeError("a listener that raises holds up nobody")

    def wait(self, reading: Reading, texts: int) -> None:
        """Wait until so many lines are there."""
        ends = time.monotonic() + WAIT_S
        while True:
            seen = self._times
            found = []
            with contextlib.suppress(CopyUnreadableError):  # it is being built anew
                found = reading.queries.conversations() if reading.state.built_ms else []
                if sum(len(reading.queries.transcript(SHOP, each.lane)) for each in found) >= texts:
                    return
            with self._changed:
                assert self._changed.wait_for(
                    lambda: self._times > seen,  # noqa: B023  # asked at once
                    ends - time.monotonic(),
                ), (found, reading.state)


def test_a_served_gateway_keeps_a_copy(market: Market, tmp_path: Path) -> None:
    with web.serving(market.gateway, log=market.log) as served:
        assert served is not None
        reading = served.reading
        assert reading is not None
        ear = Ear(reading)
        market.start()
        market.shops[SHOP].buyer("77001").says("hello there")
        ear.wait(reading, 1)
        assert reading.state.failure is None
        assert market.log.wait("listener.failed")
        ear.end()
        ear.end()
        assert [each.state for each in reading.overview.changes(SHOP)][:1] == ["connected"]
    names = [each.name for each in threading.enumerate()]
    assert "gateway/reading" not in names
    assert schema.kept(schema.connect(tmp_path / schema.FILE, read_only=True))["closed"] == 1


def test_without_a_journal_on_disk_there_is_no_copy(tmp_path: Path) -> None:
    listen = {"listen": "127.0.0.1:0"}
    with (
        Market(tmp_path, SHOP, http=listen, durability="memory") as market,
        web.serving(market.gateway, log=market.log) as served,
    ):
        assert served is not None
        assert served.reading is None


@pytest.fixture
def config(market: Market, tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(msgspec.json.encode({**market.config, "http": {"listen": None}}))
    return str(path)


def test_a_person_forgets_what_was_said(market: Market, tmp_path: Path, config: str) -> None:
    code, _, told = call("reading", "show", "-c", config)
    assert (code, "there is no reading copy" in told) == (1, True)
    with web.serving(market.gateway, log=market.log) as served:
        assert served is not None
        assert served.reading is not None
        ear = Ear(served.reading)
        market.start()
        for text in ("one hunter2", "two hunter2"):
            market.shops[SHOP].buyer("77001").says(text)
        ear.wait(served.reading, 2)
        code, out, _ = call("reading", "show", "-c", config, "--json")
        shown = json.loads(out)
        assert (code, shown["messages"], shown["conversations"]) == (0, 2, 1)
        assert shown["behind_events"] == 0
        purge = ("reading", "purge", "-c", config, "--account", SHOP, "--json")
        code, out, _ = call(*purge, "--before", "2020-01-01")
        assert (code, json.loads(out)["lines"]) == (0, 0)
        code, out, _ = call(*purge)
        assert (code, json.loads(out)["lines"]) == (0, 2)
        market.shops[SHOP].buyer("77001").says("three")
        ear.wait(served.reading, 1)
    code, out, _ = call("reading", "show", "-c", config)
    assert code == 0
    assert "behind_events" in out
    assert b"hunter2" not in (tmp_path / schema.FILE).read_bytes()


def test_a_date_that_is_none_is_refused(config: str) -> None:
    code, _, told = call("reading", "purge", "-c", config, "--account", SHOP, "--before", "soon")
    assert (code, "expected a date such as 2026-11-28" in told) == (2, True)


def test_a_copy_that_is_damaged_while_it_is_in_use_is_built_anew(
    market: Market, tmp_path: Path
) -> None:
    with web.serving(market.gateway, log=market.log) as served:
        assert served is not None
        reading = served.reading
        assert reading is not None
        market.start()
        ear = Ear(reading)
        market.shops[SHOP].buyer("77001").says("hello there")
        ear.wait(reading, 1)
        first = reading.state.built_ms
        with (tmp_path / schema.FILE).open("r+b") as file:
            file.write(b"\xff" * (tmp_path / schema.FILE).stat().st_size)
        for name in ("-wal", "-shm"):
            beside = tmp_path / f"{schema.FILE}{name}"
            beside.write_bytes(b"\xff" * beside.stat().st_size)
        assert past.conversations(served._context) is None
        market.log.wait("reading.built_anew")
        ear.wait(reading, 1)
        assert reading.state.built_ms != first
