"""Where requests of the web side are taken, scripted and answered. Lock held."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Final

from gateway.testing.faults import actions
from gateway.testing.web.http import Asked, Reply
from gateway.testing.web.logins import foreign
from gateway.testing.web.mtop import FakeMtop
from gateway.testing.web.passport import FakePassport
from gateway.testing.web.records import WebCall
from gateway.testing.web.rules import AnyWebAction, Held, Ret, Spoil, WebBook, WrongUnb
from gateway.testing.web.server import Visit
from gateway.testing.web.turns import Turn, World

_CLAIMED: Final = 1 << 30


class Desk:
    """Takes each request, has it judged and recorded, and lets its answer leave.

    Attributes:
        book: The rules.
        held: What answers the calls that are held.
    """

    def __init__(
        self,
        world: World,
        mtop: FakeMtop,
        passport: FakePassport,
        now_ms: Callable[[], int],
    ) -> None:
        self.book = WebBook()
        self.held: list[Callable[[], None]] = []
        self._world = world
        self._records = world.records
        self._mtop = mtop
        self._passport = passport
        self._now_ms = now_ms

    def release(self) -> None:
        """Answer every call that is held."""
        held, self.held = self.held, []
        for resume in held:
            resume()

    def asked(self, visit: Visit, asked: Asked) -> None:
        """Take a request that is whole; the server's hook."""
        visit.notice_who_left()
        given = self._world.logins.known(asked.cookies)
        login = self._world.logins.of(given)
        named = [value for name, value in asked.cookies if name == "unb"]
        call = WebCall(
            number=len(self._records.calls) + 1,
            api=asked.api,
            account=login.user_id or next(iter(named), None),
            at_ms=self._now_ms(),
            cookies=tuple(name for name, _ in asked.cookies),
        )
        self._records.begin(call, login, given)
        turn = Turn(self._world, call, asked, login=login, given=given, now_ms=call.at_ms)
        visit.expect(lambda whole: self._records.end(call, [], whole=whole))
        action = self.book.match(call.api, call.account)
        if isinstance(action, Held):
            self.held.append(partial(self._answer, visit, turn, None))
        elif isinstance(action, actions.Delay):
            visit.call_later(action.by_s, partial(self._answer, visit, turn, None))
        elif isinstance(action, actions.Reset | actions.Drop):
            visit.end(whole=False, reset=isinstance(action, actions.Reset))
        elif not isinstance(action, actions.Stall):
            self._answer(visit, turn, action)

    def _answer(self, visit: Visit, turn: Turn, action: AnyWebAction | None) -> None:
        if visit.has_left():
            return
        turn.now_ms = self._now_ms()
        reply = self._reply(turn, action)
        reply.headers.append(("Date", formatdate(turn.now_ms / 1000, usegmt=True)))
        reply.headers += [("Set-Cookie", line.text) for line in turn.lines]
        if isinstance(action, WrongUnb):
            line = foreign("unb", action.user_id)
            reply.headers.append(("Set-Cookie", line))
        turn.call.status, turn.call.ret = reply.status, reply.ret
        visit.expect(partial(self._ended, turn, reply))
        _send(visit, reply, action)

    def _reply(self, turn: Turn, action: AnyWebAction | None) -> Reply:
        if isinstance(action, actions.Refuse):
            headers = list(action.headers.items())
            return Reply(status=action.status, headers=headers, body=action.body.encode())
        if isinstance(action, Ret):
            if action.cookies:
                turn.greet()
                turn.rotate()
            return self._mtop.said(turn, action)
        if turn.asked.version is not None:
            return self._mtop.answer(turn)
        if turn.asked.api == "upload.api":
            return self._mtop.upload(turn)
        return self._passport.answer(turn)

    def _ended(self, turn: Turn, reply: Reply, whole: bool) -> None:  # noqa: FBT001  # a callback
        given = [line.given for line in turn.lines if line.given is not None]
        self._records.end(turn.call, given, whole=whole)
        if not whole:
            return
        if turn.grant is not None:
            turn.grant.handed = True
        if reply.asks_person and turn.call.account is not None:
            self._records.person_asked.add(turn.call.account)


def _send(visit: Visit, reply: Reply, action: AnyWebAction | None) -> None:
    """Let an answer leave, whole or as a rule wants it."""
    match action:
        case Spoil(how="claim"):
            visit.say(reply.head(_CLAIMED) + reply.body)
        case Spoil(how="drip"):
            visit.say(reply.head(_CLAIMED))
            visit.drip_for_ever(action.every_s)
        case Spoil():
            visit.endless = True
            visit.say(reply.head(_CLAIMED))
        case actions.Drip():
            data = reply.head() + reply.body
            visit.drip(data, size_bytes=action.size_bytes, every_s=action.every_s)
        case actions.Cut():
            data = reply.head() + reply.body
            visit.say(data[: round(len(data) * action.part)])
            visit.end(whole=False, reset=action.reset)
        case _:
            visit.say(reply.head() + reply.body)
            visit.end(whole=True)
