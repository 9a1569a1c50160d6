"""How an account's credentials stand, for a person. No value of a secret, ever. Pure."""

from __future__ import annotations

import msgspec

from actors.identity import CredentialsSeen
from actors.values import Failure
from gateway.credentials.jars import jar_of, login_ends_ms
from gateway.credentials.shapes import CookieShown, CredentialsShown
from gateway.credentials.store import Stored
from gateway.settings import AccountSettings

HOUR_MS = 3_600_000


def shown(
    settings: AccountSettings,
    stored: Stored | None,
    seen: CredentialsSeen | None,
    *,
    now_ms: int,
    now_s: float,
    unreadable: Failure | None = None,
) -> CredentialsShown:
    """Return how an account's credentials stand.

    Args:
        settings: Of the account.
        stored: What is kept; None: nothing.
        seen: What a running gateway knows; None: none runs, or it never asked.
        now_ms: Wall Unix milliseconds.
        now_s: Monotonic seconds.
        unreadable: Why what is kept cannot be read; None: it can.
    """
    kind = settings.credentials.kind
    shows = CredentialsShown(
        account=settings.id, kind=kind, state="none", user_id=settings.credentials.user_id
    )
    if kind == "static":
        return msgspec.structs.replace(shows, state="static")
    if stored is not None:
        shows = _with_store(shows, stored, now_ms)
    if seen is None and unreadable is not None:
        told = (unreadable.reason, unreadable.detail)
        return msgspec.structs.replace(shows, state="needs_human", reason=told[0], detail=told[1])
    if seen is None:
        return shows
    return msgspec.structs.replace(
        shows,
        state=seen.state,
        version=seen.version,
        expires_in_s=_from_now(seen.good_until_s, now_s),
        next_renewal_in_s=_from_now(seen.next_at_s, now_s),
        reason=None if seen.failure is None else seen.failure.reason,
        detail=None if seen.failure is None else seen.failure.detail,
    )


def _with_store(shows: CredentialsShown, stored: Stored, now_ms: int) -> CredentialsShown:
    jar, failure = jar_of(stored), stored.failure
    ages_ms = [now_ms - at_ms for at_ms in stored.calls_ms]
    left_s = None if stored.expires_at_ms is None else (stored.expires_at_ms - now_ms) / 1000
    state = "needs_human" if failure else "ready" if stored.token else "none"
    return msgspec.structs.replace(
        shows,
        state=state,
        user_id=stored.user_id or shows.user_id,
        version=stored.version,
        lineage=stored.lineage,
        login_ends_in_s=_from_now_ms(login_ends_ms(stored, now_ms), now_ms),
        expires_in_s=None if left_s is None or not stored.token else round(max(0.0, left_s), 1),
        reason=None if failure is None else failure.reason,
        detail=None if failure is None else failure.detail,
        calls_last_hour=sum(age_ms < HOUR_MS for age_ms in ages_ms),
        calls_last_day=sum(age_ms < 24 * HOUR_MS for age_ms in ages_ms),
        kept=[
            CookieShown(name=each.name, expires_in_s=each.expires_in_s)
            for each in jar.names(now_ms)
        ],
        missing=jar.missing() if stored.cookies else (),
        hints=jar.hints() if stored.cookies else (),
    )


def _from_now_ms(at_ms: int | None, now_ms: int) -> float | None:
    return None if at_ms is None else _from_now(at_ms / 1000, now_ms / 1000)


def _from_now(at_s: float | None, now_s: float) -> float | None:
    return None if at_s is None else round(max(0.0, at_s - now_s), 1)
