"""Captured text in, events as JSON-able maps out: what ``xianyu-gateway decode`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from actors.values import Decoded, Event, Reply
from gateway.events import PlatformEvent, as_dict
from gateway.platforms.goofish.entries import read_entry, undecodable
from gateway.platforms.goofish.facts import facts
from gateway.platforms.goofish.fields import integer
from gateway.platforms.goofish.frames import FrameReader
from gateway.platforms.goofish.history import read_models
from gateway.platforms.goofish.identity import Arrival
from gateway.platforms.goofish.payload import UndecodableError, check_depth, unpack, unpack_json
from gateway.platforms.goofish.subtypes import MALFORMED, NO_DATA


class _Shape(msgspec.Struct, gc=False):
    """What tells a frame, an entry, a history body and a history model apart."""

    lwp: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    headers: Raw | UnsetType = UNSET
    body: Raw | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    bizType: Raw | UnsetType = UNSET  # noqa: N815 - the wire's name
    objectType: Raw | UnsetType = UNSET  # noqa: N815 - the wire's name
    userMessageModels: Raw | UnsetType = UNSET  # noqa: N815 - the wire's name
    message: Raw | UnsetType = UNSET


class _Package(msgspec.Struct, gc=False):
    data: list[Raw]


class _Body(msgspec.Struct, gc=False):
    syncPushPackage: _Package  # noqa: N815 - the wire's name


_NOBODY = Arrival()
_decode_shape = msgspec.json.Decoder(_Shape).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def decode_entry(
    data: str, biz_type: int | None = None, object_type: int | None = None
) -> PlatformEvent:
    """Decode a bare ``data`` text without knowing the account. Never raises.

    The types are what stood beside it; the shape alone decides, they change nothing.
    """
    del biz_type, object_type
    return read_entry(data, _NOBODY)


def decode_history(body: str) -> tuple[PlatformEvent, ...]:
    """Decode a ``listUserMessages`` body without knowing the account. Never raises."""
    return read_models(body, _NOBODY)


def decode_any(text: str) -> Iterator[dict[str, Any]]:
    """Decode a capture: one map an entry, the names of ``as_dict`` first, then the rarer facts.

    Takes a bare ``data`` entry (also one broken into lines, or quoted), an entry object, a
    whole frame, a history body or model, a JSON list of these, or one of these a line. A
    frame without entries gives nothing. Never raises; what cannot be decoded has ``kind``
    ``undecodable``.
    """
    # What was no UTF-8 in the file must not make the output unprintable.
    whole = text.encode("utf-8", "backslashreplace").decode().lstrip("\ufeff").strip()
    if _is_one(whole):
        yield from _decode_one(whole)
        return
    for line in whole.splitlines():
        if line.strip():
            yield from _decode_one(line.strip())


def _is_one(whole: str) -> bool:
    if len(whole.splitlines()) < 2:
        return True
    try:
        unpack_json(whole)
    except (ValueError, RecursionError):
        try:
            unpack(whole)
        except UndecodableError:
            return False
    return True


def _decode_one(text: str) -> Iterator[dict[str, Any]]:
    if text.startswith("["):
        parts = _parts(text)
        if parts is not None:
            for part in parts:
                yield from _decode_one(part)
            return
    if text.startswith('"'):
        text = _unquoted(text)
    if not text.startswith("{"):
        yield _line(decode_entry(text))
        return
    yield from _decode_object(text)


def _decode_object(text: str) -> Iterator[dict[str, Any]]:
    try:
        check_depth(text)
        shape = _decode_shape(text)
    except (ValueError, RecursionError):
        yield _line(undecodable(_fault(text), text, _NOBODY, subtype=MALFORMED))
        return
    answers = shape.headers is not UNSET and shape.body is not UNSET  # some have no code
    if shape.lwp is not UNSET or shape.code is not UNSET or shape.message is not UNSET or answers:
        yield from _decode_frame(text, shape)
    elif shape.userMessageModels is not UNSET:
        yield from map(_line, decode_history(text))
    elif shape.data is not UNSET or shape.bizType is not UNSET:
        yield _line(_entry_event(text, shape), _types(shape))
    else:
        yield _line(decode_entry(text))


def _decode_frame(text: str, shape: _Shape) -> Iterator[dict[str, Any]]:
    decoded = _decode(text)
    if decoded.fault is not None:
        yield _line(undecodable(decoded.fault, text, _NOBODY, subtype=MALFORMED))
    elif decoded.reply is not None:
        yield from map(_line, _history_of(decoded.reply))
    else:
        types = _types_of_package(shape)
        for index, event in enumerate(decoded.events):
            yield _line(event, types[index] if index < len(types) else {})


def _history_of(reply: Reply) -> tuple[Event, ...]:
    """Return the models an answer holds; most answers hold none."""
    body = reply.body.decode()
    return decode_history(body) if '"userMessageModels"' in body else ()


def _decode(frame: str) -> Decoded:
    return FrameReader("", None).decode(frame, received_at_ms=0)


def _fault(text: str) -> str:
    return _decode(text).fault or "malformed"


def _entry_event(text: str, shape: _Shape) -> Event:
    data = _value(shape.data)
    if isinstance(data, str):
        return decode_entry(data)
    return undecodable(NO_DATA, text, _NOBODY, subtype=NO_DATA)


def _parts(text: str) -> Sequence[str] | None:
    """Return the members of a list of captures; None if the list is itself an entry."""
    try:
        check_depth(text)
        members = [str(member, "utf-8") for member in _decode_list(text)]
    except (ValueError, RecursionError):
        return None
    return members if all(member[:1] in ("{", '"') for member in members) else None


def _unquoted(text: str) -> str:
    value = _value(text)
    return value if isinstance(value, str) else text


def _types_of_package(shape: _Shape) -> list[dict[str, Any]]:
    try:
        body = b"" if shape.body is UNSET else shape.body
        return [_types(_entry_shape(raw)) for raw in _decode_body(body).syncPushPackage.data]
    except (ValueError, RecursionError):
        return []


def _entry_shape(raw: Raw) -> _Shape:
    try:
        return _decode_shape(raw)
    except (ValueError, RecursionError):
        return _Shape()


def _types(shape: _Shape) -> dict[str, Any]:
    return {
        "bizType": integer(_value(shape.bizType)),
        "objectType": integer(_value(shape.objectType)),
    }


def _value(raw: Any) -> Any:
    try:
        return None if raw is UNSET else unpack_json(raw)
    except (ValueError, RecursionError):
        return None


def _line(event: Event, types: dict[str, Any] | None = None) -> dict[str, Any]:
    known = {name: value for name, value in (types or {}).items() if value is not None}
    told = as_dict(event)
    # Here `session_type` is the number of the wire, as captures have it (ADR 15).
    if "session_type" in told:
        known["session_kind"] = told["session_type"]
    return told | known | facts(event)
