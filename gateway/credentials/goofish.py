"""Tokens of the platform from the account's own cookie: asked for, and the login kept alive.

What the platform answers is judged by :mod:`gateway.platforms.goofish.mtop`. Here one renewal is
made: cookies are stored before they are used, another account's are never taken, and a person is
asked for instead of asking twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import msgspec

from actors.identity import Grant, Identity, Why
from actors.ports import Kept, Renewal
from actors.values import ErrorClass, Failure
from gateway.credentials.account import Account, Clocks, Performer
from gateway.credentials.attempt import RenewalAttempt
from gateway.credentials.failures import failure, needs_human, to_paste, to_sign_in
from gateway.credentials.jars import jar_of
from gateway.credentials.keeping import Keeping
from gateway.credentials.meanings import another_user, wrong_account
from gateway.credentials.seeds import fingerprint, is_of
from gateway.credentials.store import CredentialStore, Stored
from gateway.platforms.goofish import mtop
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.pasted_cookies import PastedCookiesError, parse_pasted
from gateway.platforms.goofish.requests import derived_device_id


class GoofishSource(Keeping):
    """Obtains the tokens of one account. One call at a time; each may block.

    Args:
        account: What the settings say.
        store: Keeps what is obtained.
        performer: Performs the requests, over the account's proxy.
        clocks: Time.
        learn: Told the owner and all its secrets before one is used, so that no log shows them.
        unsaved: Told why nothing could be stored; None once it could.
        owner: Of the secrets; None: the account.

    Attributes:
        loaded: Set once :meth:`load` has said what there is.
    """

    def __init__(
        self,
        account: Account,
        *,
        store: CredentialStore,
        performer: Performer,
        clocks: Clocks,
        learn: Callable[[str, Iterable[str]], None],
        unsaved: Callable[[str | None], None],
        owner: str | None = None,
    ) -> None:
        super().__init__(
            account.name,
            store=store,
            learn=learn,
            unsaved=unsaved,
            owner=owner or account.name,
            unix_ms=clocks.unix_ms,
        )
        self.account = account
        self.performer = performer
        self.clocks = clocks
        self.loaded = threading.Event()

    def __repr__(self) -> str:
        """Show the name only."""
        return f"GoofishSource({self.account.name!r})"

    @property
    def egress(self) -> str:
        """Return the way its calls leave by."""
        return self.account.egress

    # --- the kernel's ----------------------------------------------------------------

    def load(self) -> Kept:
        """Return what an earlier life left; a seed that changed since begins a new login."""
        try:
            with self.changing:
                return self._load()
        finally:
            self.loaded.set()

    def _load(self) -> Kept:
        unreadable = self.unreadable()
        if unreadable is not None:
            return Kept(stuck=unreadable)
        stored = self.stored()
        begun: Stored | Failure
        if stored is not None and is_of(stored.seed, self.account.seed):
            begun = stored
            self._look_ahead(stored, unsaved=self._unsaved is not None)
        else:
            begun = self._seeded(stored)
        if isinstance(begun, Failure):  # it stands in the settings: no retry changes it
            return Kept(stuck=needs_human(begun.reason, begun.detail))
        self.learn(begun)
        return self.kept(begun)

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        """Obtain a new token."""
        del last, why
        stored = self.stored()
        if stored is None or not stored.cookies:
            result = self.unreadable() or self._no_login()
            return Renewal(result=result, lineage=stored.lineage if stored else None)
        attempt = RenewalAttempt(self, stored, calls=calls, deadline_s=deadline_s)
        ended = attempt.run()
        return Renewal(result=ended, lineage=stored.lineage, calls=attempt.made)

    def mark_stuck(self, reason: Failure) -> None:
        """Store that only a person helps."""
        with self.changing:
            stored = self.stored()
            if stored is not None and stored.failure != reason:
                self.keep(stored.stuck_by(reason))

    def with_store(self, store: CredentialStore) -> GoofishSource:
        """Return the same with another store."""
        return GoofishSource(
            self.account,
            store=store,
            performer=self.performer,
            clocks=self.clocks,
            learn=self._learn,
            unsaved=lambda _: None,
            owner=f"{self._owner}/trial",  # or it would push out what is in use
        )

    def kept(self, stored: Stored) -> Kept:
        """Return it as the kernel knows it."""
        return Kept(
            grant=self.grant_of(stored),
            lineage=stored.lineage,
            stuck=stored.failure if stored.cookies or stored.stuck else self._no_login(),
            calls_ms=stored.calls_ms,
        )

    def grant_of(self, stored: Stored) -> Grant | None:
        """Return the newest token; None: there is none."""
        if stored.token is None:
            return None
        now_ms, cookie = self.clocks.unix_ms(), None
        if self.account.upgrade_cookie:
            cookie = jar_of(stored).header(mtop.url_of(mtop.login_user_call()), now_ms) or None
        identity = Identity(
            account=self.account.name,
            user_id=stored.user_id,
            device_id=stored.device_id,
            token=stored.token,
            cookie=cookie,
            user_agent=self.account.user_agent,
            version=stored.version,
        )
        return Grant(
            identity=identity,
            obtained_at_ms=stored.obtained_at_ms,
            expires_at_ms=stored.expires_at_ms,
        )

    def begun_anew(self, before: Stored | None, jar: Jar, user_id: str) -> Stored:
        """Return what is kept of a login that begins now; budget and versions go on."""
        before = before or Stored(account=self.account.name)
        device_id = self.account.device_id or derived_device_id(user_id)
        return Stored(
            account=self.account.name,
            lineage=before.lineage + 1,
            version=before.version,
            user_id=user_id,
            device_id=device_id,
            seed=before.seed,
            calls_ms=before.calls_ms,
            cookies=jar.plain(),
        )

    def _seeded(self, before: Stored | None) -> Stored | Failure:
        """Begin with what the settings give; without a cookie go on with what is kept."""
        account = self.account
        if account.cookie is None:
            if before is not None:  # its seed stays: the same cookie put back is no new one
                self._look_ahead(before, unsaved=self._unsaved is not None)
                return before
            stored = Stored(account=account.name)
        else:
            found = self._given(account.cookie, before)
            if isinstance(found, Failure):
                return found
            stored = self.begun_anew(before, *found)
        stored = msgspec.structs.replace(stored, seed=fingerprint(account.seed))
        self.keep(stored)
        return stored

    def unusable(self) -> Failure | None:
        """Return why a cookie that the settings have now cannot be taken; None: it can."""
        cookie, before = self.account.cookie, self.stored()
        if cookie is None or (before is not None and is_of(before.seed, self.account.seed)):
            return None
        found = self._given(cookie, before)
        return found if isinstance(found, Failure) else None

    def _given(self, cookie: str, before: Stored | None) -> tuple[Jar, str] | Failure:
        """Return the cookies of the settings and whose they are; never silently another user's."""
        found = self.checked(cookie)
        known = before.user_id if before is not None else None
        if isinstance(found, Failure) or self.account.user_id is not None or known is None:
            return found
        return found if found[1] == known else another_user(found[1], known)

    def checked(self, pasted: str) -> tuple[Jar, str] | Failure:
        """Return the cookies of a text that was pasted, and whose they are."""
        try:
            jar = parse_pasted(pasted, self.clocks.unix_ms())
        except PastedCookiesError as error:
            return failure("cookie_unusable", f"{error}.", ErrorClass.CONFIG)
        user_id, wanted = jar.user_id, self.account.user_id
        if user_id is None or jar.missing():
            return failure(
                "cookie_incomplete",
                f"the cookie lacks {', '.join(jar.missing())}; copy the Cookie header of "
                "www.goofish.com/im after the login.",
                ErrorClass.CONFIG,
            )
        if wanted is not None and user_id != wanted:
            return wrong_account(user_id, wanted)
        return jar, user_id

    def _no_login(self) -> Failure:
        name = self.account.name
        return needs_human(
            "no_login",
            f"Account {name} has no login yet: run {to_sign_in(name)}, or {to_paste(name)}.",
        )
