"""What the platform's HTTP services answered, and what it takes. Pure, total over any bytes."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from gateway.http_messages import HttpAnswer
from gateway.platforms.goofish.dates import date_ms
from gateway.platforms.goofish.endpoints import PASSPORT
from gateway.platforms.goofish.fields import at, text
from gateway.platforms.goofish.payload import mending, unpack_json

LARGEST_BODY = 256 * 1024
"""Bytes of a body that is read; a token's answer has some 400."""


class Verdict(enum.Enum):
    """What an answer means for whoever asked.

    Of several that one answer gives, the one that stands first here counts, but for SUCCESS.
    """

    LOGIN_OVER = "login_over"
    """The session is over: renew it silently, or a person signs in."""

    PERSON = "person"
    """Risk control asks for a person: ask nothing more."""

    SIGN_AGAIN = "sign_again"
    """The sign was refused: once more, if the answer brought another ``_m_h5_tk``."""

    ILLEGAL = "illegal"
    """Sign or cookies do not fit, or risk control does not say so."""

    THROTTLED = "throttled"
    """Too much was asked, by this account or by its address."""

    CLOCK = "clock"
    """The time of the call was refused."""

    SUCCESS = "success"
    OTHER = "other"
    """Another refusal, or an answer that says nothing we know."""

    BROKEN = "broken"
    """No answer of the service: cut, or somebody else's."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, judged. ``repr`` shows verdict, code and status: the token is a secret.

    Attributes:
        verdict: What it means.
        code: Why, out of a closed list; ``unknown(n)`` for a code of n characters that is not
            in it. Safe to show.
        status: Of HTTP.
        token: Only with SUCCESS of a call that asks for one.
        life_ms: How long the token lasts, if the answer says a duration.
        expires_at_ms: When it ends, if the answer says an instant, in the platform's Unix time.
        retry_after_s: The platform's wish, with any verdict.
        server_ms: The platform's Unix time, by its ``Date``.
    """

    verdict: Verdict
    code: str
    status: int
    token: str | None = None
    life_ms: int | None = None
    expires_at_ms: int | None = None
    retry_after_s: int | None = None
    server_ms: int | None = None

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Judged({self.verdict.value}, {self.code}, {self.status})"

    __str__ = __repr__


_Finding = tuple[Verdict, str]

_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}
_CODES = {
    "SUCCESS": Verdict.SUCCESS,
    "FAIL_SYS_SESSION_EXPIRED": Verdict.LOGIN_OVER,
    "FAIL_SYS_SID_INVALID": Verdict.LOGIN_OVER,
    "FAIL_SYS_AUTH_REJECT": Verdict.LOGIN_OVER,
    "FAIL_SYS_USER_VALIDATE": Verdict.PERSON,
    "RGV587_ERROR": Verdict.PERSON,
    "RRXVv_ERROR": Verdict.PERSON,
    "FAIL_SYS_TOKEN_EMPTY": Verdict.SIGN_AGAIN,
    "FAIL_SYS_TOKEN_EXOIRED": Verdict.SIGN_AGAIN,
    "FAIL_SYS_TOKEN_EXPIRED": Verdict.SIGN_AGAIN,
    "FAIL_SYS_TOKEN_ILLEGAL": Verdict.SIGN_AGAIN,
    "FAIL_SYS_ILLEGAL_ACCESS": Verdict.ILLEGAL,
    "FAIL_SYS_REQUEST_EXPIRED": Verdict.CLOCK,
}
_ENDINGS = {
    "NEED_LOGIN": Verdict.LOGIN_OVER,
    "TRAFFIC_LIMIT": Verdict.THROTTLED,
    "USER_LIMIT": Verdict.THROTTLED,
    "SERVICE_FLOW_LIMIT": Verdict.THROTTLED,
}
_BEGINNINGS = ("FAIL_SYS_SERVICE_", "FAIL_SYS_INTERNAL_", "FAIL_BIZ_")
_MOST_CODES = 50
_TOKEN = re.compile(r"[!-~]{1,4096}").fullmatch
_NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,9})?", re.ASCII).fullmatch
_DELAY = re.compile(r"\d{1,9}", re.ASCII).fullmatch
_PUNISH = re.compile(r"/_____tmd_____/punish|[?&]x5secdata=")
_PASSPORT_HOST = urlsplit(PASSPORT).hostname

_LEAST_MS = 10**6
"""A duration of this size is in milliseconds (17 minutes), a smaller one in seconds (12 days)."""

_LEAST_INSTANT_S = 10**9
_LEAST_INSTANT_MS = 10**11
_LATEST_MS = 10**14


