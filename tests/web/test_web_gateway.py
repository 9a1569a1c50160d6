"""The control API in front of a real gateway and the fake platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import control_api
import pytest
from control_api import WAIT_S, Serve
from market import Market

from actors.state import ConnectionState
from gateway import ChatMessage
from gateway.testing import Behaviour, faults

serve_api = control_api.serve_api

SHOP = "2201"


def test_a_gateway_is_watched_and_moved_over_http(tmp_path: Path, serve_api: Serve) -> None:
    """Status, pause, resume, send with its outcome, and events as they come."""
    with Market(tmp_path, SHOP, http={"listen": "127.0.0.1:0"}) as market:
        api = serve_api(market.gateway, log=market.log)
        assert api.ask("GET", "/readyz")[0] == 503
        market.listen()
        market.start()
        assert api.ask("GET", "/readyz")[0] == 200
        assert api.get("/v1/status")["states"]["connected"] == 1

        start = api.get("/v1/events")["next"]
        market.shops[SHOP].buyer("77001").says("还在吗？")
        page = api.get(f"/v1/events?after={start}&wait_s=5")
        assert [event["text"] for event in page["events"]] == ["还在吗？"]

        told = api.post(
            "/v1/send",
            {"account": SHOP, "conversation": "c", "text": "在", "to": "77001", "wait_s": WAIT_S},
        )
        assert told["outcome"] == "accepted"
        assert told["message_id"]

        api.post(f"/v1/accounts/{SHOP}/pause")
        market.reached(SHOP, ConnectionState.DISCONNECTED)
        assert api.get(f"/v1/accounts/{SHOP}")["state"] == "disconnected"
        api.post(f"/v1/accounts/{SHOP}/resume")
        market.connected(SHOP)
        assert market.log.found("control.performed", verb="pause", account=SHOP)

        market.gateway.stop()
        assert api.ask("GET", "/readyz")[0] == 503
        status, answer, _ = api.ask(
            "POST", "/v1/send", {"account": SHOP, "conversation": "c", "text": "zu spät"}
        )
        assert (status, answer["error"]) == (503, "shutting_down")


@pytest.mark.peer(19)
def test_each_trouble_moves_its_number_and_tells_no_secret(
    tmp_path: Path, serve_api: Serve
) -> None:
    """Who looks at the status sees a duplicate, a dead letter and a zombie, and no token."""
    recovery = {"probe_s": 0.2, "zombie_s": 0.4}
    later = {"reconnect": {"unexpected_close_step_s": 60.0, "unexpected_close_cap_s": 60.0}}
    with Market(
        tmp_path,
        SHOP,
        behaviour=Behaviour(backlog="history", echo=False, redeliver_on_reconnect=False),
        defaults={"recovery": recovery, **later},
        http={"listen": "127.0.0.1:0"},
    ) as market:
        api = serve_api(market.gateway, log=market.log)
        said: list[str] = []

        def account() -> dict[str, Any]:
            told: dict[str, Any] = api.get(f"/v1/accounts/{SHOP}")
            said.append(repr(told))
            return told

        @market.gateway.on(ChatMessage)
        def poison(event: ChatMessage) -> None:
            if event.text == "poison":
                raise ValueError(market.shops[SHOP].credentials["token"])
            market.ledger(event)

        market.start()
        shop, buyer = market.shops[SHOP], market.shops[SHOP].buyer("77001")
        market.fake.inject(faults.duplicate(2, new_mid=True, times=1))
        buyer.says("thrice")
        market.fake.wait(lambda: account()["counters"]["duplicates"] >= 2, what="the duplicates")
        buyer.says("poison")
        market.log.wait("event.dead_lettered", account=SHOP)
        market.fake.wait(lambda: account()["dead_letters"] == 1, what="the dead letter")
        refused = api.ask("GET", "/v1/dead-letters/nobody")
        assert (refused[0], refused[1]["error"]) == (404, "unknown_letter")
        assert account()["state"] == "connected"

        market.fake.inject(*faults.zombie(SHOP, 1))
        buyer.says("unheard")
        market.reached(SHOP, ConnectionState.RECONNECTING)
        told = account()
        assert told["last_error"]["reason"] == "zombie"
        assert (told["attempt"], told["next_retry_s"] > 0) == (1, True)
        status = api.get("/v1/status")
        assert [row["id"] for row in status["troubled_accounts"]] == [SHOP]
        assert status["states"]["connected"] == 0
        letters = api.get("/v1/dead-letters")
        (row,) = letters["dead_letters"]
        shown = api.get(f"/v1/dead-letters/{quote(row['event_id'], safe='')}")
        assert (shown["text"], shown["sender_id"]) == ("poison", buyer.user_id)
        assert shown["sender_nick"]
        secret = shop.credentials["token"]
        assert secret
        assert secret not in repr([said, status, letters, market.log.lines])
