"""The ordered stop (``contract.md`` 2.9): its steps, their deadlines, and doing them."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from actors import renewal_jobs
from actors.ports import CredentialSource
from actors.state import ConnectionState
from actors.system import System
from actors.values import AccountId
from gateway.host.accounts import Accounts
from gateway.host.credentials import CredentialDesk

JOURNAL_S: Final = 1.0
"""Seconds the journal gets at least, as its lock must be free for the next process."""

SAVE_S: Final = 0.5
"""Seconds that credentials get at least which could not be stored before."""


def start_or_stop(system: System) -> None:
    """Start a system; one whose machine has no thread left is stopped again, and raises."""
    try:
        system.start()
    except BaseException:
        system.stop(journal_s=JOURNAL_S, threads_s=1.0)
        raise


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds each step may take.

    Before the first one nothing more is accepted, at once. Reading, storing and
    acknowledging go on until the links are left.

    Attributes:
        handlers: No event is begun any more; running handlers end.
        outbox: No attempt is begun any more; answers come. The rest is UNKNOWN.
        links: What was read is stored and acknowledged, then close 1000, then closed.
        journal: The last commit, and a checkpoint.
        threads: Actors, timers and the pool.
    """

    handlers: float = 10.0
    outbox: float = 5.0
    links: float = 3.0
    journal: float = 5.0
    threads: float = 5.0

    @property
    def total(self) -> float:
        """Return the seconds of all of them."""
        return self.handlers + self.outbox + self.links + self.journal + self.threads

    def within(self, timeout: float) -> Steps:
        """Return them in the same proportions for another time."""
        share = timeout / self.total
        scaled = {name: getattr(self, name) * share for name in self.__struct_fields__}
        scaled["journal"] = max(JOURNAL_S, scaled["journal"])
        return Steps(**scaled)


STEPS: Final = Steps()
"""28 of the 30 s; the rest is for the time between the steps."""

SHARE: Final = 28 / 30
"""Shares of the time a caller gives; see :data:`STEPS`."""


def end_sign_ins(desk: CredentialDesk, timeout: float) -> float:
    """End the sign-ins before the journal's lock is free for another; return the seconds it took.

    Args:
        desk: Has them.
        timeout: Seconds of the whole stop; a tenth is for those that only lack a token.
    """
    began_s = time.monotonic()
    desk.close(timeout / 10)
    return min(timeout, time.monotonic() - began_s)


def stop(
    system: System,
    accounts: Accounts,
    connected: Sequence[AccountId],
    steps: Steps,
    log: Any,
    *,
    sources: Mapping[AccountId, CredentialSource],
) -> list[str]:
    """Stop in order.

    Args:
        system: What runs.
        accounts: Where each account stands.
        connected: Accounts whose links are to be closed.
        steps: The deadlines.
        log: Where survivors are named.
        sources: Of the credentials of accounts.

    Returns:
        Names of threads that outlived it, and what was not stored.
    """
    monotonic = system.services.clock.monotonic
    survivors = system.services.handlers.stop(steps.handlers)
    system.services.sends.close()
    left = system.services.sends.wait_landed(steps.outbox)
    if left:
        log.warning("gateway.sends_unanswered", count=left)
    deadline = monotonic() + steps.links
    for name in connected:
        system.accounts.remove(name)
    for name in connected:
        if name in accounts:
            accounts[name].wait_for(ConnectionState.CLOSED, max(0.0, deadline - monotonic()))
    system.end_renewals(max(SAVE_S, deadline - monotonic()))  # what they bring may be unsaved, too
    threads, lost = save_credentials(sources, max(SAVE_S, deadline - monotonic()), log)
    survivors += threads
    survivors += system.stop(journal_s=steps.journal, threads_s=steps.threads)
    if survivors:
        log.error("gateway.threads_survived", threads=survivors, stacks=stacks_of(survivors))
    return survivors + lost


def save_credentials(
    sources: Mapping[AccountId, CredentialSource], wait_s: float, log: Any
) -> tuple[list[str], list[str]]:
    """Store credentials that could not be stored, while the journal's lock is still ours.

    Args:
        sources: Of the credentials of accounts.
        wait_s: Seconds to wait for a disk that hangs.
        log: Where it is said which are lost.

    Returns:
        Names of threads that outlived it, and what was not stored.
    """
    unsaved = {name: each for name, each in sources.items() if each.outlook.unsaved}
    if not unsaved:
        return [], []
    name = "gateway/credentials/save"
    save = partial(renewal_jobs.save, unsaved.values())
    thread = threading.Thread(target=save, name=name, daemon=True)
    with contextlib.suppress(RuntimeError):  # the machine has no thread left
        thread.start()
        thread.join(wait_s)
    lost = [account for account, source in unsaved.items() if source.outlook.unsaved]
    for account in lost:
        log.error(
            "credentials.lost",
            account=account,
            detail="its newest credentials were never stored; the next start has older ones",
            next_step="free the disk; if the account then waits for a person, sign in again",
        )
    return [name] if thread.is_alive() else [], [f"credentials of {each}" for each in lost]


def stacks_of(names: Sequence[str], *, depth: int = 6) -> dict[str, list[str]]:
    """Return where threads of these names are: file, line and function, innermost last."""
    frames = sys._current_frames()  # noqa: SLF001  # the documented way to see other threads
    found: dict[str, list[str]] = {}
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if thread.name in names and frame is not None:
            walk = traceback.extract_stack(frame)[-depth:]
            found[thread.name] = [f"{at.filename}:{at.lineno} {at.name}" for at in walk]
    return found
