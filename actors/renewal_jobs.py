"""What the threads of the credentials actor do: strangers' code, whose end is always told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from typing import Final

from actors.identity import Grant
from actors.messages import CredentialsInbox, CredentialsLoaded, RenewalEnded
from actors.plan import AccountPlan
from actors.policy.credentials import Flight
from actors.policy.failures import of_credentials
from actors.ports import CredentialSource, Kept, Mailbox, Renewal
from actors.values import ErrorClass, Failure

HUNG: Final = of_credentials(
    "renewal_hung", "The source of the credentials did not answer in time; it is asked again."
)
UNREADABLE: Final = of_credentials(
    "credentials_unreadable",
    "The stored credentials cannot be read; sign in again, or give new ones.",
    ErrorClass.NEEDS_HUMAN,
)


def load(plan: AccountPlan, mailbox: Mailbox[CredentialsInbox], job: int) -> None:
    """Read what an earlier life left. Thread body; whatever happens is told."""
    source = plan.source
    assert source is not None
    try:
        kept = source.load()
    except BaseException:  # noqa: BLE001  # strangers' code
        kept = Kept(stuck=UNREADABLE)
    mailbox.tell(CredentialsLoaded(account=plan.account, job=job, kept=kept))


def renew(
    plan: AccountPlan,
    last: Grant | None,
    flight: Flight,
    mailbox: Mailbox[CredentialsInbox],
    job: int,
) -> None:
    """Make one renewal. Thread body; whatever happens is told."""
    source = plan.source
    assert source is not None
    try:
        found: object = source.renew(
            last, flight.why, calls=flight.calls, deadline_s=plan.renewal.deadline_s
        )
    except BaseException as error:  # noqa: BLE001  # strangers' code; its text may hold a secret
        found = type(error).__name__
    mailbox.tell(
        RenewalEnded(
            account=plan.account, job=job, flight=flight.number, renewal=_checked(found, flight)
        )
    )


def _checked(found: object, flight: Flight) -> Renewal:
    """Return what a source said, or what is wrong with it."""
    if isinstance(found, Renewal) and isinstance(found.result, Grant | Failure):
        return found
    what = f"raised {found}" if isinstance(found, str) else f"returned {type(found).__name__}"
    failure = of_credentials(
        "source_failed", f"The source of the credentials {what}; it is asked again."
    )
    return Renewal(result=failure, calls=flight.calls)


def mark(source: CredentialSource, stuck: Failure, job: int) -> None:
    """Store that only a person helps. Thread body; what fails here costs one question more."""
    del job  # nobody waits for it
    with contextlib.suppress(Exception):
        source.mark_stuck(stuck)


def save_alone(sources: Iterable[CredentialSource], busy: threading.Lock, job: int) -> None:
    """Have stored what could not be. Thread body; what fails again is tried another time.

    Args:
        sources: Whose credentials live in memory only.
        busy: Held meanwhile; if it is taken, an earlier one still waits for the disk.
        job: Its number.
    """
    del job  # nobody waits for it
    if not busy.acquire(blocking=False):
        return
    try:
        save(sources)
    finally:
        busy.release()


def save(sources: Iterable[CredentialSource]) -> None:
    """Have stored what could not be; one that fails again holds up no other."""
    for source in sources:
        with contextlib.suppress(Exception):
            source.save()
