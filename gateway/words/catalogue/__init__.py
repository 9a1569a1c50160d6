"""Sentences of commands in 简体中文, by their English template; a module an area.

``{}`` is a place for a value; a Chinese template numbers its places where their order differs
(``{1}``), and marks those that take a word of :data:`WORDS` (``{!}``, ``{0!}``). A source that says
something new needs an entry here: ``tests/words/test_catalogue.py`` says which one is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.words.catalogue import (
    alerts,
    control,
    credentials,
    doctor,
    failures,
    glance,
    journal,
    links,
    pages,
    parts,
    pasted,
    settings,
    tree,
)

CHINESE: Final[Mapping[str, str]] = {
    **alerts.CHINESE,
    **control.CHINESE,
    **credentials.CHINESE,
    **doctor.CHINESE,
    **failures.CHINESE,
    **glance.CHINESE,
    **journal.CHINESE,
    **links.CHINESE,
    **pages.CHINESE,
    **parts.CHINESE,
    **pasted.CHINESE,
    **settings.CHINESE,
    **tree.CHINESE,
}

WORDS: Final[Mapping[str, str]] = {
    "nothing": "空",
    "text": "文本",
    "seconds": "秒",
    "milliseconds": "毫秒",
    "hours": "小时",
    "bytes": "字节",
}
"""Words that are too short to be a sentence, for marked places and in
brackets behind a sentence."""
