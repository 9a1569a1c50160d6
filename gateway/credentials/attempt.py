"""One renewal: ask for the token; correct the time, sign again, renew the login, each once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from actors.identity import Grant
from actors.values import ErrorClass, Failure
from gateway.credentials.failures import failure
from gateway.credentials.jars import jar_of
from gateway.credentials.meanings import OF_VERDICT, login_over, person, wrong_account
from gateway.credentials.store import Stored
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish import mtop, renewal
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.mtop import Judged, Verdict
from gateway.platforms.goofish.passport_calls import URL as PASSPORT
from gateway.platforms.goofish.passport_calls import Caller

if TYPE_CHECKING:
    from gateway.credentials.goofish import GoofishSource

DAY_MS: Final = 24 * 3600 * 1000


class RenewalAttempt:
    """One renewal.

    Attributes:
        made: Calls it has made.
    """

    def __init__(
        self, source: GoofishSource, stored: Stored, *, calls: int, deadline_s: float
    ) -> None:
        self.made = 0
        self._source = source
        self._stored = stored
        self._jar = jar_of(stored)
        self._calls = calls
        self._clocks = source.clocks
        self._until_s = self._clocks.monotonic() + deadline_s
        self._offset_ms: int | None = None  # of the platform's clock, once it refused ours
        self._began_with = stored.version
        self._signed_again = self._renewed = False
        self._theirs: Failure | None = None  # the cookies of an answer were another's

    def run(self) -> Grant | Failure:
        """Ask for the token; correct the time, sign again, renew the login, each once."""
        assert self._stored.device_id is not None
        call = mtop.token_call(self._stored.device_id)
        while True:
            newer = self._overtaken()
            if newer is not None:
                return self._instead(newer)
            self._jar = self._newest()
            now_ms = self._clocks.unix_ms() + (self._offset_ms or 0)
            signed = mtop.signed_with(call, self._jar, now_ms)
            account = self._source.account
            request = mtop.request(call, self._jar, account.endpoints, now_ms, account.user_agent)
            answer = self._perform(request, partial(self._take_cookies, mtop.url_of(call), now_ms))
            if self._theirs is not None:
                return self._theirs
            if isinstance(answer, Failure):
                return answer
            judged = mtop.judge(answer, call)
            if judged.verdict is Verdict.SUCCESS:
                return self._success(judged)
            again = self._again(judged, signed, mtop.signed_with(call, self._jar, now_ms))
            if again is not None:
                return again

    def _again(self, judged: Judged, before: str, after: str) -> Failure | None:
        """Prepare another try, or return why there is none."""
        verdict = judged.verdict
        if verdict is Verdict.LOGIN_OVER:
            return self._renew_login()
        if verdict is Verdict.CLOCK and judged.server_ms is not None and self._offset_ms is None:
            self._offset_ms = judged.server_ms - self._clocks.unix_ms()
            return None
        helps = verdict in (Verdict.SIGN_AGAIN, Verdict.ILLEGAL) and before != after
        if helps and not self._signed_again:
            self._signed_again = True
            return None
        found = OF_VERDICT[verdict](self._source.account.name, judged)
        if found.error_class is ErrorClass.NEEDS_HUMAN:
            self._keep(self._stored.stuck_by(found))
        return found

    def _renew_login(self) -> Failure | None:
        """Renew the login without a person, once a day, where the platform's page would do so."""
        now_ms = self._clocks.unix_ms()
        allowed = (
            not self._renewed
            and now_ms - self._stored.silent_ms >= DAY_MS
            and renewal.may_renew_silently(self._jar, now_ms)
        )
        if not allowed:
            return self._stuck(login_over(self._source.account.name))
        self._renewed = True
        self._keep(msgspec.structs.replace(self._stored, silent_ms=now_ms))
        account = self._source.account
        caller = Caller(
            jar=self._jar,
            endpoints=account.endpoints,
            now_ms=now_ms,
            user_agent=account.user_agent,
        )
        answer = self._perform(
            renewal.silent_request(caller), partial(self._take_cookies, PASSPORT, now_ms)
        )
        if self._theirs is not None:
            return self._theirs
        if isinstance(answer, Failure):
            return answer
        if renewal.renewed(self._jar, answer, now_ms).outcome is renewal.Outcome.PERSON:
            return self._stuck(person(account.name))
        return None  # only the token call tells whether it helped

    def _perform(
        self, request: HttpRequest, on_head: Callable[[HttpAnswer], None]
    ) -> HttpAnswer | Failure:
        left_s = self._until_s - self._clocks.monotonic()
        if self.made >= self._calls:
            told = (
                f"One renewal makes {self._calls} calls at most and needed more; it is tried again"
            )
            return failure("too_many_calls", f"{told}.")
        if left_s <= 0:
            return failure("renewal_timed_out", "The renewal took too long; it is tried again.")
        self.made += 1
        now_ms = self._clocks.unix_ms()
        calls_ms = [at_ms for at_ms in self._stored.calls_ms if now_ms - at_ms < DAY_MS]
        self._keep(msgspec.structs.replace(self._stored, calls_ms=(*calls_ms[-99:], now_ms)))
        request_s = self._source.account.renewal.request_s
        return self._source.performer.perform(
            request, deadline_s=min(request_s, left_s), on_head=on_head
        )

    def _take_cookies(self, url: str, now_ms: int, head: HttpAnswer) -> None:
        """Keep the cookies of an answer before anything of it is used, or its body comes at all."""
        taken = take_cookies(self._source, head, url, now_ms=now_ms, of=self._stored)
        if isinstance(taken, Failure):
            self._theirs = taken
        else:
            self._jar = taken
            self._stored = msgspec.structs.replace(self._stored, cookies=taken.plain())

    def _success(self, judged: Judged) -> Grant | Failure:
        now_ms = self._clocks.unix_ms()
        expires_at_ms = None
        if judged.life_ms is not None:
            expires_at_ms = now_ms + judged.life_ms
        elif judged.expires_at_ms is not None:
            ahead_ms = 0 if judged.server_ms is None else judged.server_ms - now_ms
            expires_at_ms = judged.expires_at_ms - ahead_ms
        stored = msgspec.structs.replace(
            self._stored,
            version=self._stored.version + 1,
            token=judged.token,
            obtained_at_ms=now_ms,
            expires_at_ms=expires_at_ms,
            stuck=None,
        )
        with self._source.changing:
            newer = self._overtaken()
            if newer is not None:
                return self._instead(newer)
            self._keep(stored)
        grant = self._source.grant_of(self._stored)
        assert grant is not None
        return grant

    def _stuck(self, reason: Failure) -> Failure:
        self._keep(self._stored.stuck_by(reason))
        return reason

    def _keep(self, stored: Stored, jar: Jar | None = None) -> None:
        """Store, unless newer credentials are in place; cookies of the same login are, already.

        Args:
            stored: Of this attempt.
            jar: Its cookies; None: those there are by now.
        """
        with self._source.changing:
            self._jar = self._newest() if jar is None else jar
            self._stored = msgspec.structs.replace(stored, cookies=self._jar.plain())
            self._source.learn(self._stored)
            if self._overtaken() is None:
                self._source.keep(self._stored)

    def _overtaken(self) -> Stored | None:
        """Return what is stored if a person, or another renewal, was faster; None: nobody was."""
        newest = self._source.stored()
        if newest is None:
            return None
        mine = self._stored.lineage, self._began_with
        return newest if (newest.lineage, newest.version) > mine else None

    def _instead(self, newer: Stored) -> Grant | Failure:
        grant = None
        if newer.lineage == self._stored.lineage:
            grant = self._source.grant_of(newer)
        return grant or failure("overtaken", "A newer login is in place; this one is not used.")

    def _newest(self) -> Jar:
        """Return the cookies of this login by now: an upload may have brought some."""
        newest = self._source.stored()
        same = newest is not None and newest.lineage == self._stored.lineage
        return jar_of(newest) if newest is not None and same else self._jar


def take_cookies(
    source: GoofishSource, answer: HttpAnswer, url: str, *, now_ms: int, of: Stored
) -> Jar | Failure:
    """Keep the cookies of an answer before anything of it is used; return all there are by now.

    Args:
        source: Whose.
        answer: As it came.
        url: The platform's own address that answered.
        now_ms: Unix time.
        of: What was asked with. If a person has begun a newer login since, nothing is stored.
    """
    with source.changing:
        newest = source.stored()
        before = newest if newest is not None and newest.lineage == of.lineage else of
        known = jar_of(before)
        jar = known.apply(answer.all("set-cookie"), url, now_ms)
        if jar.user_id is not None and jar.user_id != before.user_id:
            return wrong_account(jar.user_id, before.user_id)
        if jar != known:
            taken = msgspec.structs.replace(before, cookies=jar.plain())
            source.learn(taken)
            if newest is None or newest.lineage <= of.lineage:
                source.keep(taken)
    return jar
