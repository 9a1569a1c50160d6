"""What the connection of an account receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from actors.identity import Grant
from actors.messages.base import Control, Message
from actors.messages.link import Answered, LinkEnded
from actors.messages.recovery import RecoveryEnded
from actors.policy.retries import GiveUp
from actors.values import Failure, Frame, Generation, Phase, Signal

if TYPE_CHECKING:
    from actors.ports import Dialed, Session


Introduced: TypeAlias = Literal["credentials", "dialing", "heartbeat", "outbox", "recovery"]


class Open(Control, frozen=True, kw_only=True, gc=False):
    """Start an attempt. The supervisor tells it, first and after each delay.

    Attributes:
        stretch: Factors on the deadlines of phases that timed out before.
        urgent: A caller or buyer waits for this account: it goes before others at the gate.
    """

    stretch: Mapping[Phase, float]
    urgent: bool = False


class Introduce(Control, frozen=True, kw_only=True, gc=False):
    """Bring a restarted actor up to date: the current link, and what is still to be done.

    Attributes:
        name: The role that was restarted.
    """

    name: Introduced


class Shut(Control, frozen=True, kw_only=True, gc=False):
    """Close the link in order and stay away: paused, or stopped for good."""

    for_good: bool


class Fail(Control, frozen=True, kw_only=True, gc=False):
    """Move to FAILED until a person resets the account."""

    verdict: GiveUp


class Withdraw(Control, frozen=True, kw_only=True, gc=False):
    """Leave the link at once, without a closing handshake: nothing can be stored."""

    failure: Failure


class Reset(Control, frozen=True, kw_only=True, gc=False):
    """Forget failures; a FAILED account may try again."""


class Rotate(Control, frozen=True, kw_only=True, gc=False):
    """Replace a link that registered with an older grant by one with the newest.

    Attributes:
        version: Of the newest grant.
    """

    version: int


class ForgetGrant(Control, frozen=True, kw_only=True, gc=False):
    """Ask for a grant anew: the settings have other credentials than the last one came from.

    An attempt begins again. A link stays until there is a newer grant, or ends if none will come.
    """


class GrantGiven(Control, frozen=True, kw_only=True, gc=False):
    """The attempt may register with this."""

    generation: Generation
    grant: Grant


class GrantAwaited(Control, frozen=True, kw_only=True, gc=False):
    """There is no grant to register with yet: the attempt waits, and is not counted.

    Attributes:
        generation: Of the attempt.
        failure: Why the last renewal failed, or that its turn has not come.
    """

    generation: Generation
    failure: Failure


class DialDecided(Control, frozen=True, kw_only=True, gc=False):
    """What the connect gate decided about an attempt.

    Attributes:
        generation: Of the attempt.
        allowed: It has begun, and its deadline runs from now. Otherwise the endpoint's circuit
            is open: the attempt waits in line, and is not counted.
    """

    generation: Generation
    allowed: bool


class LinkDialed(Control, frozen=True, kw_only=True, gc=False):
    """The link is open, not registered yet."""

    generation: Generation
    session: Session
    dialed: Dialed


class DialFailed(Control, frozen=True, kw_only=True, gc=False):
    """The attempt ended before a link was open."""

    generation: Generation
    failure: Failure


class DeadlineExpired(Control, frozen=True, kw_only=True, gc=False):
    """A deadline of the link passed.

    Attributes:
        generation: Of the link.
        phase: TCP: the deadline of a whole attempt. REGISTER: that of the registration. OPEN: the
            peer did not finish the closing handshake of an open link.
    """

    generation: Generation
    phase: Phase


class WriteAcks(Message, frozen=True, kw_only=True, gc=False):
    """Everything these frames carried is stored: acknowledge them, in order.

    ``point`` is how far the platform's stream is stored with them; 0: they do not say.
    """

    generation: Generation
    acks: Sequence[Frame]
    point: int = 0


class FramesRejected(Message, frozen=True, kw_only=True, gc=False):
    """Frames that the platform cannot have sent: counted, not acknowledged."""

    generation: Generation
    faults: Sequence[str]


class SignalsReceived(Message, frozen=True, kw_only=True, gc=False):
    """What the platform said about the session."""

    generation: Generation
    signals: Sequence[Signal]


class LinkCondemned(Control, frozen=True, kw_only=True, gc=False):
    """The link cannot be trusted: a verdict of the heartbeat or of a restarted actor."""

    generation: Generation
    failure: Failure


class Flushed(Message, frozen=True, kw_only=True, gc=False):
    """Everything received before the :class:`Flush` is stored and its acks are written."""

    generation: Generation


class CatchUpDue(Message, frozen=True, kw_only=True, gc=False):
    """Time to check whether the platform is ahead of the journal."""

    generation: Generation


class MessagesMentioned(Message, frozen=True, kw_only=True, gc=False):
    """Pushes named messages that they did not carry: their event ids."""

    generation: Generation
    event_ids: Sequence[str]


class MentionsRead(Message, frozen=True, kw_only=True, gc=False):
    """How many of the mentioned messages the journal does not have."""

    generation: Generation
    unknown: int


ConnectionCommand: TypeAlias = (
    Open | Shut | Withdraw | Fail | Introduce | Reset | Rotate | ForgetGrant
)
"""What the supervisor decides; of no generation."""

ConnectionNews: TypeAlias = (
    Answered
    | CatchUpDue
    | DeadlineExpired
    | DialDecided
    | DialFailed
    | Flushed
    | FramesRejected
    | GrantAwaited
    | GrantGiven
    | LinkCondemned
    | LinkDialed
    | LinkEnded
    | MentionsRead
    | MessagesMentioned
    | RecoveryEnded
    | SignalsReceived
    | WriteAcks
)
"""What became of one generation; stale news is dropped."""

ConnectionInbox: TypeAlias = ConnectionCommand | ConnectionNews
