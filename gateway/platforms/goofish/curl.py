"""The words of a curl command as browsers copy it, for bash and for cmd. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(
    r"""(?P<blank>\s+)
    |(?P<joint>\\\r?\n)
    |'(?P<plain>[^']*)'
    |\$'(?P<ansi>(?:[^'\\]|\\.)*)'
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |\\(?P<one>.)
    |(?P<run>[^\s'"\\$]+|\$)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))",
    re.DOTALL,
)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_IN_DOUBLE = re.compile(r'\\(?:\r?\n|(["\\$`]))')
_CARET = re.compile(r"\^(?:\r?\n|(.))", re.DOTALL)
_CARET_AT_END = re.compile(r"\^\r?\n")
_IS_QUOTED_BY_CARET = re.compile(r"""[^"']*\^\"""").match
_HIGHEST = 0x10FFFF


def words(command: str) -> list[str]:
    """Return the words of a command; carets tell one for cmd from one for bash.

    Raises:
        ValueError: A quote is not closed.
    """
    if _IS_QUOTED_BY_CARET(command):
        command = _CARET.sub(lambda found: found[1] or " ", command)
    else:
        command = _CARET_AT_END.sub(" ", command)
    return list(_split(command))


def options(given: list[str], short: str, long: str) -> Iterator[str]:
    """Yield the values of an option: ``-b v``, ``-bv``, ``--cookie v``, ``--cookie=v``."""
    for word, following in zip(given, [*given[1:], ""], strict=True):
        if word in (short, long):
            yield following
        elif word.startswith(f"{long}="):
            yield word.removeprefix(f"{long}=")
        elif word.startswith(short):
            yield word.removeprefix(short)


def _split(command: str) -> Iterator[str]:
    word: str | None = None
    at = 0
    while at < len(command):
        found = _WORD.match(command, at)
        if found is None:
            raise ValueError("a quote is not closed")
        at = found.end()
        if found["joint"] is not None:
            continue
        if found["blank"] is None:
            word = (word or "") + _meant(found)
        elif word is not None:
            yield word
            word = None
    if word is not None:
        yield word


def _meant(found: re.Match[str]) -> str:
    """Return what a piece of a word stands for."""
    if found["ansi"] is not None:
        return _ESCAPE.sub(_unescaped, found["ansi"])
    if found["double"] is not None:
        return _IN_DOUBLE.sub(lambda escape: escape[1] or "", found["double"])
    return found["plain"] or found["one"] or found["run"] or ""


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        return chr(min(int(code, 16), _HIGHEST))
    if found[4]:
        return chr(int(found[4], 8))
    return _CONTROLS.get(found[5], found[5])
