"""The whole gateway against the fake platform, over loopback."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from actors.state import ConnectionState
from gateway import ChatMessage, Gateway
from gateway.config import from_mapping
from gateway.testing.faults import Rule
from gateway.testing.faults.actions import Duplicate
from gateway.testing.platform import FakePlatform
from gateway.testing.platform.accounts import Behaviour
from gateway.testing.platform.shop import Shop

ACCOUNTS = 100
CONVERSATIONS = 1_000
MESSAGES = 20_000
SEED = 20261123

UNBOUND = {"rate_per_s": 10_000, "burst": 10_000}
"""What is read back after a cut must not wait for its turn: here is no platform to spare."""


class Book:
    """What handlers saw, by lane; fails some messages on their first try."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._lock = threading.Condition()
        self.seen: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.failed: set[str] = set()
        self.count = 0

    def handle(self, event: ChatMessage) -> None:
        """Note an event; raise for one in 500, once."""
        with self._lock:
            if event.event_id not in self.failed and self._dice.random() < 0.002:
                self.failed.add(event.event_id)
                raise RuntimeError("a handler that fails once")
            self.seen[event.account, event.conversation_id or ""].append(int(event.text or ""))
            self.count += 1
            self._lock.notify_all()

    def wait(self, count: int, timeout_s: float) -> bool:
        """Wait until ``count`` events were handled."""
        with self._lock:
            return self._lock.wait_for(lambda: self.count >= count, timeout_s)


@pytest.mark.peer(12)
def test_twenty_thousand_messages_over_a_hundred_accounts(tmp_path: Path) -> None:
    """Cuts, clean closes, duplicates and handler errors: once each, in order, acked after."""
    print(f"seed {SEED}")  # noqa: T201  # a failure is repeated with it
    dice = random.Random(SEED)
    book = Book(random.Random(SEED + 1))
    behaviour = Behaviour(backlog="push", echo=False)
    with FakePlatform(behaviour, beat_limit_s=None) as fake:
        shops = [fake.account(str(22_000 + number)) for number in range(ACCOUNTS)]
        fake.inject(
            Rule(
                on="push",
                do=Duplicate(new_mid=new_mid),
                account=shop.user_id,
                after=3,
                times=2,
            )
            for shop in shops
            for new_mid in (False, True)
        )
        gateway = Gateway(
            from_mapping(
                {
                    "data_dir": str(tmp_path),
                    "connect": {"rate_per_s": 1000, "burst": 1000},
                    "history": UNBOUND,
                    "defaults": {
                        "recovery": UNBOUND,
                        "handlers": {"retry_delays_s": [0.01, 0.05, 0.1]},
                        "reconnect": {
                            "unexpected_close_step_s": 0.1,
                            "unexpected_close_cap_s": 0.2,
                            "flapping_wait_s": 0.2,
                        },
                    },
                    "accounts": [
                        {"id": shop.user_id, "url": shop.url, "credentials": shop.credentials}
                        for shop in shops
                    ],
                }
            )
        )
        gateway.on(ChatMessage)(book.handle)
        with gateway:
            for view in gateway.accounts.values():
                assert view.wait_for(ConnectionState.CONNECTED, 20.0), view
            expected = push_everything(shops, dice)
            assert book.wait(MESSAGES, 120.0), f"{book.count} of {MESSAGES} handled"
            for shop in shops:
                shop.wait_acked(sum(len(lane) for lane in expected[shop.user_id].values()))
        fake.check(all_acked=True)
        for name, view in gateway.accounts.items():
            tally = view.counters
            assert tally.balanced, (name, tally)
            assert (tally.done, tally.pending) == (sum(map(len, expected[name].values())), 0)
            assert tally.received == tally.done + tally.ignored + tally.duplicates, tally
        received = sum(view.counters.duplicates for view in gateway.accounts.values())
        assert received, "nothing came twice: the test does not test what it says"
    assert book.count == MESSAGES
    assert book.failed, "no handler failed: the test does not test what it says"
    for shop in shops:
        for conversation, numbers in expected[shop.user_id].items():
            assert book.seen[shop.user_id, conversation] == numbers


def push_everything(shops: list[Shop], dice: random.Random) -> dict[str, dict[str, list[int]]]:
    """Let buyers write in packages of 1 to 32 entries while links are cut and closed."""
    lanes = CONVERSATIONS // ACCOUNTS
    each = MESSAGES // ACCOUNTS
    expected: dict[str, dict[str, list[int]]] = {}
    for shop in shops:
        buyers = [shop.buyer(f"{shop.user_id}{lane:02}") for lane in range(lanes)]
        written: dict[str, list[int]] = defaultdict(list)
        number = 0
        while number < each:
            size = min(dice.randint(1, 32), each - number)
            entries = []
            for _ in range(size):
                buyer = dice.choice(buyers)
                entries.append(buyer.writes(str(number)))
                written[buyer.conversation().id].append(number)
                number += 1
            shop.push(entries, package=size)
            draw = dice.random()
            if draw < 0.02 and shop.session is not None:
                with contextlib.suppress(LookupError):  # it ended on its own meanwhile
                    (shop.cut if draw < 0.01 else shop.close)()
        expected[shop.user_id] = dict(written)
    return expected
