"""The façade's small parts: views of accounts, handlers, tickets and ids."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from workbench import Bench

from actors.messages import StateChanged
from actors.runtime.quotas import OpenSends
from actors.runtime.takeovers import TakeOvers
from actors.state import Cause, ConnectionState
from actors.values import (
    DONE,
    Content,
    Delivery,
    ErrorClass,
    Event,
    Failure,
    SendOutcome,
    SendResult,
)
from gateway.errors import EventSettledError, OverloadedError, UnknownAccountError
from gateway.events import ChatMessage, OrderStatusChanged, SystemNotification
from gateway.host.accounts import Accounts, AccountView
from gateway.host.credentials import CredentialDesk
from gateway.host.handlers import IGNORED, Handlers
from gateway.host.sender import ClientIds
from gateway.host.sends import PENDING, SendTicket, Tickets
from gateway.host.takeover import TakeOverDesk
from gateway.host.undisturbed import Bell

S = ConnectionState
REFUSED = Failure(error_class=ErrorClass.NETWORK, reason="connection_refused")
ACCEPTED = SendResult(outcome=SendOutcome.ACCEPTED, message_id="m-1")


def change(
    new: ConnectionState, cause: Cause, *, failure: Failure | None = None, at_ms: int = 5
) -> StateChanged:
    """Make a change."""
    return StateChanged(
        account="shop-a",
        old=S.DISCONNECTED,
        new=new,
        cause=cause,
        generation=3,
        failure=failure,
        at_ms=at_ms,
    )


# --- accounts -------------------------------------------------------------------------


class Book:
    """Accounts, and what was asked of the façade."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []
        self.accounts = Accounts(
            desk=cast("CredentialDesk", None),
            takeovers=TakeOverDesk(TakeOvers(), bool),
            add=self.add,
            verb=self.verb,
        )

    def add(self, settings: object) -> AccountView:
        """Keep it."""
        self.asked.append(("add", settings))
        return self.accounts.open_view(str(settings))

    def verb(self, verb: str, account: str) -> None:
        """Keep it."""
        self.asked.append((verb, account))


@pytest.fixture
def book() -> Book:
    """Return accounts of a façade."""
    return Book()


def test_accounts_are_a_mapping(book: Book) -> None:
    view = book.accounts.add("shop-a")
    book.accounts.open_view("shop-b")

    assert list(book.accounts) == ["shop-a", "shop-b"]
    assert len(book.accounts) == 2
    assert book.accounts["shop-a"] is view
    assert "shop-a" in book.accounts
    assert "shop-c" not in book.accounts
    assert book.accounts.get("shop-a") is view
    assert repr(view) == "<account 'shop-a' disconnected>"


def test_unknown_account_names_the_nearest(book: Book) -> None:
    book.accounts.open_view("shop-a")

    with pytest.raises(UnknownAccountError, match="did you mean 'shop-a'"):
        book.accounts["shop-aa"]


def test_account_that_is_closed_is_not_there(book: Book) -> None:
    book.accounts.open_view("shop-a")

    book.accounts.close_view("shop-a")
    book.accounts.close_view("shop-a")

    assert not book.accounts


def test_accounts_may_be_added_while_somebody_looks_at_them(book: Book) -> None:
    book.accounts.open_view("shop-a")

    for name in book.accounts:
        book.accounts.open_view(f"{name}-twin")

    assert len(book.accounts) == 2


def test_verbs_reach_the_facade(book: Book) -> None:
    accounts = book.accounts
    for verb in (accounts.pause, accounts.resume, accounts.reset, accounts.remove):
        verb("shop-a")

    assert book.asked == [
        ("pause", "shop-a"),
        ("resume", "shop-a"),
        ("reset", "shop-a"),
        ("remove", "shop-a"),
    ]


