"""A gateway that kills itself: ``python -m scripts.crashing.child`` and a :class:`Life` as JSON.

With the point ``never`` it waits to be killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from actors.account.connection import ConnectionActor
from actors.account.outbox import OutboxActor
from actors.messages import Answered, AttemptStored, WriteAcks
from actors.ports import Clock
from actors.ports.commands import JournalAnswer, JournalCommand, SettleEvents, StoreFrames
from actors.ports.journal import Journal
from gateway import ChatMessage, Gateway
from gateway.config import load
from gateway.host.assembly import JOURNAL_FILE
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.settings import Settings
from scripts.crashing.points import Life, Note

CHECKPOINT_S = 0.004
"""The kill falls somewhere into so many seconds of checkpoints."""


BUSY_S = 0.02
"""At most so long a handler works."""


class Fate:
    """Kills the process when it comes to a point for the ``nth`` time."""

    def __init__(self, point: str, nth: int) -> None:
        self._point, self._left = point, nth
        self._lock = threading.Lock()

    def at(self, point: str) -> None:
        """Die here, if it is so."""
        if self.due(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def due(self, point: str) -> bool:
        """Count, and say whether it is time."""
        if point != self._point:
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0


class MortalJournal(SqliteJournal):
    """The journal, with points before and after its commits."""

    fate: Fate

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Commit, unless fate has it otherwise."""
        stores = any(isinstance(each, StoreFrames) and each.frames for each in commands)
        settles = any(isinstance(each, SettleEvents) for each in commands)
        self._pass("before", stores=stores, settles=settles)
        answers = super().commit(commands)
        self._pass("after", stores=stores, settles=settles)
        if stores and self.fate.due("in_checkpoint"):
            self._die_in_a_checkpoint()
        return answers

    def _pass(self, when: str, *, stores: bool, settles: bool) -> None:
        if stores:
            self.fate.at(f"{when}_commit")
        if settles:
            self.fate.at(f"{when}_settle")

    def _die_in_a_checkpoint(self) -> None:
        wait_s = random.uniform(0.0, CHECKPOINT_S)  # noqa: S311  # any moment will do
        threading.Timer(wait_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
        connection = self._handle.connected()
        while True:
            connection.execute("INSERT OR REPLACE INTO log_meta VALUES('crash', ?)", (time.time(),))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def watch_the_link(fate: Fate) -> None:
    """Put points around the writing of acknowledgements and of sends."""
    names: dict[type, str] = {WriteAcks: "ack", AttemptStored: "send", Answered: "answer"}

    def watch(actor: type[ConnectionActor | OutboxActor]) -> None:
        receive = actor.receive

        def watched(self: Any, message: Any) -> None:
            name = names.get(type(message))
            if name is not None:
                fate.at(f"before_{name}")
            receive(self, message)
            if name is not None:
                fate.at(f"after_{name}")

        setattr(actor, "receive", watched)  # noqa: B010  # a method is not assigned to

    watch(ConnectionActor)
    watch(OutboxActor)


def main(life: Life) -> None:
    """Run until the end."""
    fate = Fate(life.point, life.nth)
    watch_the_link(fate)

    def journal(settings: Settings, clock: Clock) -> Journal:
        path = Path(settings.data_dir) / JOURNAL_FILE
        MortalJournal.fate = fate
        return MortalJournal(path, synchronous="FULL", clock=clock)

    gateway = Gateway(load(life.config), journal=journal)
    book = os.open(life.notes, os.O_WRONLY | os.O_APPEND)

    def note(event: ChatMessage, *, ended: bool) -> None:
        line = Note(
            life=life.number,
            ended=ended,
            event_id=event.event_id,
            lane=f"{event.account}/{event.conversation_id}",
            text=event.text or "",
            redelivered=event.redelivered,
        )
        os.write(book, msgspec.json.encode(line) + b"\n")

    @gateway.on(ChatMessage, on_crash=life.on_crash)
    def handle(event: ChatMessage) -> None:
        note(event, ended=False)
        fate.at("in_handler")
        threading.Event().wait(random.uniform(0.0, BUSY_S))  # noqa: S311  # it has something to do
        event.reply(event.event_id)
        note(event, ended=True)

    gateway.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Life))
