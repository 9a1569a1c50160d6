"""Secrets that are not here: left out for those who look at a gateway and start none. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Final

from gateway.config.document import key_path

_OF_ACCOUNT: Final = r"(accounts\[\d+\]|defaults)\.(credentials\.|headers\.|proxy$|url$)"
_MAY_BE_LEFT_OUT: Final = re.compile(
    rf"http\.(metrics_)?token$|{_OF_ACCOUNT}|(sinks\[\d+\]|notify)(?=\.|$)"
)
_SECTION: Final = re.compile(
    r"(http(?=\.(metrics_)?token$)|sinks\[\d+\]|notify|(accounts\[\d+\]|defaults)\.credentials)(?=\.|$)"
)
"""What is judged as a whole: without one of its keys another may look wrong."""


def may_be_left_out(path: str) -> bool:
    """Return whether a key may hold a secret that only a start needs."""
    return _MAY_BE_LEFT_OUT.match(path) is not None


def left_out(values: Any, paths: Collection[str], path: str = "") -> Any:
    """Return values without what is not here; a sink that lacks something goes as a whole.

    Args:
        values: Of a configuration.
        paths: Keys that are not here.
        path: Of the values.
    """
    match values:
        case dict():
            inner = {name: key_path(path, str(name)) for name in values}
            return {
                name: left_out(value, paths, inner[name])
                for name, value in values.items()
                if inner[name] not in paths
            }
        case list() if path == "sinks":
            lacking = {section[0] for each in paths if (section := _SECTION.match(each))}
            return [each for at, each in enumerate(values) if key_path(path, at) not in lacking]
        case list():
            return [left_out(each, paths, key_path(path, at)) for at, each in enumerate(values)]
        case _:
            return values


def around(paths: Collection[str]) -> Callable[[str], bool]:
    """Return what says of a key whether it is one of these, or of a section that lacks one."""
    sections = {section[0] for each in paths if (section := _SECTION.match(each))}

    def is_around(path: str) -> bool:
        section = _SECTION.match(path)
        return path in paths or (section is not None and section[0] in sections)

    return is_around