def test_view_shows_the_last_change_and_the_last_error(book: Book) -> None:
    view = book.accounts.open_view("shop-a")
    view.attempt = 4
    view.apply(change(S.RECONNECTING, Cause.ATTEMPT_FAILED, failure=REFUSED))
    assert view.attempt == 4

    view.apply(change(S.CONNECTED, Cause.REGISTERED, at_ms=9))

    assert (view.state, view.since_ms, view.generation) == (S.CONNECTED, 9, 3)
    assert view.next_retry_s is None
    assert (view.state.value, view.attempt) == ("connected", 0)
    assert view.last_error is REFUSED


def test_wait_is_over_at_once_in_that_state(book: Book) -> None:
    assert book.accounts.open_view("shop-a").wait_for(S.DISCONNECTED, 0.0)


def test_wait_ends_with_its_time(book: Book) -> None:
    view = book.accounts.open_view("shop-a")
    view.apply(change(S.CONNECTED, Cause.REGISTERED))
    view.apply(change(S.RECONNECTING, Cause.LINK_LOST))

    assert not view.wait_for(S.CONNECTED, 0.0), "it was connected before anybody waited"


def test_wait_sees_a_state_that_passes(book: Book) -> None:
    """A link that flaps must not slip between two looks of who waits for it."""
    view = book.accounts.open_view("shop-a")
    waiting = threading.Event()
    seen: list[bool] = []

    class Noted(Bell):
        def wait_for(self, there: Callable[[], bool], timeout_s: float) -> bool:
            def looked() -> bool:
                found = there()
                waiting.set()
                return found

            return super().wait_for(looked, timeout_s)

    view._changed = Noted()
    waiter = threading.Thread(target=lambda: seen.append(view.wait_for(S.CONNECTED, 10.0)))
    waiter.start()
    assert waiting.wait(10.0)
    view.apply(change(S.CONNECTED, Cause.REGISTERED))
    view.apply(change(S.RECONNECTING, Cause.LINK_LOST))
    waiter.join(10.0)

    assert seen == [True]
    assert view.state is S.RECONNECTING


# --- handlers -------------------------------------------------------------------------


