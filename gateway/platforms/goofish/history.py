"""Models of the history call become the events their pushes were (protocol 15)."""

from __future__ import annotations

import msgspec

from gateway.events import PlatformEvent, UnknownEvent
from gateway.platforms.goofish.entries import base, undecodable
from gateway.platforms.goofish.fields import at, text
from gateway.platforms.goofish.identity import Arrival, by_content
from gateway.platforms.goofish.messages import history_message, message_event, pushed_message
from gateway.platforms.goofish.orders import inner
from gateway.platforms.goofish.payload import (
    BROKEN,
    UndecodableError,
    check_depth,
    mending,
    unpack,
    unpack_json,
)
from gateway.platforms.goofish.subtypes import BAD_PAGE, UNKNOWN


class _History(msgspec.Struct, gc=False):
    userMessageModels: list[msgspec.Raw] = []  # noqa: N815 - the wire's name


_decode_history = msgspec.json.Decoder(_History).decode


def read_models(body: str, arrival: Arrival) -> tuple[PlatformEvent, ...]:
    """Return an event for each model of a ``listUserMessages`` body, in its order.

    An empty page has no list (protocol 15). A body that cannot be read is one event that
    keeps it. Never raises.
    """
    try:
        check_depth(body)
        models = mending(_decode_history, body).userMessageModels
    except (ValueError, RecursionError):
        arrival = msgspec.structs.replace(arrival, recovered=True)
        return (undecodable("bad_history", body, arrival, subtype=BAD_PAGE),)
    return tuple([read_model(str(model, "utf-8"), arrival) for model in models])


def own_images(raw: str) -> tuple[str, ...]:
    """Return the addresses of the pictures of a message, from its push entry or history model."""
    try:
        value, _ = unpack(raw)
    except UndecodableError:
        return ()
    message = pushed_message(value) or history_message(value)
    pictures = at(inner(message.content), "image", "pics") if message is not None else None
    urls = [text(at(each, "url")) for each in pictures] if type(pictures) is list else []
    return tuple(url for url in urls if url is not None)


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
        event_id=by_content(arrival, UNKNOWN, model),
        weak_id=True,
        subtype=UNKNOWN,
    )
