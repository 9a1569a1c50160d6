"""Control over HTTP: a JSON API for a gateway and its pages, on ``http.listen``.

A :class:`gateway.Gateway` never listens by itself: embedding is polite. The launcher
(``xianyu-gateway run``) calls :func:`serving`; a program of yours may do the same. Needs the
extra ``[http]``. Names are loaded on first use: parts of this package are pure, and cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.web.service import ExtraMissingError, Serving, serve, serving

__all__ = ["ExtraMissingError", "Serving", "serve", "serving"]


def __getattr__(name: str) -> Any:
    """Load a public name, once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gateway.web import service  # noqa: PLC0415  # that is the point

    value = getattr(service, name)
    globals()[name] = value
    return value
