"""Frames the typed decoder refuses: replies, signals, odd and damaged pushes.

Each field is decoded by itself, so that a bad one costs only itself; every entry of a
package becomes an event, and what has no entries but holds something is kept whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from actors.values import Event, Frame, Reply, Signal, SignalKind
from gateway.events import SystemNotification, UndecodableEvent, UnknownEvent
from gateway.platforms.goofish.entries import base, read_entry, undecodable
from gateway.platforms.goofish.envelope import PACKAGES, PARA, Package
from gateway.platforms.goofish.fields import at, integer, plain_id, text
from gateway.platforms.goofish.history import read_model
from gateway.platforms.goofish.identity import Arrival, by_content
from gateway.platforms.goofish.payload import check_depth, mending, unpack_json
from gateway.platforms.goofish.subtypes import KICKOUT, NO_DATA, NO_ENTRIES, REMOVED

_KICKS = {
    "/push/kickout": (SignalKind.KICKED, KICKOUT),
    "/push/kickoutV2": (SignalKind.KICKED, KICKOUT),
    "/s/session/remove": (SignalKind.SESSION_REMOVED, REMOVED),
}

_DETAIL_CHARS = 100
_OK, _REFUSED = 200, 400
_CODES = 100, 599
_SIGNALS = ("syncExtraType", "syncExtensionModel")


class LenientPush(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A push, read piece by piece; the data of its package stands in ``events``."""

    lwp: str
    events: Sequence[Event]
    ack: str | None
    signal: Signal | None = None
    extra_type: int = 0
    package: Package


class Places:
    """Numbers what is made of one frame, in order."""

    def __init__(self, arrival: Arrival, numbers: Iterator[int] | None) -> None:
        self._arrival = arrival
        self._numbers = numbers

    @property
    def received_at_ms(self) -> int:
        """Our Unix time of arrival."""
        return self._arrival.received_at_ms

    def next(self, stamp: int = 0, index: int = 0, *, transient: bool = False) -> Arrival:
        """Return the next number, for the entry at ``index`` of a package of time ``stamp``."""
        return msgspec.structs.replace(
            self._arrival,
            lane_seq=None if self._numbers is None else next(self._numbers),
            stamp=f"{stamp or self.received_at_ms}.{index}",
            transient=transient,
        )


class _Envelope(msgspec.Struct, gc=False):
    lwp: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    headers: Raw | UnsetType = UNSET
    body: Raw | UnsetType = UNSET
    message: Raw | UnsetType = UNSET


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def read_leniently(frame: Frame, places: Places) -> LenientPush | Reply | Event | str:
    """Read any frame: a push, a reply, a lone history model, or why it is none."""
    try:
        whole = frame if isinstance(frame, str) else frame.decode()
        check_depth(whole)
        envelope = mending(_decode_envelope, whole)
    except RecursionError:
        return "nested too deeply"
    except UnicodeError:
        return "not UTF-8"
    except ValueError as error:
        return f"no JSON object: {error}"
    lwp = _value(envelope.lwp)
    if type(lwp) is str:
        return _push(lwp, envelope, whole, places)
    return _reply(envelope) or _model(envelope, whole, places) or "neither lwp nor code"


def _reply(envelope: _Envelope) -> Reply | None:
    mid = _header(envelope, "mid").partition(" ")[0]
    code = integer(_value(envelope.code))
    if code is None:
        if not mid or envelope.code is not UNSET or envelope.body is UNSET:
            return None
        code = _code_of_body(_value(envelope.body))
    return Reply(
        mid=mid,
        code=code,
        headers=_bytes(envelope.headers),
        body=_bytes(envelope.body),
    )


def _code_of_body(body: Any) -> int:
    """Return how an answer without a code ended: some have none, and a body is a success.

    Unless the body itself says otherwise: a refusal must not pass for a success.
    """
    code = integer(at(body, "code"))
    if code is not None and _CODES[0] <= code <= _CODES[1]:
        return code
    refused = code is not None or any(text(at(body, name)) for name in ("reason", "errorMsg"))
    return _REFUSED if refused else _OK


def _model(envelope: _Envelope, whole: str, places: Places) -> Event | None:
    """Read a model of a history page: so a journal can keep and replay a single one."""
    return None if envelope.message is UNSET else read_model(whole, places.next())


def _push(lwp: str, envelope: _Envelope, whole: str, places: Places) -> LenientPush:
    body = _object(envelope.body)
    package = _object(body.get("syncPushPackage", UNSET))
    if lwp in _KICKS:
        return _kick(lwp, envelope, whole, places)
    return LenientPush(
        lwp=lwp,
        events=_events(lwp, envelope, whole, body, places),
        ack=_ack(envelope),
        extra_type=_integer(_object(body.get("syncExtraType", UNSET)), "type"),
        package=_sequence(package),
    )


