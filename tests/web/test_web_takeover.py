"""Conversations that a person answers himself, over HTTP and the command."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import control_api
import pytest
from commands import call
from control_api import Serve
from market import Market
from stand_in import StandIn

from actors.sections import MOST_TAKEN_MINUTES
from gateway.cli import arguments
from gateway.config import from_mapping
from gateway.web.stopped import StoppedGateway

serve_api = control_api.serve_api

SHOP = "2201"
LOOPBACK = {"listen": "127.0.0.1:0"}
PATH = f"/v1/accounts/{SHOP}/takeover"


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no gateway of the environment."""
    monkeypatch.delenv("XIANYU_GATEWAY_URL", raising=False)
    monkeypatch.delenv("XIANYU_GATEWAY_TOKEN", raising=False)


def test_it_is_taken_shown_and_handed_back(tmp_path: Path, serve_api: Serve) -> None:
    with Market(tmp_path, SHOP, http=LOOPBACK) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        first = api.post(PATH, {"conversation": "c1", "minutes": 30})
        second = api.post(PATH, {"conversation": "c/2店", "minutes": 31.0})
        assert (first["done"], first["account"], first["conversation"]) == (
            "taken over",
            SHOP,
            "c1",
        )
        taken = market.gateway.accounts.taken_over(SHOP)
        assert taken == {"c1": first["until_ms"], "c/2店": second["until_ms"]}
        assert api.get(PATH) == {
            "account": SHOP,
            "taken_over": [
                {"conversation": "c/2店", "until_ms": second["until_ms"]},
                {"conversation": "c1", "until_ms": first["until_ms"]},
            ],
            "count": 2,
        }
        shown = api.get(f"{PATH}?limit=1")
        assert ([each["conversation"] for each in shown["taken_over"]], shown["count"]) == (
            ["c/2店"],
            2,
        )
        assert api.post(PATH, {"conversation": "c1", "minutes": 0}) == {
            "done": "handed back",
            "account": SHOP,
            "conversation": "c1",
            "until_ms": None,
        }
        assert api.get(PATH)["count"] == 1
        assert len(market.log.found("control.performed", verb="takeover", account=SHOP)) == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"conversation": "c1"},
        {"minutes": 1},
        {"conversation": "", "minutes": 1},
        {"conversation": "c\x00d", "minutes": 1},
        {"conversation": 7, "minutes": 1},
        {"conversation": "c1", "minutes": -1},
        {"conversation": "c1", "minutes": MOST_TAKEN_MINUTES + 1},
        {"conversation": "c1", "minutes": 1.5},
        {"conversation": "c1", "minutes": True},
        {"conversation": "c1", "minutes": None},
        {"conversation": "c1", "minutes": 1, "until": 2},
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, serve_api: Serve, body: dict[str, object]
) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    status, answer, _ = api.ask("POST", "/v1/accounts/a/takeover", body)
    assert (status, answer["error"]) == (400, "bad_request"), answer
    assert gateway.accounts.taken_over("a") == {}


def test_who_is_not_there_is_not_taken_over(tmp_path: Path, serve_api: Serve) -> None:
    api = serve_api(StandIn(tmp_path))
    body = {"conversation": "c1", "minutes": 1}
    for method, sent in (("POST", body), ("GET", None)):
        status, answer, _ = api.ask(method, "/v1/accounts/nobody/takeover", sent)
        assert (status, answer["error"]) == (404, "unknown_account")
    odd = quote("b/c店", safe="")
    assert api.post(f"/v1/accounts/{odd}/takeover", body)["account"] == "b/c店"


def test_nobody_answers_for_a_stopped_gateway(tmp_path: Path, serve_api: Serve) -> None:
    settings = from_mapping({"data_dir": str(tmp_path), "http": LOOPBACK})
    api = serve_api(StoppedGateway(settings))
    for method, sent in (("POST", {"conversation": "c1", "minutes": 1}), ("GET", None)):
        status, answer, _ = api.ask(method, PATH, sent)
        assert (status, answer["error"]) == (503, "not_running")


def test_the_command_takes_over_and_hands_back(tmp_path: Path, serve_api: Serve) -> None:
    assert arguments.MOST_MINUTES == MOST_TAKEN_MINUTES
    with Market(tmp_path, SHOP, http=LOOPBACK) as market:
        api = serve_api(market.gateway, log=market.log)
        market.start()
        verb = ("accounts", "take-over", SHOP, "c1", "--url", api.served.url)
        assert call(*verb)[:2] == (0, f"c1 of {SHOP} taken over\n")
        code, out, _ = call(*verb, "--minutes", "90", "--json")
        assert (code, json.loads(out)["done"]) == (0, "taken over")
        assert json.loads(out)["until_ms"] == market.gateway.accounts.taken_over(SHOP)["c1"]
        assert call(*verb, "--minutes", "0")[:2] == (0, f"c1 of {SHOP} handed back\n")
        assert not market.gateway.accounts.taken_over(SHOP)
        assert call(*verb, "--minutes", "10081")[0] == 2
