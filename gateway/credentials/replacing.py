"""New credentials of a person: looked at, proven by one call, and only then put in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from actors.identity import Grant, Why
from actors.policy import budget
from actors.policy.budget import refused_until
from actors.policy.credentials import CALLS_A_FLIGHT
from actors.values import Failure
from gateway.credentials.goofish import GoofishSource
from gateway.credentials.meanings import another_user
from gateway.credentials.seeds import fingerprint
from gateway.credentials.store import MemoryStore, Stored
from gateway.errors import CredentialsRefusedError
from gateway.platforms.goofish.cookies import Jar

LARGEST_CHARS: Final = 64 * 1024
"""A longer text is no cookie."""

CALLS: Final = CALLS_A_FLIGHT
"""Calls the proof may make at most: it may have to sign again, or to renew the login."""

REFUSED: Final = frozenset({"login_over", "wrong_account"})
"""Reasons for which new credentials are never kept."""


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials that are in place.

    Attributes:
        stored: What is kept now.
        doubt: Why they could not be proven; None: the platform gave a token for them.
    """

    stored: Stored
    doubt: Failure | None


def replace(source: GoofishSource, pasted: str) -> Replaced:
    """Put a pasted cookie in the place of what is kept.

    Raises:
        CredentialsRefusedError: It cannot be used; what is kept stays. Says why and what to do.
        StoreError: It could not be stored; what is kept stays.
    """
    if len(pasted) > LARGEST_CHARS:
        raise CredentialsRefusedError(
            "cookie_unusable",
            f"that is more than {LARGEST_CHARS} characters and no cookie; copy only the Cookie "
            "header of www.goofish.com/im.",
        )
    found = source.checked(pasted)
    if isinstance(found, Failure):
        raise CredentialsRefusedError(found.reason, found.detail)
    return put_in_place(source, *found)


def put_in_place(
    source: GoofishSource,
    jar: Jar,
    user_id: str,
    *,
    still_wanted: Callable[[], bool] = lambda: True,
) -> Replaced:
    """Prove cookies by one token call, and keep them.

    Where the platform asks for a person, or cannot be asked, they are kept only if what is kept
    is of no use either.

    Args:
        source: Of the account.
        jar: The cookies.
        user_id: Whose they are.
        still_wanted: Asked once, just before they are stored; False: they are not.

    Raises:
        CredentialsRefusedError: They are not kept.
        StoreError: They could not be stored.
    """
    before = source.stored()
    known = before.user_id if before is not None else None
    if known is not None and known != user_id and source.account.user_id is None:
        refusal = another_user(user_id, known)
        raise CredentialsRefusedError(refusal.reason, refusal.detail)
    after, doubt = _proven(source, source.begun_anew(before, jar, user_id))
    if doubt is not None and (doubt.reason in REFUSED or _works(before)):
        kept = "; what was kept stays" if before is not None and before.cookies else ""
        told = "The login that was given is over" if doubt.reason == "login_over" else ""
        told = told or doubt.detail.rstrip(".")
        raise CredentialsRefusedError(doubt.reason, f"{told}{kept}.")
    newest = source.stored()
    if newest is not None:  # a renewal may have gone on meanwhile
        after = msgspec.structs.replace(
            after,
            lineage=max(after.lineage, newest.lineage + 1),
            version=max(after.version, newest.version + 1) if doubt is None else newest.version,
        )
    if not still_wanted():
        raise CredentialsRefusedError("not_wanted", "nobody wants them any more.")
    # What the settings give is older now: without this the next start would take it again.
    source = source.current()
    after = msgspec.structs.replace(after, seed=fingerprint(source.account.seed))
    source.put(after)
    return Replaced(stored=after, doubt=doubt)


def refuse_spent(source: GoofishSource) -> None:
    """Refuse a new login that could not be proven now, while the old one works.

    Raises:
        CredentialsRefusedError: The calls of the hour or day are spent; says when there are more.
    """
    before = source.stored()
    doubt = _spent(source, before) if before is not None and _works(before) else None
    if doubt is not None:
        raise CredentialsRefusedError(doubt.reason, doubt.detail)


def _proven(source: GoofishSource, begun: Stored) -> tuple[Stored, Failure | None]:
    """Ask for a token with a new login; return what came of it, and why it is not proven."""
    spent = _spent(source, begun)
    if spent is not None:
        return begun, spent
    trial_store = MemoryStore()
    trial_store.write(begun)
    rules = source.account.renewal
    renewal = source.with_store(trial_store).renew(
        None, Why.PERSON, calls=min(CALLS, _calls(source, begun)), deadline_s=rules.deadline_s
    )
    after = trial_store.read(source.account.name)
    assert after is not None
    return after, None if isinstance(renewal.result, Grant) else renewal.result


def _works(stored: Stored | None) -> bool:
    return stored is not None and stored.token is not None and stored.failure is None


def _calls(source: GoofishSource, stored: Stored) -> int:
    """Return how many calls the account may make now."""
    made_s, now_s = _made(source, stored)
    return budget.left(made_s, now_s, source.account.renewal)


def _spent(source: GoofishSource, stored: Stored) -> Failure | None:
    """Return why no call may be made now, and when one may; None: one may."""
    if _calls(source, stored):
        return None
    made_s, now_s = _made(source, stored)
    return refused_until(budget.free_at_s(made_s, source.account.renewal) - now_s)


def _made(source: GoofishSource, stored: Stored) -> tuple[list[float], float]:
    """Return when calls were made, and now; a clock that was set back locks nobody out."""
    now_ms = source.clocks.unix_ms()
    return [min(at_ms, now_ms) / 1000 for at_ms in stored.calls_ms], now_ms / 1000
