"""What a message says: all alerts, in both languages, and nothing that a stranger wrote."""

from __future__ import annotations

import re
import string
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify.message import MOST_ITEMS, lasted, render, trial
from gateway.notify.occasions import Item
from gateway.words import WORDS, Language, language_of
from gateway.words import en as english
from gateway.words import zh as chinese

ROOT = Path(__file__).parents[2]
ITEM = Item(
    kind="on",
    name="account.failed",
    account="shop-a",
    lane="78001",
    why="crash_loop",
    since_ms=0,
    ended_ms=None,
    times=1,
)
LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")


def moment(at_ms: int) -> str:
    return f"T{at_ms}"


def alert_names() -> set[str]:
    """Return the names of all alerts that the code can raise."""
    files = [*(ROOT / "actors").rglob("*.py"), *(ROOT / "gateway").rglob("*.py")]
    code = {path: path.read_text("utf-8") for path in files}
    whole = "\n".join(code.values())
    constant = re.compile(r'^([A-Z_]+)(?:: Final)? = "([a-z_]+\.[a-z_]+)"', re.MULTILINE)
    constants = dict(constant.findall(whole))
    found = set()
    for name in re.findall(r"(?:(?:alerts|registry)\.say\(|Alert\(\s*name=)\s*([^,]+),", whole):
        found.add(name.strip('"') if name.startswith('"') else constants.get(name, ""))
    for path, text in code.items():  # one name twice in different modules
        for name in re.findall(r"alerts\.say\(\s*([A-Z_]+),", text):
            (value,) = re.findall(rf'^{name}(?:: Final)? = "([^"]+)"', text, re.MULTILINE)
            assert value, path
            found.add(value)
    return found - {""}


def test_every_alert_has_its_words_and_there_are_no_others() -> None:
    """A new alert would ring as `the alert x is on`."""
    page = (ROOT / "docs" / "limits.md").read_text("utf-8")
    table = page.split("## Alerts")[1]
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE))
    assert len(documented) > 25
    assert alert_names() <= documented
    assert set(english.ALERTS) == documented
    assert set(chinese.ALERTS) == documented


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_keys_and_placeholders_agree_in_both_languages() -> None:
    assert english.ALERTS.keys() == chinese.ALERTS.keys()
    assert english.PHRASES.keys() == chinese.PHRASES.keys()
    for name, text in english.PHRASES.items():
        assert fields(text) == fields(chinese.PHRASES[name]), name
    for words in (english.ALERTS, chinese.ALERTS):
        for name, texts in words.items():
            for text in texts:
                assert text, name
                assert not fields(text), name
                assert "\n" not in text, name


def test_a_message_says_who_what_since_when_and_what_to_do() -> None:
    message = render([ITEM], language="en", now_ms=60_000, moment=moment, link="https://gw.example")
    assert message.title == "shop-a: needs you"
    assert message.body.splitlines() == [
        "shop-a: A part of the account keeps crashing.",
        "  since T0 · account.failed crash_loop",
        "  What to do: Report it with `actor.died` of the log, then reset the account.",
        "https://gw.example",
    ]
    assert not message.over


def test_the_end_of_something_says_how_long_it_took() -> None:
    over = msgspec.structs.replace(ITEM, kind="over", ended_ms=14 * 60_000, times=3)
    message = render([over], language="zh-CN", now_ms=10**9, moment=moment)
    assert message.title == "shop-a：已恢复"
    assert message.body.splitlines() == [
        "shop-a：已恢复，历时 14 分钟：账号的一个部件反复崩溃。",
        "  自 T0 · 共 3 次 · account.failed crash_loop",
    ]
    assert message.over


def test_many_matters_are_counted() -> None:
    """Ten in words, and the number of the others."""
    items = [msgspec.structs.replace(ITEM, account=f"a{number}") for number in range(47)]
    message = render(items, language="en", now_ms=0, moment=moment, last=7)
    assert message.title == "47 matters need you"
    assert "a9:" in message.body
    assert "a10:" not in message.body
    assert message.body.splitlines()[-2:] == [
        "and 37 more: see the page",
        "Too many messages: the next one comes after T7.",
    ]
    mixed = [ITEM, msgspec.structs.replace(ITEM, kind="was", ended_ms=5)]
    assert render(mixed, language="en", now_ms=0, moment=moment).title == "2 news"
    assert len(items) > MOST_ITEMS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["on", "still", "over", "was"])
def test_an_alert_without_words_and_without_an_account_is_told_too(
    language: Language, kind: str
) -> None:
    ended_ms = 5 if kind in {"over", "was"} else None
    item = msgspec.structs.replace(
        ITEM, kind=kind, name="new.alert", account=None, lane=None, why="", ended_ms=ended_ms
    )
    message = render([item], language=language, now_ms=0, moment=moment)
    assert "new.alert" in message.body
    assert WORDS[language].phrases["all"] in message.title


@given(st.text(max_size=60), st.text(max_size=60))
def test_neither_a_conversation_nor_a_cause_that_is_no_constant_is_told(
    lane: str, why: str
) -> None:
    """A server's words may hold a buyer's, or a token."""
    bare = render(
        [msgspec.structs.replace(ITEM, lane=None, why="")],
        language="en",
        now_ms=0,
        moment=moment,
    )
    told = render(
        [msgspec.structs.replace(ITEM, lane=lane, why=f"{why} says {lane}")],
        language="en",
        now_ms=0,
        moment=moment,
    )
    assert told == bare


def test_a_span_is_told_in_its_two_largest_units() -> None:
    spans = {
        -5: "0 s",
        59_000: "59 s",
        61_000: "1 min 1 s",
        3_600_000: "1 h",
        90_061_000: "1 d 1 h",
    }
    assert {span: lasted(span, "en") for span in spans} == spans


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_trial_says_that_nothing_is_wrong(language: Language) -> None:
    assert trial(language).body == WORDS[language].phrases["test"]
    assert trial(language, "https://h").body.endswith("\nhttps://h")


def test_the_language_is_that_of_the_process() -> None:
    told = [language_of(each) for each in ("zh_CN.UTF-8", "zh", "en_GB.UTF-8", "C", "", None)]
    assert told == ["zh-CN", "zh-CN", "en", "en", "en", "en"]
