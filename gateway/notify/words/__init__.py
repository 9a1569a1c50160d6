"""The words of the bell, a module a language: plain dicts with the same keys and placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from gateway.notify.words import en, zh

Language: TypeAlias = Literal["zh-CN", "en"]


class Words(NamedTuple):
    """One language.

    Attributes:
        alerts: What it means, in a sentence, and what to do, by the name of the alert.
        phrases: The other texts of a message.
    """

    alerts: Mapping[str, tuple[str, str]]
    phrases: Mapping[str, str]


WORDS: Final[Mapping[Language, Words]] = {
    "en": Words(en.ALERTS, en.PHRASES),
    "zh-CN": Words(zh.ALERTS, zh.PHRASES),
}


def language_of(locale: str | None) -> Language:
    """Return the language for a value of ``LANG``: ``zh_CN.UTF-8``."""
    return "zh-CN" if (locale or "").lower().startswith("zh") else "en"
