"""Requests of a client and what they lead to, as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.testing.platform.accounts import Session
from gateway.testing.platform.shapes import Entry, json_text

BEAT: Final = "/!"
REGISTER: Final = "/reg"


class Call(msgspec.Struct, gc=False):
    """A frame of the client: a request if it has ``lwp``, else an acknowledgement."""

    lwp: str | None = None
    code: int | str | None = None
    headers: dict[str, Any] = {}
    body: Any = None

    @property
    def mid(self) -> str:
        """The client's key of it."""
        return str(self.headers.get("mid", ""))


class Reply(msgspec.Struct):
    """An answer before it is written; a fault may change it."""

    mid: str
    code: int = 200
    headers: dict[str, str] = {}
    body: object = None

    def text(self) -> str:
        """Return the frame."""
        frame: dict[str, object] = {"headers": {"mid": self.mid} | self.headers, "code": self.code}
        if self.body is not None:
            frame["body"] = self.body
        return json_text(frame)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What a request led to.

    Attributes:
        reply: To be sent.
        pushed: Entries for the account, after the reply.
        to_others: Entries for the account's other sessions, after the reply.
        session: A registration succeeded.
        displaced: Sessions the registration put out.
        broken: Promises the request broke: rule and detail.
    """

    reply: Reply
    pushed: Sequence[Entry] = ()
    to_others: Sequence[Entry] = ()
    session: Session | None = None
    displaced: Sequence[Session] = ()
    broken: Sequence[tuple[str, str]] = ()


def refused(mid: str, code: int, body: object) -> Answered:
    """Return an answer that is only a code and a reason."""
    return Answered(reply=Reply(mid, code, {"dt": "j"}, body))
