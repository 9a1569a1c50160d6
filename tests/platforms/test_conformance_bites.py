"""A suite that passes everything proves nothing: each check fails on a platform that breaks it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.ports import Identity
from actors.values import (
    Decoded,
    Delivery,
    Event,
    Failure,
    Frame,
    Reply,
    Request,
    SendOutcome,
    SendResult,
)
from gateway import sinks
from gateway.errors import SinkError
from gateway.platforms import registry
from gateway.platforms.plain import Plain, PlainSession
from gateway.settings import SinkSettings
from gateway.sinks.jsonl import JsonlSink
from gateway.testing import conformance
from gateway.testing.conformance import ConformanceError

NUMBERS = itertools.count()
WHO = Identity(account="a", token="made-up-token")


class Session(PlainSession):
    """Plain, with one method or another replaced."""

    changes: dict[str, Callable[..., Any]]

    def __init__(self, identity: Identity, changes: dict[str, Callable[..., Any]]) -> None:
        super().__init__(identity)
        for name, change in changes.items():
            setattr(self, name, change(getattr(super(), name, None)))


class Odd(Plain):
    """Plain, whose sessions break a promise."""

    name = "odd"

    def __init__(self, **changes: Callable[..., Any]) -> None:
        self._changes = changes

    def session(self, identity: Identity) -> Session:
        return Session(identity, self._changes)


def event_with(**fields: Any) -> Callable[..., Any]:
    """Return a decode whose events have other fields."""

    def change(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
        def changed(frame: Frame, **given: Any) -> Decoded:
            decoded = decode(frame, **given)
            events = [msgspec.structs.replace(event, **fields) for event in decoded.events]
            return msgspec.structs.replace(decoded, events=events)

        return changed

    return change


def decoded_with(**fields: Any) -> Callable[..., Any]:
    """Return a decode whose result has other fields."""

    def change(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
        return lambda frame, **given: msgspec.structs.replace(decode(frame, **given), **fields)

    return change


def gives(value: Any) -> Callable[..., Any]:
    """Return a method that gives a value."""
    return lambda _: lambda *_, **__: value


def raises(error: Exception) -> Callable[..., Any]:
    """Return a method that raises."""

    def method(*_: object, **__: object) -> None:
        raise error

    return lambda _: method


def fragile(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
    def changed(frame: Frame, **given: Any) -> Decoded:
        json.loads(frame)
        return decode(frame, **given)

    return changed


def forgetful(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
    calls = itertools.count()

    def changed(frame: Frame, **given: Any) -> Decoded:
        decoded = decode(frame, **given)
        return msgspec.structs.replace(decoded, ack=f"ack {next(calls)}")

    return changed


def greedy(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
    def changed(frame: Frame, *, received_at_ms: int, numbers: Iterator[int] | None) -> Decoded:
        if numbers is not None:
            next(numbers)
        return decode(frame, received_at_ms=received_at_ms, numbers=numbers)

    return changed


def answering(decode: Callable[..., Decoded]) -> Callable[..., Decoded]:
    def changed(frame: Frame, **given: Any) -> Decoded:
        if frame == '{"answer":"m1"}':
            return Decoded(raw=frame, reply=Reply(mid="m1", code=200))
        return decode(frame, **given)

    return changed


def asking(mid: str, _: Delivery) -> Request:
    return Request(mid=mid, payload=f"say {mid}")


def talking(_: str, delivery: Delivery) -> Request:
    return Request(mid="m2", payload=f"say {delivery.content}")


BREACHES: dict[str, tuple[str, dict[str, Callable[..., Any]], str]] = {
    "raises on a frame": (
        "recorded_frames_are_read",
        {"decode": raises(KeyError("x"))},
        "KeyError",
    ),
    "other account": ("recorded_frames_are_read", {"decode": event_with(account="b")}, "account"),
    "no id": ("recorded_frames_are_read", {"decode": event_with(event_id="")}, "event_id"),
    "empty lane": (
        "recorded_frames_are_read",
        {"decode": event_with(conversation_id="")},
        "conversation_id is empty",
    ),
    "recovered": ("recorded_frames_are_read", {"decode": event_with(recovered=True)}, "recovered"),
    "own clock": ("recorded_frames_are_read", {"decode": event_with(received_at_ms=1)}, "given"),
    "other raw": ("recorded_frames_are_read", {"decode": decoded_with(raw="x")}, "raw"),
    "two numbers": ("recorded_frames_are_read", {"decode": greedy}, "2 numbers were taken for 1"),
    "no event": ("its_folder_shows_an_event", {"decode": decoded_with(events=())}, "numbers"),
    "acked fault": (
        "recorded_frames_are_read",
        {"decode": decoded_with(fault="not ours", ack="ok")},
        "not acknowledged",
    ),
    "secret in a fault": (
        "recorded_frames_are_read",
        {"decode": decoded_with(fault="bad made-up-token")},
        "shows a secret",
    ),
    "empty ack": ("recorded_frames_are_read", {"decode": decoded_with(ack="")}, "is empty"),
    "other text": (
        "recorded_frames_mean_what_is_expected",
        {"decode": event_with(text="!")},
        r"object.json: events\[0\].text is '!', expected '{\"looks\"",
    ),
    "another ack each time": ("the_same_frame_gives_the_same_events", {"decode": forgetful}, "ack"),
    "one id for all": (
        "events_of_two_accounts_are_told_apart",
        {"decode": event_with(event_id="1")},
        "two accounts have",
    ),
    "fragile": ("damaged_frames_are_read", {"decode": fragile}, "CONFORMANCE_SEED=5"),
    "very fragile": ("any_frame_is_read", {"decode": fragile}, "JSONDecodeError"),
    "a constant mid": ("ids_are_made_of_what_is_given", {"mid": gives("1")}, "whatever"),
    "a mid of its own": (
        "ids_are_made_of_what_is_given",
        {"mid": lambda _: lambda *_: str(next(NUMBERS))},
        "same arguments",
    ),
    "no request": ("requests_have_their_shape", {"beat": gives("ping")}, "must be Request"),
    "a cookie": (
        "requests_have_their_shape",
        {"upgrade_headers": gives({"Cookie": "x"})},
        "by itself",
    ),
    "a TypeError": (
        "sends_leave_or_are_refused_in_words",
        {"send": raises(TypeError("x"))},
        "a refusal is a ValueError",
    ),
    "no words": (
        "sends_leave_or_are_refused_in_words",
        {"send": raises(ValueError("no"))},
        "little",
    ),
    "None": (
        "sends_leave_or_are_refused_in_words",
        {"send": gives(None)},
        "no request and no frame",
    ),
    "one send": ("sends_leave_or_are_refused_in_words", {"send": gives("x")}, "same for two texts"),
    "nobody recorded": ("a_send_is_answered", {"send": lambda _: asking}, "record the answer"),
    "any failure": (
        "any_answer_is_judged",
        {"registered": gives(Failure(error_class="auth", reason="Not nice"))},  # type: ignore[arg-type]
        "snake_case",
    ),
    "a crash on answers": ("any_answer_is_judged", {"sent": raises(KeyError("body"))}, "KeyError"),
    "takes what others said": ("own_messages_are_known_again", {"echoed": gives("9")}, "another"),
    "register without answer": (
        "a_registration_is_answered",
        {"register": gives(Request(mid="1", payload="hi"))},
        "record the answer to a registration",
    ),
}


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", {})


def run(check: str, folder: Path, **changes: Callable[..., Any]) -> None:
    """Run a check over the plain platform with changes."""
    registry.register("odd", lambda: Odd(**changes))
    checks = conformance.platform_checks("odd", folder, identity=WHO, seed=5)
    next(each for each in checks if each.name == check)()


PLAIN = Path(__file__).parents[1] / "data" / "plain"


@pytest.mark.parametrize("breach", BREACHES)
def test_a_broken_promise_is_found(breach: str) -> None:
    check, changes, told = BREACHES[breach]
    with pytest.raises(ConformanceError, match=told):
        run(check, PLAIN, **changes)


def test_the_rest_is_kept() -> None:
    registry.register("odd", Odd)
    for check in conformance.platform_checks("odd", PLAIN, identity=WHO, seed=5):
        check()


def test_an_answer_under_another_id_is_found(tmp_path: Path) -> None:
    (tmp_path / "ok.json").write_text('{"answer":"m1"}')
    (tmp_path / "expected.json").write_text('{"ok.json": {"sent": "accepted"}}')
    with pytest.raises(ConformanceError, match="reply must be Reply"):
        run("a_send_is_answered", tmp_path, decode=answering, send=lambda _: talking)
    known = {"decode": lambda _: by_json, "send": lambda _: talking}
    with pytest.raises(ConformanceError, match="says unknown, not accepted"):
        run("a_send_is_answered", tmp_path, **known)
    accepted = SendResult(outcome=SendOutcome.ACCEPTED)
    run("a_send_is_answered", tmp_path, sent=gives(accepted), **known)


def by_json(frame: str, **_: object) -> Decoded:
    return Decoded(raw=frame, reply=Reply(mid=json.loads(frame)["answer"], code=200))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no frames"),
        ({"a.txt": "x", "expected.json": '{"b.txt": {}}'}, "names no frame: b.txt"),
        ({"a.txt": "x", "expected.json": '{"a.txt": {"evnts": []}}'}, "evnts"),
        ({"a.txt": "x", "expected.json": "[]"}, "must hold an object"),
    ],
)
def test_a_folder_that_can_not_be_read_says_why(
    tmp_path: Path, files: dict[str, str], told: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConformanceError, match=told):
        run("recorded_frames_are_read", tmp_path)
    with pytest.raises(ConformanceError, match="there is no folder"):
        run("recorded_frames_are_read", tmp_path / "nowhere")


class Loses(JsonlSink):
    """Says that it took an event over and did not."""

    def deliver(self, event: Event) -> None:
        if event.kind != "unknown":
            super().deliver(event)


class Swallows(JsonlSink):
    """Takes events after its end."""

    def deliver(self, event: Event) -> None:
        try:
            super().deliver(event)
        except SinkError:
            return


class Chooses(JsonlSink):
    """Refuses a kind of event."""

    def deliver(self, event: Event) -> None:
        if event.kind == "undecodable":
            raise SinkError("chooses", "does not like it")
        super().deliver(event)


class ClosesOnce(JsonlSink):
    """Is not idempotent."""

    closed = False

    def close(self) -> None:
        super().close()
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


@pytest.mark.parametrize(
    ("broken", "check", "told"),
    [
        (Loses, "it_takes_every_event", "not there"),
        (Loses, "it_runs_on_a_thread_of_its_own", "not there"),
        (Swallows, "a_closed_one_refuses", "the event is lost"),
        (Chooses, "it_takes_every_event", "does not like it"),
        (ClosesOnce, "an_unused_one_closes_twice", "closed already"),
    ],
)
def test_a_broken_sink_is_found(
    broken: type[JsonlSink],
    check: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sinks.SINKS, "jsonl", broken)
    checks = conformance.sink_checks("jsonl", sample, arrived=arrived)
    with pytest.raises(ConformanceError, match=told):
        next(each for each in checks if each.name == check)(tmp_path)


def sample(folder: Path) -> dict[str, Any]:
    return {"path": str(folder / "events.jsonl")}


def arrived(folder: Path) -> list[str]:
    text = (folder / "events.jsonl").read_text("utf-8")
    return [json.loads(line).get("event_id", "") for line in text.splitlines()]


def test_a_sink_that_nobody_can_make_says_what_is_missing(tmp_path: Path) -> None:
    (check, *_) = conformance.sink_checks("jsonl")
    with pytest.raises(ConformanceError, match=r"static method sample\(folder\)"):
        check(tmp_path)
    assert sinks.check([SinkSettings(kind="jsonl", options=sample(tmp_path))]) == ()
