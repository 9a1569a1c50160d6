"""Sentences of commands in another language, found by their English templates. Pure.

What a command says is made in English, in many places, and is translated where it is printed: a
sentence that an entry of the catalogue matches is said in the words of that entry, with the same
values. Nothing is an error: what no entry matches stays English.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Final

_PIECES: Final = re.compile(r"(; |(?<=[a-z)`'\"])\. (?=[A-Z]))")
"""Ends of a clause; what stands behind may have an entry of its own."""

_MOST_PIECES: Final = 12
_DEEPEST: Final = 4
_LONGEST: Final = 4000
_INDEXED: Final = 3
"""First letters by which entries are found."""
_PLACE: Final = re.compile(r"\{(\d?)(!?)\}")
_KEY: Final = re.compile(r"[\w\[\]]+[.\[][\w.\[\]-]+").fullmatch
_JOINTS: Final = {"; ": "；", ". ": "。"}


class Entry:
    """A template and its translation.

    Args:
        english: With ``{}`` for each value.
        other: The same, its values perhaps numbered and marked.

    Attributes:
        weight: Letters of the template; the more, the more it says.
        begin: Its first letters; none: it begins with a value, which may have taken in what
            stands before the sentence.
    """

    __slots__ = ("_core", "_literals", "_other", "begin", "weight")

    def __init__(self, english: str, other: str) -> None:
        self._literals = english.split("{}")
        self._other = other
        self._core = max(self._literals, key=len)
        self.weight = sum(map(len, self._literals))
        self.begin = self._literals[0][:_INDEXED]

    def values(self, text: str) -> list[str] | None:
        """Return what stands in the places, if the text is of this template; None: it is not."""
        first, last = self._literals[0], self._literals[-1]
        if len(self._literals) == 1:
            return [] if text == first else None
        if self._core not in text or not (text.startswith(first) and text.endswith(last)):
            return None
        at, end, found = len(first), len(text) - len(last), []
        for literal in self._literals[1:-1]:
            to = text.find(literal, at, end)
            if to < 0:
                return None
            found.append(text[at:to])
            at = to + len(literal)
        if at > end:
            return None
        found.append(text[at:end])
        return found

    def filled(self, values: list[str], marked: list[str]) -> str:
        """Return the translation with values in it.

        Args:
            values: For its plain places.
            marked: For its marked ones.
        """
        numbers = iter(range(len(values)))

        def value_of(place: re.Match[str]) -> str:
            number = int(place[1]) if place[1] else next(numbers)
            if not place[2]:
                return values[number]
            told, before = marked[number], self._other[: place.start()][-1:]
            return f" {told}" if told[:1].isascii() and not before.isascii() else told

        return _PLACE.sub(value_of, self._other)


class Catalogue:
    """Translates sentences.

    Args:
        entries: Translations by English templates.
        words: Translations of single words, for marked places.
    """

    def __init__(self, entries: Mapping[str, str], words: Mapping[str, str]) -> None:
        made = [Entry(english, other) for english, other in entries.items()]
        made.sort(key=lambda each: -each.weight)
        self._plain: dict[str, list[Entry]] = {}
        for each in made:
            self._plain.setdefault(each.begin, []).append(each)
        self._open = self._plain.pop("", [])
        self._words = words
        self._clause = functools.lru_cache(maxsize=4096)(self._clause_anew)

    def text(self, english: str) -> str:
        """Return a text of any number of lines, as far as there are entries for it."""
        return "\n".join(map(self._line, english.split("\n")))

    def _line(self, line: str) -> str:
        if not line or len(line) > _LONGEST:
            return line
        return self._sentences(line, 0)

    def _sentences(self, text: str, depth: int) -> str:
        """Translate clauses: as many as there are entries for, each as short as it can be."""
        parts = _PIECES.split(text)
        clauses, joints = parts[::2], parts[1::2]
        if depth > _DEEPEST or len(clauses) > _MOST_PIECES:
            return text
        # The best way to say what begins at a clause: how many stay English, how many there are
        # (less is more), the words, and whether they begin with a translation.
        best: list[tuple[int, int, str, bool]] = [(0, 0, "", False)] * (len(clauses) + 1)
        for at in reversed(range(len(clauses))):
            ways = []
            for to in range(at + 1, len(clauses) + 1):
                whole = clauses[at] + "".join(
                    joint + clause
                    for joint, clause in zip(joints[at:], clauses[at + 1 : to], strict=False)
                )
                told = self._clause(whole, depth)
                if told is None and to > at + 1:
                    continue
                rest = best[to]
                joint = joints[to - 1] if to < len(clauses) else ""
                if joint and told is not None and rest[3]:
                    joint = _JOINTS[joint]
                english, words = rest[0] + (told is None), f"{told or whole}{joint}{rest[2]}"
                ways.append((english, rest[1] - 1, words, told is not None))
            best[at] = min(ways, key=lambda way: way[:2])
        english, _, words, _ = best[0]
        return text if english == len(clauses) else words

    def _clause_anew(self, text: str, depth: int) -> str | None:
        """Return a clause translated, with what stands before and behind it; None: no entry."""
        if text.endswith(".") and not text.endswith("..."):
            told = self._clause(text[:-1], depth)
            if told is not None:
                return f"{told}。"
        bare = text.lstrip(" →")
        if bare != text:
            told = self._clause(bare, depth)
            return None if told is None else text[: len(text) - len(bare)] + told
        return self._placed(text, depth) or self._aside(text, depth)

    def _placed(self, text: str, depth: int) -> str | None:
        """Translate a sentence behind a place such as ``file:3: accounts[0].url: ``."""
        at = 0
        while at >= 0:
            told = self._begun(text[at:], depth)
            if told is not None:
                return self._before(text[:at], depth) + told
            word, _, rest = text[at:].partition(" ")
            if rest and (at or _KEY(word)):  # a note has no colon behind its key
                told = self._begun(rest, depth)
                if told is not None:
                    return f"{self._before(text[:at], depth)}{word} {told}"
            found = text.find(": ", at)
            at = found + 2 if found >= 0 else -1
        return self._matched(self._open, text, depth)

    def _before(self, place: str, depth: int) -> str:
        """Translate what stands before a sentence, each place by itself."""
        if not place:
            return ""
        parts = place.removesuffix(": ").split(": ")
        return "".join(f"{self._alone(part, depth) or part}: " for part in parts)

    def _alone(self, text: str, depth: int) -> str | None:
        told = self._begun(text, depth)
        return self._matched(self._open, text, depth) if told is None else told

    def _aside(self, text: str, depth: int) -> str | None:
        """Translate a sentence with something in brackets behind it."""
        before, bracket, behind = text.rpartition(" (")
        if not bracket or not behind.endswith(")"):
            return None
        told = self._placed(before, depth)
        if told is None:
            return None
        inside = self._words.get(behind[:-1]) or self._sentences(behind[:-1], depth + 1)
        return f"{told}（{inside}）"

    def _begun(self, text: str, depth: int) -> str | None:
        return self._matched(self._plain.get(text[:_INDEXED], ()), text, depth)

    def _kinds(self, text: str, depth: int) -> str:
        """Translate the kinds of values in a marked place: ``text``, ``text or a list``."""
        parts = [self._words.get(part, part) for part in text.split(" or ")]
        whole = self._sentences(text, depth)
        if whole != text or parts == [text]:
            return whole
        told = [self._sentences(part, depth) for part in parts]
        return "或".join(told) if all(map(str.__ne__, told, text.split(" or "))) else text

    def _matched(self, entries: Sequence[Entry], text: str, depth: int) -> str | None:
        for entry in entries:
            values = entry.values(text)
            if values is None:
                continue
            place = ""
            if not entry.begin and ": " in values[0]:
                place, _, values[0] = values[0].rpartition(": ")
                place = self._before(f"{place}: ", depth)
            told = [self._sentences(each, depth + 1) for each in values]
            marked = [self._kinds(each, depth + 1) for each in values]
            return place + entry.filled(told, marked)
        return None
