"""Cookies of every shape, repeated by platform and handlers: nothing that is shown has them."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from control_api import Api
from market import WAIT_S
from planting import PLANTED, Heap
from shopkeeper import Make, Shopkeeper
from test_secrets_in_flight import leaks, living

from actors.state import ConnectionState
from gateway import ChatMessage, CredentialsRefusedError
from gateway.testing import WebBehaviour, web_rules
from gateway.testing.faults import Refuse
from gateway.testing.web.rules import AnyWebAction
from gateway.web import serve
from gateway.web.request import Request
from gateway.web.routes import TABLE

VALUES = (
    f"{PLANTED}-plain",
    quote(f"{PLANTED} per/cent", safe=""),
    quote(quote(f"{PLANTED} twice/", safe=""), safe=""),
    quote(json.dumps({"token": f"{PLANTED}-in-json"}), safe=""),
    f"{{token:{PLANTED}-braces}}",
    f"https://u:{PLANTED}-pw@h/{PLANTED}-path?x={PLANTED}-query#{PLANTED}",
    f"//h/{PLANTED}-relative",
    f"{PLANTED}-sealed_1767232800123",
    f"name={PLANTED}-pair",
    f"a={PLANTED}-one&b={PLANTED}-two",
    f"Bearer%20{PLANTED}-bearer",
    base64.b64encode(f"user:{PLANTED}".encode()).decode(),
    f"%68%75nter2{PLANTED}-hex",
    f"{PLANTED}+plus+signs",
    f"{PLANTED}/slashes==",
    f"[{PLANTED}-list]",
    f"<b>{PLANTED}-html</b>",
    f"{PLANTED}'quote",
    f"{PLANTED}-first-half",
    f"{PLANTED}-other-half",
)
"""What may stand in a cookie; the last two are one secret, split over two."""

HEADER = "; ".join(f"p{number}={value}" for number, value in enumerate(VALUES))


def repeated(secret: str) -> Iterator[AnyWebAction]:
    """Yield answers in which the platform repeats a secret, in each place it may write to."""
    yield web_rules.Ret(codes=[f"FAIL_{secret}::{secret}", secret], data={"url": secret})
    yield web_rules.Ret(codes=["SUCCESS"], data={secret: secret, "accessToken": [secret]})
    safe = quote(secret, safe="")
    headers = {"X-Why": safe, "Location": f"https://u:{safe}@elsewhere.invalid/?token={safe}"}
    yield Refuse(status=302, headers=headers, body=secret)
    yield Refuse(status=500, headers={"Content-Type": safe}, body=json.dumps({"ret": secret}))


def test_no_shape_of_a_cookie_is_shown(shopkeepers: Make, tmp_path: Path) -> None:
    heap = Heap()
    keeper = shopkeepers(
        WebBehaviour(per_hour=None, per_day=None), min_gap_s=0.0, per_hour=1000, per_day=1000
    )
    seller = keeper.seller
    keeper.config["accounts"][0]["credentials"]["cookie"] = f"{seller.cookie}; {HEADER}"
    keeper.config["http"] = {"listen": "127.0.0.1:0", "token": f"{PLANTED}-http-token"}
    said: list[str] = []
    handled = threading.Event()
    gateway = keeper.made()

    @gateway.on(ChatMessage)
    def stumble(event: ChatMessage) -> None:
        said.append(repr(event))
        if not handled.is_set():
            handled.set()
            raise KeyError(
                HEADER, [*VALUES], {"cookies": VALUES}, quote(HEADER), json.dumps(HEADER)
            )

    @gateway.on_credentials
    def listen(change: Any) -> None:
        said.append(repr(change))
        raise ValueError(HEADER, change)

    gateway.start()
    keeper.wait(ConnectionState.CONNECTED)
    keeper.says("hello")
    assert handled.wait(WAIT_S)
    for secret in (HEADER, *VALUES):
        for action in repeated(secret):
            keeper.web.inject(web_rules.nth(1, action))
            assert gateway.credentials.renew("shop-a", WAIT_S)
            said.append(repr(gateway.accounts["shop-a"].credentials))
            keeper.web.heal()
    for pasted in (HEADER, f"cookie2={VALUES[0]}", f"unb=2299; cookie2=x; {HEADER}", VALUES[5]):
        with pytest.raises(CredentialsRefusedError) as refused:
            gateway.accounts["shop-a"].set_credentials(pasted)
        said.append(f"{refused.value!r} {refused.value}")
    said += told_by(keeper, tmp_path, heap)
    assert "p3" in repr(gateway.accounts["shop-a"].credentials), "they were kept: it shows names"
    assert len(keeper.log.found("credentials.renewal_failed")) >= len(VALUES)
    assert keeper.log.found("handler.failed")
    shown = [*said, *(repr(line) for line in keeper.log.lines)]
    assert leaks(shown) == []
    assert [each for each in shown if VALUES[11] in each] == []


def told_by(keeper: Shopkeeper, directory: Path, heap: Heap) -> list[str]:
    """Return all that a running gateway shows: answers, objects, alerts, files but the store."""
    gateway = keeper.gateway
    told = over_http(keeper)
    held = Request(method="PUT", name="shop-a", body=HEADER.encode())  # among what lives
    told += [repr(alert) for alert in gateway.alerts]
    told += [f"{gateway!r} {gateway.settings!r}", *map(repr, threading.enumerate())]
    told += living(heap)
    assert held.body
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.parent.name != "credentials":
            told.append(path.read_bytes().decode("utf-8", "replace"))
    return told


def over_http(keeper: Shopkeeper) -> list[str]:
    """Return what the control API answers to each question, and to a paste it refuses."""
    served = serve(keeper.gateway, log=keeper.log)
    assert served is not None
    try:
        api = Api(served, f"{PLANTED}-http-token")
        paths = {re.sub("<.*>", "shop-a", path) for method, path in TABLE if method == "GET"}
        told = [f"{path} {api.get_bytes(path)!r}" for path in sorted(paths | {"/", "/metrics"})]
        pasted = {"cookie": f"cookie2=x; {HEADER}"}
        told.append(f"{api.ask('PUT', '/v1/accounts/shop-a/credentials', pasted)}")
    finally:
        assert served.stop()
    assert any("answer_unusable" in each for each in told), "no failure was told"
    return told
