"""The credentials of accounts, for a person: shown, replaced, renewed. A gateway runs, or not."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actors.identity import CredentialsChanged, CredentialsSeen
from actors.messages import CredentialsReplaced, RenewNow
from actors.plan import AccountPlan
from actors.system import System
from actors.values import AccountId, Failure
from gateway import arguments
from gateway.credentials.failures import not_renewed_here
from gateway.credentials.shapes import CredentialsShown, SignInShown
from gateway.credentials.store import StoreError
from gateway.errors import (
    CredentialsRefusedError,
    GatewayError,
    JournalError,
    UnknownAccountError,
)
from gateway.host.sign_ins import SignIns
from gateway.host.watching import SourceWatch
from gateway.settings import AccountSettings

if TYPE_CHECKING:
    from gateway.credentials.goofish import GoofishSource
    from gateway.credentials.replacing import Replaced
    from gateway.platforms.goofish.cookies import Jar


class Keeper(Protocol):
    """What the desk needs to know of accounts."""

    @property
    def plans(self) -> Mapping[AccountId, AccountPlan]:
        """Return the plan of each account, its source among it."""

    def settings_of(self, account: AccountId) -> AccountSettings:
        """Return an account's settings."""

    def system(self) -> System | None:
        """Return the running system, or None."""


