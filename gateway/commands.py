"""Commands as a person types them, so that advice in messages works where it is read."""

from __future__ import annotations

import os
from typing import Final

SCRIPT: Final = "scripts/run_gateway.py"

_IN_CHECKOUT: Final = os.path.exists(  # noqa: PTH110  # pathlib would cost --help its start
    os.path.join(os.path.dirname(os.path.dirname(__file__)), SCRIPT)  # noqa: PTH118, PTH120
)

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
