"""What a call only makes and never runs is refused when it is handed in, or fails at the call."""

# ruff: noqa: ARG005, PLW0108, PLC3002  # lambdas as people write them

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from gateway import ChatMessage, Gateway, OrderStatusChanged, WebSocketClient, listeners
from gateway.errors import SinkError, UnknownAccountError
from gateway.sinks.callable import CallableSink
from gateway.testing import HandlerBench
from gateway.testing.kit.bench import bench_settings

REMEDY = "write a plain def"


async def later(event: object) -> None:
    """Never runs when it is only called."""
    raise AssertionError(event)


def bit_by_bit(event: object) -> Iterator[object]:
    yield event


async def both(event: object) -> AsyncIterator[object]:
    yield event


class Async:
    """An object whose call is a coroutine."""

    async def __call__(self, event: object) -> None:
        await later(event)

    async def answer(self, event: object) -> None:
        await later(event)

    def hand_on(self, event: object) -> object:
        return self.answer(event)

    @staticmethod
    async def static(event: object) -> None:
        await later(event)


def only_begins(event: object) -> None:
    """Forgets the await, as people do."""
    later(event)  # type: ignore[unused-coroutine]


def only_begins_with_more(event: Any) -> object:
    return keyed(event.text, ROBOT, why="a constant")


async def keyed(event: object, *more: object, why: str) -> None:
    await later((event, more, why))


