"""One send, as a host sees it."""

from __future__ import annotations

import msgspec

from actors.policy.reasons import NEEDS_REVIEW
from actors.ports.journal import SendRecord
from actors.values import AccountId, SendOutcome, SendResult, SendState


class SendView(msgspec.Struct, frozen=True, kw_only=True):
    """One send, as it stood when it was asked for.

    Attributes:
        outbox_id: Our id of it.
        account: The sending account.
        conversation_id: Where to.
        to: The other user's id.
        text: What it says; None for an image.
        image_url: The image; None for a text.
        state: ``queued sending unknown accepted refused expired cancelled``.
        outcome: As :attr:`SendResult.outcome`; None: it is still being worked on.
        reason: Of the state; ``needs_review``: resolve it by hand.
        message_id: The platform's id of it.
        attempts: How often bytes of it may have left.
        accepted_at_ms: Our Unix time it came in.
        expires_at_ms: Our Unix time from which it is not sent any more.
        ended_at_ms: Our Unix time it ended; None while it is open.
        event_id: The event it answers.
    """

    outbox_id: str
    account: AccountId
    conversation_id: str
    to: str | None
    text: str | None
    image_url: str | None
    state: SendState
    outcome: SendOutcome | None
    reason: str | None
    message_id: str | None
    attempts: int
    accepted_at_ms: int
    expires_at_ms: int
    ended_at_ms: int | None
    event_id: str | None

    @classmethod
    def of(cls, record: SendRecord) -> SendView:
        """Show a row of the journal."""
        sent, result = record.delivery, result_of(record)
        return cls(
            outbox_id=sent.outbox_id,
            account=sent.account,
            conversation_id=sent.conversation_id,
            to=sent.to,
            text=sent.content.text,
            image_url=sent.content.image_url,
            state=record.state,
            outcome=None if result is None else result.outcome,
            reason=record.reason,
            message_id=record.message_id,
            attempts=record.attempts,
            accepted_at_ms=record.accepted_at_ms,
            expires_at_ms=sent.expires_at_ms,
            ended_at_ms=record.ended_at_ms,
            event_id=sent.event_id,
        )


def result_of(record: SendRecord) -> SendResult | None:
    """Return the outcome of a row of the journal, or None if it is still worked on."""
    if record.ended_at_ms is None and record.reason != NEEDS_REVIEW:
        return None
    return SendResult(
        outcome=SendOutcome(record.state.value),
        message_id=record.message_id,
        reason=record.reason,
    )
