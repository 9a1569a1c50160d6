"""Words for people, in their language. Pure.

``en`` and ``zh`` have those of alerts and of the bell, with the same keys and placeholders;
``labels`` those of tables; ``catalogue`` the sentences of commands, which ``translating`` finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from gateway.words import en, zh
from gateway.words.advice import en as advice_en
from gateway.words.advice import zh as advice_zh

Language: TypeAlias = Literal["zh-CN", "en"]

GAVE_UP: Final = "account.failed"
"""The alert whose cause says what helps."""

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Variables that name the language of a process; the first that is set counts."""


class Words(NamedTuple):
    """One language.

    Attributes:
        alerts: What it means, in a sentence, and what to do, by the name of the alert.
        phrases: The other texts of a message.
        advice: The same of an account's standing, by the key of :mod:`gateway.host.advice`.
    """

    alerts: Mapping[str, tuple[str, str]]
    phrases: Mapping[str, str]
    advice: Mapping[str, tuple[str, str]]


WORDS: Final[Mapping[Language, Words]] = {
    "en": Words(en.ALERTS, en.PHRASES, advice_en.ADVICE),
    "zh-CN": Words(zh.ALERTS, zh.PHRASES, advice_zh.ADVICE),
}


def of_verdict(name: str, why: str, language: Language) -> tuple[str, str] | None:
    """Return what the alert of an account that gave up means and what helps; None: it is another.

    Args:
        name: Of the alert.
        why: As the alert has it.
        language: Of the words.
    """
    return WORDS[language].advice.get(f"failed.{why}") if name == GAVE_UP else None


def of_alert(name: str, why: str, language: Language) -> tuple[str, str] | None:
    """Return what an alert means and what to do; None: nobody wrote that down.

    Args:
        name: Of the alert.
        why: As the alert has it.
        language: Of the words.
    """
    return of_verdict(name, why, language) or WORDS[language].alerts.get(name)


def language_of(locale: str | None) -> Language:
    """Return the language for a value of ``LANG``: ``zh_CN.UTF-8``."""
    return "zh-CN" if (locale or "").lower().startswith("zh") else "en"


def spoken(*chosen: Language | None, environment: Mapping[str, str]) -> Language:
    """Return the language to speak.

    Args:
        chosen: Settings, the one that counts first; None: it is not set.
        environment: Of the process; counts if nothing is set.
    """
    for each in chosen:
        if each is not None:
            return each
    return language_of(next(filter(None, map(environment.get, _LOCALES)), None))
