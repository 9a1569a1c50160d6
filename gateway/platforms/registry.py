"""Platforms by name: one line here, or an entry point ``xianyu_gateway.platforms``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

from actors.ports import Platform
from gateway.alike import did_you_mean
from gateway.errors import ConfigError
from gateway.plugins import Plugins

GROUP: Final = "xianyu_gateway.platforms"
"""Entry points of other packages: the name in the configuration → the platform's factory."""

_BUILT_IN = {
    "goofish": ("gateway.platforms.goofish", "Goofish"),
    "plain": ("gateway.platforms.plain", "Plain"),
}
_LONGEST_SHOWN = 60
_MUST_HAVE = ("name", "addressed", "session", "reader", "decode", "uuid")
_factories: dict[str, Callable[[], Platform]] = {}
_plugins = Plugins(GROUP, "platform", _BUILT_IN)


def names() -> tuple[str, ...]:
    """Return the known names in order, those of other packages included."""
    return tuple(sorted({*_BUILT_IN, *_factories, *_plugins.names()}))


def register(name: str, factory: Callable[[], Platform]) -> None:
    """Add a platform of your own; a known name is replaced.

    Args:
        name: What ``platform:`` says in the configuration.
        factory: Called by each :func:`get`.
    """
    _factories[name] = factory


def get(name: str) -> Platform:
    """Return a platform; its module is imported now, not before.

    Raises:
        ValueError: The name is unknown; says which are known and the nearest.
        ConfigError: Another package brings it and it cannot be used; says why and what to do.
            A ``ValueError``, too.
    """
    factory = _factories.get(name)
    if factory is not None:
        return factory()
    plugin = _plugins.load(name)
    if plugin is not None:
        return _made(name, plugin)
    if name not in _BUILT_IN:
        shown = name[:_LONGEST_SHOWN]
        raise ValueError(
            f"no platform {shown!r}{did_you_mean(shown, names())} (known: {', '.join(names())})"
        )
    module, attribute = _BUILT_IN[name]
    platform: Platform = getattr(importlib.import_module(module), attribute)()
    return platform


def _made(name: str, plugin: Callable[[], Any]) -> Platform:
    """Return the platform that another package makes."""
    try:
        made = plugin()
    except Exception as error:
        told = f"platform {name!r} cannot be made ({type(error).__name__}: {error})"
        raise ConfigError((f"{told}; tell its author",)) from error
    lacking = [each for each in _MUST_HAVE if not hasattr(made, each)]
    if lacking:
        told = f"platform {name!r} is none: it lacks {', '.join(lacking)}"
        raise ConfigError((f"{told}; derive it from gateway.platforms.base.BasePlatform",))
    platform: Platform = made
    return platform
