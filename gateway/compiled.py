"""Chooses between compiled and plain code: the compiled one, where it was built (ADR 11)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar, cast

FRAMES: Final = "gateway.transport._usual"
PUSHES: Final = "gateway.platforms.goofish._usual"

REMEDY: Final = (
    "it works as well, only slower; for speed install a C compiler (Debian: apt-get install gcc; "
    "macOS: xcode-select --install), then install the gateway again from its source"
)
"""What to do without compiled readers."""

T = TypeVar("T")


def compiled(module: str, plain: T) -> T:
    """Return what a compiled module has under the name of ``plain``, or that itself."""
    name = cast("Any", plain).__name__
    return getattr(import_module(module), name) if find_spec(module) else plain


def not_compiled() -> list[str]:
    """Return the compiled modules that were not built here."""
    return [module for module in (FRAMES, PUSHES) if find_spec(module) is None]
