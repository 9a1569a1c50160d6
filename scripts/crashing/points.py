"""Where a gateway can be killed, and what it writes down until then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

POINTS: Final = (
    "before_commit",
    "after_commit",
    "before_ack",
    "after_ack",
    "in_handler",
    "before_settle",
    "after_settle",
    "before_send",
    "after_send",
    "before_answer",
    "after_answer",
    "in_checkpoint",
)
"""Along the way of a message; the commit is that of its frame, the settlement is a later one."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway to be killed is told.

    Attributes:
        config: Its configuration's file.
        notes: Where its handlers write.
        number: Of the process.
        point: Where it dies; ``never``: it waits to be killed.
        nth: At the how many-th time there.
        on_crash: Of its handler.
    """

    config: str
    notes: str
    number: int
    point: str
    nth: int
    on_crash: Literal["redeliver", "park"]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a handler: it begins an event, or it has ended it.

    Attributes:
        life: Number of the process.
        ended: It has ended.
        lane: Account and conversation.
        text: The message's; its number in its lane.
        redelivered: What the event said.
    """

    life: int
    ended: bool
    event_id: str
    lane: str
    text: str
    redelivered: bool


@dataclass(slots=True)
class Verdict:
    """What a run of kills has cost.

    Attributes:
        messages: Said by buyers.
        lost: Never ended by a handler, nor parked.
        again: Begun in more than one life.
        most_again: The most of them after one kill.
        most_running: The most after one kill whose handler had not returned; of the others only
            the settlement was not stored yet, and so no reply either.
        unflagged: Begun again without ``redelivered``.
        disordered: Ended before an older one of their lane.
        unanswered: Have no reply on the platform, nor are they parked.
        doubled: Have more than one reply on the platform.
    """

    messages: int = 0
    lost: list[str] = field(default_factory=list)
    again: int = 0
    most_again: int = 0
    most_running: int = 0
    unflagged: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def breaches(self) -> list[str]:
        """Return what must not be."""
        names = ("lost", "unflagged", "disordered", "unanswered", "doubled")
        found = {name: getattr(self, name) for name in names}
        return [f"{len(each)} {name}: {each[:5]}" for name, each in found.items() if each]


def judge(
    said: Mapping[str, str],
    notes: Iterable[Note],
    replies: Mapping[str, int],
    parked: frozenset[str] = frozenset(),
) -> Verdict:
    """Compare what buyers said with what handlers noted and what the platform was sent.

    Args:
        said: Lane by event id.
        notes: Of all lives, in the order written.
        replies: How many replies to each event the platform accepted.
        parked: Events that wait for a person.
    """
    verdict = Verdict(messages=len(said))
    begun: dict[str, int] = {}
    ended: set[str] = set()
    newest: dict[str, int] = {}
    after_kill: Counter[int] = Counter()
    running: Counter[int] = Counter()
    for note in notes:
        if note.ended:
            if note.event_id not in ended and int(note.text) < newest.get(note.lane, -1):
                verdict.disordered.append(note.event_id)
            newest[note.lane] = max(newest.get(note.lane, -1), int(note.text))
            ended.add(note.event_id)
            continue
        life = begun.get(note.event_id, note.life)
        if life != note.life:  # the kill that ended the life it was begun in, not the last one
            after_kill[life] += 1
            running[life] += note.event_id not in ended
            if not note.redelivered:
                verdict.unflagged.append(note.event_id)
        begun[note.event_id] = note.life
    verdict.again = sum(after_kill.values())
    verdict.most_again = max(after_kill.values(), default=0)
    verdict.most_running = max(running.values(), default=0)
    open_ = [event_id for event_id in said if event_id not in parked]
    verdict.lost = [event_id for event_id in open_ if event_id not in ended]
    verdict.unanswered = [event_id for event_id in open_ if not replies.get(event_id)]
    verdict.doubled = [event_id for event_id, count in replies.items() if count > 1]
    return verdict
