"""What the supervisor of an account receives, and what it tells its root."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from actors.messages.base import Control, Message
from actors.messages.connection import Reset
from actors.messages.recovery import RecoveryEnded
from actors.state import Cause, ConnectionState
from actors.values import AccountId, Failure, Generation

if TYPE_CHECKING:
    from actors.plan import AccountPlan
    from actors.ports import History, Session
    from actors.runtime.links.calls import Calls


class Start(Control, frozen=True, kw_only=True, gc=False):
    """Bring the account up."""


class Pause(Control, frozen=True, kw_only=True, gc=False):
    """Take the account off the platform until it is resumed."""


class Stop(Control, frozen=True, kw_only=True, gc=False):
    """Take the account down for good."""


class ReplaceCredentials(Control, frozen=True, kw_only=True, gc=False):
    """Register as another plan says, and forget what was held against the old credentials.

    Attributes:
        plan: Of the same account; differs in who registers and how that is renewed.
    """

    plan: AccountPlan


class StateChanged(Control, frozen=True, kw_only=True, gc=False):
    """The connection moved; told to the supervisor and to the account's observers.

    Attributes:
        account: Whose connection.
        old: State before.
        new: State now.
        cause: Why, a row of the table in :mod:`actors.state`.
        generation: Of the attempt or link it concerns.
        failure: What went wrong, where the cause is a failure.
        at_ms: Our Unix time.
        why: Why it was given up, on the way to FAILED; as in :class:`actors.policy.retries.GiveUp`.
    """

    account: AccountId
    old: ConnectionState
    new: ConnectionState
    cause: Cause
    generation: Generation
    failure: Failure | None = None
    at_ms: int = 0
    why: str | None = None


class RetryDue(Control, frozen=True, kw_only=True, gc=False):
    """The delay before the next attempt is over."""


class DialAllowed(Control, frozen=True, kw_only=True, gc=False):
    """The circuit or the grant that an account waits for is there; its supervisor opens it."""

    generation: Generation


class StabilityReached(Control, frozen=True, kw_only=True, gc=False):
    """A generation has been CONNECTED long enough to be trusted."""

    generation: Generation


class Drained(Control, frozen=True, kw_only=True, gc=False):
    """No event of the account is in a handler; the journal has the outcomes."""


class PastStored(Control, frozen=True, kw_only=True, gc=False):
    """The journal has stored the account's failures, or can never store them."""


class BeginRecovery(Message, frozen=True, kw_only=True, gc=False):
    """Read an account's history again over its link. The supervisor starts the actor.

    Attributes:
        generation: Of the link.
        calls: Asks over it.
        session: Its codec.
        history: Of the session.
        reason: What it is for: ``registered``, ``gap``, ``backlog_cut``, ``probe``, ….
        forced: Read even if the platform's state says that nothing happened.
    """

    generation: Generation
    calls: Calls
    session: Session
    history: History
    reason: str
    forced: bool


class JournalHealthChanged(Control, frozen=True, kw_only=True, gc=False):
    """The journal failed, or works again; a hint, ``services.health`` is the truth.

    Attributes:
        failed: Nothing can be stored any more. Otherwise commits hold again.
    """

    failed: bool


class ActorDied(Control, frozen=True, kw_only=True, gc=False):
    """A supervised actor ended without having been stopped.

    Attributes:
        name: Role in its account, e.g. ``decoder``.
        urn: Which incarnation.
        error: Type and place of what killed it; ``hung`` if it was abandoned.
    """

    name: str
    urn: str
    error: str


class RestartDue(Control, frozen=True, kw_only=True, gc=False):
    """The pause before a dead actor is restarted is over."""

    name: str


class AccountEnded(Control, frozen=True, kw_only=True, gc=False):
    """An account was taken down: its link is closed, its handlers have ended."""


SupervisorCommand: TypeAlias = Start | Pause | Stop | Reset | ReplaceCredentials
"""What people want of an account; the next life hears what this one did not live to hear."""

SupervisorInbox: TypeAlias = (
    SupervisorCommand
    | StateChanged
    | RetryDue
    | DialAllowed
    | StabilityReached
    | Drained
    | PastStored
    | BeginRecovery
    | RecoveryEnded
    | JournalHealthChanged
    | ActorDied
    | RestartDue
)

RootInbox: TypeAlias = ActorDied | AccountEnded
"""What a supervisor tells the system."""
