"""docs/events.md is what the code says, and names all that the codec can make."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from actors.policy import reasons
from gateway.events import PlatformEvent
from gateway.platforms.goofish import order_words, send_reasons, subtypes
from scripts import draw_events, event_words

ROOT = Path(__file__).parents[2]
CODEC = ROOT / "gateway" / "platforms" / "goofish"


def test_the_pages_are_what_the_code_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draw_events.main(["--check"]) == 0
    monkeypatch.setattr(draw_events, "DOCS", tmp_path)
    assert draw_events.main(["--check"]) == 1
    assert "run scripts/draw_events.py" in capsys.readouterr().err
    assert draw_events.main([]) == 0
    assert draw_events.main(["--check"]) == 0


@pytest.mark.parametrize("page", ["events.md", "events.zh-CN.md"])
def test_every_subtype_of_a_capture_has_a_row_below_its_class(page: str) -> None:
    """Whoever meets one in a log finds it here."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    sections = dict(re.findall(r"### (\w+)\n(.*?)(?=\n##)", text, re.DOTALL))
    assert len(draw_events.samples()) > 100
    for name, event in draw_events.samples():
        row = subtypes.row_of(event.subtype or "").format("N")
        assert f"| `{row}` |" in sections[type(event).__name__], (name, event.subtype)
        assert event.order_status is None or f"| `{event.order_status}` |" in text


def test_the_codec_names_its_subtypes_in_one_place() -> None:
    """So a new one cannot miss the page."""
    for path in sorted(CODEC.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "subtype":
                assert not isinstance(node.value, ast.Constant), (path.name, node.value.lineno)


def test_a_row_without_words_stops_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(event_words.LETTERS, reasons.STALE)
    with pytest.raises(SystemExit, match=r"say in event_words\.py what 'stale' means"):
        draw_events.page(0)


def test_no_words_are_left_over() -> None:
    assert event_words.SUBTYPES.keys() == subtypes.SUBTYPES.keys()
    assert event_words.LETTERS.keys() == reasons.LETTERS.keys()
    sends = {**reasons.SENDS, **send_reasons.SENDS}
    assert event_words.SENDS.keys() == sends.keys()
    assert event_words.ORDER_STATES.keys() == set(order_words.ALONG)
    assert event_words.CLASSES.keys() == {each.__name__ for each in draw_events.CLASSES}


def test_the_docstring_of_an_event_names_all_states_of_an_order() -> None:
    """An editor shows it where the attribute is typed."""
    (told,) = re.findall(r"order_status: ``([^`]*)``", PlatformEvent.__doc__ or "")
    assert set(told.split()) == set(order_words.ALONG)
    assert {state for _, _, state in order_words.TABLE if state} == set(order_words.ALONG)
