"""Whatever a caller hands in: an error in the call, or a working account, in the next life, too."""

from __future__ import annotations

import fractions
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from market import Market

from gateway import ChatMessage, ConnectionState, Gateway, GatewayError
from gateway.arguments import TEXT_BYTES

SHOP = "2201"


class Markup(str):
    """As templating libraries make them."""

    __slots__ = ()

    def __str__(self) -> str:
        return "escaped"


class Hostile:
    """Raises wherever it is looked at."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __index__(self) -> int:
        raise RuntimeError("index")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


def deliver_nothing() -> None:
    """Take no argument."""


ANYTHING: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Lo"])),
    st.text().map(Markup),
    st.binary(),
    st.binary().map(bytearray),
    st.sampled_from([memoryview(b"x")]),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
    st.tuples(st.text()),
    st.frozensets(st.text()),
    st.sets(st.integers()),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
    st.sampled_from([*ConnectionState, Path("x"), str, int, object(), ..., NotImplemented]),
    st.sampled_from([print, len, [].append]),
    st.builds(Hostile),
    st.sampled_from([10**400, -(10**30), 2**63, float("inf"), float("nan"), 1e308, -0.5]),
    st.sampled_from(["x" * (TEXT_BYTES + 1), "长" * TEXT_BYTES, "", " ", "\0", "a\nb", "c1"]),
    st.sampled_from([fractions.Fraction(1, 3), range(3), slice(1), iter(()), deliver_nothing]),
)

Call = Callable[[Gateway, Any], object]

DOORS: dict[str, Call] = {
    "send(account)": lambda gw, v: gw.send(v, "c1", "x", to="77001"),
    "send(conversation)": lambda gw, v: gw.send(SHOP, v, "x", to="77001"),
    "send(text)": lambda gw, v: gw.send(SHOP, "c1", v, to="77001"),
    "send(to)": lambda gw, v: gw.send(SHOP, "c1", "x", to=v),
    "send(image_url)": lambda gw, v: gw.send(SHOP, "c1", to="77001", image_url=v),
    "send(width)": lambda gw, v: gw.send(SHOP, "c1", to="7", image_url="https://x/y", width=v),
    "send(height)": lambda gw, v: gw.send(SHOP, "c1", to="7", image_url="https://x/y", height=v),
    "send(expires_s)": lambda gw, v: gw.send(SHOP, "c1", "x", to="77001", expires_s=v),
    "send_image(account)": lambda gw, v: gw.send_image(v, "c1", "x.png", to="77001"),
    "send_image(conversation)": lambda gw, v: gw.send_image(SHOP, v, "x.png", to="77001"),
    "send_image(path)": lambda gw, v: gw.send_image(SHOP, "c1", v, to="77001"),
    "send_image(to)": lambda gw, v: gw.send_image(SHOP, "c1", "x.png", to=v),
    "send_image(expires_s)": lambda gw, v: gw.send_image(SHOP, "c1", "x.png", expires_s=v),
    "note(account)": lambda gw, v: gw.note(v, "c1", "k"),
    "note(conversation)": lambda gw, v: gw.note(SHOP, v, "k"),
    "note(key)": lambda gw, v: gw.note(SHOP, "c1", v),
    "ticket": lambda gw, v: gw.ticket(v),
    "sends.get": lambda gw, v: gw.sends.get(v),
    "sends.list(account)": lambda gw, v: gw.sends.list(v, limit=3),
    "sends.list(state)": lambda gw, v: gw.sends.list(state=v, limit=3),
    "sends.list(limit)": lambda gw, v: gw.sends.list(limit=v),
    "sends.cancel": lambda gw, v: gw.sends.cancel(v),
    "sends.resolve(outbox_id)": lambda gw, v: gw.sends.resolve(v, "accepted"),
    "sends.resolve(outcome)": lambda gw, v: gw.sends.resolve("nobody", v),
    "sends.resolve(message_id)": lambda gw, v: gw.sends.resolve("nobody", "accepted", v),
    "dead_letters.list(account)": lambda gw, v: gw.dead_letters.list(v),
    "dead_letters.list(limit)": lambda gw, v: gw.dead_letters.list(limit=v),
    "dead_letters.show": lambda gw, v: gw.dead_letters.show(v),
    "dead_letters.replay": lambda gw, v: gw.dead_letters.replay(v),
    "dead_letters.drop": lambda gw, v: gw.dead_letters.drop(v),
    "accounts[]": lambda gw, v: gw.accounts[v],
    "accounts.add": lambda gw, v: gw.accounts.add(v),
    "accounts.remove": lambda gw, v: gw.accounts.remove(v),
    "accounts.pause": lambda gw, v: gw.accounts.pause(v),
    "accounts.resume": lambda gw, v: gw.accounts.resume(v),
    "accounts.reset": lambda gw, v: gw.accounts.reset(v),
    "wait_for(state)": lambda gw, v: gw.accounts[SHOP].wait_for(v, 0.001),
    "on_state": lambda gw, v: gw.on_state(v),
    "on_recovery": lambda gw, v: gw.on_recovery(v),
    "tap": lambda gw, v: gw.tap(v),
}
"""Every argument of the façade; a wait for ever and a stop are left out."""

ANSWERS: dict[str, Callable[[ChatMessage, Any], object]] = {
    "reply": lambda event, v: event.reply(v),
    "reply_image(url)": lambda event, v: event.reply_image(v, 3, 4),
    "reply_image(width)": lambda event, v: event.reply_image("https://x/y", v, 4),
    "reply_image(height)": lambda event, v: event.reply_image("https://x/y", 3, v),
    "reply_image(path)": lambda event, v: event.reply_image(v),
    "note(key)": lambda event, v: event.note(v, "value"),
    "note(value)": lambda event, v: event.note("key", v),
    "note(account_wide)": lambda event, v: event.note("key", "value", account_wide=v),
}


def refused(call: Callable[[], object]) -> bool:
    """Do it; whether it was refused in the way it is promised."""
    try:
        call()
    except (TypeError, ValueError, GatewayError):  # the last: there is no such account or send
        return True
    return False


@pytest.mark.parametrize("durability", ["normal", "memory"])
@seed(20261126)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(st.data())
def test_any_value_at_any_argument(
    tmp_path_factory: pytest.TempPathFactory, durability: str, data: st.DataObject
) -> None:
    """A number where an id is meant once stopped every send of an account, in all its lives."""
    directory = tmp_path_factory.mktemp("data")
    with Market(directory, SHOP, durability=durability) as market:
        answers: list[tuple[str, object]] = []

        def answer(event: ChatMessage) -> None:
            if event.text != "any":
                return
            for name, value in answers:
                refused(partial(ANSWERS[name], event, value))

        market.gateway.on(ChatMessage)(answer)
        market.listen()
        market.start()
        values = data.draw(st.lists(ANYTHING, min_size=len(DOORS), max_size=len(DOORS)))
        for (name, call), value in zip(DOORS.items(), values, strict=True):
            before = dict(market.gateway.accounts)
            refused(partial(call, market.gateway, value))
            assert dict(market.gateway.accounts) == before, name
        answers += zip(ANSWERS, values, strict=False)
        buyer = market.shops[SHOP].buyer("77001")
        buyer.says("any")
        market.ledger.until(lambda texts: "any" in texts)
        market.serves_sends(SHOP)
        assert market.gateway.accounts[SHOP].counters.dead == 0
        if durability == "memory":
            return
        market.gateway.stop(5.0)
        market.gateway = market.make()
        market.listen()
        market.start()
        market.serves(SHOP, "in the next life?")
        market.serves_sends(SHOP)
        assert market.log.found("journal.read_failed") == []
