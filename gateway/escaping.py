"""JSON without characters that move a cursor, turn the direction of a line, or end one.

JSON lets control characters of C1, directions and the line ends of Unicode stand as they are.
Strangers write them into messages: a terminal obeys them, and readers that split by lines cut
a record in two. Escaped, they say the same to every reader of JSON.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_TEXT = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_BYTES = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"
)
"""The same in UTF-8; none of these begins within another character."""


_MOVES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode: what is no letter, mark, number, sign or space."""


def dumps(value: Any, **options: Any) -> str:
    """Return a value as JSON, letters as they are."""
    return _TEXT.sub(_escape, json.dumps(value, ensure_ascii=False, **options))


def escaped(encoded: bytes) -> bytes:
    """Return JSON in UTF-8 with the same escapes."""
    return _BYTES.sub(lambda found: _escaped(found[0].decode()).encode(), encoded)


def clean(text: str) -> str:
    """Return a text in which a mark stands for what moves a cursor, hides or turns text."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(each) in _MOVES else each for each in text)


def _escape(found: re.Match[str]) -> str:
    return _escaped(found[0])


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1].replace("\x7f", "\\u007f")  # ASCII, it leaves as it is
