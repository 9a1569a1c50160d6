"""Who asks sees what a person should look at, by HTTP and by command."""

from __future__ import annotations

from pathlib import Path

import control_api
import pytest
from commands import call
from control_api import Serve
from market import Market

from gateway.testing import faults

SHOP, OTHER = "2201", "2202"
serve_api = control_api.serve_api


def test_alerts_are_in_the_status_and_with_their_account(
    tmp_path: Path, serve_api: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = {"listen": "127.0.0.1:0"}
    with Market(tmp_path, SHOP, OTHER, http=http) as market:
        api = serve_api(market.gateway, log=market.log)
        monkeypatch.setenv("XIANYU_GATEWAY_URL", "http://{}:{}".format(*api.address))
        market.start()
        assert api.get("/v1/status")["alerts"] == 0
        market.fake.inject(*faults.captcha(SHOP))
        market.shops[SHOP].drop()
        market.log.wait("account.failed", account=SHOP)
        status = api.get("/v1/status")
        (alert,) = status["latest_alerts"]
        assert (status["alerts"], alert["name"], alert["account"]) == (1, "account.failed", SHOP)
        assert alert["since_ms"] > 0
        assert api.get(f"/v1/accounts/{SHOP}")["alerts"] == [alert]
        assert api.get(f"/v1/accounts/{OTHER}")["alerts"] == []
        code, told, _ = call("status")
        assert (code, "1 FAILED account, 1 alert" in told) == (1, True)
        assert "account.failed since" in told
        assert alert["next_step"] == "Sign in again, or paste a new cookie."
        assert alert["next_step"] in told
        market.gateway.stop(5.0)
        assert market.gateway.alerts == ()
