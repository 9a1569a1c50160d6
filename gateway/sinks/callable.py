"""Hands each event to a Python function, given as ``package.module:name``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from actors.values import Event
from gateway import listeners
from gateway.errors import SinkError

_EXAMPLE = "call: mypackage.mymodule:on_event"


class CallableSink:
    """Calls a function with each event.

    What it raises has the event delivered again later; no handler hears of it.

    Args:
        call: ``package.module:name`` of something that takes one event; in Python code
            the function itself, here as in ``SinkSettings(kind="python", options={"call": …})``.
            If it has a method ``close``, that is called at the end.

    Raises:
        SinkError: It cannot be imported or called, or a call would not run it; says what to write.
    """

    def __init__(self, *, call: str | Callable[[Event], object]) -> None:
        found = _found(call) if isinstance(call, str) else call
        try:
            self._call = listeners.listener("call", found, takes=1)
        except TypeError as error:
            raise SinkError("python", f"{error}") from None
        self._closed = False

    def deliver(self, event: Event) -> None:
        """Call it."""
        if self._closed:
            raise SinkError("python", "is closed; the gateway is stopping")
        listeners.ran(self._call, self._call(event))

    def close(self) -> None:
        """Call its ``close`` if it has one."""
        if not self._closed:
            self._closed = True
            close = getattr(self._call, "close", None)
            if callable(close):
                close()


def _found(place: str) -> Callable[[Event], Any]:
    module_name, _, name = place.partition(":")
    if not module_name or not name:
        raise SinkError("python", f"call: {place!r} is no place; write {_EXAMPLE}")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # a stranger's module may raise anything on import
        told = f"call: cannot import {module_name!r} ({type(error).__name__}: {error})"
        raise SinkError("python", f"{told}; is it installed or on PYTHONPATH?") from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise SinkError("python", f"call: {module_name!r} has no function {name!r}")
    return found  # type: ignore[no-any-return]  # what it takes shows when it is called
