"""Checks of a decoded frame and its events."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any, Final

from actors.ports import Reader
from actors.values import Decoded, Event, Frame, Reply, Signal
from gateway.events import to_json
from gateway.testing.conformance.checks import must, must_be, raising_nothing, safe

ARRIVED_MS: Final = 1_795_469_246_000
FIRST: Final = 7
"""The number the first event of a frame is given."""


def decode(
    reader: Reader, frame: Frame, told: str, *, account: str, secrets: Collection[str]
) -> Decoded:
    """Decode a frame as the gateway does; refuse what breaks a promise."""
    numbers = count(FIRST)
    with raising_nothing(f"{told}: decode()"):
        decoded = reader.decode(frame, received_at_ms=ARRIVED_MS, numbers=numbers)
    must_be(decoded, Decoded, f"{told}: what decode() returns")
    must(
        type(decoded.raw) is type(frame) and decoded.raw == frame,
        f"{told}: raw is not the frame",
    )
    events = decoded.events
    drawn = next(numbers) - FIRST
    must(drawn == len(events), f"{told}: {drawn} numbers were taken for {len(events)} events")
    for number, event in enumerate(events, FIRST):
        sound(event, f"{told}: event {number - FIRST}", account=account, lane_seq=number)
    if decoded.fault is not None:
        must_be(decoded.fault, str, f"{told}: fault")
        safe(f"{told}: the fault", decoded.fault, secrets)
        must(decoded.fault, f"{told}: the fault has no words")
        must(decoded.ack is None, f"{told}: a fault is not acknowledged")
        must(decoded.reply is None, f"{told}: a fault is no reply")
    if decoded.ack is not None:
        must(isinstance(decoded.ack, str | bytes), f"{told}: ack is no frame")
        must(decoded.ack, f"{told}: the acknowledgement is empty")
    if decoded.reply is not None:
        must_be(decoded.reply, Reply, f"{told}: reply")
        must_be(decoded.reply.mid, str, f"{told}: mid of the reply")
        must(not events, f"{told}: a reply carries no events")
    if decoded.signal is not None:
        must_be(decoded.signal, Signal, f"{told}: signal")
        safe(f"{told}: the signal", decoded.signal.detail, secrets)
    return decoded


def sound(
    event: object, told: str, *, account: str, lane_seq: int | None, recovered: bool = False
) -> None:
    """Refuse an event without what the gateway and its handlers rely on."""
    found = must_be(event, Event, told)
    must(found.account == account, f"{told}: account is {found.account!r}, not {account!r}")
    must(must_be(found.event_id, str, f"{told}: event_id"), f"{told}: there is no event_id")
    must(must_be(found.kind, str, f"{told}: kind"), f"{told}: its class has no kind")
    must(found.lane_seq == lane_seq, f"{told}: lane_seq is {found.lane_seq}, not {lane_seq}")
    must(
        found.received_at_ms == ARRIVED_MS,
        f"{told}: received_at_ms is {found.received_at_ms}, not what decode() was given",
    )
    lane = found.conversation_id
    if lane is not None:
        must(
            must_be(lane, str, f"{told}: conversation_id"),
            f"{told}: conversation_id is empty; without a conversation it is None",
        )
    occurred = found.occurred_at_ms
    must(occurred is None or type(occurred) is int, f"{told}: occurred_at_ms is {occurred!r}")
    must(found.recovered is recovered, f"{told}: recovered is {found.recovered}")
    must(not found.redelivered and not found.late, f"{told}: redelivered and late are not its own")
    must(isinstance(found.raw, str | bytes), f"{told}: raw is no text and no bytes")
    must(type(found).__struct_config__.frozen, f"{told}: {type(found).__name__} is not frozen")
    with raising_nothing(f"{told}: its JSON form"):
        line = to_json(found)
        must(b"\n" not in line and isinstance(json.loads(line), dict), f"{told}: bad JSON form")


def same(told: str, first: Decoded, second: Decoded) -> None:
    """Refuse two readings of one frame that differ in what is stored or acknowledged."""
    for name in ("events", "ack", "fault", "reply"):
        one, other = _plain(getattr(first, name)), _plain(getattr(second, name))
        must(one == other, f"{told}: {name} differs between two readings of the same frame")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def holds(told: str, found: Any, wanted: Any) -> None:
    """Refuse what lacks a wanted part: objects may have more keys, the rest must be equal."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            must(key in found, f"{told}: there is no {key!r}")
            holds(f"{told}.{key}", found[key], value)
    else:
        must(found == wanted, f"{told} is {found!r}, expected {wanted!r}")
