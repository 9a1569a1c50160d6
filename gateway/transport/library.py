"""Whether ``import websocket`` gives websocket-client, or another package of that name.

A ``websocket.py`` beside a script is found first, and so is the other package called
``websocket``. Neither is run here: a script of that name would run a second time.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Final

from gateway.commands import install

_USED: Final = ("WebSocket", "WebSocketException", "WebSocketTimeoutException")
_OWN_FILE: Final = "_handshake.py"
"""A file that only websocket-client has."""


@functools.cache
def problem() -> str | None:
    """Return what is wrong with the library, and what to do; None: nothing. Looks once."""
    loaded = sys.modules.get("websocket")
    try:
        spec = None if loaded is not None else importlib.util.find_spec("websocket")
    except (ImportError, ValueError) as error:
        return _said(f"cannot be looked for ({error})", "install websocket-client anew")
    if loaded is None and spec is None:
        return _said("is not installed", install("websocket-client"))
    found = getattr(loaded, "__file__", None) if spec is None else spec.origin
    where = found or "a folder without code"
    if not _is_frozen() and not (found and (Path(found).parent / _OWN_FILE).exists()):
        return _strange(where)
    try:
        library = importlib.import_module("websocket")
    except Exception as error:  # noqa: BLE001  # whatever lies there runs
        told = f"cannot be imported ({type(error).__name__}, from {where})"
        return _said(told, install("--force-reinstall", "websocket-client"))
    if not all(isinstance(getattr(library, name, None), type) for name in _USED):
        return _strange(where)
    return None


def _strange(where: str) -> str:
    return _said(
        f"is {where}, which is another module of that name",
        "rename that file if it is yours, or uninstall the package websocket, then: "
        + install("--force-reinstall", "websocket-client"),
    )


def _said(what: str, next_step: str) -> str:
    return f"the package websocket-client (module websocket) {what}; {next_step}"


def _is_frozen() -> bool:
    """Return whether modules are in no files (PyInstaller and its like)."""
    return bool(getattr(sys, "frozen", False))
