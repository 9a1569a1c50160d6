"""``language:`` of a configuration, even of one that is wrong: it says how to tell what is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.config.document import MAX_BYTES
from gateway.config.environment import substitute
from gateway.words import LANGUAGES, Language

_KEY = "language"


def language_in(path: str | Path, environment: Mapping[str, str]) -> Language | None:
    """Return the language that a file sets; None: it sets none, or cannot be read so far."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES)
    except (OSError, ValueError):
        return None
    # Most files do not set it: they need not be parsed for that.
    found = _at_the_top(data.decode("utf-8-sig", "replace")) if _KEY.encode() in data else None
    with contextlib.suppress(ValueError):
        found = None if found is None else str(substitute(found, environment))
    return next((each for each in LANGUAGES if each == found), None)


def _at_the_top(text: str) -> str | None:
    import yaml  # noqa: PLC0415  # as in document

    with contextlib.suppress(yaml.YAMLError, RecursionError):
        return next((value for key, value in _pairs(text) if key == _KEY), None)
    return None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the keys at the top of a YAML text that have a plain value, as far as it is one."""
    import yaml  # noqa: PLC0415  # as in document

    depth, key = 0, None
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            continue
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth != 1:
            continue
        value = getattr(event, "value", "")  # a list or an alias has none
        if key is None:
            key = value
        else:
            yield key, value
            key = None
