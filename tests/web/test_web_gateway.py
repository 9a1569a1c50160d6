"""The control API in front of a real gateway and the fake platform."""

from __future__ import annotations

from pathlib import Path

import control_api
from control_api import WAIT_S, Serve
from market import Market

from actors.state import ConnectionState

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
