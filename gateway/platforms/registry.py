"""Platforms by name. One line here, one folder of recorded frames, and it is known."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from actors.ports import Platform
from gateway.errors import did_you_mean

_BUILT_IN = {
    "goofish": ("gateway.platforms.goofish", "Goofish"),
    "plain": ("gateway.platforms.plain", "Plain"),
}
_LONGEST_SHOWN = 60
_factories: dict[str, Callable[[], Platform]] = {}


def names() -> tuple[str, ...]:
    """Give the known names in order."""
    return tuple(sorted({*_BUILT_IN, *_factories}))


def register(name: str, factory: Callable[[], Platform]) -> None:
    """Add a platform of your own; a known name is replaced.

    Args:
        name: What ``platform:`` says in the configuration.
        factory: Called by each :func:`get`.
    """
    _factories[name] = factory


def get(name: str) -> Platform:
    """Give a platform; its module is imported now, not before.

    Raises:
        ValueError: Nobody knows the name; says which are known and the nearest.
    """
    factory = _factories.get(name)
    if factory is not None:
        return factory()
    if name not in _BUILT_IN:
        shown = name[:_LONGEST_SHOWN]
        raise ValueError(
            f"no platform {shown!r}{did_you_mean(shown, names())} (known: {', '.join(names())})"
        )
    module, attribute = _BUILT_IN[name]
    platform: Platform = getattr(importlib.import_module(module), attribute)()
    return platform
