"""A platform under its checks: its codec, its folder, its dice."""

from __future__ import annotations

import os
import random
import secrets
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from actors.ports import Identity, Platform, Session
from actors.values import Content, Decoded, Delivery, Frame
from gateway.platforms import registry
from gateway.testing.conformance import events, folder
from gateway.testing.conformance.checks import raising_nothing
from gateway.testing.conformance.folder import Folder, Recorded

SEED: Final = "GATEWAY_CONFORMANCE_SEED"
DAMAGES: Final = 30
"""Random damages to each recorded frame, and to each answer."""

MOMENT: Final = (1_795_469_246_123, 0.4225)
"""What ids are made of: a Unix time and a draw."""


class Subject:
    """One platform; made of nothing before the first check runs.

    Attributes:
        name: In the registry.
        seed: Of all that is random.
    """

    def __init__(
        self, name: str, frames: Path | None, identity: Identity | None, seed: int | None
    ) -> None:
        if seed is None:
            seed = int(os.environ.get(SEED) or secrets.randbelow(1 << 32))
        self.name = name
        self.seed = seed
        self._frames = frames
        self._identity = identity

    @cached_property
    def platform(self) -> Platform:
        """Return it."""
        with raising_nothing(f"registry.get({self.name!r})"):
            return registry.get(self.name)

    @cached_property
    def folder(self) -> Folder:
        """Return its folder of recorded frames."""
        return folder.read(self._frames or folder.frames_beside(self.platform))

    @cached_property
    def who(self) -> Identity:
        """Return whose frames they are."""
        return self._identity or self.folder.identity

    @property
    def secrets(self) -> list[str]:
        """Return what must not be shown."""
        return [each for each in (self.who.token, self.who.cookie) if each]

    @property
    def again(self) -> str:
        """Return how to have the same damage again, for an error."""
        return f"({SEED}={self.seed})"

    def session(self, account: str | None = None) -> Session:
        """Return a new codec, of another account if one is named."""
        who = self.who
        if account is not None:
            who = msgspec.structs.replace(who, account=account)
        with raising_nothing(f"session(); {folder.IDENTITY} in its folder says whose"):
            return self.platform.session(who)

    def read(self, session: Session, frame: Frame, told: str) -> Decoded:
        """Return what a frame means, if it keeps what every frame promises."""
        return events.decode(session, frame, told, account=self.who.account, secrets=self.secrets)

    def recorded(self, session: Session, each: Recorded) -> Decoded:
        """Return what a recorded frame means."""
        return self.read(session, each.frame, each.name)

    def dice(self, what: str) -> random.Random:
        """Return dice of their own for one thing."""
        return random.Random(f"{self.seed}/{what}")  # noqa: S311  # to be repeated

    def mid(self) -> str:
        """Return a request id."""
        return self.session().mid(*MOMENT)

    def delivery(self, content: Content, *, to: str | None = "3301") -> Delivery:
        """Return a send."""
        return Delivery(
            outbox_id="o1",
            uuid=self.platform.uuid(*MOMENT),
            account=self.who.account,
            conversation_id="50000000001",
            to=to,
            content=content,
            expires_at_ms=MOMENT[0] + 60_000,
        )
