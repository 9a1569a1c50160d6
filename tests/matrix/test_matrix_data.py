"""Rows D1 to D16 that a link shows, and N14: what the platform pushes, and what it does not."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

import pytest
from market import WAIT_S, Ledger, Market
from rows import row
from stage import SICK, Open, S, given_up, untouched
from watch import Stopwatch

from actors.ports.journal import Tally
from actors.state import Cause
from actors.values import Event
from gateway import UndecodableEvent
from gateway.config import from_mapping
from gateway.testing import Behaviour, Rule, Shop, faults
from gateway.testing.faults.actions import AnyAction
from gateway.testing.platform.shapes import Entry, base64_text

COPIES = 9


def opened(stage: Open, **keys: Any) -> tuple[Market, Shop]:
    """Start a market whose platform echoes nothing and pushes nothing again by itself."""
    market = stage(behaviour=Behaviour(backlog="push", echo=False, redeliver_after_s=None), **keys)
    market.start()
    market.log.wait("recovery.ended", account=SICK)  # or what it reads counts as well
    return market, market.shops[SICK]


def tally(market: Market, ended: Callable[[Tally], bool]) -> Tally:
    """Wait until the sick account's books are as wanted; they balance."""

    def there() -> Tally | None:
        books = market.gateway.accounts[SICK].counters
        return books if ended(books) else None

    books = market.fake.wait(there, WAIT_S, "the books")
    assert books is not None
    assert books.balanced, books
    return books


@row("D1", "handled once, acknowledged ten times; nine duplicates are counted")
@pytest.mark.parametrize("new_mid", [False, True])
def test_push_comes_ten_times(stage: Open, *, new_mid: bool) -> None:
    market, shop = opened(stage)
    copies = faults.Duplicate(times=COPIES, new_mid=new_mid)
    market.fake.inject(Rule(on="push", do=copies, account=SICK, times=1))
    log = shop.wait_registered()
    shop.buyer("77001").says("once")
    market.fake.wait(lambda: log.acks == log.pushes + COPIES, WAIT_S, "ten acknowledgements")
    market.serves(SICK, "next")
    assert market.ledger.texts(SICK) == ["once", "next"]
    books = tally(market, lambda books: books.done == 2)
    assert (books.duplicates, books.received) == (COPIES, 2 + COPIES)
    market.fake.check(all_acked=True)
    untouched(market)


@row("D8", "49 handled, the damaged one kept whole with its reason, one acknowledgement")
def test_one_of_fifty_is_damaged(stage: Open) -> None:
    market, shop = opened(stage)
    damaged = heard(market)
    log = shop.wait_registered()
    market.serves(SICK, "before")  # and the recovery is over: it would find the damaged one whole
    market.fake.inject(Rule(on="push", do=faults.Corrupt(entry=16), account=SICK, times=1))
    buyer = shop.buyer("77001")
    shop.push([buyer.writes(str(number)) for number in range(50)], package=50)
    heard_of = [str(number) for number in range(50) if number != 16]
    assert market.ledger.wait(50, SICK) == ["before", *heard_of]
    (event,) = kept(damaged, 1)
    assert event.reason
    assert str(event.raw).startswith("!!")
    market.fake.wait(lambda: log.acks == log.pushes, WAIT_S, "one acknowledgement")
    books = tally(market, lambda books: books.done == 51)
    assert (books.received, books.dead) == (51, 0)
    assert len(shop.sessions) == 1
    market.fake.check(all_acked=True)
    untouched(market)