class CredentialDesk:
    """Shows, replaces and renews credentials. Any thread; one change an account at a time.

    Args:
        keeper: Knows the accounts.
        reset: Called with an account whose credentials were replaced: it may try again.
        log: A structlog logger.
    """

    def __init__(self, keeper: Keeper, reset: Callable[[AccountId], None], log: Any) -> None:
        self._keeper = keeper
        self._reset = reset
        self._log = log
        self._sign_ins = SignIns(self._put, log)
        self._watch = SourceWatch(self._source_of, self.renew)
        self._changed = threading.Condition()
        self._changes: Counter[AccountId] = Counter()
        self._last: dict[AccountId, CredentialsChanged] = {}
        self._busy: set[AccountId] = set()

    def show(self, account: AccountId) -> CredentialsShown:
        """Return how an account's credentials stand, without a secret.

        Raises:
            UnknownAccountError: There is no such account.
        """
        from gateway.credentials.showing import shown  # noqa: PLC0415  # it costs a platform

        settings, plan = self._known(account)
        source, seen = _goofish(plan.source), self.seen(account)
        stored = source.stored() if source else None
        system = self._keeper.system()
        clock_ms = time.time_ns() // 1_000_000
        now_s = time.monotonic() if system is None else system.services.clock.monotonic()
        now_ms = clock_ms if system is None else system.services.clock.unix_ms()
        why = source.unreadable() if source and not stored else None
        return shown(settings, stored, seen, now_ms=now_ms, now_s=now_s, unreadable=why)

    def seen(self, account: AccountId) -> CredentialsSeen | None:
        """Return what a running gateway knows of an account's renewals; no look at the disk."""
        system = self._keeper.system()
        return system.services.seen.get(account) if system else None

    def next_renewal_s(self, account: AccountId) -> float | None:
        """Return the seconds until an account's next renewal; None: none is planned."""
        system, seen = self._keeper.system(), self.seen(account)
        at_s = seen.next_at_s if seen else None
        return max(0.0, at_s - system.services.clock.monotonic()) if system and at_s else None

    def replace(self, account: AccountId, pasted: str) -> Replaced:
        """Put a pasted cookie in place, once the platform gave a token for it.

        A running account registers with it at once, and a FAILED one is reset.

        Raises:
            UnknownAccountError: There is no such account.
            CredentialsRefusedError: It cannot be used, or another change is under way; what was
                there stays.
            JournalError: It could not be stored; what was there stays.
        """
        given: object = pasted  # callers without a type checker pass anything
        if not isinstance(given, str):
            raise TypeError(f"cookie must be text, not {arguments.kind(given)}; paste it as it is")
        from gateway.credentials import replacing  # noqa: PLC0415  # it costs a platform

        source = self._kept_here(account)
        self._begin(account)
        try:
            replaced = replacing.replace(source, given)
        except StoreError as error:
            raise JournalError(f"{error}") from error
        finally:
            self._end(account)
        self._tell(account, source, replaced, by="cookie")
        return replaced

    def heard(self, change: CredentialsChanged) -> None:
        """Hear what became of an account's credentials."""
        self._watch.heard(change)
        with self._changed:
            self._changes[change.account] += 1
            self._last[change.account] = change
            self._changed.notify_all()

    def renew(self, account: AccountId, wait_s: float = 0.0) -> bool:
        """Have a running gateway renew an account's token now.

        Args:
            account: Whose.
            wait_s: Seconds to wait for the end of it.

        Returns:
            False if it is not over yet.

        Raises:
            UnknownAccountError: There is no such account.
            CredentialsRefusedError: It has none that are renewed, no gateway runs, or the calls
                of the hour or day are spent; says when there are more.
        """
        wait_s = arguments.wait_s("wait_s", wait_s)
        self._renewing(account)
        system = self._keeper.system()
        if system is None:
            raise CredentialsRefusedError(
                "not_running", "no gateway runs here; a token is asked for when it starts"
            )
        with self._changed:
            before = self._changes[account]
            system.services.credentials.tell(RenewNow(plan=self._keeper.plans[account]))
            over = self._changed.wait_for(lambda: self._changes[account] > before, wait_s)
            last = self._last[account] if over else None
        if last is not None and last.reason == "budget_spent":
            raise CredentialsRefusedError(last.reason, last.detail or "")
        if last is not None and last.what == "renewed":
            self._reset(account)  # one that had FAILED for want of a token tries again
        return over

    # --- sign-in by a code ------------------------------------------------------------

    def sign_in(self, account: AccountId) -> SignInShown:
        """Begin to sign an account in by a code that a phone scans; returns at once.

        It ends by the rule of :meth:`replace`: a running account registers with what it brings.

        Raises:
            UnknownAccountError: There is no such account.
            CredentialsRefusedError: It has no login that is kept here, it is being signed in
                already, or the gateway has stopped.
        """
        from gateway.credentials import replacing  # noqa: PLC0415  # it costs a platform

        replacing.refuse_spent(source := self._kept_here(account))
        return self._sign_ins.begin(source)

    def sign_in_status(
        self, account: AccountId, seen: int | None = None, wait_s: float = 0.0
    ) -> SignInShown | None:
        """Return where the newest sign-in of an account stands; None: there was none.

        Args:
            account: Whose.
            seen: Number of what was seen last; None: nothing was.
            wait_s: Seconds to wait until it stands elsewhere.

        Raises:
            UnknownAccountError: There is no such account.
        """
        self._known(account)
        if seen is not None:
            seen = arguments.whole("seen", seen, least=0, most=2**53)
        return self._sign_ins.status(account, seen, arguments.wait_s("wait_s", wait_s))

    def sign_in_cancel(self, account: AccountId) -> SignInShown | None:
        """End the sign-in of an account, and return where it stands; None: there was none.

        Too late while a token is asked for: then it goes on. Idempotent.

        Raises:
            UnknownAccountError: There is no such account.
        """
        self._known(account)
        return self._sign_ins.cancel(account)

    def forget(self, account: AccountId) -> None:
        """End the sign-in of an account that is removed."""
        self._sign_ins.forget(account)

    def close(self, wait_s: float) -> None:
        """End all sign-ins, begin none any more, and look for no mended file. Idempotent.

        Args:
            wait_s: Seconds to wait for those that only lack a token.
        """
        self._watch.close()
        self._sign_ins.close(wait_s)

    def _put(
        self, source: GoofishSource, jar: Jar, user_id: str, still_wanted: Callable[[], bool]
    ) -> Failure | None:
        """Put what a sign-in brought in place; return why it is not proven."""
        from gateway.credentials import replacing  # noqa: PLC0415  # it costs a platform

        account = source.account.name
        self._begin(account, wait_s=2 * source.account.renewal.deadline_s)
        try:
            replaced = replacing.put_in_place(source, jar, user_id, still_wanted=still_wanted)
        finally:
            self._end(account)
        # It is stored: whoever stops the gateway, or removes the account, needs no reset.
        with contextlib.suppress(GatewayError):
            self._tell(account, source, replaced, by="code")
        return replaced.doubt

    def _known(self, account: AccountId) -> tuple[AccountSettings, AccountPlan]:
        plans, account = self._keeper.plans, arguments.account(account)
        if account not in plans:
            raise UnknownAccountError(account, list(plans))
        return self._keeper.settings_of(account), plans[account]

    def _source_of(self, account: AccountId) -> object:
        plan = self._keeper.plans.get(account)
        return plan.source if plan else None

    def _renewing(self, account: AccountId) -> object:
        _, plan = self._known(account)
        if plan.source is None:
            raise not_renewed_here(account, self._kind(account))
        return plan.source

    def _kept_here(self, account: AccountId) -> GoofishSource:
        source = _goofish(self._renewing(account))
        if source is None:
            raise not_renewed_here(account, self._kind(account))
        return source

    def _kind(self, account: AccountId) -> str:
        return self._keeper.settings_of(account).credentials.kind

    def _begin(self, account: AccountId, wait_s: float = 0.0) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: account not in self._busy, wait_s):
                raise CredentialsRefusedError(
                    "busy", f"the credentials of account {account} are being changed already"
                )
            self._busy.add(account)

    def _end(self, account: AccountId) -> None:
        with self._changed:
            self._busy.discard(account)
            self._changed.notify_all()

    def _tell(
        self, account: AccountId, source: GoofishSource, replaced: Replaced, *, by: str
    ) -> None:
        stored, doubt = replaced.stored, replaced.doubt
        why, proven, lineage = doubt.reason if doubt else None, doubt is None, stored.lineage
        said = {"by": by, "lineage": lineage, "proven": proven, "reason": why}
        self._log.info("credentials.replaced", account=account, **said)
        system = self._keeper.system()
        if system is not None:
            told = CredentialsReplaced(account=account, kept=source.kept(stored))
            system.services.credentials.tell(told)
        self._reset(account)


def _goofish(source: object) -> GoofishSource | None:
    """Return a source that keeps cookies; None: it is another, or there is none."""
    from gateway.credentials.goofish import GoofishSource  # noqa: PLC0415  # it costs a platform

    return source if isinstance(source, GoofishSource) else None
