"""A batch: all commands of one transaction, in the order that must hold among them."""

from __future__ import annotations

from collections.abc import Sequence

from actors.ports.commands import (
    BeginEvent,
    CloseHold,
    DropEvent,
    JournalAnswer,
    JournalCommand,
    MarkDelivery,
    NoteTime,
    OpenHold,
    ParkEvents,
    ReplayEvent,
    SettleEvents,
    StoreDelivery,
    StoreFrames,
    StoreKept,
    StorePast,
    StorePaused,
)
from actors.values import Delivery
from gateway.journal.sqlite import accounts, dead_letters, frames, outbox, pasts, settlements
from gateway.journal.work import Work


def bare_settlements(commands: Sequence[JournalCommand]) -> bool:
    """Return whether nothing came in, and nothing is about to leave.

    Lost in a power cut, such a commit costs that its events are handled again, flagged; so
    nobody need wait for the disk. The log is synced in order, so what a later commit
    promised implies it.
    """
    return all(
        isinstance(command, SettleEvents)
        and not any(
            settlement.outcome.replies or settlement.outcome.notes
            for settlement in command.settlements
        )
        for command in commands
    )


def run(work: Work, commands: Sequence[JournalCommand]) -> list[JournalAnswer]:
    """Do all commands: what came in first, then settlements, then sends."""
    answers: list[JournalAnswer] = [None] * len(commands)
    stores: list[tuple[int, StoreFrames | CloseHold]] = []
    settles: list[tuple[int, SettleEvents]] = []
    deliveries: list[tuple[int, Delivery]] = []
    marks: list[tuple[int, MarkDelivery]] = []
    holds: list[tuple[int, CloseHold]] = []
    singles: list[tuple[int, BeginEvent | ParkEvents | ReplayEvent | DropEvent]] = []
    notes: list[StorePast] = []
    for place, command in enumerate(commands):
        if isinstance(command, StoreFrames):
            stores.append((place, command))
        elif isinstance(command, SettleEvents):
            settles.append((place, command))
        elif isinstance(command, StoreDelivery):
            answers[place] = command.delivery
            deliveries.append((place, command.delivery))
        elif isinstance(command, MarkDelivery):
            marks.append((place, command))
        elif isinstance(command, OpenHold):
            answers[place] = accounts.open_hold(work, command)
        elif isinstance(command, NoteTime):
            answers[place] = accounts.note_time(work, command)
        elif isinstance(command, CloseHold):
            stores.append((place, command))
            holds.append((place, command))
        elif isinstance(command, StorePast):
            notes.append(command)
        elif isinstance(command, StorePaused):
            pasts.pause(work, command)
        elif isinstance(command, StoreKept):
            pasts.keep(work, command)
        else:
            singles.append((place, command))
    if stores:
        frames.store(work, stores, answers)
    if settles:
        settlements.settle(work, settles, answers, deliveries)
    for place, close in holds:
        answers[place] = accounts.close_hold(work, close, answers[place])
    for place, single in singles:
        answers[place] = dead_letters.do(work, single)
    # The outbox keeps the order of the commands, whichever kind they were.
    deliveries.sort(key=_place)
    outbox.accept(work, [delivery for _, delivery in deliveries])
    for place, note in marks:
        answers[place] = outbox.mark(work, note)
    for past in notes:
        pasts.store(work, past)
    return answers


def _place(placed: tuple[int, Delivery]) -> int:
    return placed[0]
