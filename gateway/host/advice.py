"""Why an account stands where it does, and what a person does about it: a table. Pure.

The words are :mod:`gateway.words.advice`; a test asks for every way into every state.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from actors.state import Cause, ConnectionState
from actors.values import ErrorClass
from gateway.words.advice import en


class Action(enum.Enum):
    """The one verb that helps."""

    SIGN_IN = "sign_in"
    RESET = "reset"
    RESUME = "resume"


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is told.

    Attributes:
        key: Of :data:`gateway.words.advice.ADVICE`.
        action: What helps; None: nothing of ours.
    """

    key: str
    action: Action | None = None


SIGN_IN: Final = frozenset({
    "failed.auth", "failed.needs_human", "failed.no_login", "failed.session_removed",
    "reconnecting.needs_human", "reconnecting.no_login",
})  # fmt: skip
"""Where a new login helps."""

_TOLD: Final = frozenset({"no_login"})
"""Reasons of a failure that say more than its class."""


def advise(
    state: ConnectionState,
    *,
    cause: Cause | None = None,
    why: str | None = None,
    error_class: ErrorClass | None = None,
    reason: str | None = None,
    paused: bool = False,
    enabled: bool = True,
) -> Advice:
    """Return what an account's standing means.

    Args:
        state: Where its connection stands.
        cause: By which it came there; None: it never moved.
        why: Why it was given up, as :class:`actors.policy.retries.GiveUp` has it.
        error_class: Of the failure that belongs to it; None: there is none.
        reason: The same.
        paused: A person paused it.
        enabled: It is switched on.
    """
    if state is ConnectionState.DISCONNECTED and not enabled and not paused:
        return Advice(key="disabled", action=Action.RESUME)
    if state is ConnectionState.DISCONNECTED and (paused or cause is Cause.PAUSE):
        return Advice(key="paused", action=Action.RESUME)
    # A kick has its class: one for our own silence is no other login's.
    by = None if cause in (None, Cause.KICKED) else cause.value
    told = reason if reason in _TOLD else None
    reasons = (told, why, by, None if error_class is None else error_class.value)
    keys = (f"{state.value}.{reason}" for reason in reasons if reason is not None)
    key = next((each for each in keys if each in en.ADVICE), state.value)
    if key in SIGN_IN:
        return Advice(key=key, action=Action.SIGN_IN)
    return Advice(key=key, action=Action.RESET if state is ConnectionState.FAILED else None)