ROBOT = Async()
WRONG: list[Any] = [
    later,
    bit_by_bit,
    both,
    ROBOT,
    ROBOT.answer,
    Async.static,
    functools.partial(later),
    functools.partial(functools.partial(ROBOT)),
    lambda event: later(event),
    lambda event: ROBOT.answer(event),
    lambda *events: later(*events),
    lambda event: bit_by_bit(event),
    only_begins,
    only_begins_with_more,
    functools.partial(only_begins),
    ROBOT.hand_on,
    (lambda closed: lambda event: closed(event))(later),
    AsyncMock(),
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_what_a_call_would_not_run_is_refused_everywhere(wrong: Any) -> None:
    gateway = Gateway(bench_settings())
    doors: list[Callable[[], object]] = [
        lambda: gateway.on(ChatMessage)(wrong),
        lambda: HandlerBench().on(ChatMessage)(wrong),
        lambda: gateway.on_state(wrong),
        lambda: gateway.on_recovery(wrong),
        lambda: gateway.tap(wrong),
        lambda: WebSocketClient("ws://127.0.0.1:9/", on_message=wrong),
    ]
    for door in doors:
        with pytest.raises(TypeError, match=REMEDY):
            door()
    with pytest.raises(SinkError, match=REMEDY):
        CallableSink(call=wrong)


def run_it(event: object) -> None:
    asyncio.run(later(event))


LOOP = asyncio.new_event_loop()
LOOP.close()


class Plain:
    """What calls run, in all the shapes people write."""

    def __init__(self) -> None:
        self.loop: Any = Mock()

    def __call__(self, event: object) -> None: ...

    def method(self, event: object) -> None: ...

    def own_loop(self, event: object) -> None:
        self.loop.create_task(later(event))

    @classmethod
    def by_class(cls, event: object) -> None: ...


def parts(event: object) -> Iterator[str]:
    yield str(event)


PARTS = functools.partial(parts)


def walks(event: object) -> None:
    for _ in parts(event):
        pass


def unpacks(event: object) -> None:
    (_,) = parts(event)


def spreads(event: object) -> None:
    [*parts(event)]


def hands_on(event: object) -> None:
    set[str]().union(*parts(event))


def hands_the_function(event: Any) -> None:
    event.reply(parts)


def drops_and_goes_on(event: Any) -> None:
    parts(event)
    event.reply("x")


def asks(event: object) -> bool:
    return "x" in parts(event)


def delegates(event: object) -> list[str]:
    return list(each for each in parts(event))  # noqa: C400  # as people write it


def catches(event: object) -> None:
    with contextlib.suppress(StopIteration):
        next(parts(event))


RIGHT: list[Any] = [
    walks,
    unpacks,
    spreads,
    hands_on,
    hands_the_function,
    drops_and_goes_on,
    asks,
    delegates,
    catches,
    functools.partial(walks),
    lambda event: event.reply(" ".join(parts(event))),
    lambda event: "".join(parts(event)),
    lambda event: [*PARTS(event)],
    lambda event: list(PARTS(event)),
    lambda event: dict.fromkeys(parts(event)),
    lambda event: event.reply(later),
    lambda event, answer=later: asyncio.run(answer(event)),
    lambda event: parts(event).__next__(),
    print,
    [].append,
    Plain(),
    Plain().method,
    Plain().own_loop,
    Plain.by_class,
    functools.partial(lambda other, event: None, 1),
    functools.partial(lambda loop, event: loop.create_task(later(event)), LOOP),
    lambda event: None,
    lambda event: asyncio.run(later(event)),
    lambda event: asyncio.run_coroutine_threadsafe(later(event), LOOP).result(1),
    lambda event, loop=LOOP: loop.create_task(later(event)),
    lambda *events: None,
    run_it,
    functools.wraps(later)(lambda event: run_it(event)),
    list,
    Mock(),
]


@pytest.mark.parametrize("right", RIGHT, ids=range(len(RIGHT)))
def test_what_a_call_runs_is_taken(right: Any) -> None:
    assert listeners.listener("the handler", right, takes=1) is right


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (5, "must be a function, not int"),
        (None, "must be a function, not None"),
        (lambda: None, "must take one argument"),
        (lambda gateway, event: None, "must take one argument"),
        (Plain, r"pass an object: .*Plain\(\)"),
    ],
)
def test_what_can_not_be_called_with_an_event(wrong: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        Gateway(bench_settings()).on(ChatMessage)(wrong)


def test_forgotten_parentheses_and_class() -> None:
    gateway: Any = Gateway(bench_settings())
    with pytest.raises(TypeError, match=r"function .*run_it is not .* as in @gw.on\(ChatMessage\)"):
        gateway.on(run_it)
    with pytest.raises(TypeError, match=r"None is not an event class"):
        gateway.on()
    for wrong in ("chat_message", (ChatMessage, OrderStatusChanged), dict, ChatMessage()):
        with pytest.raises(TypeError, match="is not an event class: use ChatMessage"):
            gateway.on(wrong)


def test_an_account_nobody_has_is_refused_until_it_is_added() -> None:
    """A handler of an account misspelt is a handler that is never called."""
    gateway: Any = Gateway(bench_settings("shop-a"))
    with pytest.raises(UnknownAccountError, match="did you mean 'shop-a'"):
        gateway.on(ChatMessage, account="shop-e")
    with pytest.raises(TypeError, match="account must be str, not int"):
        gateway.on(ChatMessage, account=5)
    gateway.accounts.add(bench_settings("shop-e").accounts[0])
    gateway.on(ChatMessage, account="shop-e")


def test_wrong_switches_are_refused() -> None:
    gateway: Any = Gateway(bench_settings())
    with pytest.raises(TypeError, match="own must be True or False, not str"):
        gateway.on(ChatMessage, own="no")
    with pytest.raises(ValueError, match="on_crash is 'parked', not one of redeliver, park; did"):
        gateway.on(ChatMessage, on_crash="parked")
    with pytest.raises(TypeError, match="on_crash must be one of redeliver, park, not bool"):
        gateway.on(ChatMessage, on_crash=True)


RETURNED: list[Callable[[object], object]] = [
    later,
    bit_by_bit,
    both,
    lambda event: (each for each in [event]),
    lambda _: Awaited(),
]


class Awaited:
    """What asyncio's futures and tasks are, without a loop."""

    def __await__(self) -> Iterator[object]:
        yield self


@pytest.mark.parametrize("made", RETURNED)
def test_work_that_is_only_returned_is_a_failure(made: Callable[[object], object]) -> None:
    """It shows only at the call. The coroutine is closed, or Python warns of it: an error here."""
    bench = HandlerBench()
    table = {"answer": made}
    bench.on(ChatMessage)(lambda event: table["answer"](event))  # type: ignore[arg-type]

    handled = bench.chat("hello")

    assert handled.outcome == "dead"
    assert "which nobody runs: write a plain def" in str(handled.failures[0])
    with pytest.raises(TypeError, match="nobody runs"):
        CallableSink(call=lambda event: table["answer"](event)).deliver(handled.event)


def test_an_answer_in_the_return_is_no_failure() -> None:
    bench = HandlerBench()
    bench.on(ChatMessage)(lambda event: [event])  # type: ignore[arg-type]
    assert bench.chat("hello").outcome == "done"
