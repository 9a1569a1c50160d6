"""The sign-ins of accounts by a code: one at a time an account, and none after the stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.values import AccountId, Failure
from gateway.credentials.shapes import SignInShown
from gateway.errors import CredentialsRefusedError
from gateway.host.undisturbed import Bell, undisturbed

if TYPE_CHECKING:
    from gateway.credentials.goofish import GoofishSource
    from gateway.credentials.sign_in import CodeSignIn
    from gateway.platforms.goofish.cookies import Jar

Put = Callable[["GoofishSource", "Jar", str, Callable[[], bool]], "Failure | None"]


class SignIns:
    """Begins, shows and ends them. Any thread.

    Args:
        put: Puts what one was given in place; called on its thread.
        log: A structlog logger.
    """

    def __init__(self, put: Put, log: Any) -> None:
        self._put = put
        self._log = log
        self._lock = threading.Lock()
        self._changed = Bell()
        self._known: dict[AccountId, CodeSignIn] = {}
        self._closed = False

    @undisturbed
    def begin(self, source: GoofishSource) -> SignInShown:
        """Begin one.

        Raises:
            CredentialsRefusedError: The one before has not ended, or the gateway has stopped.
        """
        from gateway.credentials.sign_in import CodeSignIn  # noqa: PLC0415  # it costs a platform

        account = source.account.name
        with self._lock:
            before = self._known.get(account)
            if self._closed:
                raise CredentialsRefusedError("not_running", "the gateway has stopped")
            if before is not None and not before.shown.ended:
                raise _busy(before.shown)
            begun = CodeSignIn(
                source,
                put=lambda *found: self._put(source, *found),
                changed=self._changed.ring,
                log=self._log,
                after=0 if before is None else before.shown.number,
            )
            begun.start()
            self._known[account] = begun
        return begun.shown

    def status(
        self, account: AccountId, seen: int | None = None, wait_s: float = 0.0
    ) -> SignInShown | None:
        """Return where the newest one stands; None: there was none.

        Args:
            account: Whose.
            seen: Number of the change that was seen last; None: none was.
            wait_s: Seconds to wait for another.
        """

        def has_changed() -> bool:
            found = self._known.get(account)
            return found is None or found.shown.number != seen

        if seen is not None and wait_s > 0:
            self._changed.wait_for(has_changed, wait_s)
        found = self._known.get(account)
        return None if found is None else found.shown

    @undisturbed
    def cancel(self, account: AccountId) -> SignInShown | None:
        """End the newest one unless it is nearly done; return where it stands."""
        found = self._known.get(account)
        if found is None:
            return None
        found.cancel()
        return found.shown

    def forget(self, account: AccountId) -> None:
        """End the one of an account that is removed."""
        with self._lock:
            found = self._known.pop(account, None)
        if found is not None:
            found.close("account_removed", 0.0)
            self._changed.ring()

    def close(self, wait_s: float) -> None:
        """End all, and begin none any more. Idempotent.

        Args:
            wait_s: Seconds to wait for those that are nearly done.
        """
        with self._lock:
            self._closed = True
            known = list(self._known.values())
        until_s = time.monotonic() + wait_s
        for each in known:
            each.cancel("gateway_stopped")
        for each in known:
            each.close("gateway_stopped", max(0.0, until_s - time.monotonic()))


def _busy(first: SignInShown) -> CredentialsRefusedError:
    left = "" if first.left_s is None else f", {first.left_s:.0f} s are left"
    return CredentialsRefusedError(
        "busy",
        f"account {first.account} is being signed in already: that sign-in is {first.state} "
        f"(code {first.code}){left}; finish it, or cancel it first",
    )
