"""Reasons this codec gives a send whose answer has no words of its own, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.values import SendOutcome

THROTTLED: Final = "throttled"
NO_MESSAGE_ID: Final = "answer without messageId"
CODE: Final = "code_{}"

SENDS: Final[Mapping[str, tuple[SendOutcome, ...]]] = {
    THROTTLED: (SendOutcome.REFUSED,),
    CODE: (SendOutcome.REFUSED, SendOutcome.UNKNOWN),
    NO_MESSAGE_ID: (SendOutcome.UNKNOWN,),
}
"""The reasons, and the outcomes they stand beside."""


def of_code(code: int) -> str:
    """Return the reason of an answer that gives none but its code."""
    return CODE.format(code)
