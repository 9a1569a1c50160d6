"""Sinks by their name: a line here, or an entry point ``xianyu_gateway.sinks``."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.alike import did_you_mean
from gateway.config.document import key_path
from gateway.config.problems import Problems, shown
from gateway.config.tree import Partial, Reader
from gateway.errors import ConfigError, SinkError
from gateway.plugins import Plugins
from gateway.settings import SinkSettings
from gateway.sinks.base import Sink
from gateway.sinks.callable import CallableSink
from gateway.sinks.jsonl import JsonlSink

SINKS: Mapping[str, Callable[..., Sink]] = {
    "jsonl": JsonlSink,
    "python": CallableSink,
}
"""Name in the configuration → class of the built-in ones. Its keyword arguments are its keys."""

GROUP: Final = "xianyu_gateway.sinks"
"""Entry points of other packages: a name in the configuration → class."""

_LONGEST_KIND = 60
_plugins = Plugins(GROUP, "sink", SINKS)


def kinds() -> tuple[str, ...]:
    """Return the known names in order, those of other packages included."""
    return tuple(sorted({*SINKS, *_plugins.names()}))


def factory_of(kind: str) -> Callable[..., Sink] | None:
    """Return the factory of sinks of that kind; None: there is none.

    Raises:
        ConfigError: Another package brings it and it cannot be used; says why and what to do.
    """
    plugin: Callable[..., Sink] | None = _plugins.load(kind)
    return SINKS.get(kind) if plugin is None else plugin


def make(settings: SinkSettings) -> Sink:
    """Make a sink; it may open what it needs.

    Raises:
        ConfigError: No such sink, or options it does not take; names the nearest right one.
        SinkError: What it needs cannot be opened.
    """
    problems = Problems("settings")
    options = _options(settings, f"sink {settings.kind}", problems)
    if problems.found:
        raise ConfigError(problems.texts())
    factory = factory_of(settings.kind)
    assert factory is not None, "its options were found"
    return factory(**options)


def check(sinks: Iterable[SinkSettings], *, source: str = "settings") -> tuple[str, ...]:
    """Return what is wrong with the sinks of a configuration, opening none of them.

    What a sink calls is imported: nothing else tells whether it is there.
    """
    problems = Problems(source)
    for index, each in enumerate(sinks):
        path = key_path("sinks", index)
        options = _options(each, path, problems)
        if SINKS.get(each.kind) is CallableSink and "call" in options:
            try:
                CallableSink(**options)
            except SinkError as error:
                problems.add(path, str(error))
    return tuple(problems.texts())


def _options(settings: SinkSettings, path: str, problems: Problems) -> Partial:
    try:
        factory = factory_of(settings.kind)
        hints = {} if factory is None else _hints(factory)
    except ConfigError as error:
        problems.add(f"{path}.kind", str(error))
        return {}
    if factory is None:
        known = kinds()
        near = (
            did_you_mean(settings.kind[:_LONGEST_KIND], known) or f"; known are {', '.join(known)}"
        )
        problems.add(f"{path}.kind", f"there is no sink {shown(settings.kind)}{near}")
        return {}
    functions, written = _apart(hints, settings.options)
    options = Reader(problems).keys(hints, written, path) | functions
    for name, parameter in inspect.signature(factory).parameters.items():
        if parameter.default is parameter.empty and name not in options:
            problems.add_new(key_path(path, name), "is missing; it has no default")
    return options


def _apart(hints: Mapping[str, Any], given: Any) -> tuple[Partial, Any]:
    """Return the functions among options, where one may stand, and what a file could say.

    A file has only names of functions; Python code hands them in.
    """
    if not isinstance(given, Mapping):
        return {}, given
    functions = {
        name: value
        for name, value in given.items()
        if callable(value)
        and any(typing.get_origin(part) is Callable for part in typing.get_args(hints.get(name)))
    }
    return functions, {name: value for name, value in given.items() if name not in functions}


def _hints(factory: Callable[..., Sink]) -> dict[str, Any]:
    """Return the types of a sink's options.

    Raises:
        ConfigError: They cannot be told; says what its author must write.
    """
    init: Any = factory.__init__ if isinstance(factory, type) else factory  # type: ignore[misc]
    try:
        hints = typing.get_type_hints(init, include_extras=True)
        return {name: hints[name] for name in inspect.signature(factory).parameters}
    except Exception as error:
        told = f"the options of {factory!r} cannot be told ({type(error).__name__}: {error})"
        remedy = "its author must annotate every parameter, with names that are imported"
        raise ConfigError((f"{told}; {remedy}",)) from error
