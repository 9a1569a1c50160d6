"""A running gateway whose every account carries secrets, under faults that repeat them.

Everything it says is read: the log at DEBUG in both forms, a host's own logger, listeners,
account views, results, events, files, thread names, and every object that lives.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from control_api import Api
from market import HASTE, WAIT_S, Log, States, merged
from planting import PLANTED, Heap

from actors.state import ConnectionState
from gateway import ChatMessage, Gateway, WebSocketClient, logs
from gateway.config import from_mapping
from gateway.testing import Behaviour, FakePlatform, Shop
from gateway.testing.faults import Rule
from gateway.testing.faults.actions import Answer, Close, Refuse
from gateway.web import serve
from gateway.web.routes import BODIES, TABLE

ROOT = Path(__file__).parents[2]
WELL = "2201"
SOON = {"reconnect": {"overload_base_s": 0.05, "overload_cap_s": 0.05}}


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    logs.unconfigure_strangers()
    structlog.reset_defaults()


@pytest.fixture
def heap() -> Heap:
    return Heap()


def shop_of(fake: FakePlatform, user_id: str) -> Shop:
    return fake.account(
        user_id,
        token=f"{PLANTED}-token-{user_id}",
        device_id=f"{PLANTED}-device-{user_id}",
        cookie=f"unb={user_id}; cookie2={PLANTED}-cookie-{user_id}",
    )


def account_of(shop: Shop, **keys: Any) -> dict[str, Any]:
    query = f"&access_token={PLANTED}-query-{shop.user_id}"
    headers = {"Authorization": f"Bearer {PLANTED}-header", "X-Api-Key": f"{PLANTED}-key"}
    account = {"id": shop.user_id, "url": shop.url + query, "headers": headers}
    return {**account, "credentials": shop.credentials, **keys}


def repeating(user_id: str) -> list[Rule]:
    """Return faults in which the server repeats what it was told."""
    secret = f"{PLANTED}-token-{user_id}"
    body = {"reason": f"bad token {secret}", "errorMsg": secret, "moreInfo": secret}
    where = {"Location": f"wss://u:{secret}@elsewhere.example/?token={secret}"}
    once: dict[str, Any] = {"account": user_id, "times": 1}
    return [
        Rule(on="upgrade", do=Refuse(status=302, headers=where, body=secret), **once),
        Rule(on="upgrade", do=Refuse(status=401, headers={"X": secret}, body=secret), **once),
        Rule(on="request", lwp="/reg", do=Answer(code=401, body=body), **once),
        Rule(on="request", lwp="/reg", do=Close(code=4000, reason=secret), **once),
        Rule(on="request", lwp="/reg", do=Answer(code=500, body=body, headers=body), **once),
    ]


def run_under_faults(directory: Path, log: Any, said: list[str], heap: Heap) -> None:
    """Connect through every repeating fault, exchange messages, break handlers and listeners."""
    states = States()
    with FakePlatform(Behaviour(backlog="push")) as fake:
        well, lost = shop_of(fake, WELL), shop_of(fake, "2202")
        fake.inject(repeating(WELL))
        refusal = {"reason": "CSI_FORBID", "moreInfo": f"CSI_FORBID||{PLANTED}-token-{WELL}"}
        send = "/r/MessageSend/sendByReceiverScope"
        fake.inject(
            Rule(on="request", lwp=send, do=Answer(code=400, body=refusal), account=WELL, times=1)
        )
        proxy = f"http://{PLANTED}-user:{PLANTED}-password@127.0.0.1:9"
        settings = from_mapping(
            {
                "data_dir": str(directory),
                "connect": {"rate_per_s": 1000, "burst": 1000},
                "defaults": merged(HASTE, SOON),
                "http": {"listen": "127.0.0.1:0", "token": f"{PLANTED}-http-token"},
                "accounts": [account_of(well), account_of(lost, proxy=proxy)],
                "sinks": [{"kind": "jsonl", "path": str(directory / "events.jsonl")}],
            }
        )
        gateway = Gateway(settings, log=log)
        handled = threading.Event()

        @gateway.on(ChatMessage)
        def answer(event: ChatMessage) -> None:
            said.append(f"{event!r} {event}")
            if not event.redelivered and len(said) < 3:
                raise KeyError(shop_of(fake, WELL).credentials["token"])
            handled.set()

        @gateway.on_state
        def listen(change: Any) -> None:
            states(change)
            raise SystemExit(f"{PLANTED}-token-{WELL}")

        with gateway:
            assert gateway.accounts[WELL].wait_for(ConnectionState.CONNECTED, WAIT_S)
            well.buyer("77001").says("在吗")
            assert handled.wait(WAIT_S)
            tickets = [gateway.send(WELL, "c", text, to="77001") for text in "ab"]
            results = [ticket.result(WAIT_S) for ticket in tickets]
            states.wait("2202", lambda change: change.failure is not None)
            said += over_http(gateway, log, tickets[0].outbox_id)
            said += [f"{thread.name} {thread!r}" for thread in threading.enumerate()]
            said += [f"{view!r} {view.last_error!r}" for view in gateway.accounts.values()]
            said += [repr(gateway), str(gateway), repr(gateway.settings), *map(repr, results)]
            said += [repr(change) for change in list(states.changes)]
            said += living(heap)
        for file in sorted(directory.rglob("*")):
            said.append(file.read_bytes().decode("utf-8", "replace"))
        reasons = {change.failure.reason for change in states.of(WELL) if change.failure}
        assert {"redirect_refused", "http_401", "close_4000"} <= reasons, reasons


def over_http(gateway: Gateway, log: Any, outbox_id: str) -> list[str]:
    """Return every answer of the control API, with the token and without, right and wrong."""
    served = serve(gateway, log=log)
    assert served is not None
    told = []
    try:
        for token in (gateway.settings.http.token, None):
            api = Api(served, token)
            for (method, path), route in TABLE.items():
                body = {"name": 7} if route in BODIES else None
                for name in (outbox_id, WELL, "nobody"):
                    answer = api.ask(method, re.sub("<.*>", name, path), body)
                    told.append(f"{method} {path} {answer}")
    finally:
        assert served.stop()
    assert any("proxy_" in each for each in told), "no failure was told: the test shows nothing"
    return told


def living(heap: Heap) -> list[str]:
    """Return what living objects tell; the kernel's own failures are masked where they leave it."""
    kernel_only = "actors.values.Failure"
    found = [(kind, text) for kind, text in heap.texts() if kind != kernel_only]
    assert len(found) > 20
    return [f"{kind}: {text}" for kind, text in found if PLANTED in text]


