"""Stores frames: rows of ``inbox`` and ``event``; recognises repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from actors.ports.commands import CloseHold, JournalAnswer, StoreFrames
from actors.values import Event
from gateway.journal.order import arrange, in_order
from gateway.journal.rows import Statement, Value, storable
from gateway.journal.schema import Flag, FrameKind
from gateway.journal.work import Work

FAULT_BYTES: Final = 4096
"""Most bytes kept of a frame that is none of the platform's."""

FAULTS_KEPT: Final = 100
"""Most such frames kept per account and process: a peer that sends rubbish must not fill the
disk."""

# OR FAIL: with the default (ABORT) SQLite copies every page it is about to change, to be able
# to take back this one statement; that doubles its cost. Any failure here rolls back all.
_INBOX = Statement(
    "INSERT OR FAIL INTO inbox(raw_id,account,gen,received_at,kind,raw) VALUES",
    "(?,?,?,?,?,?)",
    " ON CONFLICT DO NOTHING",
)
_EVENT = Statement(
    "INSERT OR FAIL INTO event"
    "(lane_seq,event_id,raw_id,idx,account,lane,server_time,source,flags) VALUES",
    "(?,?,?,?,?,?,?,?,?)",
    " ON CONFLICT DO NOTHING",
)
_OURS = Statement("SELECT lane_seq, event_id FROM event WHERE lane_seq IN (", "?", ")")
_KNOWN = Statement(
    "SELECT account, event_id, lane_seq FROM event WHERE (event_id, account) IN (VALUES",
    "(?,?)",
    ")",
)
_REFERRED = Statement("SELECT DISTINCT raw_id FROM event WHERE raw_id IN (", "?", ")")
_FORGET = Statement("DELETE FROM inbox WHERE raw_id IN (", "?", ")")
_DUPLICATES: Final = (
    "INSERT INTO account_state(account,duplicates) VALUES(?,?) "
    "ON CONFLICT DO UPDATE SET duplicates=duplicates+excluded.duplicates"
)

_TEXT: Final = FrameKind.TEXT.value
_BINARY: Final = FrameKind.BINARY.value
_FAULT: Final = FrameKind.FAULT.value

_WHOLE: Final = "\x01"


def local_id(event_id: str, prefix: str) -> str:
    """Return an identity without its ``<account>/``, which stands beside it in the row.

    Platforms number messages upwards; without the account in front, new identities lie side
    by side in the index whatever account they are of, and a commit writes a page of it
    instead of one an account. An identity of another form is kept whole and marked.
    """
    rest = event_id.removeprefix(prefix)
    if len(rest) == len(event_id) or rest.startswith(_WHOLE):
        return _WHOLE + event_id
    return rest


def store(
    work: Work,
    commands: Sequence[tuple[int, StoreFrames | CloseHold]],
    answers: list[JournalAnswer],
) -> None:
    """Store all frames; the answers are the new events, lanes in order.

    Args:
        work: The transaction.
        commands: Each with its place among the answers.
        answers: Filled in.

    Raises:
        ValueError: An event bears a number that is not its own.
    """
    inbox: list[Value] = []
    rows: list[Value] = []
    total = offered = 0
    for place, command in commands:
        events, origins = _cut(work, command, inbox)
        account = command.account
        prefix = account + "/"
        offered += len(events)
        if events and not in_order(events):
            earlier = set(zip(rows[4::9], map(storable, rows[1::9]), strict=True))
            events, origins = _new_only(work, account, events, origins, earlier)
            events, origins = arrange(events, origins, work.numbers)
        answers[place] = events
        for event, (raw_id, index) in zip(events, origins, strict=True):
            rows += (
                event.lane_seq,
                local_id(event.event_id, prefix),
                raw_id,
                index,
                account,
                event.conversation_id,
                event.occurred_at_ms,
                1 if event.recovered else 0,
                _flags(event) if event.own or event.weak_id or event.late else 0,
            )
        total += len(events)
        work.changes[account, "stored"] += len(events)
    work.many(_INBOX, inbox)
    if work.many(_EVENT, rows) < total:
        _leave_out_known(work, commands, answers)
        _forget_empty(work, inbox)
    elif total < offered:
        _forget_empty(work, inbox)


