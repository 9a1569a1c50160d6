from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SinkError
from gateway.events import ChatMessage
from gateway.sinks.jsonl import JsonlSink

posix_only = pytest.mark.skipif(os.name != "posix", reason="an open file cannot be moved")


def event(number: int) -> ChatMessage:
    return ChatMessage(account="a", event_id=f"a/{number}", text="在吗\n？")


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_bytes().split(b"\n") if line]


def ids(file: Path) -> list[str]:
    return [each["event_id"] for each in lines(file)]


def test_each_event_is_one_line_that_is_there_at_once(tmp_path: Path) -> None:
    """A crash right after ``deliver`` must not cost the line."""
    file = tmp_path / "made" / "for" / "it" / "events.jsonl"
    sink = JsonlSink(path=str(file), fsync=True)

    sink.deliver(event(1))
    assert ids(file) == ["a/1"]
    sink.deliver(event(2))
    assert ids(file) == ["a/1", "a/2"]
    sink.close()

    first = lines(file)[0]
    assert (first["kind"], first["account"], first["text"]) == ("chat_message", "a", "在吗\n？")
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_continued(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for number in (1, 2):
        sink = JsonlSink(path=str(file))
        sink.deliver(event(number))
        sink.close()

    assert ids(file) == ["a/1", "a/2"]


def test_a_line_cut_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"event_id":"a/0"}\n{"event_id":"a/')
    sink = JsonlSink(path=str(file))

    sink.deliver(event(1))
    sink.deliver(event(2))
    sink.close()

    whole = file.read_bytes().splitlines()
    assert whole[1] == b'{"event_id":"a/'
    assert [json.loads(line)["event_id"] for line in (whole[0], *whole[2:])] == [
        "a/0",
        "a/1",
        "a/2",
    ]


@posix_only
def test_a_file_that_was_moved_or_removed_is_opened_anew(tmp_path: Path) -> None:
    """So logrotate needs no signal and loses no line."""
    file, moved = tmp_path / "d" / "events.jsonl", tmp_path / "events.1"
    sink = JsonlSink(path=str(file))
    sink.deliver(event(1))

    file.rename(moved)
    sink.deliver(event(2))
    file.unlink()
    file.parent.rmdir()
    sink.deliver(event(3))
    sink.close()

    assert ids(moved) == ["a/1"]
    assert ids(file) == ["a/3"]


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    sink = JsonlSink(path=str(file))

    def deliver(number: int) -> None:
        for n in range(50):
            sink.deliver(event(number * 1000 + n))

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    sink.close()

    assert sorted(ids(file)) == sorted(f"a/{t * 1000 + n}" for t in range(4) for n in range(50))


def test_a_full_disk_is_told_and_the_event_can_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is on the disk when there is room again; the next line must be whole."""
    file = tmp_path / "events.jsonl"
    sink = JsonlSink(path=str(file))
    real, room = os.write, [7]

    def write(target: int, data: memoryview) -> int:
        if not room:
            return real(target, data)
        left = room.pop()
        if left:
            room.append(0)
            return real(target, bytes(data[:left]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(SinkError) as caught:
        sink.deliver(event(1))
    assert "events.jsonl cannot be written: No space left on device" in str(caught.value)
    assert "the disk has room" in str(caught.value)
    assert caught.value.retryable

    sink.deliver(event(1))
    sink.close()

    assert ids_of_whole_lines(file) == ["a/1"]


def ids_of_whole_lines(file: Path) -> list[str]:
    whole = [line for line in file.read_bytes().splitlines() if line.endswith(b"}")]
    return [json.loads(line)["event_id"] for line in whole]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a full disk at hand")
def test_a_really_full_disk(tmp_path: Path) -> None:
    link = tmp_path / "events.jsonl"
    link.symlink_to("/dev/full")
    sink = JsonlSink(path=str(link))

    with pytest.raises(SinkError, match="No space left"):
        sink.deliver(event(1))
    with pytest.raises(SinkError, match="cannot be flushed"):
        sink.close()
    sink.close()


def test_a_place_that_can_not_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SinkError, match="cannot be opened"):
        JsonlSink(path=str(tmp_path / "file" / "events.jsonl"))
    with pytest.raises(SinkError, match="cannot be opened"):
        JsonlSink(path=str(tmp_path))
