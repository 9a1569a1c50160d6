"""One account's platform, and the lives of a gateway before it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

import msgspec

from gateway.config import load
from gateway.host.assembly import JOURNAL_FILE
from gateway.journal.schema import Status
from gateway.testing import Behaviour, FakePlatform, Shop
from gateway.testing.platform.buyer import Buyer
from scripts.crashing.points import Life, Note, Verdict, judge

OnCrash: TypeAlias = Literal["redeliver", "park"]

ROOT: Final = Path(__file__).resolve().parents[2]
ACCOUNTS = ("2201", "2202")
BUYERS = 4
"""Conversations of an account at a time."""

MOST_AGAIN = 10 * len(ACCOUNTS) * BUYERS
"""After one kill. Most of them had ended, but the journal had not written that yet: one a lane on a
quiet machine, several where its thread waits for a core."""

RUNNING = 4
"""So many handlers of an account may run at once (``handlers.per_account``)."""

CROWD = 2000
"""Messages after which other buyers come: what is looked for in a conversation must be within
its last thousand messages, or nobody can tell (``actors.policy.sends.PAGES``)."""

WAIT_S = 60.0

LIFE_S = 0.6
"""Longest life after the registration, or after the first answer."""

_PARKED: Final = "SELECT account || '/' || event_id FROM event WHERE status=?"
_BOOKS: Final = "SELECT account, status, count(*) FROM event GROUP BY account, status"
PACE_S = 0.004
"""Between two messages of the load."""

BACKLOG = 500
"""With so many unanswered the buyers wait, or the last life would never catch up."""

UNBOUND: dict[str, Any] = {"rate_per_s": 10_000, "burst": 10_000}
"""A life of half a second cannot wait for its turn."""

HASTE: dict[str, Any] = {
    # Many kills catch the same event by chance: none is to be given up as their cause.
    "handlers": {"retry_delays_s": [0.02, 0.05, 0.1], "crash_limit": 1000},
    # A life is shorter than two looks half a second apart, and unproven sends hold up the load.
    "send": {"recheck_s": 0.05, **UNBOUND},
    "recovery": {
        "reply_s": 1.0,
        "retry_s": 0.1,
        "hold_s": 10.0,
        "first_contact": "deliver",
        **UNBOUND,
    },
}


class Lives:
    """Buyers who go on saying numbers, and a gateway that is killed and started again.

    Args:
        directory: For the journal, the configuration and the notes of handlers.
        on_crash: Of the handler.
        seed: Of who says something.
    """

    def __init__(self, directory: Path, *, on_crash: OnCrash = "redeliver", seed: int = 0) -> None:
        self._directory, self._on_crash = directory, on_crash
        self._dice = random.Random(seed)  # noqa: S311  # repeatable
        self._fake = FakePlatform(Behaviour(backlog="push"))
        shops = [self._fake.account(name) for name in ACCOUNTS]
        self._shops = shops
        self._buyers: list[tuple[Shop, Buyer]] = []
        self._next: Counter[str] = Counter()
        self.said: dict[str, str] = {}
        self._set_aside = 0
        self.lives = 0
        self._before: dict[Shop, int] = {}
        self._answered_before = 0

    def __enter__(self) -> Self:
        self._fake.__enter__()
        self._notes = self._directory / "notes.jsonl"
        self._notes.touch()
        self._config = self._fake.config_file(
            self._directory,
            durability="full",
            defaults=HASTE,
            journal={"min_free_bytes": 0},
            history=UNBOUND,
            outbox=UNBOUND,
            handlers={"per_account": RUNNING},
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._fake.__exit__(*error)

    def say(self, count: int = 1) -> None:
        """Let buyers say the next numbers of their lanes."""
        for _ in range(count):
            if len(self.said) % CROWD == 0:
                names = [f"77{len(self.said) // CROWD:02d}{number}" for number in range(BUYERS)]
                self._buyers = [(shop, shop.buyer(name)) for shop in self._shops for name in names]
            shop, buyer = self._dice.choice(self._buyers)
            number = self._next[f"{shop.user_id}/{buyer.user_id}"]
            self._next[f"{shop.user_id}/{buyer.user_id}"] += 1
            sent = buyer.says(str(number))
            account = f"shop-{shop.user_id}"
            self.said[f"{account}/{sent.message_id}"] = f"{account}/{sent.conversation_id}"

    def say_in_turns(self, child: subprocess.Popen[bytes], count: int, turns: int) -> None:
        """Let buyers say so much in turns, each acknowledged before the next, until it dies.

        Said at once on a busy machine, all of it is one commit.
        """
        for _ in range(turns):
            self.say(count // turns)
            until(
                lambda: child.poll() is not None or not any(shop.unacked for shop in self._shops),
                "acknowledgement",
            )

    def _answered(self) -> int:
        return sum(len(shop.sent) for shop in self._shops)

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Let buyers talk all the while."""
        enough = threading.Event()

        def talk() -> None:
            while not enough.wait(PACE_S):
                if len(self.said) - self._answered() - self._set_aside < BACKLOG:
                    self.say()

        thread = threading.Thread(target=talk, name="buyers")
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    @contextlib.contextmanager
    def life(self, point: str = "never", nth: int = 1) -> Iterator[subprocess.Popen[bytes]]:
        """Start the gateway; it is dead at the latest when the block ends."""
        self.lives += 1
        self._before = {shop: len(shop.sessions) for shop in self._shops}
        self._answered_before = self._answered()
        told = Life(
            config=str(self._config),
            notes=str(self._notes),
            number=self.lives,
            point=point,
            nth=nth,
            on_crash=self._on_crash,
        )
        command = [
            sys.executable,
            "-m",
            "scripts.crashing.child",
            msgspec.json.encode(told).decode(),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        errors = self._directory / "stderr.txt"
        with (
            errors.open("ab") as sink,
            subprocess.Popen(command, cwd=ROOT, env=environment, stderr=sink) as child,
        ):
            try:
                yield child
            finally:
                child.kill()
        for shop in self._shops:
            shop.wait_gone()

    def wait_registered(self) -> None:
        """Wait until the platform sees every account of this life."""
        for shop, before in self._before.items():
            shop.wait_registered(WAIT_S, sessions=before + 1)

    def wait_answer(self) -> None:
        """Wait until this life has answered somebody; what is in doubt may hold it up."""
        until(lambda: self._answered() > self._answered_before, "an answer")

    def end(self) -> Verdict:
        """Live on until nothing is open, and judge.

        Raises:
            TimeoutError: What never came, in words.
        """
        with self.life(), contextlib.suppress(TimeoutError):  # the verdict says what is missing
            until(
                lambda: (
                    not (
                        self.verdict().breaches()
                        or self.miscounted()
                        or any(shop.unacked for shop in self._shops)  # what was pushed again, too
                    )
                ),
                "all messages are handled, settled and acknowledged",
            )
        return self.verdict()

    def count_parked(self) -> None:
        """Note how many wait for a person, and not for an answer; between two lives."""
        self._set_aside = len(self.parked())

    def parked(self) -> frozenset[str]:
        """Return the events that wait for a person."""
        return frozenset(name for (name,) in self._rows(_PARKED, Status.PARKED))

    def miscounted(self) -> list[str]:
        """Return where the journal counts other messages than buyers said (``contract.md`` I12).

        Own echoes count as ignored, so what buyers said is the rest.
        """
        said = Counter(event_id.partition("/")[0] for event_id in self.said)
        found: dict[str, Counter[Status]] = {account: Counter() for account in said}
        for account, status, count in self._rows(_BOOKS):
            found.setdefault(account, Counter())[Status(status)] = count
        wrong = []
        for account, counts in found.items():
            ended = counts[Status.DONE] + counts[Status.DEAD] + counts[Status.PARKED]
            if ended != said[account] or counts[Status.PENDING] or counts[Status.RUNNING]:
                wrong.append(f"{account} was told {said[account]} messages and has {counts}")
        return wrong

    def _rows(self, query: str, *values: int) -> list[Any]:
        path = Path(load(self._config).data_dir) / JOURNAL_FILE
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as rows:
            return rows.execute(query, values).fetchall()

    def verdict(self) -> Verdict:
        """Judge what has happened until now."""
        lines = self._notes.read_bytes().splitlines()
        notes = [msgspec.json.decode(line, type=Note) for line in lines]
        replies = Counter(own.text or "" for shop in self._shops for own in shop.sent)
        return judge(dict(self.said), notes, replies, self.parked())

    def check(self) -> None:
        """Let the platform say what it saw, and the journal what became of it.

        Raises:
            AssertionError: A rule was broken, a push has no acknowledgement, or one is uncounted.
        """
        self._fake.check(all_acked=True)
        wrong = self.miscounted()
        assert not wrong, wrong


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something another process does; look often.

    Raises:
        TimeoutError: It is not so in time.
    """
    deadline = time.monotonic() + WAIT_S
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {WAIT_S} s until {what}")
        threading.Event().wait(0.05)


def random_kills(
    directory: Path, *, kills: int, seed: int, on_crash: OnCrash, progress: Callable[[str], None]
) -> tuple[Verdict, list[str]]:
    """Kill a gateway under load at so many random moments, then judge.

    Returns:
        The verdict, and a sentence for each thing that must not be.
    """
    dice = random.Random(seed)  # noqa: S311  # repeatable
    with Lives(directory, on_crash=on_crash, seed=seed) as lives:
        before, idle = 0, 0
        with lives.load():
            for number in range(kills):
                with lives.life():
                    lives.wait_registered()
                    if number % 2:  # the others die while they recover, too
                        lives.wait_answer()
                    threading.Event().wait(dice.uniform(0.0, LIFE_S))
                lives.count_parked()
                if number % 10 == 9:
                    progress(f"{number + 1} of {kills} kills, {len(lives.said)} messages said")
                    idle += len(lives.said) == before
                    before = len(lives.said)
        verdict = lives.end()
        breaches = verdict.breaches()
        if 100 * idle > kills:  # a busy machine may let a few pass while lives catch up
            breaches.append(f"{10 * idle} kills found nobody talking: they prove nothing")
        try:
            lives.check()
        except AssertionError as error:
            breaches.append(str(error))
    if on_crash == "park" and verdict.again:
        breaches.append(f"{verdict.again} events were handled again though they were to be parked")
    if verdict.most_running > len(ACCOUNTS) * RUNNING:
        breaches.append(f"{verdict.most_running} handlers ran at one kill, by what came again")
    if verdict.most_again > MOST_AGAIN:
        breaches.append(f"{verdict.most_again} events were handled again after one kill")
    return verdict, breaches


def as_json(verdict: Verdict, breaches: list[str], **more: object) -> str:
    """Return a run as one JSON object."""
    return json.dumps({**more, **msgspec.to_builtins(verdict), "breaches": breaches})
