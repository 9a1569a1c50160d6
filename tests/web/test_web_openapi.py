"""The OpenAPI file says what the server does: built from its tables, and tried on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.request import Request, urlopen

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from market import Market
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from gateway import ChatMessage
from gateway.web import Serving, openapi, routes, serve
from gateway.web.answers import ANSWERS
from gateway.web.schemas import Schemas
from scripts import draw_openapi

SHOP = "2201"
TOKEN = "a-token-of-sixteen-characters"
DOCUMENT = openapi.document()
CONFIG = schemathesis.Config()
CONFIG.projects.default.generation.update(codec="ascii")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
ENDS_IT = ("POST", "/v1/stop")
NOT_ALL_SAID = {
    "POST /v1/accounts",  # an account has rules that no schema can say
}
OPERATIONS: list[Any] = [
    each
    for each in (found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok))
    if (each.method.upper(), each.path) != ENDS_IT
]


def test_the_file_is_what_the_tables_say() -> None:
    assert draw_openapi.main(["--check"]) == 0


def test_it_describes_every_route() -> None:
    assert len(OPERATIONS) == len(routes.TABLE) - 1


def test_every_route_has_answers_and_every_body_is_one_of_a_route() -> None:
    assert set(ANSWERS) == set(routes.TABLE.values())
    assert set(routes.BODIES) <= set(routes.TABLE.values())
    assert {path for _, path in routes.TABLE} == {
        path.replace("{", "<").replace("}", ">") for path in DOCUMENT["paths"]
    }


def test_a_shape_that_no_answer_may_have_is_refused() -> None:
    with pytest.raises(TypeError, match="no shape of an answer"):
        Schemas().of(Literal["a"] | complex)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway with events, a send and a dead letter, on a real port."""
    directory = tmp_path_factory.mktemp("openapi")
    with Market(directory, SHOP, http={"listen": "127.0.0.1:0", "token": TOKEN}) as market:
        market.gateway.on(ChatMessage)(_refuse)
        market.start()
        market.shops[SHOP].buyer("77001").says("你好")
        market.log.wait("event.dead_lettered")
        market.gateway.send(SHOP, "c1", "x", to="77001").result(20.0)
        serving = serve(market.gateway)
        assert serving is not None
        yield serving
        serving.stop()


def test_the_server_gives_the_whole_file(served: Serving) -> None:
    """No name in it is taken for a secret."""
    asked = Request(f"{served.url}/v1/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    with urlopen(asked, timeout=10) as answer:
        assert msgspec.json.encode(msgspec.json.decode(answer.read())) == msgspec.json.encode(
            DOCUMENT
        )


def _refuse(_event: ChatMessage) -> None:
    raise ValueError


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_no_request_is_answered_otherwise(
    operation: Any, mode: GenerationMode, served: Serving
) -> None:
    if mode is GenerationMode.NEGATIVE and operation.path in routes.PROBES:
        pytest.skip("takes what a machine adds to it")
    # Wrong tokens would end in 429 for all; test_web_sessions.py tries each route with them.
    left_out = [ignored_auth]
    left_out += [positive_data_acceptance] if operation.label in NOT_ALL_SAID else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def tried(case: Any) -> None:
        if "wait_s" in (case.query or {}) and mode is GenerationMode.POSITIVE:
            case.query["wait_s"] = 0.01
        answer = case.call_and_validate(
            base_url=served.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=left_out,
        )
        assert answer.status_code != 429

    tried()
