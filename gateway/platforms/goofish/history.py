"""Models of the history call become the events their pushes were (protocol 15)."""

from __future__ import annotations

import msgspec

from gateway.events import PlatformEvent, UnknownEvent
from gateway.platforms.goofish.entries import base, undecodable
from gateway.platforms.goofish.identity import Arrival, by_content
from gateway.platforms.goofish.messages import history_message, message_event
from gateway.platforms.goofish.payload import BROKEN, mending, unpack_json

BAD_PAGE = "history_page"
"""Subtype of the one event that keeps a page nobody can read."""


class _History(msgspec.Struct, gc=False):
    userMessageModels: list[msgspec.Raw] = []  # noqa: N815 - the wire's name


_decode_history = msgspec.json.Decoder(_History).decode


def read_models(body: str, arrival: Arrival) -> tuple[PlatformEvent, ...]:
    """Give an event for each model of a ``listUserMessages`` body, in its order.

    An empty page has no list (protocol 15). A body that can not be read is one event that
    keeps it. Never raises.
    """
    try:
        models = mending(_decode_history, body).userMessageModels
    except (ValueError, RecursionError):
        arrival = msgspec.structs.replace(arrival, recovered=True)
        return (undecodable("bad_history", body, arrival, subtype=BAD_PAGE),)
    return tuple([read_model(str(model, "utf-8"), arrival) for model in models])


def read_model(model: str, arrival: Arrival) -> PlatformEvent:
    """Read one of ``userMessageModels[]`` as JSON text; ``recovered`` is set. Never raises."""
    arrival = msgspec.structs.replace(arrival, recovered=True)
    try:
        value = mending(unpack_json, model)
    except BROKEN as error:
        return undecodable(f"bad_json: {error}", model, arrival)
    message = history_message(value)
    if message is not None:
        return message_event(message, model, arrival)
    return UnknownEvent(
        **base(arrival, model),
        event_id=by_content(arrival, "unknown", model),
        weak_id=True,
        subtype="unknown",
    )
