"""Draws a text as a QR code, on segno (extra ``[http]``): as SVG, or as dark and light squares."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

QUIET: Final = 4
"""Light squares around a code, as its standard wants them."""


def svg(text: str) -> str | None:
    """Return a code as SVG, whole and without a script; None: segno is not installed."""
    code = _made(text)
    if code is None:
        return None
    drawn = io.BytesIO()
    code.save(
        drawn,
        kind="svg",
        border=QUIET,
        dark="#000",
        light="#fff",
        xmldecl=False,
        nl=False,
        omitsize=True,
        svgclass=None,
        lineclass=None,
    )
    return drawn.getvalue().decode()


def squares(text: str, *, border: int) -> Sequence[Sequence[bool]] | None:
    """Return the rows of a code, True for dark; None: segno is not installed."""
    code = _made(text)
    if code is None:
        return None
    return [[bool(square) for square in row] for row in code.matrix_iter(border=border)]


def _made(text: str) -> Any:
    try:
        import segno  # noqa: PLC0415  # the extra may be missing
    except ImportError:
        return None
    # The lowest correction: a screen has no stains, and the code fits into a terminal.
    return segno.make(text, error="l", micro=False, boost_error=False)
