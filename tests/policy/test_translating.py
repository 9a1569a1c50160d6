"""A sentence is found by its template wherever it stands; what has no entry stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.state import ConnectionState
from gateway.words import labels, spoken
from gateway.words.chinese import CATALOGUE
from gateway.words.translating import Catalogue, Entry

FEW = Catalogue(
    {
        "is missing": "缺少",
        "{} is full": "{} 满了",
        "{} is empty": "{}是空的",
        "put it in quotes": "请加引号",
        "expected {}, got {}": "应为{0!}，实为{1!}",
        "a list": "列表",
        "process {} on {}": "{1} 上的进程 {0}",
        "in use by {}": "正被 {} 使用",
        "look at it": "请检查",
        "from {} to {} by {}": "{}、{}、{}",
    },
    {"text": "文本", "seconds": "秒"},
)


@pytest.mark.parametrize(
    ("english", "told"),
    [
        ("is missing", "缺少"),
        ("is missing.", "缺少。"),
        ("f.yaml:3: accounts[0].url: is missing", "f.yaml:3: accounts[0].url: 缺少"),
        ("f.yaml: accounts is missing", "f.yaml: accounts 缺少"),
        ("accounts[0].url is missing", "accounts[0].url 缺少"),
        ("  → look at it", "  → 请检查"),
        ("  → who knows", "  → who knows"),
        ("the disk: /var is full", "the disk: /var 满了"),
        ("in use by process 7 on host; look at it", "正被 host 上的进程 7 使用；请检查"),
        ("expected text, got 5; put it in quotes", "应为文本，实为 5；请加引号"),
        ("expected text or a list, got a list", "应为文本或列表，实为列表"),
        ("expected text or what, got text", "应为 text or what，实为文本"),
        ("expected a list, got 'a; b'", "应为列表，实为 'a; b'"),
        ("is missing; who knows", "缺少; who knows"),
        ("who knows; is missing", "who knows; 缺少"),
        ("is missing. Look at it.", "缺少. Look at it."),
        ("is missing (seconds)", "缺少（秒）"),
        ("is missing (look at it)", "缺少（请检查）"),
        ("who knows (seconds)", "who knows (seconds)"),
        ("is missing (seconds", "is missing (seconds"),
        ("is missing\nlook at it\n", "缺少\n请检查\n"),
        ("from a to b by c", "a、b、c"),
        ("from a b by c", "from a b by c"),
        ("from a to b", "from a to b"),
        ("process 5 on", "process 5 on"),
        ("a is full: b is empty", "a 满了: b是空的"),
        ("...", "..."),
        ("", ""),
    ],
)
def test_what_has_an_entry_is_translated(english: str, told: str) -> None:
    assert FEW.text(english) == told


def test_what_would_take_long_stays_english() -> None:
    many = "; ".join(["is missing"] * 20)
    assert FEW.text(many) == many
    long = "is full " * 1000
    assert FEW.text(f"{long}is full") == f"{long}is full"
    deep = "in use by " * 10 + "process 1 on h"
    assert FEW.text(deep).startswith("正被 正被 ")
    assert "process 1 on h" in FEW.text(deep)


def test_places_do_not_overlap() -> None:
    assert Entry("ab{}bc", "{}").values("abc") is None
    assert Entry("ab{}bc", "{}").values("abbc") == [""]


@given(st.lists(st.sampled_from(("is missing", "; ", ": ", " (", ")", "{}", "a list", ". ", "x"))))
def test_nothing_is_an_error(parts: list[str]) -> None:
    text = "".join(parts)
    assert FEW.text(text).count("\n") == 0
    assert isinstance(CATALOGUE.text(text), str)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    assert CATALOGUE.text(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("state", ConnectionState)
def test_every_state_has_a_name(state: ConnectionState) -> None:
    assert state.value in labels.CHINESE


@pytest.mark.parametrize(
    ("told", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_CN"}, "zh-CN"),
        ({"LANG": "zh_TW", "LC_ALL": ""}, "zh-CN"),
        ({}, "en"),
    ],
)
def test_the_environment_names_the_language_unless_it_is_set(
    told: dict[str, str], language: str
) -> None:
    assert spoken(environment=told) == language
    assert spoken(None, None, environment=told) == language
    assert spoken(None, "en", "zh-CN", environment=told) == "en"
    assert spoken("zh-CN", environment=told) == "zh-CN"
