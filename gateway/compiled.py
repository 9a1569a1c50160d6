"""Chooses between compiled and plain code: the compiled one, where it was built (ADR 11)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

T = TypeVar("T")


def compiled(module: str, plain: T) -> T:
    """Return what a compiled module has under the name of ``plain``, or that itself."""
    name = cast("Any", plain).__name__
    return getattr(import_module(module), name) if find_spec(module) else plain
