"""Commands as a person types them, so that advice in messages works where it is read."""

from __future__ import annotations

import os
import sys
from typing import Final

SCRIPT: Final = "scripts/run_gateway.py"

_HERE: Final = os.path.join(  # noqa: PTH118  # pathlib would cost --help its start
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))),  # noqa: PTH100, PTH120
    SCRIPT,
)
_IN_CHECKOUT: Final = os.path.exists(_HERE)  # noqa: PTH110

START: Final = f"python3 {SCRIPT}" if _IN_CHECKOUT else "xianyu-gateway"
"""A checkout has no command on the path; an installed package has no scripts."""

HTTP_EXTRA: Final = (
    f"start it with {START}, which installs it, or: pip install -e '.[http]'"
    if _IN_CHECKOUT
    else "pip install 'xianyu-gateway[http]'"
)
"""How to install the extra ``[http]``."""

QR_EXTRA: Final = "pip install -e '.[qr]'" if _IN_CHECKOUT else "pip install 'xianyu-gateway[qr]'"
"""How to install the extra ``[qr]``."""

SEALED_EXTRA: Final = (
    "pip install -e '.[sealed]'" if _IN_CHECKOUT else "pip install 'xianyu-gateway[sealed]'"
)
"""How to install the extra ``[sealed]``."""


def command(words: str) -> str:
    """Return a command of the gateway as it is typed, quoted for a sentence.

    Args:
        words: What follows the program's name, e.g. ``check -c FILE``.
    """
    return f"`{START} {words}`"


def runnable(*words: str) -> str:
    """Return a command that can be pasted into a shell of this working directory.

    Args:
        words: What follows the program's name; each is quoted if it has to be.
    """
    import shlex  # noqa: PLC0415  # not for --help
    import subprocess  # noqa: PLC0415  # the same

    quoted = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    if not _IN_CHECKOUT or os.path.exists(SCRIPT):  # noqa: PTH110
        return f"{START} {quoted(words)}"
    return f"python3 {quoted([_HERE, *words])}"


def start(config: str) -> str:
    """Return the command that runs a configuration, as :func:`runnable` does."""
    return runnable(*(() if _IN_CHECKOUT else ("run",)), "-c", config)
