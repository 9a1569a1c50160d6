"""Renewal of a login without a person: whether it may be tried, and what came of it. Pure.

That the passport says yes does not mean that a token will be given: only the token call tells.
"""

from __future__ import annotations

import enum

import msgspec

from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish import passport_calls
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.fields import at, integer
from gateway.platforms.goofish.passport_answers import instant_ms, is_yes, said
from gateway.platforms.goofish.passport_calls import URL, Caller
from gateway.platforms.goofish.verdicts import Verdict, judge

_DONE = 100


class Outcome(enum.Enum):
    """What came of a renewal."""

    RENEWED = "renewed"
    """The passport says so; the next token call tells."""

    REFUSED = "refused"
    """The login is over, or nobody is signed in."""

    WRONG_ACCOUNT = "wrong_account"
    """The answer is of another user; the jar is the one of before."""

    PERSON = "person"
    """Risk control asks for a person."""

    BROKEN = "broken"
    """The answer says nothing."""


class Renewed(msgspec.Struct, frozen=True):
    """What came of a renewal.

    Attributes:
        outcome: What the answer says.
        jar: To be kept with any outcome.
    """

    outcome: Outcome
    jar: Jar


def may_renew_silently(jar: Jar, now_ms: int) -> bool:
    """Return True unless the platform's own page would not try it now either."""
    return not _is_ahead(jar, "sdkSilent", now_ms)


def long_login_ends_ms(jar: Jar, now_ms: int) -> int | None:
    """Return when the long login ends; None: there is none, or nobody says."""
    return instant_ms(jar.value("havana_lgc_exp", URL, now_ms))


def silent_request(caller: Caller) -> HttpRequest:
    """Return the request of a session out of the long login; one is enough."""
    ahead = _is_ahead(caller.jar, "havana_lgc_exp", caller.now_ms)
    return passport_calls.silent_request(caller, has_long_login=ahead)


def has_login_request(caller: Caller) -> HttpRequest:
    """Return the request that renews the cookies of a session that still holds."""
    return passport_calls.has_login_request(caller)


def renewed(jar: Jar, answer: HttpAnswer, now_ms: int) -> Renewed:
    """Return what came of a renewal; cookies are taken before the body is looked at."""
    after = jar.apply(answer.all("set-cookie"), URL, now_ms)
    if jar.user_id and after.user_id and jar.user_id != after.user_id:
        return Renewed(Outcome.WRONG_ACCOUNT, jar)
    if judge(answer, needs_token=False).verdict is Verdict.PERSON:
        return Renewed(Outcome.PERSON, after)
    content = said(answer)
    if content is None:
        return Renewed(Outcome.BROKEN, after)
    is_done = is_yes(at(content, "data", "processFinished")) and _code(content) == _DONE
    is_renewed = after.user_id is not None and (is_done or is_yes(at(content, "success")))
    return Renewed(Outcome.RENEWED if is_renewed else Outcome.REFUSED, after)


def _code(content: object) -> int | None:
    return integer(at(content, "data", "resultCode"))


def _is_ahead(jar: Jar, name: str, now_ms: int) -> bool:
    instant = instant_ms(jar.value(name, URL, now_ms))
    return instant is not None and instant > now_ms
