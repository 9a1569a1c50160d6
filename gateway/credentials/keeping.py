"""What is kept of one account's login: stored before it is used, or held in memory until it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Self

from actors.ports import NOTHING_AHEAD, Outlook
from actors.values import AccountId, Failure
from gateway.credentials import hiding
from gateway.credentials.failures import needs_human, to_paste, to_sign_in
from gateway.credentials.jars import dated, login_ends_ms
from gateway.credentials.store import CredentialStore, Stored, StoreError


class Keeping:
    """Reads and writes what is kept of one account, and has its secrets hidden. Any thread.

    Args:
        name: Of the account.
        store: Keeps it.
        learn: Told the owner and all its secrets before one is used, so that no log shows them.
        unsaved: Told why nothing could be stored; None once it could.
        owner: Of the secrets.
        unix_ms: Wall time.

    Attributes:
        changing: Held while what is stored is read and written again: an upload and a renewal
            may both bring cookies.
    """

    def __init__(
        self,
        name: AccountId,
        *,
        store: CredentialStore,
        learn: Callable[[str, Iterable[str]], None],
        unsaved: Callable[[str | None], None],
        owner: str,
        unix_ms: Callable[[], int],
    ) -> None:
        self._name = name
        self._store = store
        self._learn = learn
        self._owner = owner
        self._tell_unsaved = unsaved
        self._unix_ms = unix_ms
        self._unsaved: Stored | None = None
        self._successor: Self | None = None
        self._ahead = NOTHING_AHEAD
        self.changing = threading.RLock()

    def stored(self) -> Stored | None:
        """Return what is kept, or could not be stored yet; None: nothing, or nothing readable."""
        if self._unsaved is not None:
            return self._unsaved
        try:
            return self._store.read(self._name)
        except StoreError:
            return None

    def unreadable(self) -> Failure | None:
        """Return why what is kept cannot be read; None: it can, or there is nothing."""
        if self._unsaved is not None:
            return None
        try:
            self._store.read(self._name)
        except StoreError as error:
            return needs_human("credentials_unreadable", f"{error}.")
        return None

    def keep(self, stored: Stored) -> None:
        """Store; what cannot be stored lives in memory, and a person is told."""
        stored, before = dated(stored, self._unix_ms()), self._unsaved
        try:
            self._store.write(stored)
        except StoreError as error:
            self._look_ahead(stored, unsaved=True)
            if _is_login(stored):  # else nothing is lost that a person gave or the platform
                self._tell_unsaved(f"{error}")
        else:
            self._look_ahead(stored)
            if before is not None:
                self._tell_unsaved(None)

    def succeed(self, before: Self) -> None:
        """Go on with what another of the account holds in memory, and take turns with it."""
        before._successor = self
        self.changing = before.changing
        with self.changing:
            if before._unsaved is not None:
                self._look_ahead(before._unsaved, unsaved=True)

    def current(self) -> Self:
        """Return the one that the account has now: its settings may have been read again."""
        found = self
        while found._successor is not None:
            found = found._successor
        return found

    @property
    def outlook(self) -> Outlook:
        """Return what is to be looked after."""
        return self._ahead

    def save(self) -> None:
        """Store again what could not be stored; a person is told if it still cannot."""
        with self.changing:
            if self._unsaved is not None:
                self.keep(self._unsaved)

    def put(self, stored: Stored) -> None:
        """Store what a person gave.

        Raises:
            StoreError: It could not be; what was kept stays.
        """
        self.learn(stored)
        stored = dated(stored, self._unix_ms())
        with self.changing:
            self._store.replace(stored)
            self._look_ahead(stored)
        self._tell_unsaved(None)

    def _look_ahead(self, stored: Stored, *, unsaved: bool = False) -> None:
        """Note what there is by now, and what of it is to be looked after."""
        self._unsaved = stored if unsaved else None
        ends_ms = login_ends_ms(stored, self._unix_ms())
        if ends_ms is None and not unsaved:
            self._ahead = NOTHING_AHEAD
            return
        step = f"sign in again: run {to_sign_in(self._name)}, or {to_paste(self._name)}"
        unsaved = unsaved and _is_login(stored)
        self._ahead = Outlook(unsaved=unsaved, login_ends_ms=ends_ms, to_sign_in=step)

    def learn(self, stored: Stored) -> None:
        """Have no log show what is stored."""
        self._learn(self._owner, hiding.of_stored(stored))

    def hide(self, what: str, secrets: Iterable[str]) -> None:
        """Have no log show these either; ``what`` names them, its earlier ones are forgotten."""
        self._learn(f"{self._owner}/{what}", secrets)


def _is_login(stored: Stored) -> bool:
    return stored.token is not None or bool(stored.cookies)