def _kick(lwp: str, envelope: _Envelope, whole: str, places: Places) -> LenientPush:
    """Read the end of the session; its body is not published (protocol 8)."""
    kind, subtype = _KICKS[lwp]
    said = text(at(_value(envelope.body), "reason")) or ""
    arrival = places.next()
    event = SystemNotification(
        **base(arrival, whole),
        event_id=_by_body(arrival, subtype, envelope),
        weak_id=True,
        subtype=subtype,
        summary=said or None,
    )
    return LenientPush(
        lwp=lwp,
        events=(event,),
        ack=_ack(envelope),
        signal=Signal(kind=kind, detail=said[:_DETAIL_CHARS]),
        package=Package(data=[]),
    )


def _events(
    lwp: str, envelope: _Envelope, whole: str, body: dict[str, Raw], places: Places
) -> Sequence[Event]:
    """Return one event an entry, or one that keeps a frame whose entries are not to be had."""
    package = _object(body.get("syncPushPackage", UNSET))
    entries = _list(package.get("data", UNSET))
    stamp = _integer(package, "timestamp")
    if entries is not None:
        transient = lwp == PARA or not _integer(package, "endSeq")
        return [
            _entry(entry, places.next(stamp, index, transient=transient))
            for index, entry in enumerate(entries)
        ]
    if "syncPushPackage" not in body:
        if lwp not in PACKAGES:
            return (_unknown_push(lwp, envelope, whole, places.next()),)
        if not body.keys().isdisjoint(_SIGNALS):
            return ()
    if envelope.body is UNSET:
        reason = "body_missing"
    else:
        reason = "data_not_list" if "data" in package else "data_missing"
    return (_without_entries(reason, envelope, whole, places.next(stamp)),)


def _unknown_push(lwp: str, envelope: _Envelope, whole: str, arrival: Arrival) -> Event:
    return UnknownEvent(
        **base(arrival, whole),
        event_id=_by_body(arrival, lwp, envelope),
        weak_id=True,
        subtype=lwp,
    )


def _without_entries(reason: str, envelope: _Envelope, whole: str, arrival: Arrival) -> Event:
    return UndecodableEvent(
        **base(arrival, whole),
        event_id=_by_body(arrival, reason, envelope),
        weak_id=True,
        subtype=NO_ENTRIES,
        reason=reason,
    )


def _entry(entry: Raw, arrival: Arrival) -> Event:
    data = _value(_object(entry).get("data", UNSET))
    if type(data) is str:
        return read_entry(data, arrival)
    raw = str(entry, "utf-8")
    return undecodable(NO_DATA, raw, arrival, subtype=NO_DATA, repeats=True)


def _by_body(arrival: Arrival, what: str, envelope: _Envelope) -> str:
    """Identify a whole push. The ``sid`` tells connections apart, ``mid`` changes (protocol 3)."""
    return by_content(arrival, what, _header(envelope, "sid"), _bytes(envelope.body))


# --- single fields of a frame ---------------------------------------------------------


def _ack(envelope: _Envelope) -> str | None:
    """Echo all headers byte for byte; without a ``mid`` there is nothing to acknowledge."""
    if not _header(envelope, "mid"):
        return None
    return f'{{"code":200,"headers":{_bytes(envelope.headers).decode()}}}'


def _header(envelope: _Envelope, name: str) -> str:
    return plain_id(_value(_object(envelope.headers).get(name, UNSET))) or ""


def _sequence(package: dict[str, Raw]) -> Package:
    return Package(
        data=[],
        startSeq=_integer(package, "startSeq"),
        endSeq=_integer(package, "endSeq"),
        maxPts=_integer(package, "maxPts"),
        hasMore=_integer(package, "hasMore") or _value(package.get("hasMore", UNSET)) is True,
    )


def _value(raw: Raw | UnsetType) -> Any:
    try:
        return None if raw is UNSET else unpack_json(raw)
    except (ValueError, RecursionError):
        return None


def _object(raw: Raw | UnsetType) -> dict[str, Raw]:
    try:
        return {} if raw is UNSET else _decode_object(raw)
    except (ValueError, RecursionError):
        return {}


def _list(raw: Raw | UnsetType) -> list[Raw] | None:
    try:
        return None if raw is UNSET else _decode_list(raw)
    except (ValueError, RecursionError):
        return None


def _integer(fields: dict[str, Raw], name: str) -> int:
    return integer(_value(fields.get(name, UNSET))) or 0


def _bytes(raw: Raw | UnsetType) -> bytes:
    return b"" if raw is UNSET else bytes(raw)
