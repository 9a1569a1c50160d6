"""Sign-in by a code that a phone scans, as steps: a state and an answer give the next. Pure.

Whoever drives it asks :func:`request` for what to send, waits ``after_s`` before it, and gives
the answer to :func:`advance`, until the phase is one of :data:`ENDS`. Silent renewal is in
:mod:`gateway.platforms.goofish.renewal`.

Cookies of an answer are taken before its body is looked at, also of failures. Whether somebody is
signed in is seen by the cookie ``unb``, not by what the body says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish import mtop, passport_calls
from gateway.platforms.goofish.endpoints import Endpoints
from gateway.platforms.goofish.fields import at, text
from gateway.platforms.goofish.passport_answers import (
    check_of,
    claim_of,
    code_of,
    form_of,
    said,
)
from gateway.platforms.goofish.passport_calls import URL, Caller
from gateway.platforms.goofish.sign_in import (
    CHECK_LIFE_MS,
    CODE_LIFE_MS,
    ENDS,
    MOST_CODES,
    MOST_ERRORS,
    POLL_S,
    Phase,
    SignIn,
    Step,
    begin,
    end,
)
from gateway.platforms.goofish.verdicts import Verdict

__all__ = [
    "CHECK_LIFE_MS",
    "CODE_LIFE_MS",
    "ENDS",
    "MOST_CODES",
    "MOST_ERRORS",
    "POLL_S",
    "Phase",
    "SignIn",
    "Step",
    "advance",
    "begin",
    "request",
]

_MOST_VISITS = 2


def request(
    state: SignIn, endpoints: Endpoints, now_ms: int, user_agent: str | None
) -> HttpRequest | None:
    """Return what to send next; None: the sign-in has ended."""
    if state.phase in ENDS:
        return None
    return _sent(
        state, Caller(jar=state.jar, endpoints=endpoints, now_ms=now_ms, user_agent=user_agent)
    )


def _sent(state: SignIn, caller: Caller) -> HttpRequest:
    match state.step:
        case Step.VISIT:
            return mtop.request(
                mtop.visit_call(), caller.jar, caller.endpoints, caller.now_ms, caller.user_agent
            )
        case Step.PAGE:
            return passport_calls.page_request(caller, state.draw)
        case Step.CODE:
            return passport_calls.generate_request(caller, state.form)
        case Step.POLL:
            assert state.code is not None
            return passport_calls.query_request(caller, state.form, state.code)
        case Step.CLAIM:
            return passport_calls.claim_request(caller, state.claim)
        case _:
            return passport_calls.settings_request(caller)


def advance(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """Return the state after an answer; it reads any bytes and never raises.

    Args:
        state: In which :func:`request` was asked.
        answer: None: none came.
        now_ms: Unix time.
    """
    if state.phase in ENDS:
        return state
    if answer is not None:
        url = mtop.url_of(mtop.visit_call()) if state.step is Step.VISIT else URL
        jar = state.jar.apply(answer.all("set-cookie"), url, now_ms)
        state = _to(state, jar=jar)
        if state.user_id and jar.user_id and jar.user_id != state.user_id:
            return end(state, Phase.FAILED, "wrong_account")
    return _STEPS[state.step](state, answer, now_ms)


def _visited(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """Go on after a first call: once more signed, if the first brought what to sign with."""
    del now_ms
    state = _to(state, visits=state.visits + 1)
    if answer is not None:
        verdict = mtop.judge(answer, mtop.visit_call()).verdict
        if verdict is Verdict.PERSON:
            return end(state, Phase.FAILED, "verification_asked")
        if verdict is Verdict.SIGN_AGAIN and state.visits < _MOST_VISITS:
            return state
    # Some sign in without it: what is missing shows later.
    return _to(state, step=Step.PAGE)


def _opened(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """Go on after the page."""
    del now_ms
    if answer is None or answer.status >= 500:
        return _missed(state)
    form = form_of(answer) if answer.status == 200 else None
    if form is None:
        return end(state, Phase.FAILED, _asked_for_person(answer) or "page_unreadable")
    return _to(state, step=Step.CODE, form=form, errors=0, after_s=0.0)


def _generated(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """Go on after a code was asked for."""
    code = code_of(at(_content(answer), "data"))
    if code is None:
        return _missed(state, answer)
    return _to(
        state,
        phase=Phase.WAITING,
        step=Step.POLL,
        after_s=POLL_S,
        code=code,
        is_claimed=False,
        until_ms=now_ms + CODE_LIFE_MS,
        codes=state.codes + 1,
        errors=0,
    )


def _polled(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """Go on after a look at the code."""
    if state.jar.user_id:
        return _to(state, step=Step.SETTINGS, after_s=0.0)
    content = _content(answer)
    if content is None:
        state = _missed(state, answer)
        return state if state.phase in ENDS else _unless_late(state, now_ms)
    state = _to(state, errors=0, after_s=POLL_S)
    status = (text(at(content, "data", "qrCodeStatus")) or "").strip().upper()
    match status:
        case "CANCELED" | "CANCELLED":
            return end(state, Phase.CANCELLED)
        case "ERROR":
            return end(state, Phase.FAILED, "platform_error")
        case "CONFIRMED":
            state = _confirmed(state, at(content, "data"), now_ms)
        # The check goes on after the code has expired.
        case "EXPIRED" if state.phase is not Phase.VERIFYING:
            return _expired(state)
        case "SCANED" | "SCANNED" if state.phase is Phase.WAITING:
            state = _to(state, phase=Phase.SCANNED)
    return _unless_late(state, now_ms)


def _confirmed(state: SignIn, data: object, now_ms: int) -> SignIn:
    """Go on after the phone said yes, and nobody is signed in."""
    link = check_of(data)
    if link is not None:
        until = state.until_ms if state.phase is Phase.VERIFYING else now_ms + CHECK_LIFE_MS
        return _to(state, phase=Phase.VERIFYING, link=link, until_ms=until)
    claim = claim_of(data)
    if claim is not None and not state.is_claimed:
        return _to(state, step=Step.CLAIM, claim=claim, is_claimed=True, after_s=0.0)
    return state


def _claimed(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """Go on after the token of a code was used: signed in, or the looks go on."""
    return _polled(_to(state, step=Step.POLL, claim=""), answer, now_ms)


def _settled(state: SignIn, answer: HttpAnswer | None, now_ms: int) -> SignIn:
    """End: to stay signed in is asked for, but a refusal of it is no failure."""
    del answer, now_ms
    if state.jar.user_id is None:
        return end(state, Phase.FAILED, "login_lost")
    return end(state, Phase.DONE)


def _unless_late(state: SignIn, now_ms: int) -> SignIn:
    if now_ms < state.until_ms or state.step is not Step.POLL:
        return state
    if state.phase is Phase.VERIFYING:
        return end(state, Phase.FAILED, "check_not_finished")
    return _expired(state)


def _expired(state: SignIn) -> SignIn:
    """Ask for another code, if there were not enough."""
    if state.codes >= MOST_CODES:
        return end(state, Phase.EXPIRED)
    return _to(state, phase=Phase.STARTING, step=Step.CODE, code=None, after_s=0.0)


def _missed(state: SignIn, answer: HttpAnswer | None = None) -> SignIn:
    """Count an answer that says nothing, or did not come."""
    asked = _asked_for_person(answer)
    if asked or state.errors + 1 >= MOST_ERRORS:
        return end(state, Phase.FAILED, asked or "answers_unusable")
    return _to(state, errors=state.errors + 1, after_s=POLL_S)


def _asked_for_person(answer: HttpAnswer | None) -> str | None:
    """Return the reason if risk control asks for a person."""
    if answer is None or mtop.judge(answer, mtop.visit_call()).verdict is not Verdict.PERSON:
        return None
    return "verification_asked"


def _content(answer: HttpAnswer | None) -> Mapping[str, object] | None:
    if answer is None or _asked_for_person(answer):
        return None
    return said(answer)


def _to(state: SignIn, **changes: object) -> SignIn:
    return msgspec.structs.replace(state, **changes)


_STEPS: Final[Mapping[Step, Callable[[SignIn, HttpAnswer | None, int], SignIn]]] = {
    Step.VISIT: _visited,
    Step.PAGE: _opened,
    Step.CODE: _generated,
    Step.POLL: _polled,
    Step.CLAIM: _claimed,
    Step.SETTINGS: _settled,
}
