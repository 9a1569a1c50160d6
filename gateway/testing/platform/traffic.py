"""A load generator on fake accounts, and the count of the results.

Customers ask, order, type and read, at a rate and from a seed. Every question bears a
number (``… #17``); an answer that repeats it is the answer to that question, so that a
handler which echoes the text proves that nothing was lost and nothing answered twice.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, Self

import msgspec

from gateway.testing.platform.buyer import Buyer, System
from gateway.testing.platform.platform import FakePlatform
from gateway.testing.platform.shop import Shop

_QUESTIONS: Final = ("还在吗？", "包邮吗？", "能便宜点吗？", "什么时候发货？", "可以小刀吗？")
_NICKS: Final = ("小王", "阿珍", "老李", "卡卡", "晴天")
_SYSTEMS: Final[tuple[System, ...]] = ("android", "ios", "web")
_NUMBER: Final = re.compile(r"#(\d+)")
_TURN_S: Final = 0.02
_STOP_S: Final = 10.0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the traffic so far.

    Attributes:
        asked: Questions the customers asked.
        answered: Questions with an answer.
        doubled: Questions with more than one.
        pushed: Messages (questions, pictures, cards) a session was pushed.
        acked: Messages that were acknowledged.
        unacked: Messages that were pushed and not acknowledged on any connection.
        other: Orders, pictures, typing signals and read receipts.
        connections: Registrations, the forced reconnects included.
        breaches: Promises the gateway broke (:meth:`FakePlatform.check`).
    """

    asked: int
    answered: int
    doubled: int
    pushed: int
    acked: int
    unacked: int
    other: int
    connections: int
    breaches: int

    @property
    def lost(self) -> int:
        """Questions without an answer; after :meth:`Traffic.settle` they are lost."""
        return self.asked - self.answered


class Traffic:
    """Customers of some shops, in one thread.

    Args:
        fake: The platform; the caller starts it.
        shops: The accounts the customers go to.
        seed: The same seed does the same things in the same order.
        rate_per_s: Things that happen each second, over all shops.
        buyers: Customers of each shop.
    """

    def __init__(
        self,
        fake: FakePlatform,
        shops: Sequence[Shop],
        *,
        seed: int = 0,
        rate_per_s: float = 20.0,
        buyers: int = 5,
    ) -> None:
        self._fake = fake
        self._shops = list(shops)
        self._rate_per_s = rate_per_s
        self._dice = random.Random(seed)  # noqa: S311  # a scenario, no secret
        self._buyers = [
            [self._buyer(shop, number) for number in range(buyers)] for shop in self._shops
        ]
        self._asked = 0
        self._other = 0
        self._answers: Counter[int] = Counter()
        self._counted = [0] * len(self._shops)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @staticmethod
    def _buyer(shop: Shop, number: int) -> Buyer:
        nick = _NICKS[number % len(_NICKS)]
        return shop.buyer(f"33{number:04d}", nick=nick, system=_SYSTEMS[number % 3])

    def start(self) -> None:
        """Let the customers in."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send the customers home; what they asked is still counted."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reconnect(self, shop: Shop | None = None, *, questions: int = 3) -> Shop | None:
        """Cut a shop's connection, and have questions asked while it is gone.

        Args:
            shop: Which; None: the dice say.
            questions: How many lie in the history only (``Behaviour.backlog``).

        Returns:
            The shop; None if no shop is connected.
        """
        with self._fake.lock:
            connected = [one for one in self._shops if one.session is not None]
            if shop is None and connected:
                shop = self._dice.choice(connected)
            if shop is None or shop not in connected:
                return None
            shop.cut()
            for _ in range(questions):
                self._ask(self._shops.index(shop))
            return shop

    def tally(self) -> Tally:
        """Count."""
        fake, shops = self._fake, self._shops
        with fake.lock:
            self._count_answers()
            acked, unacked = sum(s.acked for s in shops), sum(len(s.unacked) for s in shops)
            return Tally(
                asked=self._asked,
                answered=len(self._answers),
                doubled=sum(1 for count in self._answers.values() if count > 1),
                pushed=acked + unacked,
                acked=acked,
                unacked=unacked,
                other=self._other,
                connections=sum(len(shop.sessions) for shop in shops),
                breaches=len(fake.breaches),
            )

    def settle(self, timeout_s: float = 10.0) -> Tally:
        """Stop, wait until every question is answered and every push acknowledged; count.

        Gives the count as well if the time runs out before.
        """
        self.stop()
        fake, shops = self._fake, self._shops

        def settled() -> bool:
            self._count_answers()
            return len(self._answers) >= self._asked and not any(s.unacked for s in shops)

        with fake.lock:
            fake.lock.wait_for(settled, timeout_s)
            return self.tally()

    def _run(self) -> None:
        began = time.monotonic()
        done = 0
        while not self._stopping.wait(_TURN_S):
            due = int((time.monotonic() - began) * self._rate_per_s)
            for _ in range(due - done):
                self._happen()
            done = due

    def _happen(self) -> None:
        at = self._dice.randrange(len(self._shops))
        draw = self._dice.random()
        if draw < 0.6:
            self._ask(at)
            return
        buyer = self._dice.choice(self._buyers[at])
        self._other += 1
        if draw < 0.68:
            buyer.orders("placed")
        elif draw < 0.74:
            buyer.orders("paid", update=True)
        elif draw < 0.8:
            buyer.shows("https://img.alicdn.com/imgextra/i3/O1CN01example_!!0-xy_chat.jpg")
        elif draw < 0.92:
            buyer.types(on=draw < 0.86)
        else:
            buyer.reads()

    def _ask(self, at: int) -> None:
        with self._fake.lock:
            buyer = self._dice.choice(self._buyers[at])
            self._asked += 1
            buyer.says(f"{self._dice.choice(_QUESTIONS)} #{self._asked}")

    def _count_answers(self) -> None:
        for at, shop in enumerate(self._shops):
            own = shop.account.own
            for message in own[self._counted[at] :]:
                self._answers.update(int(n) for n in _NUMBER.findall(message.text or ""))
            self._counted[at] = len(own)
