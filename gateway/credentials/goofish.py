"""Tokens of the platform from the account's own cookie: asked for, and the login kept alive.

What the platform answers is judged by :mod:`gateway.platforms.goofish.mtop`. Here one renewal is
made: cookies are stored before they are used, another account's are never taken, and a person is
asked for instead of asking twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from actors.identity import Grant, Identity, Why
from actors.ports import Kept, Renewal
from actors.sections import RenewalSettings
from actors.values import AccountId, ErrorClass, Failure
from gateway.credentials import hiding
from gateway.credentials.attempt import RenewalAttempt, jar_of
from gateway.credentials.failures import failure, needs_human, to_paste, to_sign_in
from gateway.credentials.meanings import wrong_account
from gateway.credentials.store import CredentialStore, Stored, StoreError, fingerprint, is_of
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish import mtop
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.endpoints import Endpoints
from gateway.platforms.goofish.pasted_cookies import PastedCookiesError, parse_pasted
from gateway.platforms.goofish.requests import derived_device_id


class Performer(Protocol):
    """Performs one HTTP request; see :class:`gateway.transport.https.HttpsClient`."""

    def perform(
        self,
        request: HttpRequest,
        *,
        deadline_s: float,
        on_head: Callable[[HttpAnswer], None] | None = None,
    ) -> HttpAnswer | Failure:
        """Return the answer, whatever its status, within the deadline; never raise for a peer.

        ``on_head`` is told status and headers before the body is read.
        """


class Clocks(msgspec.Struct, frozen=True):
    """What a source knows of time.

    Attributes:
        unix_ms: Wall Unix milliseconds.
        monotonic: Seconds.
    """

    unix_ms: Callable[[], int]
    monotonic: Callable[[], float]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say of one account. Its ``repr`` shows the name only.

    Attributes:
        name: Our name of it.
        cookie: The seed; None: the account waits for a person to sign in.
        user_id: ``unb`` of the cookie must be equal; None: whatever the cookie says.
        device_id: None: derived from the user id.
        user_agent: None: the one the messages use.
        upgrade_cookie: Send the cookies to the WebSocket host, too.
        endpoints: Where the platform's HTTP services are.
        renewal: ``request_s`` of it bounds one request.
        egress: Names the way its calls leave by; no secret.
    """

    name: AccountId
    cookie: str | None = None
    user_id: str | None = None
    device_id: str | None = None
    user_agent: str | None = None
    upgrade_cookie: bool = False
    endpoints: Endpoints = Endpoints()
    renewal: RenewalSettings = RenewalSettings()
    egress: str = ""

    def __repr__(self) -> str:
        """Show the name only."""
        return f"Account({self.name!r})"

    __str__ = __repr__

    @property
    def seed(self) -> Mapping[str, str | None]:
        """Return what makes a new login when it changes."""
        return {"cookie": self.cookie, "user_id": self.user_id, "device_id": self.device_id}


class GoofishSource:
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
        changing: Held while what is stored is read and written again: an upload and a renewal
            may both bring cookies.
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
        self.account = account
        self.performer = performer
        self.clocks = clocks
        self._store = store
        self._learn = learn
        self._owner = owner or account.name
        self._tell_unsaved = unsaved
        self._unsaved: Stored | None = None
        self.changing = threading.RLock()
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
        try:
            stored = self._store.read(self.account.name)
        except StoreError as error:
            return Kept(stuck=needs_human("credentials_unreadable", f"{error}."))
        known = stored is not None and is_of(stored.seed, self.account.seed)
        begun = stored if stored is not None and known else self._seeded(stored)
        if isinstance(begun, Failure):
            return Kept(stuck=begun)
        self.learn(begun)
        return self.kept(begun)

    def renew(self, last: Grant | None, why: Why, *, calls: int, deadline_s: float) -> Renewal:
        """Obtain a new token."""
        del last, why
        stored = self.stored()
        if stored is None or not stored.cookies:
            return Renewal(result=self._no_login(), lineage=stored.lineage if stored else None)
        attempt = RenewalAttempt(self, stored, calls=calls, deadline_s=deadline_s)
        result = attempt.run()
        return Renewal(result=result, lineage=stored.lineage, calls=attempt.made)

    def mark_stuck(self, reason: Failure) -> None:
        """Store that only a person helps."""
        with self.changing:
            stored = self.stored()
            if stored is not None and stored.failure != reason:
                self.keep(stored.stuck_by(reason))

    # --- what is stored ---------------------------------------------------------------

    def stored(self) -> Stored | None:
        """Return what is kept, or could not be stored yet; None: nothing, or nothing readable."""
        if self._unsaved is not None:
            return self._unsaved
        try:
            return self._store.read(self.account.name)
        except StoreError:
            return None

    def keep(self, stored: Stored) -> None:
        """Store; what cannot be stored lives in memory, and a person is told."""
        try:
            self._store.write(stored)
        except StoreError as error:
            self._unsaved = stored
            self._tell_unsaved(f"{error}")
        else:
            if self._unsaved is not None:
                self._unsaved = None
                self._tell_unsaved(None)

    def put(self, stored: Stored) -> None:
        """Store what a person gave.

        Raises:
            StoreError: It could not be; what was kept stays.
        """
        self.learn(stored)
        with self.changing:
            self._store.write(stored)
            self._unsaved = None
        self._tell_unsaved(None)

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

    def learn(self, stored: Stored) -> None:
        """Have no log show what is stored."""
        self._learn(self._owner, hiding.of_stored(stored))

    def hide(self, what: str, secrets: Iterable[str]) -> None:
        """Have no log show these either; ``what`` names them, its earlier ones are forgotten."""
        self._learn(f"{self._owner}/{what}", secrets)

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
        seed = fingerprint(account.seed)
        if account.cookie is None:
            stored = before or Stored(account=account.name)
        else:
            found = self.checked(account.cookie)
            if isinstance(found, Failure):
                return found
            stored = self.begun_anew(before, *found)
        stored = msgspec.structs.replace(stored, seed=seed)
        self.keep(stored)
        return stored

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
