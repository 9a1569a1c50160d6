"""Since when a buyer waits: also where question and answer are of one millisecond."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from gateway.reading import schema
from gateway.reading.messages import ASKS, Said
from gateway.reading.writing import Batch, Sent

CAME_MS = 1_700_000_000_000


def question(seq: int, came_ms: int) -> Said:
    return Said(
        seq=seq, account="a", lane="c", event_id=f"e{seq}", at_ms=came_ms, received_at_ms=came_ms,
        own=False, kind="chat_message", subtype=None, who="小王", peer="77001", item=None,
        text="在吗", message_id=f"m{seq}", flags=ASKS,
    )  # fmt: skip


def answer(position: int, at_ms: int, event_id: str | None, state: str = "accepted") -> Sent:
    return Sent(
        position=position, outbox_id=f"o{position}", account="a", lane="c", at_ms=at_ms,
        text="在", state=state, reason=None, message_id=None, event_id=event_id,
        ended_ms=at_ms + 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "sent", "waits"),
    [
        ([question(1, CAME_MS)], [], True),
        ([question(1, CAME_MS)], [answer(1, CAME_MS, "e1")], False),
        ([question(1, CAME_MS)], [answer(1, CAME_MS + 1, None)], False),
        ([question(1, CAME_MS)], [answer(1, CAME_MS, "e1", "refused")], True),
        ([question(1, CAME_MS), question(2, CAME_MS)], [answer(1, CAME_MS, "e1")], True),
        ([question(1, CAME_MS + 1)], [answer(1, CAME_MS, None)], True),
    ],
)
def test_who_waits(tmp_path: Path, said: list[Said], sent: list[Sent], *, waits: bool) -> None:
    with contextlib.closing(schema.create(tmp_path / schema.FILE)) as copy:
        copy.execute("BEGIN IMMEDIATE")
        batch = Batch(copy)
        batch.say(said)
        batch.send(sent)
        batch.end()
        copy.execute("COMMIT")
        (since,) = copy.execute("SELECT waits_since FROM lane").fetchone()
    assert (since is not None) is waits
