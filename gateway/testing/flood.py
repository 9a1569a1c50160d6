"""Texts of a stranger, many at once."""

from __future__ import annotations

from gateway.testing.memory import Account
from gateway.testing.model import Model
from gateway.testing.shapes import Entry, Message, text_content

STRANGER = "3399"


def stranger_texts(model: Model, account: Account, count: int, now_ms: int) -> list[Entry]:
    """Put ``count`` texts of a stranger into the history; give their push forms."""
    cid = model.ids.conversation(account.user_id, STRANGER)
    talk = model.converse(account, cid, peer_id=STRANGER, item_id="", now_ms=now_ms)
    return [
        model.keep(
            account,
            Message(
                message_id=model.ids.message(),
                conversation_id=talk.id,
                sender_id=STRANGER,
                created_at_ms=account.tick(now_ms),
                content=text_content(f"flood {number}"),
                content_type=1,
                summary=f"flood {number}",
                nick="stranger",
                business_id=model.ids.business(),
            ),
        )
        for number in range(count)
    ]