def judge(answer: HttpAnswer, *, needs_token: bool) -> Judged:
    """Return what an answer means; it reads any bytes and never raises.

    Args:
        answer: As it came.
        needs_token: The call asks for a token, and without one there is no success.
    """
    server_ms = next(filter(None, map(date_ms, answer.all("date"))), None)
    body, found = _read(answer)
    verdict, code = found or _verdict_of(body, answer.status)
    token = _token(body) if needs_token and verdict is Verdict.SUCCESS else None
    if needs_token and verdict is Verdict.SUCCESS and token is None:
        verdict, code = Verdict.OTHER, "no_token"
    told = _number(at(body, "data", "accessTokenExpiredTime")) if token else None
    life_ms, expires_at_ms = _life(told)
    return Judged(
        verdict=verdict,
        code=code,
        status=answer.status,
        token=token,
        life_ms=life_ms,
        expires_at_ms=expires_at_ms,
        retry_after_s=_retry_after_s(answer, server_ms),
        server_ms=server_ms,
    )


def refusal(body: object) -> _Finding | None:
    """Return the strongest refusal that a decoded body tells; None: it tells none we know."""
    found = [each for each in _findings(body) if each[0] not in (Verdict.SUCCESS, Verdict.OTHER)]
    return min(found, key=lambda each: _RANK[each[0]], default=None)


def read_json(answer: HttpAnswer) -> object:
    """Return the decoded body.

    Raises:
        ValueError: It is no JSON, or too large.
        RecursionError: It is nested too deeply.
    """
    if len(answer.body) > LARGEST_BODY:
        raise ValueError("too large")
    return mending(unpack_json, answer.body.decode("utf-8-sig", "replace"))


def redirected(answer: HttpAnswer) -> _Finding | None:
    """Return what a redirect says; None: the answer is none."""
    if not 300 <= answer.status <= 399:
        return None
    for location in answer.all("location"):
        if _PUNISH.search(location):
            return Verdict.PERSON, "punish_redirect"
        if _host(location) == _PASSPORT_HOST:
            return Verdict.LOGIN_OVER, "login_redirect"
    return Verdict.BROKEN, "redirect"


def _read(answer: HttpAnswer) -> tuple[object, _Finding | None]:
    """Return the body, or what to make of an answer whose body says nothing."""
    found = redirected(answer)
    if found is not None:
        return None, found
    try:
        return read_json(answer), None
    except RecursionError:
        return None, (Verdict.OTHER, "too_deep")
    except ValueError:
        return None, _of_no_json(answer)


def _of_no_json(answer: HttpAnswer) -> _Finding:
    if _PUNISH.search(answer.body[:LARGEST_BODY].decode("ascii", "replace")):
        return Verdict.PERSON, "punish_page"
    if answer.status == 429:
        return Verdict.THROTTLED, "http_429"
    if len(answer.body) > LARGEST_BODY:
        return Verdict.BROKEN, "too_large"
    return Verdict.BROKEN, "not_json" if answer.body else "empty"


def _verdict_of(body: object, status: int) -> _Finding:
    """Return the verdict of a decoded body."""
    found = refusal(body)
    if found is not None:
        return found
    if status == 429:
        return Verdict.THROTTLED, "http_429"
    if status != 200:
        return Verdict.BROKEN, "http_status"
    return min(_findings(body), key=lambda each: _RANK[each[0]], default=(Verdict.OTHER, "no_ret"))


def _findings(body: object) -> Iterator[_Finding]:
    """Yield what each code of ``ret`` means, and what the address of a check means."""
    ret: object = at(body, "ret")
    entries: list[object] = ret if isinstance(ret, list) else [ret]
    for entry in entries[:_MOST_CODES]:
        if isinstance(entry, str):
            yield _of_code(entry.partition("::")[0].strip())
    if _PUNISH.search(text(at(body, "data", "url")) or ""):
        yield Verdict.PERSON, "punish_url"


def _of_code(code: str) -> _Finding:
    if code in _CODES:
        return _CODES[code], code
    for ending, verdict in _ENDINGS.items():
        if code.endswith(ending):
            return verdict, ending
    for beginning in _BEGINNINGS:
        if code.startswith(beginning):
            return Verdict.OTHER, f"{beginning}*"
    return Verdict.OTHER, f"unknown({len(code)})"


def _token(body: object) -> str | None:
    token = text(at(body, "data", "accessToken")) or ""
    return token if _TOKEN(token) else None


def _number(told: object) -> float | None:
    """Return a number that may have come as text; None if it is none, or beyond all bounds."""
    if isinstance(told, str):
        told = float(told) if _NUMBER(told) else None
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return float(told) if 0 < told < _LATEST_MS else None


def _life(told: float | None) -> tuple[int | None, int | None]:
    """Return a duration or an instant, in milliseconds; the size tells which it is."""
    if told is None:
        return None, None
    if told < _LEAST_INSTANT_S:
        return int(told if told >= _LEAST_MS else told * 1000), None
    return None, int(told if told >= _LEAST_INSTANT_MS else told * 1000)


def _retry_after_s(answer: HttpAnswer, server_ms: int | None) -> int | None:
    """Return the wait the platform asks for: seconds, or an instant of its own clock."""
    for told in answer.all("retry-after"):
        if _DELAY(told):
            return int(told)
        instant = date_ms(told)
        if instant is not None and server_ms is not None:
            return max(0, instant - server_ms) // 1000
    return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
