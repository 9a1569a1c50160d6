"""A sign-in by a code that a phone scans: performs the pure steps of the platform on a thread.

It ends by itself: codes and identity check have an end, and so has every request. What it was
given for goes the way of a pasted cookie: proven by one token call, and only then put in place.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from actors.ports.journal import JournalError
from actors.values import ErrorClass, Failure
from gateway.credentials import sign_in_words as words
from gateway.credentials.goofish import GoofishSource
from gateway.credentials.hiding import of_cookies, of_link
from gateway.credentials.jars import jar_of
from gateway.credentials.shapes import SignInShown
from gateway.credentials.store import StoreError
from gateway.errors import CredentialsRefusedError
from gateway.platforms.goofish import passport
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.passport import Phase, SignIn
from gateway.platforms.goofish.passport_calls import URL
from gateway.platforms.goofish.sign_in import end

LIFE_S: Final = (
    passport.MOST_CODES * passport.CODE_LIFE_MS + passport.CHECK_LIFE_MS
) / 1000 + 120.0
"""Longest life, whatever happens to the wall clock; two minutes are for slow answers."""

STORE_S: Final = 5.0
"""Seconds to wait for a file that is being written."""

Put = Callable[[Jar, str, Callable[[], bool]], Failure | None]


class CodeSignIn:
    """One sign-in of one account. Any thread.

    Args:
        source: Of the account; performs the requests, over its proxy.
        put: Puts cookies of a user in place unless nobody wants them any more, and returns why
            they are not proven; on the thread of the sign-in.
        changed: Called after each change; must not block.
        log: A structlog logger.
        after: Number of the last change of the sign-in before.
    """

    def __init__(
        self,
        source: GoofishSource,
        *,
        put: Put,
        changed: Callable[[], None],
        log: Any,
        after: int = 0,
    ) -> None:
        self._source = source
        self._account = source.account
        self._put = put
        self._changed = changed
        self._log = log
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._storing = False
        self._unreachable = ""
        # Both in one, so that a reader needs no lock.
        self._now = SignInShown(account=source.account.name, number=after + 1), 0
        self._thread = threading.Thread(
            target=self._run, name=f"gateway/sign-in/{source.account.name}", daemon=True
        )

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    @property
    def shown(self) -> SignInShown:
        """Where it stands now."""
        shown, until_ms = self._now
        if not until_ms:
            return shown
        left_s = max(0.0, (until_ms - self._source.clocks.unix_ms()) / 1000)
        return msgspec.structs.replace(shown, left_s=round(left_s, 1))

    def cancel(self, reason: str | None = None) -> None:
        """End it. Idempotent; too late while the token is asked for.

        A token that nobody registers with may leave the account's link mute.

        Args:
            reason: Why; None: a person wants it.
        """
        self._finish("cancelled", reason, unless="checking")

    def close(self, reason: str, wait_s: float) -> None:
        """End it in any case; nothing is stored afterwards.

        Args:
            reason: Why.
            wait_s: Seconds to wait for the end of one that is nearly done.
        """
        self.cancel(reason)
        if threading.current_thread() is self._thread:  # a logger of the host's stops the gateway
            return
        if not self._now[0].ended:
            self._thread.join(wait_s)
        self._finish("cancelled", reason)
        if self._storing:
            self._thread.join(STORE_S)

    # --- the thread -------------------------------------------------------------------

    def _run(self) -> None:
        self._log.info("sign_in.started", account=self._account.name)
        try:
            state = self._driven()
            if state.phase is Phase.DONE:
                self._check(state.jar)
            elif state.phase in passport.ENDS:
                self._finish(state.phase.value, state.reason)
        except Exception as error:  # noqa: BLE001  # whatever it is, a person waits for the end
            self._log.error("sign_in.crashed", account=self._account.name, exc_info=error)
            self._finish("failed", "internal")

    def _driven(self) -> SignIn:
        """Return the last state: an end, unless it was stopped."""
        source, account = self._source, self._account
        give_up_s = time.monotonic() + LIFE_S
        state = self._begun()
        while state.phase not in passport.ENDS and not self._stop.wait(state.after_s):
            if time.monotonic() > give_up_s:
                return end(state, Phase.EXPIRED)
            now_ms = source.clocks.unix_ms()
            request = passport.request(state, account.endpoints, now_ms, account.user_agent)
            assert request is not None
            answer = source.performer.perform(request, deadline_s=account.renewal.request_s)
            self._unreachable = answer.detail if isinstance(answer, Failure) else ""
            heard = None if isinstance(answer, Failure) else answer
            state = passport.advance(state, heard, source.clocks.unix_ms())
            self._tell(state)
        return state

    def _begun(self) -> SignIn:
        source, now_ms = self._source, self._source.clocks.unix_ms()
        stored = source.stored()
        jar = Jar() if stored is None else jar_of(stored)
        user_id = self._account.user_id or (stored.user_id if stored else None)
        if user_id is None and self._account.cookie:  # its gateway was never started
            seed = source.checked(self._account.cookie)
            user_id = None if isinstance(seed, Failure) else seed[1]
        return passport.begin(
            now_ms,
            random.random(),  # noqa: S311  # no secret
            user_id=user_id,
            cna=jar.value("cna", URL, now_ms) or "",
        )

    def _tell(self, state: SignIn) -> None:
        """Show what changed; what of it is a secret is hidden from logs first."""
        code, jar = state.code, state.jar
        self._source.hide(
            "sign-in",
            [
                *of_cookies(jar.plain(), public=jar.user_id),
                *of_link(state.link),
                *([state.claim] if state.claim else ()),
                *((code.ck, *of_link(code.content)) if code else ()),
            ],
        )
        if state.phase in passport.ENDS:
            return
        waits = state.phase in (Phase.WAITING, Phase.SCANNED, Phase.VERIFYING)
        self._publish(
            until_ms=state.until_ms if waits else 0,
            state=state.phase.value,
            code=state.codes,
            link=state.shows,
            check_link=state.link if state.phase is Phase.VERIFYING else None,
        )

    def _check(self, jar: Jar) -> None:
        """Put the login in place, by the rule of a pasted cookie."""
        user_id = jar.user_id
        assert user_id is not None
        if not self._publish(state="checking", link=None, check_link=None):
            return
        try:
            doubt = self._put(jar, user_id, self._may_store)
        except CredentialsRefusedError as error:
            self._finish("failed", error.reason, f"{error}")
        except (StoreError, JournalError) as error:
            self._finish("failed", "unsaved", f"{error}")
        else:
            if doubt is not None and doubt.error_class is ErrorClass.NEEDS_HUMAN:
                self._finish("failed", doubt.reason, doubt.detail)
            else:
                told = (doubt.reason, doubt.detail) if doubt else (None, None)
                self._finish("done", *told, user_id=user_id)

    # --- what is shown ----------------------------------------------------------------

    def _may_store(self) -> bool:
        with self._lock:
            self._storing = not self._now[0].ended
            return self._storing

    def _finish(
        self,
        state: str,
        reason: str | None = None,
        detail: str | None = None,
        *,
        user_id: str | None = None,
        unless: str = "",
    ) -> None:
        """End, unless it has ended, or is in a state."""
        name = self._account.name
        if state != "done":
            detail = detail or words.of_end(state, reason, name, unreachable=self._unreachable)
        if self._publish(
            unless=unless,
            state=state,
            link=None,
            check_link=None,
            user_id=user_id,
            reason=reason,
            detail=detail,
        ):
            self._log.info("sign_in.ended", account=name, state=state, reason=reason)

    def _publish(self, *, until_ms: int = 0, unless: str = "", **changes: Any) -> bool:
        """Show something else; return False if it has ended, or nothing changed."""
        with self._lock:
            before, _ = self._now
            after = msgspec.structs.replace(before, **changes)
            too_late = self._storing and after.state == "cancelled"
            if before.ended or before.state == unless or after == before or too_late:
                return False
            self._now = msgspec.structs.replace(after, number=before.number + 1), until_ms
            if after.ended:
                self._stop.set()
        self._changed()
        return True
