"""What is said of the end of a sign-in, with the next step. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.values import AccountId
from gateway.credentials.failures import to_paste
from gateway.credentials.meanings import person

_PASTE: Final = "PASTE"
_AGAIN: Final = "begin again"

_STATES: Final[Mapping[str, str]] = {
    "expired": f"no code was scanned in time; {_AGAIN} when the phone is at hand.",
    "cancelled": "it was cancelled; what was kept stays.",
}

_REASONS: Final[Mapping[str, str]] = {
    "gateway_stopped": f"its gateway stopped; {_AGAIN}, what was kept stays.",
    "account_removed": "the account was removed.",
    "wrong_account": (
        "another user has scanned the code; scan it with the 闲鱼 app that is signed in as this "
        "account. What was kept stays."
    ),
    "page_unreadable": f"the platform's sign-in page is not as it was known; {_PASTE}.",
    "answers_unusable": f"the platform's answers cannot be used; {_AGAIN} later, or {_PASTE}.",
    "platform_error": f"the platform reports an error; {_AGAIN} later, or {_PASTE}.",
    "check_not_finished": (
        f"the platform's identity check was not finished in time; {_AGAIN}, and do on the phone "
        "what it asks."
    ),
    "login_lost": f"the platform took the login back at once; {_AGAIN}.",
    "internal": f"the gateway failed; its log says why under sign_in.crashed. {_PASTE}.",
}


def of_end(state: str, reason: str | None, account: AccountId, *, unreachable: str = "") -> str:
    """Return what a person is told of an end that is no success.

    Args:
        state: ``expired``, ``cancelled`` or ``failed``.
        reason: As of the steps, or ours.
        account: Whose sign-in.
        unreachable: Why the last request had no answer; empty: it had one.
    """
    if reason == "verification_asked":
        return person(account).detail
    if reason == "answers_unusable" and unreachable:
        return f"the platform cannot be reached: {unreachable.rstrip('.')}; {_AGAIN} then."
    told = _REASONS.get(reason or "", _STATES.get(state, f"it failed; {_AGAIN}."))
    return told.replace(_PASTE, f"paste a cookie with {to_paste(account)}")
