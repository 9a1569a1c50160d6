"""Reasons that people and programs see of sends and of dead letters, as data.

``scripts/draw_events.py`` makes ``docs/events.md`` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.values import SendState

# --- of sends -------------------------------------------------------------------------

UNWRITTEN: Final = "unwritten"
"""Not a byte of the attempt left."""

ABSENT: Final = "absent"
"""The platform's history has proven that the attempt did not arrive."""

NO_ANSWER: Final = "no_answer"
"""The platform did not answer in time."""

LINK_LOST: Final = "link_lost_before_answer"

INTERRUPTED: Final = "interrupted"
"""The gateway stopped while the answer was awaited."""

NEEDS_REVIEW: Final = "needs_review"
"""Reason of an UNKNOWN that only a person can resolve."""

UNCONFIRMED: Final = "platform_does_not_confirm"
"""Reason of UNKNOWN on a platform that answers no sends: nothing will ever be known."""

PENDING: Final = "pending"
"""Whoever waited did not wait long enough; the send goes on."""

HUNG_UP: Final = "link_closed_by_platform"

UNSENDABLE: Final = "unsendable"
"""The codec raised; the type of the exception follows."""

EXPIRED: Final = "expired_before_sending"
EXPIRED_ABSENT: Final = "expired_after_proven_absent"

BY_HAND: Final = "by_hand"
"""A person cancelled or resolved it."""

SENDS: Final[Mapping[str, tuple[SendState, ...]]] = {
    UNWRITTEN: (SendState.QUEUED,),
    ABSENT: (SendState.QUEUED,),
    NO_ANSWER: (SendState.UNKNOWN,),
    LINK_LOST: (SendState.UNKNOWN,),
    INTERRUPTED: (SendState.UNKNOWN,),
    NEEDS_REVIEW: (SendState.UNKNOWN,),
    UNCONFIRMED: (SendState.UNKNOWN,),
    PENDING: (SendState.UNKNOWN,),
    HUNG_UP: (SendState.REFUSED,),
    UNSENDABLE: (SendState.REFUSED,),
    EXPIRED: (SendState.EXPIRED,),
    EXPIRED_ABSENT: (SendState.EXPIRED,),
    BY_HAND: (SendState.ACCEPTED, SendState.REFUSED, SendState.CANCELLED),
}
"""Our reasons of sends, and the states they stand beside."""

# --- of dead letters ------------------------------------------------------------------

CRASH_LOOP: Final = "crash_loop"
TIMED_OUT: Final = "handler_timed_out"
UNDECODABLE: Final = "undecodable"
UNSTORABLE: Final = "unstorable"
"""The journal refuses the outcome alone, too; its words follow."""

STALE: Final = "stale"
UNKNOWN_EFFECT: Final = "unknown_effect"
"""Reason of an event that may have been handled."""

DEAD, PARKED = "dead", "parked"

LETTERS: Final[Mapping[str, tuple[str, ...]]] = {
    CRASH_LOOP: (DEAD,),
    TIMED_OUT: (DEAD, PARKED),
    UNDECODABLE: (DEAD,),
    UNSTORABLE: (DEAD,),
    STALE: (PARKED,),
    UNKNOWN_EFFECT: (PARKED,),
}
"""Our reasons of dead letters, and the ``status`` they stand beside."""
