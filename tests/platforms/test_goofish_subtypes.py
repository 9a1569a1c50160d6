"""Subtypes of the codec, as data."""

from __future__ import annotations

import pytest

from gateway.events import ChatMessage, SystemNotification
from gateway.platforms.goofish.subtypes import ANY_PATH, OTHER_CONTENT, of_content, row_of


def test_the_number_of_a_content_says_what_a_message_is() -> None:
    assert of_content(1) == ("text", ChatMessage)
    assert of_content(14) == ("tip", SystemNotification)
    assert of_content(77) == ("content_type_77", ChatMessage)
    assert of_content(None) == ("content_type_None", ChatMessage)


@pytest.mark.parametrize(
    ("subtype", "row"),
    [("text", "text"), ("/s/new", ANY_PATH), ("content_type_77", OTHER_CONTENT)],
)
def test_a_subtype_has_its_row(subtype: str, row: str) -> None:
    assert row_of(subtype) == row
