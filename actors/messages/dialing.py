"""What the dialing actor of the process receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from actors.identity import Identity
from actors.messages.base import Control, Message
from actors.values import AccountId, Failure, Generation, Phase

if TYPE_CHECKING:
    from actors.messages.connection import DialDecided, DialFailed, LinkDialed
    from actors.messages.supervisor import DialAllowed
    from actors.plan import AccountPlan
    from actors.ports import Mailbox


class RequestDial(Message, frozen=True, kw_only=True, gc=False):
    """Ask for a dial; the gate decides when.

    Attributes:
        plan: The account to dial, and how.
        connection: Hears what becomes of the dial.
        supervisor: Hears when a barred account may try again.
        generation: Of the attempt.
        stretch: Factors on the deadlines of phases that timed out before.
        urgent: A caller or buyer waits for this account: it goes before others at the gate.
        identity: Registers; None: the plan says who does.
    """

    plan: AccountPlan
    connection: Mailbox[DialDecided | DialFailed | LinkDialed]
    supervisor: Mailbox[DialAllowed]
    generation: Generation
    stretch: Mapping[Phase, float]
    urgent: bool = False
    identity: Identity | None = None


class CancelDial(Control, frozen=True, kw_only=True, gc=False):
    """Drop a dial that has not begun."""

    account: AccountId
    generation: Generation


class DialEnded(Control, frozen=True, kw_only=True, gc=False):
    """A dial thread ended.

    Attributes:
        account: Whose.
        generation: Of the attempt.
        endpoint: What was dialled.
        failure: Why there is no link; None: there is one.
        phases: Seconds each phase of a link took.
    """

    account: str
    generation: Generation
    endpoint: str
    failure: Failure | None
    phases: Sequence[tuple[Phase, float]] = ()


class EndpointFailed(Message, frozen=True, kw_only=True, gc=False):
    """An open link ended by a fault of its endpoint (``contract.md`` 2.5)."""

    endpoint: str
    failure: Failure


class GateDue(Message, frozen=True, kw_only=True, gc=False):
    """The gate or a circuit may let another dial through now."""


class SetRate(Control, frozen=True, kw_only=True, gc=False):
    """Set how many dials a second the gate lets through."""

    rate_per_s: float


DialingInbox: TypeAlias = RequestDial | CancelDial | DialEnded | EndpointFailed | GateDue | SetRate
