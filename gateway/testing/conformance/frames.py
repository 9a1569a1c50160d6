"""Checks of frames: recorded ones, damaged ones, any."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import msgspec

from actors.values import Decoded, Reply
from gateway.events import as_dict
from gateway.testing.conformance import events, folder
from gateway.testing.conformance.checks import must, must_be, raising_nothing
from gateway.testing.conformance.subject import DAMAGES, Subject


def it_has_its_name(it: Subject) -> None:
    """Its ``name`` is the one it is registered under, and it says whether sends name somebody."""
    platform = it.platform
    must(
        platform.name == it.name,
        f"its name is {platform.name!r}, but it is registered as {it.name!r}",
    )
    must_be(platform.addressed, bool, "addressed")


def its_folder_shows_an_event(it: Subject) -> None:
    """A folder whose frames show nothing proves nothing."""
    session = it.session()
    shown = [each for each in it.folder.frames if it.recorded(session, each).events]
    must(shown, f"no frame in {it.folder.path} gives an event; record one that does")


def recorded_frames_are_read(it: Subject) -> None:
    """Each frame is events, an answer, a signal or a fault, with all that the gateway relies on."""
    session = it.session()
    for each in it.folder.frames:
        it.recorded(session, each)


def recorded_frames_mean_what_is_expected(it: Subject) -> None:
    """Each frame means what ``expected.json`` says, its acknowledgement included."""
    session = it.session()
    for each in it.folder.frames:
        decoded, wanted = it.recorded(session, each), each.expected
        if wanted.events is not None:
            _events(each.name, decoded, wanted.events)
        if wanted.ack is not None:
            ack = decoded.ack
            if isinstance(wanted.ack, dict) and ack is not None:
                events.holds(f"{each.name}: ack", json.loads(ack), wanted.ack)
            else:
                must(ack == wanted.ack, f"{each.name}: ack is {ack!r}")
        if wanted.signal is not None:
            kind = None if decoded.signal is None else decoded.signal.kind.value
            must(kind == wanted.signal, f"{each.name}: signal is {kind}")
        if wanted.fault is not None:
            is_one = decoded.fault is not None
            must(is_one is wanted.fault, f"{each.name}: fault is {decoded.fault!r}")
        if wanted.reply is not None:
            reply = must_be(decoded.reply, Reply, f"{each.name}: reply")
            events.holds(f"{each.name}: reply", msgspec.structs.asdict(reply), wanted.reply)


def the_same_frame_gives_the_same_events(it: Subject) -> None:
    """A frame out of the journal gives the events that were promised to be handled."""
    first, second = it.session(), it.session()
    reader = it.platform.reader(it.who.account, it.who.user_id)
    for each in it.folder.frames:
        decoded = it.recorded(first, each)
        events.same(each.name, decoded, it.recorded(first, each))
        events.same(each.name, decoded, it.recorded(second, each))
        stored = reader.decode(
            each.frame, received_at_ms=events.ARRIVED_MS, numbers=count(events.FIRST)
        )
        must(
            list(stored.events) == list(decoded.events),
            f"{each.name}: reader() gives other events than a session",
        )


def stored_frames_are_read_without_credentials(it: Subject) -> None:
    """What was acknowledged is handled whether or not the account can connect."""
    reader = it.platform.reader(it.who.account, None)
    session = it.session()
    for each in it.folder.frames:
        expected = len(it.recorded(session, each).events)
        with raising_nothing(f"{each.name}: reader().decode() or platform.decode()"):
            by_reader = reader.decode(each.frame, received_at_ms=events.ARRIVED_MS)
            by_platform = it.platform.decode(each.frame)
        for found in (by_reader, by_platform):
            must(
                len(found.events) == expected,
                f"{each.name}: {len(found.events)} events instead of {expected} "
                "where nobody knows the account",
            )


def events_of_two_accounts_are_told_apart(it: Subject) -> None:
    """``event_id`` is unique over all accounts."""
    one, other = it.session(), it.session("another-account")
    for each in it.folder.frames:
        mine = {event.event_id for event in it.recorded(one, each).events}
        decoded = events.decode(
            other, each.frame, each.name, account="another-account", secrets=it.secrets
        )
        theirs = {event.event_id for event in decoded.events}
        must(
            not mine & theirs,
            f"{each.name}: two accounts have events of the same event_id; put the account into it",
        )


def damaged_frames_are_read(it: Subject) -> None:
    """``decode`` never raises: a damaged frame must not cost the link."""
    session, frames = it.session(), it.folder.frames
    for each in frames:
        dice = it.dice(each.name)
        for _ in range(DAMAGES):
            frame = folder.damaged(each.frame, dice.choice(frames).frame, dice)
            it.read(session, frame, f"{each.name}, damaged {it.again} {frame[:300]!r}")


def any_frame_is_read(it: Subject) -> None:
    """``decode`` never raises: nor may a frame of nobody."""
    session = it.session()
    for frame in folder.odd_frames(it.dice("any")):
        it.read(session, frame, f"{it.again} {frame[:80]!r}")


def _events(told: str, decoded: Decoded, wanted: list[dict[str, Any]]) -> None:
    found = [as_dict(event) for event in decoded.events]
    kinds = [event["kind"] for event in found]
    must(len(found) == len(wanted), f"{told}: {len(wanted)} events expected, not {kinds}")
    for index, (one, fields) in enumerate(zip(found, wanted, strict=True)):
        events.holds(f"{told}: events[{index}]", one, fields)
