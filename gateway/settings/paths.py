"""Paths in settings: resolved once, so that a later ``os.chdir`` moves nothing.

No file is touched here.
"""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath
from typing import TypeVar

T = TypeVar("T")

HOMELESS = "begins with ~ and nobody of that name has a home here; write the path in full, or ./~…"
"""What is said of a path for which :func:`is_homeless` holds."""


def resolved(path: T) -> T:
    """Return a path made absolute, with ``~`` and ``~user`` taken for a home directory.

    It is relative to the working directory of this moment. ``..`` stays, for a link may stand
    before it. What cannot be resolved is returned as it is: no text, an empty one, a ``~`` of
    somebody unknown (:func:`is_homeless`), an absolute path of Windows, a directory that is gone.
    """
    if not isinstance(path, str) or not path:
        return path
    expanded = os.path.expanduser(path)  # noqa: PTH111  # Path raises, and drops a final "/"
    if is_homeless(expanded) or Path(expanded).is_absolute():
        return expanded  # type: ignore[return-value]  # T is str
    if PureWindowsPath(expanded).is_absolute():
        return expanded  # type: ignore[return-value]  # T is str
    try:
        return os.path.join(os.getcwd(), expanded)  # type: ignore[return-value]  # noqa: PTH109, PTH118
    except OSError:
        return expanded  # type: ignore[return-value]  # T is str


def is_homeless(path: object) -> bool:
    """Return whether a path still begins with the home directory of an unknown user."""
    return isinstance(path, str) and path.startswith("~")
