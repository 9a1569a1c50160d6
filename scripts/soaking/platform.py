"""The platform's process: buyers who count, faults by a seeded schedule, one line of JSON each.

A process of its own, so that its histories and logs are not taken for the gateway's memory.
Its lines carry ``time.monotonic()``, which both processes share.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import threading
import time
from collections import Counter
from typing import Any

from gateway.testing import Behaviour, Buyer, FakePlatform, Shop
from scripts.soaking.mischief import Mischief

BUYERS = 4
"""Of each shop; each is a lane."""

TICK_S = 0.02
TELL_S = 1.0
SETTLE_S = 180.0

ALLOWED = ("two_sessions",)
"""What the platform sees of a half-open link: it still holds the old one when the new one comes."""


class Talk:
    """All buyers, what each has said, and whose turn it is."""

    def __init__(self, fake: FakePlatform, dice: random.Random) -> None:
        self._dice = dice
        self._buyers = {
            shop.user_id: [shop.buyer(f"{shop.user_id}{lane}") for lane in range(BUYERS)]
            for shop in fake.shops
        }
        self._all = [buyer for buyers in self._buyers.values() for buyer in buyers]
        self._turn: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def anybody(self) -> None:
        """Let one of all buyers say the next number."""
        self._says(self._dice.choice(self._all))

    def next_of(self, shop: Shop) -> tuple[str, int]:
        """Return the lane that :meth:`speak` will use, and the number it will say."""
        name = _lane(self._next(shop))
        return name, self.sent[name]

    def speak(self, shop: Shop, count: int) -> None:
        """Let the shop's next buyer say so many numbers."""
        buyer = self._next(shop)
        self._turn[shop.user_id] += 1
        for _ in range(count):
            self._says(buyer)

    def _next(self, shop: Shop) -> Buyer:
        return self._buyers[shop.user_id][self._turn[shop.user_id] % BUYERS]

    def _says(self, buyer: Buyer) -> None:
        name = _lane(buyer)
        self.sent[name] += 1
        buyer.says(str(self.sent[name] - 1))


def _lane(buyer: Buyer) -> str:
    return f"{buyer.shop.user_id}/{buyer.user_id}"


def say(**line: Any) -> None:
    """Tell the gateway's process."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(spec: dict[str, Any]) -> None:
    """Serve until standard input says stop, tell what was sent, and stay until it is closed."""
    stopped = threading.Event()
    dice = random.Random(spec["seed"])  # noqa: S311  # repeatable, not secret
    with FakePlatform(Behaviour(backlog="push", echo=False), beat_limit_s=None) as fake:
        shops = [fake.account(str(22_000 + number)) for number in range(spec["accounts"])]
        say(accounts=[{"id": s.user_id, "url": s.url, "credentials": s.credentials} for s in shops])
        listener = threading.Thread(target=_hear, args=(stopped,), daemon=True)
        listener.start()
        talk = Talk(fake, dice)
        match spec["mode"]:
            case "mixed":
                _mixed(fake, talk, dice, spec, stopped)
            case "cutting":
                _cutting(fake, talk, stopped)
            case _:
                stopped.wait()
        say(**_ended(fake, talk))
        listener.join()


def _mixed(
    fake: FakePlatform,
    talk: Talk,
    dice: random.Random,
    spec: dict[str, Any],
    stopped: threading.Event,
) -> None:
    for shop in fake.shops:
        shop.wait_registered(30)
    said = faulted = told = time.monotonic()
    warm_until = said + spec["warm_s"]
    mischief = Mischief(
        fake, dice, say=say, next_of=talk.next_of, speak=talk.speak, begins=warm_until
    )
    while not stopped.wait(TICK_S):
        now = time.monotonic()
        warm = now < warm_until
        for _ in range(int((now - said) * spec["warm_per_s" if warm else "rate_per_s"])):
            talk.anybody()
            said = now
        if not warm and now - faulted > 1 / spec["faults_per_s"]:
            faulted = now
            mischief.work(now)
        mischief.tend(now)
        if now - told > TELL_S:
            told = now
            say(so_far=talk.sent.total())
    mischief.end()


def _cutting(fake: FakePlatform, talk: Talk, stopped: threading.Event) -> None:
    """Let each session carry a message, and reset it; the last one's message is acknowledged first.

    Else what is pushed again after each reset would grow for ever, and memory with it.
    """
    cut: dict[str, int] = {}
    while not stopped.wait(0.005):
        for shop in fake.shops:
            session = shop.session
            fresh = session is not None and cut.get(shop.user_id) != session.number
            if session is not None and fresh and not shop.unacked:
                cut[shop.user_id] = session.number
                talk.speak(shop, 1)
                with contextlib.suppress(LookupError):
                    shop.cut()


def _ended(fake: FakePlatform, talk: Talk) -> dict[str, Any]:
    """Wait until each account is back and nothing that was pushed waits for its ack."""

    def settled() -> bool:
        return all(
            shop.session is not None and not any(each.unacked for each in shop.account.sessions)
            for shop in fake.shops
        )

    late = ""
    if talk.sent:
        try:
            fake.wait(settled, SETTLE_S, "sessions and acknowledgements")
        except TimeoutError as error:
            late = f"the platform {error}"
    breaches = Counter(breach.rule for breach in fake.breaches if breach.rule not in ALLOWED)
    return {"sent": talk.sent, "late": late, "breaches": breaches, "dials": len(fake.dials)}


def _hear(stopped: threading.Event) -> None:
    sys.stdin.readline()
    stopped.set()
    sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
