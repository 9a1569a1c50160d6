"""``${NAME}`` in settings: takes values from outside. Pure; what is outside is given.

``${NAME}`` is an environment variable, ``${NAME:-text}`` has a fallback for a missing or empty one,
``${file:PATH}`` is the content of a file without the end of its last line, ``$${`` is a plain
``${``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Self

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_FILE = "file:"
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class FromEnvironment(str):
    """A text with values of the environment in it; errors show ``written`` instead.

    Attributes:
        written: What stands in the file.
    """

    __slots__ = ("written",)

    def __new__(cls, value: str, written: str) -> Self:
        """Make one."""
        self = super().__new__(cls, value)
        self.written = written
        return self

    written: str


def is_text(value: str) -> bool:
    """Return whether a text has a form in UTF-8: bytes the system could not read have none."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def no_files(path: str) -> str:
    """Refuse ``${file:…}`` where whoever wrote it may not read this machine.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"${{file:{path[:80]}}} is allowed in a configuration file only")


def substitute(
    written: str, environment: Mapping[str, str], read: Callable[[str], str] = no_files
) -> str:
    """Replace the references in a text.

    Args:
        written: What stands in the file.
        environment: Variables by name.
        read: Returns the content of a file by its path; raises ValueError with the fix.

    Returns:
        The text itself if it has no reference.

    Raises:
        ValueError: A variable is not set or no text, a file cannot be read, or a reference is
            malformed; says which and how to fix it.
    """

    def value_of(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        inside = match.group(1) or ""
        if inside.startswith(_FILE):
            return read(_path(inside.removeprefix(_FILE)))
        reference = _NAME.fullmatch(inside)
        if reference is None:
            raise ValueError(
                f"{match.group()[:40]!r} names no environment variable; "
                "write ${NAME}, ${NAME:-fallback}, ${file:PATH}, or $${ for a plain ${"
            )
        name, fallback = reference.groups()
        told = name[:80]
        value = environment.get(name) or fallback
        if value is None and name not in environment:
            raise ValueError(
                f"environment variable {told} is not set; "
                f"set it, or write ${{{told}:-}} if it may be empty"
            )
        if value is not None and not is_text(value):
            raise ValueError(
                f"environment variable {told} holds bytes that are not UTF-8; "
                "set it anew from a text that is"
            )
        return value or ""

    if "${" not in written:
        return written
    return FromEnvironment(_REFERENCE.sub(value_of, written), written)


def _path(path: str) -> str:
    """Return the path of a reference.

    Raises:
        ValueError: There is none, or another reference in it.
    """
    if not path.strip():
        raise ValueError("${file:} names no file; write ${file:PATH}")
    if "${" in path:
        told = "holds a reference in a reference; write the path itself, ~/ is the home directory"
        raise ValueError(f"${{file:{path[:80]}}} {told}")
    return path
