"""The link of one generation: its registration, its calls, and messages about both."""

from __future__ import annotations

from typing import Literal

from actors.account.services import Account
from actors.account.sync import CatchUp
from actors.messages import (
    FramesReceived,
    LinkDialed,
    LinkDown,
    LinkEnded,
    LinkOpened,
    SessionOpened,
)
from actors.runtime.links.calls import Calls
from actors.runtime.links.link import Link
from actors.values import Failure, Generation, Reply


class Uplink:
    """An open link, from the end of its dial to its own.

    A part of the connection, without a mailbox: each method is called on the connection's turn.

    Attributes:
        link: The socket.
        catch_up: When history is read; None: not registered yet, or the platform has none.
    """

    __slots__ = (
        "_account", "_calls", "_generation", "_peers", "_registered_at", "_registration",
        "_services", "_session", "catch_up", "link",
    )  # fmt: skip

    def __init__(self, account: Account, generation: Generation, opened: LinkDialed) -> None:
        services, plan = account.services, account.plan
        self._account, self._peers, self._services = account, account.peers, services
        self._generation = generation
        self._session = opened.session
        self._registration: str | None = None  # id of the request
        self._registered_at = 0.0
        self.catch_up: CatchUp | None = None
        self.link = Link(
            opened.dialed,
            generation=generation,
            frames_to=self._hand_over,
            ended_to=self._pass_end_on,
            pongs_to=account.peers.heartbeat,
            flow=account.flow,
            clock=services.clock,
            send_limit_bytes=plan.send.buffer_bytes,
            send_deadline_s=plan.send.deadline_s,
        )
        self._calls = Calls(self.link, services.clock)
        services.log.debug(
            "connection.upgraded",
            account=account.name,
            generation=generation,
            address=opened.dialed.address,
            phases_ms={
                phase.value: round(seconds * 1000, 1) for phase, seconds in opened.dialed.phases
            },
        )
        self._peers.decoder.tell(
            SessionOpened(generation=generation, calls=self._calls, session=opened.session)
        )
        services.poller.add(self.link)

    def register(self) -> bool:
        """Ask for the registration; False if the platform wants none."""
        request = self._session.register(self._services.new_mid(self._session))
        if request is None:
            return False
        self._registration = request.mid
        self._calls.ask(request, self._peers.connection)
        return True

    def is_registration(self, reply: Reply) -> bool:
        """Return True for the answer to :meth:`register`."""
        return reply.mid == self._registration

    def refusal(self, reply: Reply) -> Failure | None:
        """Return why the platform refused the registration; None if it confirmed it."""
        return self._session.registered(reply)

    def confirmed(self) -> None:
        """Begin to follow history, where there is one."""
        self._registered_at = self._services.clock.monotonic()
        session, history = self._session, self._session.history
        if history is not None:
            self.catch_up = CatchUp(self._account, self._generation, self._calls, session, history)

    def registered_s(self) -> float:
        """Return the seconds since the registration."""
        return self._services.clock.monotonic() - self._registered_at

    def introduce(self, name: Literal["heartbeat", "outbox"]) -> None:
        """Tell the heartbeat or the outbox of the link."""
        opened = LinkOpened(generation=self._generation, calls=self._calls, session=self._session)
        if name == "heartbeat":
            self._peers.heartbeat.tell(opened)
        else:
            self._peers.outbox.tell(opened)

    def leave(self) -> None:
        """Ask and say nothing any more; what was received is stored and acknowledged."""
        self._calls.close()
        self._tell_down(None, 0)

    def end(self, reason: str, failure: Failure | None, blame: int) -> None:
        """End it at once."""
        self._calls.close()
        self.link.shut(reason)
        self._tell_down(failure, blame)

    def _tell_down(self, failure: Failure | None, blame: int) -> None:
        down = LinkDown(generation=self._generation, failure=failure, blame=blame)
        self._peers.heartbeat.tell(down)
        self._peers.outbox.tell(down)
        if self.catch_up is not None:
            self.catch_up.close()
            self.catch_up = None
        if self._peers.recovery.ref is not None:
            self._peers.recovery.tell(down)

    # --- on the thread that reads -------------------------------------------------------

    def _hand_over(self, gulp: FramesReceived) -> None:
        """Hand frames to the decoder.

        Lost ones were not acknowledged; a decoder that is gone has its link cycled.
        """
        if not self._peers.decoder.tell(gulp):
            self._account.flow.returned(len(gulp.frames), gulp.size_bytes)

    def _pass_end_on(self, ended: LinkEnded) -> None:
        """Tell the end of the link behind its frames.

        A kick, or the answer to a registration, often comes in one gulp with the close.
        """
        if not self._peers.decoder.tell(ended):
            self._peers.connection.tell(ended)
