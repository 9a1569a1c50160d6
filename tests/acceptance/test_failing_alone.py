"""What one handler or one sink breaks costs no customer an answer, seen from the platform."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from market import WAIT_S, Market

from gateway import ChatMessage, EventSettledError

SHOP = "2201"
FULL = Path("/dev/full")


def answered(market: Market, count: int) -> list[str | None]:
    """Wait until the shop has sent so many texts; give all it sent."""
    market.shops[SHOP].wait_sent(count)
    return [sent.text for sent in market.shops[SHOP].sent]


def archived(archive: Path) -> list[str]:
    """Return what buyers said by a file of events."""
    events = map(json.loads, archive.read_text(encoding="utf-8").splitlines())
    return [event["text"] for event in events if not event["own"]]


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_costs_the_archive_and_nobody_else(tmp_path: Path) -> None:
    """Handlers ran again and again, no reply left, and the event was a dead letter."""
    archive = tmp_path / "events.jsonl"
    sinks = [{"kind": "jsonl", "path": str(FULL)}, {"kind": "jsonl", "path": str(archive)}]
    with Market(tmp_path, SHOP, sinks=sinks) as market:
        market.listen()
        market.gateway.on(ChatMessage)(lambda event: event.reply(f"re:{event.text}"))
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("one")
        answered(market, 1)
        buyer.says("two")
        assert answered(market, 2) == ["re:one", "re:two"]
        assert market.ledger.texts(SHOP) == ["one", "two"]
        market.log.wait("sink.failing")
        (alert,) = [each for each in market.gateway.alerts if each.name == "sink.failing"]
        assert "jsonl: sink jsonl: /dev/full cannot be written: No space left" in alert.detail
    assert archived(archive) == ["one", "two"]


def test_a_handler_that_fails_or_hangs_takes_no_answer_with_it(tmp_path: Path) -> None:
    """The answer of the other leaves once; the event is a dead letter for who failed."""
    release = threading.Event()
    archive = tmp_path / "events.jsonl"
    with Market(
        tmp_path,
        SHOP,
        handlers={"deadline_s": 0.3},
        sinks=[{"kind": "jsonl", "path": str(archive)}],
        defaults={"handlers": {"retry_delays_s": [0.01, 0.01]}},
    ) as market:
        calls: list[str] = []

        @market.gateway.on(ChatMessage)
        def sick(event: ChatMessage) -> None:
            calls.append(event.text or "")
            event.reply("never")
            if event.text == "hang":
                release.wait(WAIT_S)
            raise LookupError(f"nobody knows {event.text}")

        @market.gateway.on(ChatMessage)
        def well(event: ChatMessage) -> None:
            event.reply(f"re:{event.text}")

        try:
            market.start()
            buyer = market.shops[SHOP].buyer("77001")
            buyer.says("fail")
            answered(market, 1)
            buyer.says("hang")
            assert answered(market, 2) == ["re:fail", "re:hang"]
            assert calls == ["fail"] * 3 + ["hang"]
            letters = {each.reason for each in market.gateway.dead_letters.list()}
            assert "handler_timed_out" in letters
            (told,) = letters - {"handler_timed_out"}
            assert told is not None
            assert "nobody knows fail (in test_failing_alone." in told
            assert archived(archive) == ["fail", "hang"]
        finally:
            release.set()


def test_an_answer_after_the_deadline_is_refused(tmp_path: Path) -> None:
    """The thread was given up: what it leaves reaches nobody, so it hears that."""
    told: list[str] = []
    with Market(tmp_path, SHOP, handlers={"deadline_s": 0.3}) as market:
        abandoned = threading.Event()
        ended = threading.Event()

        @market.gateway.on(ChatMessage)
        def slow(event: ChatMessage) -> None:
            abandoned.wait(WAIT_S)
            try:
                event.reply("late")
            except EventSettledError as error:
                told.append(str(error))
            try:
                event.note("k", "v")
            except EventSettledError as error:
                told.append(str(error))
            ended.set()

        market.start()
        market.shops[SHOP].buyer("77001").says("hello")
        market.log.wait("event.dead_lettered")
        abandoned.set()
        assert ended.wait(WAIT_S)
        assert len(told) == 2
        assert "gw.send" in told[0]


def test_half_a_character_in_an_error_costs_no_dead_letter(tmp_path: Path) -> None:
    """Such a reason was taken for a damaged row, and the letter with it."""
    with Market(tmp_path, SHOP, defaults={"handlers": {"retry_delays_s": []}}) as market:

        def fail(_event: ChatMessage) -> None:
            raise ValueError("no file \udcff")

        market.gateway.on(ChatMessage)(fail)
        market.start()
        market.shops[SHOP].buyer("77001").says("hello")
        market.log.wait("event.dead_lettered")
        market.gateway.stop()
        market.gateway = market.make()
        market.start()
        (letter,) = market.gateway.dead_letters.list()
        assert letter.reason is not None
        assert "no file \\udcff" in letter.reason
        assert not market.log.found("journal.row_set_aside")
