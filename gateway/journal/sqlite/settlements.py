"""Settles events: their state, their dead letters, and the replies and notes stored with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from actors.ports.commands import JournalAnswer, SettleEvents, Settlement
from actors.values import Delivery, Disposition, Note
from gateway.journal.rows import Statement, Value, legible
from gateway.journal.sqlite import dead_letters
from gateway.journal.work import SettledBeforeError, Work

# status numbers are schema.Status; SQL and Status are held together by a test
_SETTLE: Final = {
    name: Statement(
        f"UPDATE OR FAIL event SET {new} WHERE status IN (0,6) AND lane_seq IN (",  # noqa: S608  # ours
        "?",
        ")",
    )
    for name, new in (
        ("done", "status=1, attempts=1"),
        ("ignored", "status=2, attempts=1"),
        ("dead", "status=3, attempts=1"),
        ("parked", "status=4, attempts=1"),
        ("expired", "status=7, attempts=1"),
    )
}
_OPEN = Statement("SELECT lane_seq FROM event WHERE status IN (0,6) AND lane_seq IN (", "?", ")")
_ATTEMPTS: Final = "UPDATE event SET attempts=? WHERE lane_seq=?"
_AGAIN: Final = (
    "UPDATE event SET status=0, attempts=?, crashes=? WHERE lane_seq=? AND status IN (0,6)"
)
_NOTE: Final = "INSERT OR REPLACE INTO note(account,lane,key,value,at) VALUES(?,?,?,?,?)"
_FORGET: Final = "DELETE FROM note WHERE account=? AND lane=? AND key=?"
NOTED: Final = "SELECT value FROM note WHERE account=? AND lane=? AND key=?"
"""Query of a note."""


class _Ended:
    """Changes of settlements to the tables: numbers by counter, attempts, dead letters, notes."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, list[Value]] = defaultdict(list)
        self.attempts: list[tuple[Value, Value]] = []
        self.again: list[tuple[Value, Value, Value]] = []
        self.begun: list[Value] = []
        self.letters: list[Value] = []
        self.notes: list[tuple[str, Note]] = []


def settle(
    work: Work,
    commands: Sequence[tuple[int, SettleEvents]],
    answers: list[JournalAnswer],
    deliveries: list[tuple[int, Delivery]],
) -> None:
    """Mark all events; the answers are the replies, which are also added to ``deliveries``.

    Raises:
        SettledBeforeError: Not all were open, and the transaction is not careful.
    """
    ended = _Ended()
    still_open = _still_open(work, commands) if work.careful else None
    for place, command in commands:
        settlements, done = command.settlements, [event.lane_seq for event in command.done]
        if still_open is not None:
            done = [number for number in dict.fromkeys(done) if number in still_open]
            still_open.difference_update(done)
            settlements = [s for s in settlements if _taken(still_open, s)]
        ended.numbers["done"] += done
        work.changes[command.account, "done"] += len(done)
        replies = _end(work, command.account, settlements, ended)
        answers[place] = replies
        deliveries += [(place, reply) for reply in replies]
    for name, numbers in ended.numbers.items():
        if work.many(_SETTLE[name], numbers) < len(numbers):
            raise SettledBeforeError
    for values in ended.attempts:
        work.one(_ATTEMPTS, values)
    for again in ended.again:
        work.one(_AGAIN, again)
    work.many(dead_letters.TAKE_AWAY, ended.begun)
    work.many(dead_letters.PUT, ended.letters)
    for account, note in ended.notes:
        _keep(work, account, note)


def _end(
    work: Work, account: str, settlements: Sequence[Settlement], ended: _Ended
) -> list[Delivery]:
    """Sort settlements by what they do to the tables; give the replies among them.

    Each event is named once: what has ended is not ended again.
    """
    replies: list[Delivery] = []
    done = ended.numbers["done"]
    before = len(done)
    for settlement in settlements:
        outcome = settlement.outcome
        number = settlement.event.lane_seq
        if number is None:
            continue
        if outcome.disposition is not Disposition.DONE:
            _end_otherwise(work, account, settlement, ended)
            if outcome.disposition is Disposition.RETRY:
                continue
        else:
            done.append(number)
            if settlement.attempts != 1:
                ended.attempts.append((settlement.attempts, number))
        if settlement.begun:
            ended.begun.append(number)
        if outcome.replies:
            replies += outcome.replies
        if outcome.notes:
            ended.notes += [(account, note) for note in outcome.notes]
    work.changes[account, "done"] += len(done) - before
    return replies


def _end_otherwise(work: Work, account: str, settlement: Settlement, ended: _Ended) -> None:
    event, outcome = settlement.event, settlement.outcome
    if outcome.disposition is Disposition.RETRY:
        ended.again.append((settlement.attempts, settlement.crashes, event.lane_seq))
        if settlement.begun:
            ended.begun.append(event.lane_seq)
        return
    if settlement.attempts != 1:
        ended.attempts.append((settlement.attempts, event.lane_seq))
    name = outcome.disposition.value
    ended.numbers[name].append(event.lane_seq)
    work.changes[account, name] += 1
    if outcome.disposition in (Disposition.DEAD, Disposition.PARKED):
        ended.letters += (
            event.lane_seq,
            account,
            event.event_id,
            legible(outcome.reason),
            work.now_ms,
        )


def _keep(work: Work, account: str, note: Note) -> None:
    if note.value is None:
        work.one(_FORGET, (account, note.conversation_id, note.key))
    else:
        work.one(_NOTE, (account, note.conversation_id, note.key, note.value, work.now_ms))


def _still_open(work: Work, commands: Sequence[tuple[int, SettleEvents]]) -> set[Value]:
    asked: list[Value] = [s.event.lane_seq for _, command in commands for s in command.settlements]
    asked += [event.lane_seq for _, command in commands for event in command.done]
    return {number for (number,) in work.fetch(_OPEN, asked)}


def _taken(numbers: set[Value], settlement: Settlement) -> bool:
    """Return whether an event is open; if it ends here, it is not any more."""
    number = settlement.event.lane_seq
    if number not in numbers:
        return False
    if settlement.outcome.disposition is not Disposition.RETRY:
        numbers.discard(number)
    return True
