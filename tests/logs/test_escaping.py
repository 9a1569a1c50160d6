"""What strangers write moves nobody's cursor and ends nobody's line, in whatever JSON we print."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from pathlib import Path

import control_api
import msgspec
import pytest
import structlog
from commands import call
from control_api import Serve
from stand_in import StandIn, letter

from gateway import ChatMessage, escaping, logs
from gateway.cli import show
from gateway.events import to_json

EVIL = "a\x9b2J\x85b\u2028c\u2029\u202ed\u2066e\u200f\u061cf\x7f 你好🙂"
serve_api = control_api.serve_api


def risky(text: str) -> list[str]:
    """Find what a terminal obeys or a reader of lines splits at."""
    return [
        each
        for each in text
        if (each not in "\n\r\t" and unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"})
        or unicodedata.bidirectional(each)
        in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        or each in "\u200e\u200f\u061c"
    ]


def test_both_ways_escape_the_same_and_nothing_else() -> None:
    """Every letter there is; Chinese and pictures stay as they are."""
    every = "".join(chr(at) for at in range(0x20, 0x110000) if not 0xD800 <= at <= 0xDFFF)
    told = escaping.dumps(every)
    assert escaping.escaped(msgspec.json.encode(every)).decode() == told
    assert json.loads(told) == every
    assert not risky(told)
    assert escaping.dumps("你好🙂é") == '"你好🙂é"'
    assert escaping.dumps("\ud83d") == '"\\ud83d"', "half a letter cannot be printed"


@pytest.mark.parametrize("sign", ["\x7f", "\x80", "\x9f", "\u2028", "\u202e", "\U000e0041"])
def test_at_either_end(sign: str) -> None:
    data = escaping.escaped(msgspec.json.encode([sign, f"a{sign}"]))
    assert data.isascii()
    assert json.loads(data) == [sign, f"a{sign}"]


def test_an_event_is_one_line_for_every_reader() -> None:
    """``str.splitlines`` knows ten ends of a line; JSON lines have one."""
    event = ChatMessage(account="a", event_id="a:1", text=EVIL, received_at_ms=1)
    line = to_json(event).decode()
    assert line.splitlines() == [line]
    assert not risky(line)
    assert json.loads(line)["text"] == EVIL


def test_json_of_commands(
    tmp_path: Path, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = StandIn(tmp_path)
    gateway.shelf.rows["a:1"] = letter("a:1", EVIL)
    api = serve_api(gateway)
    monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", api.token or "")
    assert not risky(api.get_bytes("/v1/dead-letters").decode())
    for action in (["list"], ["show", "a:1"]):
        _, out, _ = call("dead-letters", *action, "--json", "--url", api.served.url)
        assert "\\u009b2J" in out
        assert not risky(out)
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    show.as_json({"x": EVIL})
    assert not risky(screen.getvalue())


def test_decode_and_json_logs(tmp_path: Path) -> None:
    file = tmp_path / "frame"
    file.write_text(json.dumps({"lwp": "/x", "body": EVIL}, ensure_ascii=False), encoding="utf-8")
    _, out, _ = call("decode", str(file))
    assert out
    assert not risky(out)
    stream = io.StringIO()
    try:
        logs.configure("info", "json", stream=stream)
        logs.get_logger().info("x.happened", detail=EVIL)
    finally:
        logs.unconfigure_strangers()
        structlog.reset_defaults()
    assert json.loads(stream.getvalue())["detail"] == EVIL
    assert not risky(stream.getvalue())