class Log:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def deliver(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def close(self) -> None:
        """Do nothing."""


def deliver(event: Event, content: Content) -> Delivery:
    """Make a delivery as the façade does."""
    return Delivery(
        outbox_id=f"o-{content.text}",
        uuid="u",
        account=event.account,
        conversation_id=event.conversation_id or "",
        to="b",
        content=content,
        expires_at_ms=0,
        event_id=event.event_id,
    )


def message(account: str = "shop-a", **fields: Any) -> ChatMessage:
    """Make a chat message."""
    return ChatMessage(account=account, event_id="e1", conversation_id="c1", **fields)


def test_event_that_nobody_wants_is_ignored() -> None:
    handlers = Handlers((), deliver)
    handlers.add(OrderStatusChanged, lambda _: None)

    assert handlers(message()) is IGNORED


def test_handlers_get_their_type_and_its_subtypes_in_order() -> None:
    handlers = Handlers((), deliver)
    heard: list[str] = []
    handlers.add(ChatMessage, lambda _: heard.append("chat"))
    handlers.add(SystemNotification, lambda _: heard.append("system"))
    handlers.add(Event, lambda _: heard.append("all"))

    assert handlers(message()) is DONE
    assert handlers(SystemNotification(account="shop-a")) is DONE
    assert heard == ["chat", "all", "system", "all"]


def test_handler_of_one_account_hears_no_other() -> None:
    handlers = Handlers((), deliver)
    heard: list[str] = []
    handlers.add(ChatMessage, lambda event: heard.append(event.account), account="shop-a")

    handlers(message())
    assert handlers(message("shop-b")) is IGNORED
    assert heard == ["shop-a"]


def test_own_messages_come_only_to_who_asks_for_them() -> None:
    """A bot that hears itself answers itself, for ever."""
    handlers = Handlers((), deliver)
    heard: list[str] = []
    handlers.add(ChatMessage, lambda _: heard.append("bot"))
    assert handlers(message(own=True)) is IGNORED
    handlers.add(ChatMessage, lambda _: heard.append("archive"), own=True)

    handlers(message(own=True))
    handlers(message())

    assert heard == ["archive", "bot", "archive"]


def test_nobody_answers_a_group_or_the_platform_unasked() -> None:
    """An automatic answer in a group is seen by all of it, and the platform's helper answers."""
    sink = Log()
    handlers = Handlers((sink,), deliver)
    heard: list[tuple[str, str | None]] = []

    def hear(who: str) -> Any:
        return lambda event: heard.append((who, event.session_type))

    handlers.add(Event, hear("bot"))
    handlers.add(ChatMessage, hear("all"), sessions=("private", "group", "system"))
    handlers.add(ChatMessage, hear("groups"), sessions=["group"])

    for session in ("private", None, "group", "system"):
        handlers(message(session_type=session))

    assert [each for each in heard if each[0] == "bot"] == [("bot", "private"), ("bot", None)]
    assert [each[1] for each in heard if each[0] == "all"] == ["private", None, "group", "system"]
    assert [each[1] for each in heard if each[0] == "groups"] == ["group"]
    assert len(sink.events) == 4


def test_orders_are_heard_wherever_they_are_told() -> None:
    handlers = Handlers((), deliver)
    heard: list[Event] = []
    handlers.add(Event, heard.append)
    only_private: Any = ("private",)
    handlers.add(OrderStatusChanged, heard.append, sessions=only_private)

    handlers(OrderStatusChanged(account="shop-a", session_type="system"))
    handlers(SystemNotification(account="shop-a", session_type="system"))

    assert len(heard) == 2


@pytest.mark.parametrize("wrong", ["group", ("grup",), (), (30,), 30])
def test_kinds_of_sessions_are_checked(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"sessions .*private, group, system"):
        Handlers((), deliver).add(ChatMessage, print, sessions=wrong)


def test_no_kind_of_session_at_all_is_called_so() -> None:
    """It was "must be a tuple, not tuple"."""
    nothing: list[Any] = [(), [], frozenset()]
    for empty in nothing:
        with pytest.raises(ValueError, match=r"^sessions must not be empty; name some of private"):
            Handlers((), deliver).add(ChatMessage, print, sessions=empty)


def test_handler_that_is_added_later_is_heard() -> None:
    """Who wants what is remembered; a new subscription must not be forgotten over it."""
    handlers = Handlers((), deliver)
    assert handlers(message()) is IGNORED

    handlers.add(ChatMessage, lambda _: None)

    assert handlers(message()) is DONE


def test_sinks_take_everything_after_the_handlers() -> None:
    sink = Log()
    handlers = Handlers((sink,), deliver)
    handlers.add(ChatMessage, lambda _: sink.events.append(message("handler")))

    handlers(message(own=True))
    handlers(message())

    assert [each.account for each in sink.events] == ["shop-a", "handler", "shop-a"]


def test_replies_leave_with_the_outcome_in_order() -> None:
    handlers = Handlers((), deliver)
    kept: list[ChatMessage] = []

    def answer(event: ChatMessage) -> None:
        kept.append(event)
        event.reply("one")
        event.reply_image("https://img", 2, 3)

    handlers.add(ChatMessage, answer)
    handlers.add(ChatMessage, lambda event: event.reply("two"))

    outcome = handlers(message())

    assert [each.content for each in outcome.replies] == [
        Content(text="one"),
        Content(image_url="https://img", width=2, height=3),
        Content(text="two"),
    ]
    assert outcome.replies[0].event_id == "e1"
    with pytest.raises(EventSettledError):
        kept[0].reply("too late")


def test_handler_that_raises_ends_the_call() -> None:
    """The pool makes a retry of it; what was replied before is not sent twice."""
    handlers = Handlers((), deliver)

    def fail(event: ChatMessage) -> None:
        event.reply("never sent")
        raise KeyError("x")

    handlers.add(ChatMessage, fail)

    with pytest.raises(KeyError):
        handlers(message())


@pytest.mark.parametrize("wanted", [str, "ChatMessage", None])
def test_only_event_classes_can_be_wanted(wanted: Any) -> None:
    with pytest.raises(TypeError, match="not an event class: use ChatMessage"):
        Handlers((), deliver).add(wanted, lambda _: None)


def test_handler_must_be_callable() -> None:
    handler: Any = "print"
    with pytest.raises(TypeError, match="not callable"):
        Handlers((), deliver).add(Event, handler)


# --- sends ----------------------------------------------------------------------------


def test_ticket_tells_its_outcome() -> None:
    ticket = SendTicket("o-1")
    before = ticket.done
    assert not before
    assert ticket.result(0.0) is PENDING
    assert repr(ticket) == "<send o-1 pending>"

    ticket.end(ACCEPTED)

    assert ticket.done
    assert ticket.result(0.0) is ACCEPTED
    assert repr(ticket) == "<send o-1 accepted>"


def test_client_ids_are_never_the_same_twice() -> None:
    """Goofish takes two messages with one id for one, and drops the second."""
    ids = ClientIds(lambda: 1_700_000_000_000)

    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda _: ids.draw(), range(2000)))

    assert len({(now_ms, int(draw * 10)) for now_ms, draw in drawn}) == 2000
    assert all(0 <= draw < 1 for _, draw in drawn)