@row("D12", "one message; the pings between its fragments are answered before it is whole")
@pytest.mark.parametrize("size_bytes", [1, 64])
def test_pings_between_fragments(stage: Open, size_bytes: int) -> None:
    cut: AnyAction = faults.Fragment(size_bytes=size_bytes, pings=True)
    market, shop = opened(stage, defaults={"limits": {"max_fragments": 10_000}})
    market.fake.inject(Rule(on="push", do=cut, account=SICK, times=1))
    log = shop.wait_registered()
    shop.buyer("77001").says("片段")
    assert market.ledger.wait(1, SICK) == ["片段"]
    market.fake.wait(lambda: log.pongs >= 1000 // size_bytes, WAIT_S, "pongs")
    shop.wait_acked(1)
    assert not market.log.found("frame.rejected")
    assert len(shop.sessions) == 1
    untouched(market)


BOMBS = {
    "lists": base64_text(b"\x91" * 10_000 + b"\x01"),
    "a list of 4 billion": base64_text(b"\xdd\xff\xff\xff\xff\x01"),
    "json": "[" * 10_000 + "]" * 10_000,
}


@row("D16", "kept whole with its reason and acknowledged; memory stays, the next is handled")
@pytest.mark.parametrize("name", BOMBS)
def test_bomb_in_a_payload(stage: Open, stopwatch: Stopwatch, name: str) -> None:
    market, shop = opened(stage)
    damaged = heard(market)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stopwatch.start()
    shop.push([Entry(data=BOMBS[name])])
    (event,) = kept(damaged, 1)
    stopwatch.detected(0.1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 16 << 10
    assert event.raw == BOMBS[name]
    assert event.reason
    market.serves(SICK, "next")
    assert len(shop.sessions) == 1
    market.fake.check(all_acked=True)
    untouched(market)


@row("D16", "nested too deeply in the frame itself: rejected, not acknowledged; the link stays")
def test_bomb_of_a_frame(stage: Open) -> None:
    market, shop = opened(stage)
    shop.push_raw('{"x":' * 10_000 + "1" + "}" * 10_000)
    market.serves(SICK, "next")
    assert len(market.log.found("frame.rejected", account=SICK)) == 1
    assert len(shop.sessions) == 1
    untouched(market)


def heard(market: Market) -> Ledger:
    """Note what cannot be decoded."""
    damaged = Ledger()
    market.gateway.on(UndecodableEvent)(damaged)
    return damaged


def kept(damaged: Ledger, count: int) -> list[UndecodableEvent]:
    """Wait for so many, and give them."""
    damaged.wait(count, SICK)
    events: list[Event] = damaged.events
    assert all(isinstance(event, UndecodableEvent) for event in events)
    return [event for event in events if isinstance(event, UndecodableEvent)]


@row("N14", "unmasked as N13; the old token is refused: FAILED(auth); a new one brings all")
def test_zombie_by_a_stale_token(stage: Open, stopwatch: Stopwatch) -> None:
    """The platform renews no token by itself, nor do we: the operator puts a new one in."""
    market = stage(
        {"recovery": {"probe_s": 0.2, "zombie_s": 0.4}},
        behaviour=Behaviour(echo=False, redeliver_on_reconnect=False),
    )
    market.start()
    shop = market.shops[SICK]
    market.serves(SICK, "before")
    market.fake.inject(*faults.zombie(SICK, 1))
    shop.token = "new"  # the session lives on, as a platform leaves it
    stopwatch.start()
    shop.buyer("77001").says("unheard")
    market.states.wait(SICK, lambda change: change.cause is Cause.ZOMBIE)
    stopwatch.detected(0.2 + 0.4 + 1.0)
    given_up(market, "auth")
    untouched(market)
    market.gateway.accounts.remove(SICK)
    market.states.wait(SICK, lambda change: change.new is S.CLOSED)
    shop.buyer("77001").says("nobody there")
    stopwatch.start()
    market.config["accounts"][0]["credentials"] = shop.credentials
    market.gateway.accounts.add(from_mapping(market.config).accounts[0])
    market.ledger.until(lambda texts: {"unheard", "nobody there"} <= set(texts))
    stopwatch.recovered(2.0)
    assert market.ledger.texts(SICK) == ["before", "unheard", "nobody there"]
    market.serves(SICK, "live")
