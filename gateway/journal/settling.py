"""Settling events: their marks, their dead letters, and the replies that leave with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from actors.storage import JournalAnswer, SettleEvents, Settlement
from actors.values import Delivery, Disposition
from gateway.journal.rows import Statement, Value
from gateway.journal.work import SettledBeforeError, Work

# status numbers are schema.Status; SQL and Status are held together by a test
_SETTLE: Final = {
    name: Statement(
        f"UPDATE OR FAIL event SET {new} WHERE status=0 AND lane_seq IN (",  # noqa: S608  # ours
        "?",
        ")",
    )
    for name, new in (
        ("done", "status=1, attempts=1"),
        ("ignored", "status=2, attempts=1"),
        ("dead", "status=3, attempts=1"),
    )
}
_OPEN = Statement("SELECT lane_seq FROM event WHERE status=0 AND lane_seq IN (", "?", ")")
_ATTEMPTS: Final = "UPDATE event SET attempts=? WHERE lane_seq=?"
_DEAD = Statement(
    "INSERT OR REPLACE INTO dead_letter(lane_seq,account,event_id,reason,at) VALUES", "(?,?,?,?,?)"
)


class _Ended:
    """What settlements do to the tables: numbers by counter, attempts, dead letters."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, list[Value]] = defaultdict(list)
        self.attempts: list[tuple[Value, Value]] = []
        self.dead: list[Value] = []


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
        settlements = command.settlements
        if still_open is not None:
            settlements = [s for s in settlements if _taken(still_open, s.event.lane_seq)]
        replies = _end(work, command.account, settlements, ended)
        answers[place] = replies
        deliveries += [(place, reply) for reply in replies]
    for name, numbers in ended.numbers.items():
        if work.many(_SETTLE[name], numbers) < len(numbers):
            raise SettledBeforeError
    for values in ended.attempts:
        work.one(_ATTEMPTS, values)
    work.many(_DEAD, ended.dead)


def _end(
    work: Work, account: str, settlements: Sequence[Settlement], ended: _Ended
) -> list[Delivery]:
    """Sort settlements by what they do to the tables; give the replies among them."""
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
        if outcome.replies:
            replies += outcome.replies
    work.changes[account, "done"] += len(done) - before
    return replies


def _end_otherwise(work: Work, account: str, settlement: Settlement, ended: _Ended) -> None:
    event, outcome = settlement.event, settlement.outcome
    if settlement.attempts != 1 or outcome.disposition is Disposition.RETRY:
        ended.attempts.append((settlement.attempts, event.lane_seq))
    if outcome.disposition is Disposition.RETRY:
        return
    name = outcome.disposition.value
    ended.numbers[name].append(event.lane_seq)
    work.changes[account, name] += 1
    if outcome.disposition is Disposition.DEAD:
        ended.dead += (event.lane_seq, account, event.event_id, outcome.reason, work.now_ms)


def _still_open(work: Work, commands: Sequence[tuple[int, SettleEvents]]) -> set[Value]:
    asked: list[Value] = [s.event.lane_seq for _, command in commands for s in command.settlements]
    return {number for (number,) in work.fetch(_OPEN, asked)}


def _taken(numbers: set[Value], number: int | None) -> bool:
    """Take a number out of a set; False if it is not (or no longer) in it."""
    if number in numbers:
        numbers.discard(number)
        return True
    return False