def test_client_ids_follow_the_clock_and_survive_its_going_back() -> None:
    moments = iter([1000, 2000, 1500])
    ids = ClientIds(lambda: next(moments))

    assert [ids.draw()[0] for _ in range(3)] == [1000, 2000, 2000]


def test_open_sends_are_limited_by_account() -> None:
    """One account that cannot send must not fill the memory, nor stop the others."""
    sends = OpenSends(limit=2)
    sends.reserve("shop-a", "o-1", 1)
    with pytest.raises(OverloadedError, match=r"outbox of shop-a is full \(1\)"):
        sends.reserve("shop-a", "o-2", 1)
    sends.reserve("shop-b", "o-3", 1)
    with pytest.raises(OverloadedError, match=r"outbox of the gateway is full \(2\)"):
        sends.reserve("shop-c", "o-4", 1)
    assert len(sends) == 2

    sends.ended("o-1")
    sends.ended("o-1")

    assert (sends.count("shop-a"), len(sends)) == (0, 1)
    sends.reserve("shop-a", "o-2", 1)
    sends.opened("shop-a", "o-2")
    sends.opened("shop-a", "o-5")
    assert sends.count("shop-a") == 2


def test_outcomes_of_sends_are_counted_and_timed() -> None:
    """A send that nobody timed is counted; what ended is not known any more."""
    sends = OpenSends()
    sends.opened("shop-a", "o-1", 10.0)
    sends.opened("shop-a", "o-1", 11.0)
    sends.concluded("o-1", SendOutcome.ACCEPTED, 10.5)
    sends.reserve("shop-a", "o-2", 1)
    sends.concluded("o-2", SendOutcome.REFUSED, 12.0)
    sends.concluded("o-1", SendOutcome.CANCELLED, 99.0)

    assert {outcome: count for outcome, count in sends.outcomes.items() if count} == {
        SendOutcome.ACCEPTED: 1, SendOutcome.REFUSED: 1, SendOutcome.CANCELLED: 1,
    }  # fmt: skip
    assert (sends.took.sum_s, len(sends)) == (0.5, 0)


def test_tickets_are_found_by_id() -> None:
    tickets = Tickets()
    first = tickets.open("o-1")
    assert tickets.open("o-1") is first

    tickets.end("o-1", ACCEPTED)
    tickets.end("o-1", PENDING)

    assert first.result(0.0) is ACCEPTED


def test_every_request_of_a_moment_has_an_id_of_its_own(bench: Bench) -> None:
    """Two with one id would take each other's answer, and a send its neighbour's copy."""
    services = bench.account.services
    session = bench.account.plan.platform.session(bench.identity)
    assert len({services.new_mid(session) for _ in range(1000)}) == 1000
    assert services.new_mid(session)[:-2].isdigit()
