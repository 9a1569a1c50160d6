"""Upload of an image with an account's own cookies; what comes of it is told in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.policy.failures import FINAL
from actors.values import AccountId, Failure
from gateway.credentials.attempt import take_cookies
from gateway.credentials.failures import failure
from gateway.credentials.goofish import GoofishSource
from gateway.credentials.jars import jar_of
from gateway.credentials.meanings import OF_VERDICT, person
from gateway.credentials.seeds import is_of
from gateway.credentials.store import Stored
from gateway.errors import UploadError
from gateway.http_messages import HttpAnswer
from gateway.images import Image
from gateway.platforms.goofish.upload import URL, Uploaded, judge_upload, upload_request
from gateway.platforms.goofish.verdicts import Judged, Verdict

PERSON_ASKED: Final = "verification_asked"
"""Reason of an error after which nothing more is to be asked until a person has acted."""


def upload(source: GoofishSource, data: bytes, image: Image, *, deadline_s: float) -> Uploaded:
    """Upload an image, and return where it lies. Blocks; the token is not touched.

    Args:
        source: Whose cookies and way to the platform are taken. What its answer brings is kept.
        data: The file.
        image: What it is.
        deadline_s: Seconds over everything together.

    Raises:
        UploadError: It was not uploaded; says what to do.
    """
    account, unix_ms = source.account, source.clocks.unix_ms
    stored = _login(source)
    request = upload_request(
        data,
        image.media_type,
        jar=jar_of(stored),
        endpoints=account.endpoints,
        now_ms=unix_ms(),
        user_agent=account.user_agent,
    )
    theirs: list[Failure] = []

    def take(head: HttpAnswer) -> None:
        taken = take_cookies(source, head, URL, now_ms=unix_ms(), of=stored)
        if isinstance(taken, Failure):
            theirs.append(taken)

    answer = source.performer.perform(request, deadline_s=deadline_s, on_head=take)
    if theirs:
        raise _error(theirs[0])
    if isinstance(answer, Failure):
        raise _unanswered(answer, deadline_s)
    uploaded = judge_upload(answer)
    judged = uploaded.judged
    if judged.verdict is not Verdict.SUCCESS:
        raise _error(_MEANINGS.get(judged.verdict, _other)(account.name, judged))
    return uploaded


def person_asked(name: AccountId) -> UploadError:
    """Return the error of an account whose platform has asked for a person."""
    return _error(person(name))


def _login(source: GoofishSource) -> Stored:
    """Return the login to upload with.

    Raises:
        UploadError: There is none, or only a person can say whether it may be used.
    """
    stored, name = source.stored(), source.account.name
    stuck = None if stored is None else source.kept(stored).stuck
    if stuck is not None:
        raise _error(stuck)
    if stored is None or not (stored.seed is None or is_of(stored.seed, source.account.seed)):
        raise UploadError(
            "credentials_unusable",
            f"the credentials of account {name} cannot be read or used; the last_error of the "
            "account says why",
        )
    return stored


def _error(found: Failure) -> UploadError:
    return UploadError(
        found.reason,
        found.detail.rstrip(".") or f"the platform could not be asked ({found.reason})",
        retryable=found.error_class not in FINAL,
    )


def _unanswered(found: Failure, deadline_s: float) -> UploadError:
    if found.reason == "credentials_timeout":  # of the phase that all requests are in
        told = f"the platform did not answer in time ({deadline_s:.0f} s in all); try again later"
        return UploadError("timeout", told, retryable=True)
    error = _error(found)
    if not error.retryable:
        return error
    return UploadError(error.reason, f"{error.detail}; try again later", retryable=True)


def _other(_: AccountId, judged: Judged) -> Failure:
    return failure(
        "answer_unusable",
        f"The platform took no image (status {judged.status}, {judged.code}); try again later.",
    )


def _throttled(_: AccountId, _judged: Judged) -> Failure:
    return failure("throttled", "The platform says that too much is asked; try again later.")


_MEANINGS: Final[Mapping[Verdict, Callable[[AccountId, Judged], Failure]]] = {
    Verdict.THROTTLED: _throttled,
    **{each: OF_VERDICT[each] for each in (Verdict.LOGIN_OVER, Verdict.PERSON, Verdict.CLOCK)},
}
"""What a verdict means for an upload; any other: the platform took no image."""
