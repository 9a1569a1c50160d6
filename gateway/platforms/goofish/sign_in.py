"""A sign-in by a code that a phone scans: where it stands, and how it begins and ends. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.endpoints import PASSPORT
from gateway.platforms.goofish.passport_answers import Code

POLL_S = 2.0
"""Seconds between two looks at a code, and before another try."""

CODE_LIFE_MS = 300_000
"""A code that the platform has not called expired is given up then."""

CHECK_LIFE_MS = 300_000
"""How long the end of an identity check is waited for."""

MOST_CODES = 3
"""Codes in a row."""

MOST_ERRORS = 5
"""Answers in a row that say nothing."""


class Phase(enum.Enum):
    """What a person is shown."""

    STARTING = "starting"
    WAITING = "waiting"
    """There is a code to scan."""

    SCANNED = "scanned"
    """It is to be confirmed on the phone."""

    VERIFYING = "verifying"
    """The platform wants to know who it is; ``link`` leads there."""

    DONE = "done"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """``reason`` says why."""


ENDS: Final = frozenset({Phase.DONE, Phase.EXPIRED, Phase.CANCELLED, Phase.FAILED})


class Step(enum.Enum):
    """What is asked next."""

    VISIT = "visit"
    PAGE = "page"
    CODE = "code"
    POLL = "poll"
    CLAIM = "claim"
    SETTINGS = "settings"


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in. ``repr`` shows phase, step and reason: code, link and form are secrets.

    Attributes:
        phase: What a person is shown.
        step: What is asked next.
        after_s: Seconds to wait before it is asked.
        jar: Cookies so far; empty after any end but DONE.
        user_id: Who it has to be; None: anybody.
        draw: A random number from 0 to 1.
        form: Fields of the sign-in page.
        code: To be shown.
        claim: Token that a confirmed code brought.
        is_claimed: It was used.
        link: Of the identity check, on the platform.
        until_ms: Unix time at which the code, or the check, is given up.
        visits: First calls made.
        codes: Codes generated.
        errors: Answers in a row that say nothing.
        reason: With FAILED: ``wrong_account``, ``verification_asked``, ``page_unreadable``,
            ``answers_unusable``, ``platform_error``, ``check_not_finished`` or ``login_lost``.
    """

    phase: Phase = Phase.STARTING
    step: Step = Step.VISIT
    after_s: float = 0.0
    jar: Jar = Jar()
    user_id: str | None = None
    draw: float = 0.0
    form: Mapping[str, str] = msgspec.field(default_factory=dict)
    code: Code | None = None
    claim: str = ""
    is_claimed: bool = False
    link: str | None = None
    until_ms: int = 0
    visits: int = 0
    codes: int = 0
    errors: int = 0
    reason: str | None = None

    @property
    def shows(self) -> str | None:
        """The address to draw as a code; None: there is none to scan now."""
        return self.code.content if self.code and self.phase is Phase.WAITING else None

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"SignIn({self.phase.value}, {self.step.value}, {self.reason})"

    __str__ = __repr__


def begin(now_ms: int, draw: float, *, user_id: str | None = None, cna: str = "") -> SignIn:
    """Return a sign-in that has not asked anything yet; it knows no cookie of an earlier login.

    Args:
        now_ms: Unix time.
        draw: A random number from 0 to 1.
        user_id: Who it has to be; None: anybody.
        cna: The browser's own id from before, if there is one; it belongs to no login.
    """
    lines = [f"cna={cna}; Domain=.goofish.com; Path=/"] if cna else []
    return SignIn(jar=Jar().apply(lines, PASSPORT, now_ms), user_id=user_id, draw=draw)


def end(state: SignIn, phase: Phase, reason: str | None = None) -> SignIn:
    """End; nothing is left that another could use."""
    jar = state.jar if phase is Phase.DONE else Jar()
    return SignIn(
        phase=phase,
        step=state.step,
        jar=jar,
        user_id=state.user_id,
        visits=state.visits,
        codes=state.codes,
        errors=state.errors,
        reason=reason,
    )
