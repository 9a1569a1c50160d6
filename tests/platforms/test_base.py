"""What a codec need not say: the defaults do nothing, or refuse in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.ports import Identity, Session
from actors.values import Content, Decoded, Delivery, Event, Frame, Reply, SendOutcome
from gateway.platforms.base import BasePlatform, BaseSession

REPLY = Reply(mid="1", code=200)
WHO = Identity(account="a", user_id="2201", token="t")
DELIVERY = Delivery(
    outbox_id="o",
    uuid="u",
    account="a",
    conversation_id="c",
    to=None,
    content=Content(text="x"),
    expires_at_ms=1,
)


class Deaf(BaseSession):
    """The least there can be."""

    def decode(
        self, frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None = None
    ) -> Decoded:
        del received_at_ms, numbers
        return Decoded(raw=frame, fault=f"not for {self.account or 'anybody'}")


class Silence(BasePlatform):
    """Its platform."""

    name = "silence"

    def session(self, identity: Identity) -> Deaf:
        return Deaf(identity)


def test_a_session_of_defaults_asks_nothing_and_knows_nothing() -> None:
    session: Session = Silence().session(WHO)
    assert session.history is None
    assert session.upgrade_headers() == {}
    assert session.mid(17, 0.5) == Silence().uuid(17, 0.5) == "17-500000"
    assert session.register("1") is None
    assert session.registered(REPLY) is None
    assert session.told_ms(REPLY) is None
    assert session.beat("1") is None
    assert session.sent(REPLY).outcome is SendOutcome.UNKNOWN
    assert session.echoed(Event(), DELIVERY) is None
    with pytest.raises(ValueError, match="only listens"):
        session.send("1", DELIVERY)


def test_stored_frames_are_read_without_credentials() -> None:
    """A restart reads what the journal holds before anybody has a token."""
    platform = Silence()
    assert not platform.addressed
    assert platform.reader("b", None).decode("x", received_at_ms=1).fault == "not for b"
    assert platform.decode("x").fault == "not for anybody"


def test_a_platform_without_sessions_can_not_be_made() -> None:
    class Half(BasePlatform):
        name = "half"

    with pytest.raises(TypeError, match="session"):
        Half()  # type: ignore[abstract]
