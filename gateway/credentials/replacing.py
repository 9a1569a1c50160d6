"""New credentials of a person: looked at, proven by one call, and only then put in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from actors.identity import Grant, Why
from actors.values import Failure
from gateway.credentials.goofish import GoofishSource
from gateway.credentials.seeds import fingerprint
from gateway.credentials.store import MemoryStore, Stored
from gateway.errors import CredentialsRefusedError
from gateway.platforms.goofish.cookies import Jar

LARGEST_CHARS: Final = 64 * 1024
"""A longer text is no cookie."""

CALLS: Final = 4
"""Calls the proof may make: it may have to sign again, or to renew the login."""

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
        raise CredentialsRefusedError(
            "wrong_account",
            f"these cookies are of user …{user_id[-4:]}, the account is …{known[-4:]}; set user_id "
            "in its credentials if it is to be another.",
        )
    trial_store = MemoryStore()
    trial_store.write(source.begun_anew(before, jar, user_id))
    trial = source.with_store(trial_store)
    renewal = trial.renew(
        None, Why.PERSON, calls=CALLS, deadline_s=source.account.renewal.deadline_s
    )
    after = trial_store.read(source.account.name)
    assert after is not None
    doubt = None if isinstance(renewal.result, Grant) else renewal.result
    if doubt is not None:
        works = before is not None and before.token is not None and before.failure is None
        if doubt.reason in REFUSED or works:
            kept = "; what was kept stays" if before is not None and before.cookies else ""
            raise CredentialsRefusedError(doubt.reason, f"{doubt.detail.rstrip('.')}{kept}.")
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
    after = msgspec.structs.replace(after, seed=fingerprint(source.account.seed))
    source.put(after)
    return Replaced(stored=after, doubt=doubt)