def _cut(
    work: Work, command: StoreFrames | CloseHold, inbox: list[Value]
) -> tuple[list[Event], list[tuple[int, int]]]:
    """Add a command's frames to the inbox rows; give its events and where they came from."""
    account, generation, at = command.account, command.generation, command.received_at_ms
    events: list[Event] = []
    origins: list[tuple[int, int]] = []
    for decoded in command.frames:
        raw = decoded.raw
        found = decoded.events
        if found:
            raw_id = found[0].lane_seq
            if raw_id is None:
                raw_id = next(work.numbers)
            kind = _TEXT if isinstance(raw, str) else _BINARY
            inbox += (raw_id, account, generation, at, kind, raw)
            events += found
            if len(found) == 1:
                origins.append((raw_id, 0))
            else:
                origins += [(raw_id, index) for index in range(len(found))]
        elif decoded.fault is not None and work.faults[account] < FAULTS_KEPT:
            work.faults[account] += 1
            inbox += (next(work.numbers), account, generation, at, _FAULT, raw[:FAULT_BYTES])
    return events, origins


def _new_only(
    work: Work,
    account: str,
    events: Sequence[Event],
    origins: Sequence[tuple[int, int]],
    seen: set[tuple[Value, Value]],
) -> tuple[list[Event], list[tuple[int, int]]]:
    """Leave out what is known before lanes are arranged: a copy must not decide an order.

    Rows that bear a number of this very command are ours, of a commit whose end was never
    learnt; they stay.

    Args:
        work: The transaction.
        account: Whose events they are.
        events: As they arrived.
        origins: Where each came from.
        seen: Account and stored identity of what stands in this transaction already.
    """
    prefix = account + "/"
    identities = [storable(local_id(event.event_id, prefix)) for event in events]
    drawn = {event.lane_seq for event in events}
    asked: list[Value] = [value for identity in identities for value in (identity, account)]
    seen = seen | {(a, i) for a, i, number in work.fetch(_KNOWN, asked) if number not in drawn}
    kept: list[int] = []
    for place, identity in enumerate(identities):
        if (account, identity) not in seen:
            seen.add((account, identity))
            kept.append(place)
    _count_duplicates(work, account, len(events) - len(kept))
    return [events[place] for place in kept], [origins[place] for place in kept]


def _count_duplicates(work: Work, account: str, count: int) -> None:
    if count:
        work.changes[account, "duplicates"] += count
        work.one(_DUPLICATES, (account, count))


def _leave_out_known(
    work: Work,
    commands: Sequence[tuple[int, StoreFrames | CloseHold]],
    answers: list[JournalAnswer],
) -> None:
    """Find the duplicates and take them from the answers.

    An event is new if its row bears our number: so a retry of a commit whose end was never
    learnt still answers with everything it stored.
    """
    offered: list[Value] = [
        event.lane_seq for place, _ in commands for event in _events(answers[place])
    ]
    ours = set(work.fetch(_OURS, offered))
    missing: list[Value] = []
    wanted: set[tuple[Value, ...]] = set()
    for place, command in commands:
        prefix = command.account + "/"
        kept: list[Event] = []
        for event in _events(answers[place]):
            identity = storable(local_id(event.event_id, prefix))
            if (event.lane_seq, identity) in ours:
                kept.append(event)
            else:
                missing += (identity, command.account)
                wanted.add((command.account, identity))
        duplicates = len(_events(answers[place])) - len(kept)
        answers[place] = kept
        work.changes[command.account, "stored"] -= duplicates
        _count_duplicates(work, command.account, duplicates)
    unexplained = wanted.difference((a, i) for a, i, _ in work.fetch(_KNOWN, missing))
    if unexplained:
        raise ValueError(
            f"{len(unexplained)} events bear a lane_seq that others have; "
            "numbers must come from numbers() of this journal"
        )


def _forget_empty(work: Work, inbox: Sequence[Value]) -> None:
    """Delete frames all of whose events were known."""
    frames = {
        raw_id: None for raw_id, kind in zip(inbox[::6], inbox[4::6], strict=True) if kind != _FAULT
    }
    for (raw_id,) in work.fetch(_REFERRED, list(frames)):
        frames.pop(raw_id, None)
    work.many(_FORGET, list(frames))


def _events(answer: JournalAnswer) -> list[Event]:
    assert isinstance(answer, list)
    return answer


def _flags(event: Event) -> int:
    flags = Flag(0)
    if event.own:
        flags |= Flag.OWN
    if event.weak_id:
        flags |= Flag.WEAK_ID
    if event.late:
        flags |= Flag.LATE
    return flags.value
