"""``${NAME}`` in settings: takes values from the environment. Pure; the environment is given.

``${NAME}`` is the variable, ``${NAME:-text}`` has a fallback for a missing or empty one,
``$${`` is a plain ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
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


def substitute(written: str, environment: Mapping[str, str]) -> str:
    """Replace the references in a text.

    Args:
        written: What stands in the file.
        environment: Variables by name.

    Returns:
        The text itself if it has no reference.

    Raises:
        ValueError: A variable is not set or no text, or a reference is malformed; says which
            and how to fix it.
    """

    def value_of(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        reference = _NAME.fullmatch(match.group(1) or "")
        if reference is None:
            raise ValueError(
                f"{match.group()[:40]!r} names no environment variable; "
                "write ${NAME}, ${NAME:-fallback}, or $${ for a plain ${"
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
