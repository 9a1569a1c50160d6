"""One connection as the engine knows it, and everything that can be done to it."""

from __future__ import annotations

import time
from functools import partial

from gateway.testing.faults import actions
from gateway.testing.faults.actions import AnyAction
from gateway.testing.faults.rules import FaultBook, Moment
from gateway.testing.platform.accounts import Push, Session
from gateway.testing.platform.handshake import fragments, frame
from gateway.testing.platform.link import Link
from gateway.testing.platform.logbook import ConnectionLog

_CLOSE_WAIT_S = 2.0


class Peer:
    """A client's connection.

    Attributes:
        account: User id, as soon as it is known.
        of_account: Its number among the connections of the account.
        session: Its registration; kept after the session was left, for late acks.
        closing: A close frame or an expulsion went out; nothing is said any more.
        redelivering: A timer looks after what is not acknowledged.
        owe: What it never acknowledges comes again on the next connection.
    """

    __slots__ = (
        "_book", "_held", "account", "closing", "link", "log", "of_account", "owe",
        "redelivering", "session",
    )  # fmt: skip

    def __init__(self, link: Link, log: ConnectionLog, book: FaultBook, *, owe: bool) -> None:
        self.link = link
        self._book = book
        self.log = log
        self.owe = owe
        self.account: str | None = None
        self.of_account = 0
        self.session: Session | None = None
        self.closing = False
        self.redelivering = False
        self._held: list[bytes] = []

    def say(self, text: str) -> None:
        """Write one text frame."""
        wire = self.link.wire
        if wire is not None and not self.closing:
            self.link.write(wire.encode((text,)))

    def ping(self, payload: bytes) -> None:
        """Send a WebSocket ping."""
        wire = self.link.wire
        if wire is not None:
            self.link.write(wire.ping(payload))

    def pong(self, payload: bytes) -> None:
        """Answer a WebSocket ping."""
        wire = self.link.wire
        if wire is not None:
            self.link.write(wire.pong(payload))

    # --- ends ---------------------------------------------------------------------

    def leave(self) -> None:
        """Take the session from its account."""
        if self.session is not None:
            self.session.account.leave(self.session, owe=self.owe)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the rest follows the client's answer."""
        link = self.link
        link.write(frame(0x8, code.to_bytes(2, "big") + reason.encode()))
        link.end = link.end or "we_closed"
        self.closing = True
        self.leave()
        link.loop.call_later(_CLOSE_WAIT_S, lambda: link.finish("we_closed"))

    def expel(self, *, removed: bool) -> None:
        """Put a session out with a push, then close."""
        session, link = self.session, self.link
        if session is not None and link.wire is not None:
            lwp = "/s/session/remove" if removed else "/push/kickout"
            reason = "connect limit" if removed else "other device login"
            push = session.push(lwp, f'{{"reason":"{reason}"}}')
            session.delivered(push, time.monotonic())
            self.say(session.text(push))
            self.leave()
        self.closing = True
        link.end = "removed" if removed else "kicked"
        link.finish(link.end)

    # --- what rules want ----------------------------------------------------------

    def match(self, moment: Moment, lwp: str | None = None) -> AnyAction | None:
        """Return what a rule wants to happen now."""
        if not self._book.armed:
            return None
        return self._book.match(
            moment,
            self.account,
            of_account=self.of_account,
            of_platform=self.link.number,
            lwp=lwp,
        )

    def suffer(self, action: AnyAction) -> bool:
        """Do what concerns the connection; True: what was about to happen does not."""
        link = self.link
        match action:
            case actions.Reset():
                link.reset("we_reset")
            case actions.Drop():
                link.finish("we_dropped")
            case actions.Stall():
                link.mute()
            case actions.Close(code=code, reason=reason):
                self.close(code, reason)
            case actions.Kick():
                self.expel(removed=False)
            case actions.RemoveSession():
                self.expel(removed=True)
            case actions.Lose():
                pass
            case actions.StopReading(for_s=for_s):
                link.pause(for_s)
                return False
            case actions.SendBytes(data=data):
                link.write(data)
                return False
            case _:
                return False
        return True

    def mangle(self, text: str, action: AnyAction) -> None:
        """Send a frame in the way a rule wants."""
        link, wire = self.link, self.link.wire
        if wire is None:
            return
        data = wire.encode((text,))
        match action:
            case actions.Delay(by_s=by_s):
                link.loop.call_later(by_s, partial(self.say, text))
            case actions.Duplicate(times=times, after_s=after_s):
                self.say(text)
                for _ in range(times):
                    link.loop.call_later(after_s, partial(self.say, text))
            case actions.Drip(size_bytes=size_bytes, every_s=every_s):
                link.drip(data, size_bytes=size_bytes, every_s=every_s)
            case actions.Fragment(size_bytes=size_bytes, pings=pings):
                link.write(fragments(text, size_bytes, pings=pings))
            case actions.Oversize(claimed_bytes=claimed):
                link.write(frame(0x1, text.encode()[:64], claimed=claimed))
            case actions.Cut(part=part, reset=reset):
                link.write(data[: max(1, int(len(data) * part))])
                self.suffer(actions.Reset() if reset else actions.Drop())
            case actions.Swap(at_most_s=at_most_s):
                self._held.append(data)
                link.loop.call_later(at_most_s, self.release)
            case _:
                if not self.suffer(action):
                    self.say(text)

    def release(self) -> None:
        """Send what was held back."""
        for data in self._held:
            self.link.write(data)
        self._held.clear()


def corrupted(session: Session, push: Push, action: actions.Corrupt) -> str:
    """Return the frame of a push with the damage a rule wants."""
    text = session.text(push)
    if action.how == "frame" or not push.entries:
        return text[: len(text) // 2]
    data = push.entries[min(action.entry, len(push.entries) - 1)].data
    whole = data.rstrip("=")
    broken = {
        "base64": f"!!{data[2:]}",
        "truncate": data[: len(data) // 2 & ~3],
        "garbage": f"{whole[: len(whole) & ~3]}AAAA",
    }[action.how]
    return text.replace(f'"data":"{data}"', f'"data":"{broken}"', 1)
