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
from collections.abc import Callable, Iterable
from typing import Any

from gateway.testing import Behaviour, FakePlatform, Shop
from gateway.testing.actions import Cut, Drip, Duplicate, Fragment, Oversize, Reset, Stall
from gateway.testing.faults import Rule, deaf, refuse
from gateway.testing.recorder import ConnectionLog

BUYERS = 4
"""Of each shop; each is a lane."""

TICK_S = 0.02
OUTAGE_S = 1.0
SETTLE_S = 30.0
REST_S = 4.0
"""Between two faults of one account, so that each is told from the next."""

ALLOWED = ("two_sessions",)
"""What the platform sees of a half-open link: it still holds the old one when the new one comes."""

ONCE = ("kick", "refuse_401")
"""Once an account: the second one in a row rightly waits for a person."""


def say(**line: Any) -> None:
    """Tell the gateway's process."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Mischief:
    """Injects faults, one an account at a time, and tells each."""

    def __init__(self, fake: FakePlatform, dice: random.Random) -> None:
        self._fake = fake
        self._dice = dice
        self._rested: dict[str, float] = {}
        self._done: set[tuple[str, str]] = set()
        self._lasting: list[tuple[ConnectionLog, list[Rule]]] = []
        self._back_at = 0.0
        self._kinds: dict[str, Callable[[Shop, ConnectionLog], None]] = {
            "reset": lambda shop, _: shop.cut(),
            "eof": lambda shop, _: shop.drop(),
            "close_1000": lambda shop, _: shop.close(1000),
            "close_1012": lambda shop, _: shop.close(1012),
            "kick": lambda shop, _: shop.kick(),
            "half_open": lambda shop, _: self._fake.inject(
                Rule(on="request", do=Stall(), account=shop.user_id, times=1)
            ),
            "deaf": lambda shop, log: self._lasts(log, deaf(shop.user_id)),
            "refuse_503": lambda shop, _: self._then_cut(
                shop, refuse(503, account=shop.user_id, times=2)
            ),
            "refuse_401": lambda shop, _: self._then_cut(
                shop, refuse(401, account=shop.user_id, times=1)
            ),
            "reset_at_upgrade": lambda shop, _: self._then_cut(
                shop, [Rule(on="upgrade", do=Reset(), account=shop.user_id, times=1)]
            ),
            "dripping_upgrade": lambda shop, _: self._then_cut(
                shop,
                [Rule(on="upgrade", do=Drip(every_s=0.3), account=shop.user_id, times=1)],
            ),
            "cut_mid_frame": lambda shop, _: self._push(shop, Cut(part=0.5)),
            "oversize": lambda shop, _: self._push(shop, Oversize()),
            "duplicate": lambda shop, _: self._push(shop, Duplicate(times=2, new_mid=True)),
            "fragments": lambda shop, _: self._push(shop, Fragment(size_bytes=64, pings=True)),
        }

    def inject(self, now: float) -> None:
        """Do one thing to somebody who has rested."""
        if self._back_at:
            return
        if self._dice.random() < 0.01:
            self._fake.stop_accepting()
            self._fake.cut_all()
            self._back_at = now + OUTAGE_S
            say(fault="outage", account="*", at=now)
            return
        free = [shop for shop in self._fake.shops if self._rested.get(shop.user_id, 0) < now]
        kind = self._dice.choice(list(self._kinds))
        shop = self._dice.choice(free) if free else None
        log = shop.session if shop is not None else None
        if shop is None or log is None or (kind, shop.user_id) in self._done:
            return
        if kind in ONCE:
            self._done.add((kind, shop.user_id))
        self._rested[shop.user_id] = now + REST_S
        say(fault=kind, account=shop.user_id, at=now)
        with contextlib.suppress(LookupError):  # it ended on its own meanwhile
            self._kinds[kind](shop, log)

    def tend(self, now: float) -> None:
        """Heal what lasts only as long as a connection, and end an outage."""
        for log, rules in [each for each in self._lasting if not each[0].alive]:
            self._fake.heal(rules)
            self._lasting.remove((log, rules))
        if self._back_at and now > self._back_at:
            self._fake.resume()
            self._back_at = 0.0
            self._rested = {shop.user_id: now + REST_S for shop in self._fake.shops}

    def end(self) -> None:
        """Be good from now on."""
        self._fake.heal()
        if self._back_at:
            self._fake.resume()
            self._back_at = 0.0

    def _lasts(self, log: ConnectionLog, rules: list[Rule]) -> None:
        self._lasting.append((log, rules))
        self._fake.inject(rules)

    def _then_cut(self, shop: Shop, rules: Iterable[Rule]) -> None:
        self._fake.inject(rules)
        shop.cut()

    def _push(self, shop: Shop, action: Any) -> None:
        self._fake.inject(Rule(on="push", do=action, account=shop.user_id, times=1))


def main(spec: dict[str, Any]) -> None:
    """Serve until standard input says stop, tell what was sent, and stay until it is closed."""
    stopped = threading.Event()
    dice = random.Random(spec["seed"])  # noqa: S311  # repeatable, not secret
    with FakePlatform(Behaviour(backlog="push", echo=False), beat_limit_s=None) as fake:
        shops = [fake.account(str(22_000 + number)) for number in range(spec["accounts"])]
        say(accounts=[{"id": s.user_id, "url": s.url, "credentials": s.credentials} for s in shops])
        listener = threading.Thread(target=_hear, args=(stopped,), daemon=True)
        listener.start()
        sent: Counter[str] = Counter()
        match spec["mode"]:
            case "mixed":
                _mixed(fake, dice, spec, stopped, sent)
            case "cutting":
                _cutting(shops, stopped)
            case _:
                stopped.wait()
        say(**_ended(fake, sent))
        listener.join()


def _mixed(
    fake: FakePlatform,
    dice: random.Random,
    spec: dict[str, Any],
    stopped: threading.Event,
    sent: Counter[str],
) -> None:
    mischief = Mischief(fake, dice)
    lanes = [shop.buyer(f"{shop.user_id}{lane}") for shop in fake.shops for lane in range(BUYERS)]
    for shop in fake.shops:
        shop.wait_registered(30)
    said = faulted = time.monotonic()
    while not stopped.wait(TICK_S):
        now = time.monotonic()
        for _ in range(int((now - said) * spec["rate_per_s"])):
            buyer = dice.choice(lanes)
            name = f"{buyer.shop.user_id}/{buyer.user_id}"
            buyer.says(str(sent[name]))
            sent[name] += 1
            said = now
        if now - faulted > 1 / spec["faults_per_s"]:
            faulted = now
            mischief.inject(now)
        mischief.tend(now)
    mischief.end()


def _cutting(shops: list[Shop], stopped: threading.Event) -> None:
    """Reset every session as soon as it is there."""
    while not stopped.wait(0.005):
        for shop in shops:
            with contextlib.suppress(LookupError):
                shop.cut()


def _ended(fake: FakePlatform, sent: Counter[str]) -> dict[str, Any]:
    late = ""
    try:
        fake.wait(lambda: not any(shop.unacked for shop in fake.shops), SETTLE_S, "the acks")
        for shop in fake.shops:
            if sent:
                shop.wait_registered(SETTLE_S)
    except TimeoutError as error:
        late = str(error)
    breaches = Counter(breach.rule for breach in fake.breaches if breach.rule not in ALLOWED)
    return {"sent": sent, "late": late, "breaches": breaches, "dials": len(fake.dials)}


def _hear(stopped: threading.Event) -> None:
    sys.stdin.readline()
    stopped.set()
    sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
