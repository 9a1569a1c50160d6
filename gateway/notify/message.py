"""A bulletin in words. Pure.

Nothing of an alert is said but its name, its account as the settings call it, and a constant cause:
what the alert itself says may repeat words of a buyer, of a server or of a stranger's code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from gateway.notify.occasions import Item
from gateway.words import WORDS, Language, of_alert

MOST_ITEMS: Final = 10
"""Matters of one message that are told in words; of the others their number."""

_CAUSE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}").fullmatch
_UNITS: Final = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one target gets.

    Attributes:
        title: One line.
        body: Lines.
        over: It tells of nothing that is on.
    """

    title: str
    body: str
    over: bool


def render(
    items: Sequence[Item],
    *,
    language: Language,
    now_ms: int,
    moment: Callable[[int], str],
    link: str | None = None,
    last: int | None = None,
) -> Message:
    """Return what tells of some items.

    Args:
        items: At least one.
        language: Of the words.
        now_ms: Our Unix time.
        moment: Returns a Unix time in ms as people read it.
        link: Stands under the message.
        last: No further message is allowed before this Unix time in ms; None: one is.
    """
    phrases = WORDS[language].phrases
    lines: list[str] = []
    for item in items[:MOST_ITEMS]:
        lines += _lines(item, language, now_ms, moment)
    if len(items) > MOST_ITEMS:
        lines.append(phrases["more"].format(count=len(items) - MOST_ITEMS))
    if last is not None:
        lines.append(phrases["last"].format(moment=moment(last)))
    if link is not None:
        lines.append(link)
    on = sum(item.ended_ms is None for item in items)
    return Message(title=_title(items, on, language), body="\n".join(lines), over=not on)


def trial(language: Language, link: str | None = None) -> Message:
    """Return a message that only shows whether one arrives."""
    phrases = WORDS[language].phrases
    body = phrases["test"] if link is None else f"{phrases['test']}\n{link}"
    return Message(title=phrases["test_title"], body=body, over=True)


def lasted(span_ms: int, language: Language) -> str:
    """Return a span of time in its two largest units."""
    left_s = max(0, span_ms) // 1000
    parts: list[str] = []
    for name, seconds in _UNITS:
        count, left_s = divmod(left_s, seconds)
        if count or (name == "seconds" and not parts):
            parts.append(WORDS[language].phrases[name].format(count=count))
    return " ".join(parts[:2])


def _title(items: Sequence[Item], on: int, language: Language) -> str:
    phrases = WORDS[language].phrases
    if len(items) == 1:
        name = "title_on" if on else "title_over"
        return phrases[name].format(subject=_subject(items[0], language))
    if on == len(items):
        return phrases["title_many"].format(count=on)
    return phrases["title_news"].format(count=len(items))


def _subject(item: Item, language: Language) -> str:
    return WORDS[language].phrases["all"] if item.account is None else item.account


def _lines(
    item: Item, language: Language, now_ms: int, moment: Callable[[int], str]
) -> Iterator[str]:
    phrases = WORDS[language].phrases
    unknown = (phrases["unknown"].format(name=item.name), phrases["look"])
    what, step = of_alert(item.name, item.why, language) or unknown
    until_ms = now_ms if item.ended_ms is None else item.ended_ms
    yield phrases[item.kind].format(
        subject=_subject(item, language),
        what=what,
        lasted=lasted(until_ms - item.since_ms, language),
    )
    about = [phrases["since"].format(moment=moment(item.since_ms))]
    if item.times > 1:
        about.append(phrases["times"].format(count=item.times))
    about.append(" ".join(filter(None, (item.name, item.why if _CAUSE(item.why) else ""))))
    yield f"  {' · '.join(about)}"
    if item.ended_ms is None:
        yield f"  {phrases['do'].format(step=step)}"
