"""Checks of a kind of credentials: fresh, refused, in trouble; and no secret shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, TypeAlias

from actors.identity import Grant, Identity, Why
from actors.ports import CredentialSource, Kept, Renewal
from actors.runtime.clock import SystemClock
from actors.values import ErrorClass, Failure
from gateway.config import from_mapping
from gateway.credentials.registry import SOURCES, Surroundings, source_of
from gateway.credentials.store import CredentialStore, MemoryStore
from gateway.host import assembly
from gateway.platforms import registry
from gateway.settings import Settings
from gateway.testing.conformance.checks import (
    Aside,
    Check,
    constant,
    must,
    must_be,
    raising_nothing,
    safe,
    words_for_people,
)

Options: TypeAlias = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
Trouble: TypeAlias = Callable[[], AbstractContextManager[object]]

CALLS: Final = 4
"""Calls a renewal may make here; the kernel allows as many."""

DEADLINE_S: Final = 1.0
"""Seconds a renewal may take here, and half of it each call."""

_GRACE_S: Final = 1.0
_WAIT_S: Final = 20.0
_STUCK: Final = Failure(error_class=ErrorClass.NEEDS_HUMAN, reason="verification_asked")


def credential_checks(
    credentials: Options,
    *,
    account: str = "shop-a",
    platform: str | None = None,
    secrets: Collection[str] = (),
    replace: Callable[[], object] | None = None,
    troubles: Mapping[str, Trouble] | None = None,
) -> list[Check]:
    """Return the checks of one kind of credentials, as an account has them in its settings.

    Args:
        credentials: What stands under ``credentials``, e.g. ``{"kind": "python", "call":
            "shop.tokens:give"}``; or a function that returns it, called by each check, of a kind
            that is renewed.
        account: Whose credentials it gives.
        platform: Name of the platform that must take them; None: any may.
        secrets: What must not be shown, besides what is given.
        replace: Has others given from now on; None: nobody can.
        troubles: What may go wrong with whoever gives them, by a name in snake_case: each a
            context in which it does, e.g. raises, hangs, or gives junk.
    """
    it = _Subject(credentials, account, platform, secrets, replace)
    checks = [
        Check("it_gives_those_of_its_account", it.gives),
        Check("it_gives_them_on_any_thread", it.gives_on_any_thread),
        Check("it_keeps_device_and_user", it.keeps_device_and_user),
        Check("it_shows_no_secret", it.shows_no_secret),
        Check("its_platform_takes_them", it.is_taken_by_the_platform),
    ]
    if not callable(credentials) and SOURCES.get(credentials.get("kind", "static")) is None:
        return checks
    checks += [
        Check("its_secrets_are_known_before_they_are_used", it.tells_its_secrets),
        Check("a_fresh_one_has_a_version_and_a_life", it.has_version_and_life),
        Check("another_one_has_another_version", it.numbers_them),
        Check("a_refused_one_is_not_given_again", it.heeds_a_refusal),
        Check("it_keeps_to_its_calls", it.keeps_to_its_calls),
        Check("a_restart_finds_what_was_kept", it.goes_on_after_a_restart),
        Check("it_hears_that_only_a_person_helps", it.hears_a_verdict),
    ]
    for name, trouble in (troubles or {}).items():
        checks.append(Check(f"it_survives_{name}", partial(it.survives, trouble)))
    return checks


class _Subject:
    """One kind of credentials under its checks; each check begins with nothing kept."""

    def __init__(
        self,
        credentials: Options,
        account: str,
        platform: str | None,
        secrets: Collection[str],
        replace: Callable[[], object] | None,
    ) -> None:
        self._credentials = credentials
        self._account = account
        self._platform = platform
        self._secrets = secrets
        self._replace = replace
        self._learnt: set[str] = set()

    # --- making it ------------------------------------------------------------------

    def _settings(self) -> Settings:
        given = self._credentials
        options = given() if callable(given) else given
        with raising_nothing("making it"):
            return from_mapping(
                {
                    "durability": "memory",
                    "accounts": [
                        {
                            "id": self._account,
                            "url": "ws://127.0.0.1:9/",
                            "credentials": dict(options),
                            "renewal": {"deadline_s": DEADLINE_S, "request_s": DEADLINE_S / 2},
                        }
                    ],
                }
            )

    def _made(self, store: CredentialStore | None = None) -> CredentialSource | None:
        """Return a source that was loaded, as the kernel does; None: nothing renews these."""
        self._learnt = set()
        around = Surroundings(
            store=store or MemoryStore(),
            clock=SystemClock(),
            learn=lambda _of, secrets: self._learnt.update(secrets),
            unsaved=lambda _account, _why: None,
        )
        (account,) = self._settings().accounts
        with raising_nothing("making it"):
            source = source_of(account, around)
        if source is not None:
            with raising_nothing("load()"):
                must_be(source.load(), Kept, "what load() returns")
        return source

    def _source(self, store: CredentialStore | None = None) -> CredentialSource:
        source = self._made(store)
        must(source is not None, "nothing renews it: give its settings themselves, no function")
        assert source is not None
        return source

    def _renewed(
        self, source: CredentialSource, last: Grant | None = None, why: Why = Why.START
    ) -> Grant:
        """Return what a renewal without trouble brings."""
        with raising_nothing("renew()"):
            renewal = source.renew(last, why, calls=CALLS, deadline_s=DEADLINE_S)
        result = must_be(renewal, Renewal, "what renew() returns").result
        if isinstance(result, Failure):
            told = f"renew() failed though nothing is wrong: {result.reason}, {result.detail}"
            must(kept=False, told=told)
        return must_be(result, Grant, "what renew() brings")

    def _identity(self) -> Identity:
        source = self._made()
        if source is not None:
            return self._renewed(source).identity
        settings = self._settings()
        plan = assembly.plan(settings.accounts[0], settings)
        return must_be(plan.identity(), Identity, "what it gives")

    def _hidden(self, identity: Identity) -> list[str]:
        return [*self._secrets, *(each for each in (identity.token, identity.cookie) if each)]

    # --- of every kind --------------------------------------------------------------

    def gives(self) -> None:
        identity = self._identity()
        must(
            identity.account == self._account,
            f"the identity is of account {identity.account!r}, not {self._account!r}",
        )
        must(identity.token or identity.cookie, "there is neither a token nor a cookie in it")

    def gives_on_any_thread(self) -> None:
        found = Aside(self._identity).within(_WAIT_S)
        must(found, "it does not return on another thread")
        must_be(found[0], Identity, "what it gives on another thread")

    def keeps_device_and_user(self) -> None:
        first, second = self._identity(), self._identity()
        must(first.device_id == second.device_id, "device_id differs between two attempts")
        must(first.user_id == second.user_id, "user_id differs between two attempts")

    def shows_no_secret(self) -> None:
        source = self._made()
        identity = self._identity() if source is None else self._renewed(source).identity
        shown = f"{identity!r} {identity!s} {source!r} {source!s} {getattr(source, 'egress', '')}"
        for secret in self._hidden(identity):
            must(secret not in shown, "repr(), str() or egress of it or of its identity shows one")

    def is_taken_by_the_platform(self) -> None:
        if self._platform is not None:
            with raising_nothing(f"session() of {self._platform}"):
                registry.get(self._platform).session(self._identity())

    # --- of those that are renewed --------------------------------------------------

    def tells_its_secrets(self) -> None:
        token = self._renewed(self._source()).identity.token
        told = "its token is in use, and no log was told to hide it: call learn() before"
        must(token is None or token in self._learnt, told)

    def has_version_and_life(self) -> None:
        source = self._source()
        before_ms = SystemClock().unix_ms()
        grant = self._renewed(source)
        must(grant.version > 0, f"the version of the first is {grant.version}; they begin at 1")
        obtained_ms, expires_ms = grant.obtained_at_ms, grant.expires_at_ms
        must(obtained_ms >= before_ms, "obtained_at_ms is before the renewal began")
        must(expires_ms is None or expires_ms > obtained_ms, "it ends before it was obtained")

    def numbers_them(self) -> None:
        source = self._source()
        first = self._renewed(source)
        if self._replace is not None:
            self._replace()
        second = self._renewed(source, first, Why.EXPIRING)
        same = second.identity.token == first.identity.token
        right = second.version == first.version if same else second.version > first.version
        which = "the same" if same else "another"
        must(right, f"{which} token has version {second.version} after {first.version}")

    def heeds_a_refusal(self) -> None:
        source = self._source()
        first = self._renewed(source)
        renewal = source.renew(first, Why.REFUSED, calls=CALLS, deadline_s=DEADLINE_S)
        if isinstance(renewal.result, Grant):
            same = renewal.result.identity.token == first.identity.token
            must(not same, "the token that was refused is given again; return a Failure instead")
            must(renewal.result.version > first.version, "its version does not grow")
        if self._replace is not None:
            self._replace()
            second = self._renewed(source, first, Why.REFUSED)
            must(second.version > first.version, "the version of the next does not grow")

    def keeps_to_its_calls(self) -> None:
        source = self._source()
        for allowed in (1, CALLS):
            with raising_nothing("renew()"):
                renewal = source.renew(None, Why.START, calls=allowed, deadline_s=DEADLINE_S)
            told = f"it made {renewal.calls} calls, {allowed} were allowed"
            must(0 <= renewal.calls <= allowed, told)

    def goes_on_after_a_restart(self) -> None:
        store = MemoryStore()
        source = self._source(store)
        first = self._renewed(source)
        again = self._source(store)
        kept = again.load().grant
        must(kept is None or kept == first, "load() returns another grant than the newest")
        self._renewed(again, kept, Why.EXPIRING)

    def hears_a_verdict(self) -> None:
        source = self._source()
        with raising_nothing("mark_stuck()"):
            source.mark_stuck(_STUCK)
        self._renewed(source, None, Why.PERSON)

    # --- in trouble -----------------------------------------------------------------

    def survives(self, trouble: Trouble) -> None:
        source = self._source()
        good = self._renewed(source)
        renew = partial(source.renew, good, Why.EXPIRING, calls=CALLS, deadline_s=DEADLINE_S)
        with trouble():
            aside = Aside(renew)
            in_time = aside.within(DEADLINE_S + _GRACE_S)
        for found in in_time:  # one that hangs is given up by the kernel
            self._judge(found, good)
        must(aside.within(_WAIT_S), "renew() does not return although the trouble is over")
        self._renewed(source, good, Why.EXPIRING)

    def _judge(self, found: object, good: Grant) -> None:
        if isinstance(found, BaseException):
            return
        renewal = must_be(found, Renewal, "what renew() returns in trouble")
        failure = must_be(renewal.result, Failure, "what renew() brings in trouble")
        constant("the reason of the failure", failure.reason)
        words_for_people("the failure", failure.detail, self._hidden(good.identity))
        safe("the failure", repr(failure), self._hidden(good.identity))
