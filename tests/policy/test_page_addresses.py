"""A name is one segment of an address, whatever stands in it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.web.pages import addresses

NAMES = ["shop-a", "../x?y#z 店", ".", "..", "...", "~", "~..", "a/b", "", "%2e", "a%2Fb", "\\"]


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_asks_for_what_was_meant(name: str) -> None:
    asked = urljoin("http://host/", addresses.account(name, "pause")).removeprefix("http://host")
    first, second, third = addresses.parts_of(asked)
    assert (first, addresses.name_of(second), third) == ("accounts", name, "pause")


@given(some.text(some.characters(exclude_categories=["Cs"])))
def test_any_name_comes_back(name: str) -> None:
    _, account, lane, verb = addresses.parts_of(addresses.chat(name, name, "send"))
    assert (addresses.name_of(account), addresses.name_of(lane), verb) == (name, name, "send")


@pytest.mark.parametrize("make", [addresses.letter, addresses.send])
@pytest.mark.parametrize("name", NAMES)
def test_what_waits_has_an_address(make: Callable[..., str], name: str) -> None:
    first, _, third, verb = addresses.parts_of(make(name, "drop"))
    assert (first, addresses.name_of(third), verb) == ("waiting", name, "drop")


def test_a_whole_address_is_read_like_its_path() -> None:
    assert addresses.parts_of("http://host/accounts/a?x=1") == ("accounts", "a")
    assert addresses.parts_of("//evil/accounts/a") == ("evil", "accounts", "a")
    assert addresses.parts_of("/") == ()
    with pytest.raises(UnicodeDecodeError):
        addresses.name_of("%ff")


@pytest.mark.parametrize(
    ("to", "right"),
    [
        ("/waiting?account=a", "/waiting?account=a"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\nSet-Cookie: a=b", "/"),
        ("/店", "/"),
        ("", "/"),
    ],
)
def test_a_way_back_leads_nowhere_else(to: str, right: str) -> None:
    assert addresses.within(to) == right


@pytest.mark.parametrize(
    ("languages", "right"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", ["zh-cn", "zh", "en"]),
        ("fr, zh;q=0.1, en;q=0.9", ["fr", "en", "zh"]),
        ("en;q=0, zh;q=x,,", ["zh"]),
        ("", []),
    ],
)
def test_the_language_that_is_wanted_most_comes_first(languages: str, right: list[str]) -> None:
    assert addresses.accepted(languages) == right