def leaks(said: list[str]) -> list[str]:
    return [each[:300] for each in said if PLANTED in each]


@pytest.mark.peer(19)
@pytest.mark.parametrize("form", ["console", "json"])
def test_a_gateway_under_faults_tells_no_secret(
    tmp_path: Path, heap: Heap, capfd: pytest.CaptureFixture[str], form: Literal["console", "json"]
) -> None:
    out = io.StringIO()
    logs.configure("debug", form, stream=out)  # it learns the accounts from the gateway alone
    said: list[str] = []

    run_under_faults(tmp_path, None, said, heap)

    said += [out.getvalue(), *capfd.readouterr()]
    assert "reconnect.scheduled" in out.getvalue()
    assert leaks(said) == []


def test_a_host_s_own_logger_is_told_no_secret(tmp_path: Path, heap: Heap) -> None:
    log = Log()
    said: list[str] = []

    run_under_faults(tmp_path, log, said, heap)

    assert log.found("reconnect.scheduled")
    assert leaks([*said, repr(log.lines)]) == []


def test_a_client_tells_no_secret(heap: Heap) -> None:
    """A refusal that repeats the cookie, a bad handler, and the object itself."""
    token = f"{PLANTED}-bearer"
    log = Log()

    def hear(message: object) -> None:
        client.disconnect()
        raise ValueError(f"{PLANTED}-part {token} {message!r}")

    with FakePlatform() as fake:
        fake.inject(
            Rule(on="upgrade", do=Refuse(status=401, headers={"X": token}, body=token), times=1),
            Rule(on="request", do=Close(code=4001, reason=f"no: {token}"), times=1),
        )
        client = WebSocketClient(
            f"{fake.url}?access_token={PLANTED}-query",
            {"Authorization": f"Bearer {token}", "Cookie": f"a={PLANTED}-part; b={token}"},
            hear,
            log=log,
        )
        assert not client.connect()
        told = [repr(client.last_error)]
        assert client.connect()
        assert client.send('{"lwp":"/!","headers":{"mid":"1 0"}}')
        assert client.receive(WAIT_S) is None
        told += [repr(client), repr(client.last_error), repr(client.websocket)]
        told += living(heap)
        assert client.connect()
        assert client.send('{"lwp":"/!","headers":{"mid":"2 0"}}')
        client.run()
    assert f"{log.found('handler.failed')}".count("***") >= 2
    assert leaks([*told, repr(log.lines)]) == []


CRASH = """
import faulthandler, os, sys, threading
from gateway import ChatMessage, Gateway, Settings, AccountSettings
from gateway.config import load
from gateway.testing import FakePlatform

secret = os.environ["SHOP_TOKEN"]
with FakePlatform() as fake:
    shop = fake.account("2201", token=secret, device_id=os.environ["SHOP_DEVICE"])
    os.environ["SHOP_URL"] = shop.url
    gateway = Gateway(load(sys.argv[1]))
    heard = threading.Event()

    @gateway.on(ChatMessage)
    def answer(event):
        heard.set()
        raise RuntimeError(secret)

    with gateway:
        shop.wait_registered()
        shop.buyer("77001").says("hi")
        assert heard.wait(10)
        faulthandler.dump_traceback(all_threads=True)
    late = threading.Thread(target=gateway.start)  # stopped before: its excepthook speaks
    late.start()
    late.join()
    Gateway(Settings(accounts=(AccountSettings(id="a", url=f"http://u:{secret}@h/{secret}"),)))
"""
CONFIG = """
durability: memory
log: {level: debug}
accounts:
  - id: shop-a
    url: "${SHOP_URL}"
    credentials: {user_id: "2201", token: "${SHOP_TOKEN}", device_id: "${SHOP_DEVICE}"}
"""


def test_a_crash_dump_tells_no_secret(tmp_path: Path) -> None:
    """A failing handler, all stacks, a thread's excepthook, and the process's own."""
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG)
    secrets = {"SHOP_TOKEN": f"{PLANTED}-token", "SHOP_DEVICE": f"{PLANTED}-device"}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-X", "dev", "-c", CRASH, str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=30,
        env={**os.environ, **secrets},
    )
    told = done.stdout + done.stderr
    assert "ConfigError: settings: accounts[0].url: expected wss://host/" in told, told
    assert "Current thread" in told
    assert "ShuttingDownError" in told
    assert PLANTED not in told
