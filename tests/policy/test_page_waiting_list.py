"""What waits as one list: merged a page at a time, each matter once, whatever the times are."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as some

from actors.policy.reasons import LETTERS, SENDS
from actors.ports.journal import Letter
from actors.values import SendState
from gateway.host.send_view import SendView
from gateway.web.pages.reasons import KNOWN, known
from gateway.web.pages.waiting_list import Cursor, cursor, merged
from gateway.web.pages.words import WORDS


def letter(at_ms: int, number: int) -> Letter:
    return Letter(
        event_id=f"e{number}", account="a", conversation_id=None, lane_seq=number, status="dead",
        reason=None, attempts=1, at_ms=at_ms, received_at_ms=at_ms,
    )  # fmt: skip


def sent(at_ms: int, number: int) -> SendView:
    return SendView(
        outbox_id=f"o{number}", account="a", conversation_id="c", to=None, text="t",
        image_url=None, state=SendState.UNKNOWN, outcome=None, reason="needs_review",
        message_id=None, attempts=1, accepted_at_ms=at_ms, expires_at_ms=at_ms, ended_at_ms=None,
        event_id=None,
    )  # fmt: skip


def key(row: Letter | SendView) -> str:
    return row.event_id if isinstance(row, Letter) else row.outbox_id


@given(
    heard=some.lists(some.integers(0, 20), max_size=30),
    said=some.lists(some.integers(0, 20), max_size=30),
    most=some.integers(1, 9),
)
def test_all_pages_together_are_the_list(heard: list[int], said: list[int], most: int) -> None:
    letters = sorted(
        (letter(at, number) for number, at in enumerate(heard)),
        key=lambda each: (each.at_ms, each.lane_seq),
        reverse=True,
    )
    # Sends are listed by position, and a clock may have gone back meanwhile.
    sends = [sent(at, number) for number, at in enumerate(said)][::-1]
    begin: Cursor | None = Cursor()
    shown: list[str] = []
    while begin is not None:
        behind = [
            each
            for each in letters
            if begin.letter is None or (each.at_ms, each.lane_seq) < begin.letter
        ]
        ids = [each.outbox_id for each in sends]
        after = 0 if begin.send is None else ids.index(begin.send) + 1
        page = merged(behind[: most + 1], sends[after : after + most + 1], begin, most)
        assert len(page.rows) <= most
        assert page.rows or page.next is None, "a page that is empty is the last"
        shown += map(key, page.rows)
        begin = page.next and cursor(dict(parse_qsl(page.next.query())))
    assert sorted(shown) == sorted([*map(key, letters), *map(key, sends)])
    assert [each for each in shown if each.startswith("e")] == list(map(key, letters))
    assert [each for each in shown if each.startswith("o")] == list(map(key, sends))


def test_the_newest_is_first() -> None:
    page = merged([letter(30, 3), letter(10, 1)], [sent(20, 2)], Cursor(), 9)
    assert [key(each) for each in page.rows] == ["e3", "o2", "e1"]
    assert page.next is None


@pytest.mark.parametrize(
    "query",
    [
        {"before": "1"}, {"before": "1.2.3"}, {"before": "-1.2"}, {"before": "1.٣"},
        {"before": "1" * 19 + ".1"}, {"send": "\x07"}, {"send": "x" * 513},
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^.?"):
        cursor(query)


def test_a_place_keeps_the_account() -> None:
    told = Cursor(letter=(1, 2), send="o&1").query("../a?b#c 店")
    assert dict(parse_qsl(told)) == {"account": "../a?b#c 店", "before": "1.2", "send": "o&1"}
    assert Cursor().query() == ""


def test_reasons_have_words_or_are_shown_as_they_are() -> None:
    for language in WORDS.values():
        assert {f"reason.{each}" for each in (*SENDS, *LETTERS)} <= set(language)
    assert {f"reason.{each}" for each in KNOWN} == {
        each for each in WORDS["en"] if each.startswith("reason.")
    }
    assert known(None) == ("", "")
    assert known("stale") == ("stale", "")
    assert known("unsendable: ValueError") == ("unsendable", "ValueError")
    assert known("ValueError at bot.py:7") == ("", "ValueError at bot.py:7")
    assert known("unsendable ValueError") == ("", "unsendable ValueError")
