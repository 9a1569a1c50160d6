"""What the platform's verdicts mean for an account, in words a person can act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from actors.values import AccountId, ErrorClass, Failure
from gateway.credentials.failures import failure, needs_human, to_paste, to_sign_in
from gateway.platforms.goofish.mtop import Judged, Verdict


def wrong_account(found: str | None, wanted: str | None) -> Failure:
    """Return the failure of cookies that are another user's."""
    theirs = "another user" if found is None else f"user …{found[-4:]}"
    ours = "" if wanted is None else f", not of …{wanted[-4:]}"
    return failure(
        "wrong_account",
        f"The cookies are of {theirs}{ours}; copy those of this account's own login.",
        ErrorClass.CONFIG,
    )


def another_user(found: str, known: str) -> Failure:
    """Return the failure of cookies whose user is not the one the account had until now."""
    return failure(
        "wrong_account",
        f"these cookies are of user …{found[-4:]}, the account is …{known[-4:]}; set user_id in "
        "its credentials if it is to be another.",
        ErrorClass.CONFIG,
    )


def login_over(name: AccountId, _: Judged | None = None) -> Failure:
    """Return the failure of a login that is over, and could not be renewed."""
    return needs_human(
        "login_over",
        f"The login of account {name} is over: run {to_sign_in(name)}, or paste a new "
        f"cookie with {to_paste(name)}.",
    )


def person(name: AccountId, _: Judged | None = None) -> Failure:
    """Return the failure of an account whose platform asks for a person."""
    return needs_human(
        "verification_asked",
        "The platform asks for a person: open www.goofish.com/im in your browser and do what it "
        f"asks, then run {to_paste(name)}, or {to_sign_in(name)}.",
    )


def _other(_: AccountId, judged: Judged) -> Failure:
    found = failure(
        "answer_unusable",
        f"The platform gave no token (status {judged.status}, {judged.code}); it is asked again.",
    )
    return msgspec.structs.replace(found, retry_after_s=judged.retry_after_s)


def _throttled(_: AccountId, judged: Judged) -> Failure:
    found = failure(
        "throttled",
        "The platform says that too much is asked; it is asked again later.",
        ErrorClass.SERVER_OVERLOAD,
    )
    return msgspec.structs.replace(found, retry_after_s=judged.retry_after_s)


OF_VERDICT: Final[Mapping[Verdict, Callable[[AccountId, Judged], Failure]]] = {
    Verdict.LOGIN_OVER: login_over,
    Verdict.PERSON: person,
    Verdict.SIGN_AGAIN: lambda _, judged: failure(
        "sign_refused", f"The platform refused the sign twice ({judged.code}); it is asked again."
    ),
    Verdict.ILLEGAL: lambda name, _: failure(
        "illegal_access",
        f"The platform refuses sign or cookies of account {name}; the third time a person is "
        "needed: sign in again, or paste a new cookie.",
    ),
    Verdict.THROTTLED: _throttled,
    Verdict.CLOCK: lambda _name, _judged: failure(
        "clock_is_wrong", "The platform refuses the time of this machine; set its clock."
    ),
    Verdict.SUCCESS: _other,
    Verdict.OTHER: _other,
    Verdict.BROKEN: _other,
}
