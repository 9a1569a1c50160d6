"""Collects the problems of a configuration, each in one line with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.config.environment import FromEnvironment
from gateway.redaction import mask_url

_LONGEST_SHOWN = 60
_LONGEST_PATH = 160
_KINDS = {str: "text", int: "a number", float: "a number"}


class Problems:
    """The problems found so far.

    Args:
        source: The file, or what else the values came from.
        lines: Line of a key by its path; see :class:`gateway.config.document.Document`.
    """

    def __init__(self, source: str, lines: Mapping[str, int] | None = None) -> None:
        self.source = source
        self.found: list[tuple[str, str]] = []
        self.literal_secrets = False
        self._lines = lines or {}
        self._named: set[str] = set()

    def add(self, path: str, text: str, *, about: str | None = None) -> None:
        """Note a problem at a key; ``about`` is the key it was meant to be."""
        self.found.append((path, text))
        self._named.update((path, about or path))

    def add_new(self, path: str, text: str) -> None:
        """Note one unless something is wrong there, or below, already."""
        below = (f"{path}.", f"{path}[")
        if not any(named == path or named.startswith(below) for named in self._named):
            self.add(path, text)

    def forgive(self, is_forgiven: Callable[[str], bool]) -> dict[str, str]:
        """Take back what is wrong at some keys, and return it; nothing more is noted there.

        Args:
            is_forgiven: Of the path of a key.
        """
        forgiven = {path: text for path, text in self.found if is_forgiven(path)}
        self.found = [each for each in self.found if each[0] not in forgiven]
        return forgiven

    def is_wrong(self, path: str) -> bool:
        """Return whether something is wrong at a key itself, or at one that was meant to be it."""
        return path in self._named

    def line_of(self, path: str) -> int | None:
        """Return the line of a key, or of the nearest thing it stands in."""
        while path and path not in self._lines:
            path = path[: max(0, path.rfind("."), path.rfind("["))]
        return self._lines.get(path)

    def texts(self) -> list[str]:
        """Return each as ``source:line: key: what is wrong``, in the order of the file."""
        placed = [(self.line_of(path) or 0, path, text) for path, text in self.found]
        placed.sort(key=lambda each: each[0])
        return [
            f"{self.source}{f':{line}' if line else ''}: {_named(path) or 'the file'}: {text}"
            for line, path, text in placed
        ]


def _named(path: str) -> str:
    """Return a key for a line of text: a name in it may be anything, of any length."""
    cut = path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}…"
    return cut if cut.isprintable() else repr(cut)[1:-1]


def shown(value: Any, *, secret: bool = False) -> str:
    """Return a wrong value as a person may see it: no secret, no variable's content."""
    match value:
        case FromEnvironment():
            told = value.written
        case None | Mapping() | list() | tuple():
            told = {type(None): "nothing", list: "a list", tuple: "a list"}.get(
                type(value), "a mapping"
            )
        case bool():
            told = str(value).lower()
        case _ if secret:
            told = _KINDS.get(type(value), type(value).__name__)
        case str():
            told = repr(mask_url(value)[:_LONGEST_SHOWN])
        case int() if value.bit_length() > _LONGEST_SHOWN * 3:  # the interpreter may refuse to
            told = "a number of more than 50 digits"
        case _:
            told = mask_url(str(value))
    return told[: _LONGEST_SHOWN + 2]
