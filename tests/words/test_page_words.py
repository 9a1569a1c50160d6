"""Words of the pages: the same in both languages, all there, none for nobody."""

from __future__ import annotations

import re
import string

import pytest

from actors.state import ConnectionState
from gateway.credentials.shapes import SIGN_IN_ENDS
from gateway.web.pages.rendering import TEMPLATES
from gateway.web.pages.words import WORDS
from gateway.words.advice.en import ADVICE

ENGLISH, CHINESE = WORDS["en"], WORDS["zh-CN"]

SOURCES = [
    *TEMPLATES.glob("*.html"),
    *TEMPLATES.parent.glob("*.py"),
]
TEXT = "\n".join(path.read_text() for path in SOURCES)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_places() -> None:
    of_one = {key for key in ENGLISH if key.startswith("one_")}
    assert {key.removeprefix("one_") for key in of_one} <= ENGLISH.keys()
    assert [key for key in ENGLISH if key not in of_one] == list(CHINESE)
    assert {key for key in CHINESE if places(ENGLISH[key]) != places(CHINESE[key])} == set()


def test_what_templates_ask_for_is_there() -> None:
    asked = set(re.findall(r"\bt\(\s*[\"']([^\"']+)[\"']\s*[,)]", TEXT))
    assert len(asked) > 50
    assert asked - set(ENGLISH) == set()


def test_no_words_are_for_nobody() -> None:
    # A key is named whole, or made of a prefix that a source names and a value.
    prefixes = set(re.findall(r"[\"']([a-z_.]+\.)[\"'] ~", TEXT)) | {"reason."}
    named = set(re.findall(r"[\"']([a-z_.]+)[\"']", TEXT))
    units = {"days", "hours", "minutes", "seconds"}
    left = {
        key
        for key in CHINESE
        if key not in named and not key.startswith(tuple(prefixes)) and key not in units
    }
    assert left == set()


def test_chinese_is_chinese_but_for_places_and_names_of_languages() -> None:
    plain = {key for key, text in CHINESE.items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert plain <= {"other_language", "account.day_part"}, plain


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_value_that_makes_a_key_has_words(language: str) -> None:
    words = ENGLISH if language == "en" else CHINESE
    wanted = {f"state.{each.value}" for each in ConnectionState}
    wanted |= {f"sign.{each}" for each in SIGN_IN_ENDS}
    wanted |= {
        f"sign.{each}" for each in ("starting", "waiting", "scanned", "verifying", "checking")
    }
    logins = ("static", "ready", "due", "renewing", "waiting", "needs_human", "none")
    wanted |= {f"login.{each}" for each in logins}
    verbs = ("sign_in", "reset", "resume", "waiting", "chats", "machine", "account")
    wanted |= {f"verb.{each}" for each in verbs}
    wanted |= {
        f"done.{each}" for each in re.findall(r"(?:moved|_verb)\(.*, \"([a-z_]+)\"[ ,)]", TEXT)
    }
    verdicts = set(re.findall(r"key=\"([a-z_]+)\"", TEXT))
    wanted |= {f"verdict.{each}" for each in verdicts}
    assert wanted - set(words) == set()
    assert ADVICE
