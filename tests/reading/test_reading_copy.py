"""A real gateway over loopback, its journal on disk, and the copy that follows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from followers import followed
from market import Market

from gateway import ChatMessage
from gateway.reading import schema, upkeep
from gateway.settings import ReadingSettings

SHOP, OTHER = "2201", "2202"


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with Market(tmp_path, SHOP, OTHER) as market:

        @market.gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            if event.text and event.text.startswith("ask"):
                event.reply(f"answer to {event.text}")

        market.listen()
        yield market


def test_a_conversation_is_read_as_it_was_held(market: Market, tmp_path: Path) -> None:
    with followed(market, tmp_path) as following:
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("ask 1")
        market.shops[SHOP].wait_sent(1)
        buyer.says("还在吗")
        queries = following.queries
        talks = following.until(
            queries.conversations, lambda found: bool(found) and found[0].text == "还在吗"
        )
        (talk,) = talks
        assert (talk.account, talk.peer, talk.own, talk.text) == (SHOP, "77001", False, "还在吗")
        lines = following.until(
            lambda: queries.transcript(SHOP, talk.lane),
            lambda found: [line.state for line in found if line.own] == ["accepted"],
        )
        assert [line.text for line in lines] == ["ask 1", "answer to ask 1", "还在吗"]
        assert [line.own for line in lines] == [False, True, False]
        assert lines[1].outbox_id
        assert lines[1].event_id == lines[0].event_id
        assert queries.conversations(waiting=True) == [talk]
        assert queries.conversations(OTHER) == []
        for words, right in (("在吗", "还在吗"), ("ASK", "ask 1"), ("to ask 1", "answer to ask 1")):
            following.until(
                lambda: queries.search(words, SHOP),  # noqa: B023
                lambda found: right in {each.text for each in found},  # noqa: B023
            )
        assert queries.search("ask", OTHER) == []
        (minute,) = following.until(
            lambda: following.overview.minutes(SHOP, 0)[-1:], lambda found: found[0].answered == 1
        )
        assert (minute.received, minute.reconnects) == (2, 0)
        assert [change.state for change in following.overview.changes(SHOP)][:1] == ["connected"]
        assert following.path.stat().st_mode & 0o777 == 0o600


def test_a_person_on_a_device_has_no_send_of_ours(market: Market, tmp_path: Path) -> None:
    with followed(market, tmp_path) as following:
        market.start()
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("hello")
        buyer.hears("I am here myself")
        (talk,) = following.until(
            following.queries.conversations, lambda found: bool(found) and found[0].own
        )
        assert talk.waits_since_ms is None
        lines = following.queries.transcript(SHOP, talk.lane)
        assert [(line.text, line.own, line.outbox_id) for line in lines] == [
            ("hello", False, None), ("I am here myself", True, None),
        ]  # fmt: skip


def test_a_copy_is_built_anew_when_it_is_damaged(market: Market, tmp_path: Path) -> None:
    market.start()
    buyer = market.shops[SHOP].buyer("77001")
    buyer.says("one")
    market.ledger.wait(1)
    with followed(market, tmp_path) as following:
        following.until(following.queries.conversations, bool)
    size = following.path.stat().st_size
    with following.path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)
        file.truncate(size // 2 + 4096)
    with followed(market, tmp_path) as again:
        buyer.says("two")
        again.until(again.queries.conversations, lambda found: [x.text for x in found] == ["two"])
        lane = again.queries.conversations()[0].lane
        assert [line.text for line in again.queries.transcript(SHOP, lane)] == ["one", "two"]
        assert again.log.found("reading.built_anew")


def test_another_program_s_database_is_left_alone(market: Market, tmp_path: Path) -> None:
    path = tmp_path / schema.FILE
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs(x)")
    other.commit()
    other.close()
    market.start()
    with followed(market, tmp_path) as following:
        following.log.wait("reading.failed")
        assert "another program" in (following.follower.state.failure or "")
    assert sqlite3.connect(path).execute("SELECT count(*) FROM theirs").fetchone() == (0,)


def test_nothing_is_copied_twice_over_two_lives(market: Market, tmp_path: Path) -> None:
    market.start()
    buyer = market.shops[SHOP].buyer("77001")
    said = []
    for text in ("one", "two", "three"):
        with followed(market, tmp_path) as following:
            buyer.says(text)
            said.append(text)
            (talk,) = following.until(
                following.queries.conversations,
                lambda found: bool(found) and found[0].text == said[-1],
            )
            lines = following.queries.transcript(SHOP, talk.lane)
            assert [line.text for line in lines] == said
            assert not following.log.found("reading.built_anew")


def test_purging_forgets_words_too(market: Market, tmp_path: Path) -> None:
    market.start()
    for shop in (SHOP, OTHER):
        market.shops[shop].buyer("77001").says("a secret of hunter2")
    market.ledger.wait(2)
    with followed(market, tmp_path) as following:
        following.until(following.queries.conversations, lambda found: len(found) == 2)
        assert upkeep.purge(following.path, SHOP) == 1
        assert [each.account for each in following.queries.conversations()] == [OTHER]
        assert [each.account for each in following.queries.search("hunter2")] == [OTHER]
        assert upkeep.purge(following.path, OTHER) == 1
    assert b"hunter2" not in following.path.read_bytes()


def test_what_is_old_goes_and_the_file_stays_small(tmp_path: Path) -> None:
    copy = schema.create(tmp_path / schema.FILE)
    try:
        copy.executemany(
            "INSERT INTO said(seq,account,lane,event_id,at,came,own,kind,text,flags) "
            "VALUES(?,'a','l',?,?,0,0,'chat_message',?,0)",
            [(number, f"{number}", number * 1000, "x" * 500) for number in range(1, 12_001)],
        )
        copy.execute("INSERT INTO words(words) VALUES('rebuild')")
        settings = ReadingSettings(keep_days=0.01)
        kept_ms = 864_000
        now_ms = 6_000_000 + kept_ms
        while upkeep.delete_old(copy, settings, now_ms):
            pass
        assert copy.execute("SELECT min(at) FROM said").fetchone() == (6_000_000,)
        small = ReadingSettings(max_bytes=1 << 20)
        while upkeep.delete_old(copy, small, 0):
            pass
        assert upkeep.size_of(copy) <= 1 << 20
    finally:
        copy.close()
