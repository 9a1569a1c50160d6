"""A send with a key of its caller is sent once, however often the call is repeated."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from market import WAIT_S, Market

from actors.values import SendOutcome
from gateway.errors import KeyReusedError
from gateway.host.keyed import outbox_id_of
from gateway.web import serve

SHOP = "2201"
DRAFT = '"order 42"'


def test_a_repeated_call_gives_the_first_one_s_ticket(tmp_path: Path) -> None:
    """A caller that heard no answer asks again: in this life, after the end, in the next life."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        first = market.gateway.send(SHOP, "c1", "已发货", to="77001", idempotency_key="order 42")
        again = market.gateway.send(SHOP, "c1", "已发货", to="77001", idempotency_key="order 42")
        assert again.outbox_id == first.outbox_id == outbox_id_of("order 42")
        assert first.result(WAIT_S) == again.result(WAIT_S)
        market.gateway.stop(10.0)
        market.gateway = market.make()
        market.start()
        later = market.gateway.send(SHOP, "c1", "已发货", to="77001", idempotency_key="order 42")
        assert later.result(WAIT_S).outcome is SendOutcome.ACCEPTED
        market.gateway.send(SHOP, "c1", "last", to="77001").result(WAIT_S)
        texts = [own.text for own in market.shops[SHOP].wait_sent(2)]
        assert texts == ["已发货", "last"]


@pytest.mark.parametrize(
    ("differs", "call"),
    [
        ("content", {"text": "other"}),
        ("to", {"to": "77002"}),
        ("conversation_id", {"conversation": "c2"}),
    ],
)
def test_a_key_of_another_message_is_refused(
    tmp_path: Path, *, differs: str, call: dict[str, Any]
) -> None:
    with Market(tmp_path, SHOP) as market:
        market.start()
        first: dict[str, Any] = {"conversation": "c1", "text": "a", "to": "77001"}
        ticket = market.gateway.send(SHOP, **first, idempotency_key="k")
        with pytest.raises(KeyReusedError, match=differs) as caught:
            market.gateway.send(SHOP, **(first | call), idempotency_key="k")
        assert (caught.value.outbox_id, caught.value.differs) == (ticket.outbox_id, differs)
        assert [each.outbox_id for each in market.gateway.sends.list()] == [ticket.outbox_id]


def test_twenty_calls_at_once_are_one_message(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP) as market, ThreadPoolExecutor(20) as threads:
        market.start()
        together = threading.Barrier(20)

        def call() -> str:
            together.wait(WAIT_S)
            ticket = market.gateway.send(SHOP, "c1", "x", to="77001", idempotency_key="k")
            assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED
            return ticket.outbox_id

        ids = [each.result(WAIT_S) for each in [threads.submit(call) for _ in range(20)]]
        market.gateway.send(SHOP, "c1", "last", to="77001").result(WAIT_S)
        assert set(ids) == {outbox_id_of("k")}
        assert [own.text for own in market.shops[SHOP].wait_sent(2)] == ["x", "last"]


def test_a_call_the_journal_has_not_answered_yet_is_not_made_twice(tmp_path: Path) -> None:
    """It may be stored any moment: the second call neither sends nor says that it was refused."""
    with Market(tmp_path, SHOP) as market:
        market.start()
        system: Any = market.gateway._system
        system.services.sends.reserve(SHOP, outbox_id_of("k"), 10)
        with pytest.raises(TimeoutError, match="repeat"):
            market.gateway.send(SHOP, "c1", "x", to="77001", idempotency_key="k")
        system.services.sends.ended(outbox_id_of("k"))
        ticket = market.gateway.send(SHOP, "c1", "x", to="77001", idempotency_key="k")
        assert ticket.result(WAIT_S).outcome is SendOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("key", "error"),
    [(7, TypeError), ("", ValueError), ("a\nb", ValueError), ("x" * 513, ValueError)],
)
def test_what_is_no_key_is_named(tmp_path: Path, *, key: Any, error: type[Exception]) -> None:
    with Market(tmp_path, SHOP) as market, pytest.raises(error, match="idempotency_key"):
        market.gateway.send(SHOP, "c1", "x", idempotency_key=key)


@given(st.text(min_size=1))
@example("order 42")
def test_a_key_has_one_id(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError:
        return  # such a one is refused before
    assert outbox_id_of(key) == outbox_id_of(key) != outbox_id_of(key + "x")
    assert len(outbox_id_of(key)) == 32


def test_over_http_the_header_is_the_key(tmp_path: Path) -> None:
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        market.start()
        served = serve(market.gateway)
        assert served is not None
        host, _, port = served.url.removeprefix("http://").rpartition(":")

        def ask(key: str | None, **body: object) -> tuple[int, Any]:
            connection = HTTPConnection(host, int(port), timeout=WAIT_S)
            headers = {"Content-Type": "application/json"}
            headers |= {} if key is None else {"Idempotency-Key": key}
            sent = {"account": SHOP, "conversation": "c1", "to": "77001", "text": "x", "wait_s": 20}
            connection.request("POST", "/v1/send", msgspec.json.encode(sent | body), headers)
            answer = connection.getresponse()
            told = answer.status, msgspec.json.decode(answer.read())
            connection.close()
            return told

        try:
            status, first = ask("order 42")
            assert (status, first["outcome"]) == (200, "accepted")
            assert ask(DRAFT)[1] == ask(None, idempotency_key="order 42")[1] == first
            assert ask("order 42", text="y")[1]["error"] == "key_reused"
            assert ask("order 42", text="y")[0] == 422
            assert ask("order 42", idempotency_key="z")[0] == 409
            assert ask("\xe9")[0] == 400
            assert ask("order 42, order 43")[0] == 400  # as two headers arrive
            assert ask(None)[1]["outbox_id"] != first["outbox_id"]
        finally:
            served.stop()
        assert len(market.shops[SHOP].wait_sent(2)) == 2
