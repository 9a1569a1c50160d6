"""What is done to accounts: each kind of fault by its name, one an account at a time."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Any

from gateway.testing import FakePlatform, Shop, faults
from gateway.testing.faults.actions import (
    Corrupt,
    Cut,
    Drip,
    Duplicate,
    Fragment,
    Lose,
    Oversize,
    Reset,
    Stall,
    StopReading,
    Swap,
    TooLong,
)
from gateway.testing.faults.rules import Rule
from gateway.testing.platform.logbook import ConnectionLog

OUTAGE_S = 1.0
OUTAGE_FIRST_S, OUTAGE_EVERY_S = 10.0, 180.0
REST_S = 5.0
"""Between two faults of one account, so that each is told from the next."""

APART_S = {"refuse_503": 3.0}
"""Between two faults of a kind: five overloads in ten seconds rightly open the circuit for all."""

ONCE = ("kick", "refuse_401")
"""Once an account: the second one in a row rightly waits for a person."""

Speak = Callable[[Shop, int], None]
"""Let one buyer of a shop say so many things at once."""


class Mischief:
    """Injects faults and tells each before it bites.

    Args:
        fake: The platform.
        dice: Seeded.
        say: Told of each fault: its kind, account, second, and the message it bites.
        next_of: Gives the lane that speaks next and the number of what it will say.
        speak: Lets that lane say so much.
        begins: Monotonic second from which on :meth:`work` is called.
    """

    def __init__(
        self,
        fake: FakePlatform,
        dice: random.Random,
        *,
        say: Callable[..., None],
        next_of: Callable[[Shop], tuple[str, int]],
        speak: Speak,
        begins: float,
    ) -> None:
        self._fake = fake
        self._dice = dice
        self._say = say
        self._next_of = next_of
        self._speak = speak
        self._rested: dict[str, float] = {}
        self._apart: dict[str, float] = {}
        self._done: set[tuple[str, str]] = set()
        self._lasting: list[tuple[ConnectionLog, list[Rule]]] = []
        self._outage_at = begins + OUTAGE_FIRST_S
        self._back_at: float | None = None
        self._away = False
        self._kinds: dict[str, Callable[[Shop, ConnectionLog], None]] = {
            "reset": lambda shop, _: shop.cut(),
            "eof": lambda shop, _: shop.drop(),
            "close_1000": lambda shop, _: shop.close(1000),
            "close_1012": lambda shop, _: shop.close(1012),
            "kick": lambda shop, _: shop.kick(),
            "half_open": lambda shop, _: self._bite(shop, Stall()),
            "cut_mid_frame": lambda shop, _: self._bite(shop, Cut(part=0.5)),
            "eof_mid_frame": lambda shop, _: self._bite(shop, Cut(part=0.7, reset=False)),
            "oversize": lambda shop, _: self._bite(shop, Oversize()),
            "silent": lambda shop, log: self._lasts(log, faults.silent(shop.user_id)),
            "deaf": lambda shop, log: self._lasts(log, faults.deaf(shop.user_id)),
            "zombie": self._zombie,
            "refuse_503": lambda shop, _: self._again(
                shop, faults.refuse(503, account=shop.user_id, times=1)
            ),
            "refuse_401": lambda shop, _: self._again(
                shop, faults.refuse(401, account=shop.user_id, times=1)
            ),
            "bad_accept": lambda shop, _: self._again(
                shop, faults.bad_accept(account=shop.user_id, times=1)
            ),
            "reset_upgrade": lambda shop, _: self._again(shop, [_upgrade(shop, Reset())]),
            "stalled_upgrade": lambda shop, _: self._again(shop, [_upgrade(shop, Stall())]),
            "dripping_upgrade": lambda shop, _: self._again(
                shop, [_upgrade(shop, Drip(every_s=0.3))]
            ),
            "stalled_register": lambda shop, _: self._again(
                shop, faults.stall("register", account=shop.user_id, times=1)
            ),
        }
        self._to_messages: dict[str, tuple[Any, int]] = {
            "duplicate": (Duplicate(times=2, new_mid=True), 1),
            "redeliver": (Duplicate(after_s=1.0), 1),
            "reorder": (Swap(at_most_s=1.0), 2),
            "gap_told": (TooLong(), 1),
            "gap_untold": (Lose(), 2),
            "fragments": (Fragment(size_bytes=64, pings=True), 1),
            "dripping_push": (Drip(size_bytes=16, every_s=0.005), 1),
            "corrupt_frame": (Corrupt(how="frame"), 1),
        }

    def work(self, now: float) -> None:
        """Do one thing to somebody who has rested; begin an outage if it is time for one."""
        if self._back_at is not None or self._away:
            return
        if now > self._outage_at:
            self._outage(now)
            return
        kind = self._dice.choice([*self._kinds, *self._to_messages, "slow_reader"])
        busy = {log.account for log, _ in self._lasting}
        free = [
            shop
            for shop in self._fake.shops
            if self._rested.get(shop.user_id, 0.0) < now and shop.user_id not in busy
        ]
        shop = self._dice.choice(free) if free else None
        log = shop.session if shop is not None else None
        if shop is None or log is None or self._apart.get(kind, 0.0) > now:
            return
        if kind in ONCE:
            if (kind, shop.user_id) in self._done:
                return
            self._done.add((kind, shop.user_id))
        self._apart[kind] = now + APART_S.get(kind, 0.0)
        self._rested[shop.user_id] = now + REST_S
        if kind in self._kinds:
            self._say(kind=kind, account=shop.user_id, at=now)
            with contextlib.suppress(LookupError):  # it ended on its own meanwhile
                self._kinds[kind](shop, log)
            return
        lane, number = self._next_of(shop)
        self._say(kind=kind, account=shop.user_id, at=now, lane=lane, number=number)
        if kind == "slow_reader":
            self._arm(Rule(on="request", do=StopReading(for_s=1.0), account=shop.user_id, times=1))
            self._speak(shop, 1)
        else:
            action, messages = self._to_messages[kind]
            self._bite(shop, action, messages)

    def tend(self, now: float) -> None:
        """Heal what lasts only as long as a connection, and end an outage."""
        for log, rules in [each for each in self._lasting if not each[0].alive]:
            self._fake.heal(rules)
            self._lasting.remove((log, rules))
        if self._back_at is not None and now > self._back_at:
            self._fake.resume()
            self._back_at = None
            self._away = True
        if self._away and all(shop.session is not None for shop in self._fake.shops):
            self._away = False
            self._rested = {shop.user_id: now + REST_S for shop in self._fake.shops}

    def end(self) -> None:
        """Be good from now on."""
        self._fake.heal()
        if self._back_at is not None:
            self._fake.resume()
            self._back_at = None

    def _outage(self, now: float) -> None:
        self._say(kind="outage", account="*", at=now)
        self._fake.heal()  # what is armed would bite the dials that the circuit lets through
        self._lasting.clear()
        self._fake.stop_accepting()
        self._fake.cut_all()
        self._back_at = now + OUTAGE_S
        self._outage_at = now + OUTAGE_EVERY_S

    def _arm(self, *rules: Rule) -> None:
        self._fake.inject(rules)

    def _lasts(self, log: ConnectionLog, rules: list[Rule]) -> None:
        self._lasting.append((log, rules))
        self._arm(*rules)

    def _zombie(self, shop: Shop, log: ConnectionLog) -> None:
        self._lasts(log, faults.zombie(shop.user_id))
        self._speak(shop, 1)

    def _again(self, shop: Shop, rules: Iterable[Rule]) -> None:
        """Make it dial, into these rules."""
        self._arm(*rules)
        shop.cut()

    def _bite(self, shop: Shop, action: Any, messages: int = 1) -> None:
        self._arm(Rule(on="push", do=action, account=shop.user_id, times=1))
        self._speak(shop, messages)


def _upgrade(shop: Shop, action: Any) -> Rule:
    return Rule(on="upgrade", do=action, account=shop.user_id, times=1)
