"""A dead letter tells a person who asked what, and not only its bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.host.dead_letters import told

DATA = Path(__file__).parents[1] / "data" / "goofish"


def test_a_letter_tells_its_customer_and_text() -> None:
    frame = (DATA / "syn_frame_32_texts.json").read_text(encoding="utf-8")
    found = told(frame, 3, ["goofish", "plain"])
    assert {"kind", "sender_id", "sender_nick", "text"} <= found.keys()
    assert told("hello", 0, ["goofish", "plain"])["text"] == "hello", "the next platform can"


@pytest.mark.parametrize("frame", [None, "{", b"\x00\xff", ""])
def test_what_nobody_can_read_is_shown_without(frame: str | bytes | None) -> None:
    assert told(frame, 7, ["goofish", "nobody-has-this"]) == {}
