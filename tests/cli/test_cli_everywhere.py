"""Every verb on real rows: asked of a running gateway, and of the journal of a stopped one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from commands import call, free_port
from market import WAIT_S, Market

from actors.state import ConnectionState
from gateway import ChatMessage
from gateway.web import serving

SHOP = "2201"
TOKEN = "the-token-of-the-control-api"


class Scene:
    """A gateway with three dead letters and three sends that wait; then running, or stopped."""

    def __init__(self, directory: Path, *, running: bool) -> None:
        http = {"listen": f"127.0.0.1:{free_port()}", "token": TOKEN}
        self.running = running
        self.market = Market(directory / "data", SHOP, http=http)
        self.file = directory / "gateway.yaml"
        self.file.write_text(json.dumps(self.market.config))
        self.file.chmod(0o600)
        self.well = threading.Event()
        self.open = ExitStack()

    def __enter__(self) -> Self:
        market = self.market
        self.open.enter_context(market)
        self.begin()
        for number in range(3):
            market.shops[SHOP].buyer("77001").says(f"bad {number}")
        market.log.wait("event.dead_lettered", 3)
        market.gateway.accounts.pause(SHOP)
        market.shops[SHOP].wait_gone()
        for number in range(3):
            market.gateway.send(SHOP, "c1", f"send {number}", to="77001")
        if not self.running:
            market.gateway.stop(5.0)
        self.well.set()
        return self

    def __exit__(self, *error: object) -> None:
        self.open.close()

    def begin(self) -> None:
        """Start a gateway whose handler fails until all is well, and its control API."""
        market = self.market

        @market.gateway.on(ChatMessage)
        def sick(event: ChatMessage) -> None:
            if not self.well.is_set():
                raise ValueError(event.text)

        market.listen()
        if self.running:
            self.open.enter_context(serving(market.gateway, log=market.log))
        market.gateway.start()
        if market.gateway.accounts[SHOP].paused:  # since an earlier life
            market.gateway.accounts.resume(SHOP)
        market.start()

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed, and read what it prints."""
        code, out, err = call(*arguments, "-c", str(self.file), "--json")
        assert code == 0, (arguments, out, err)
        return json.loads(out)

    def told(self, *arguments: str) -> str:
        """Run a command that must succeed, as a person does."""
        code, out, err = call(*arguments, "-c", str(self.file))
        assert code == 0, (arguments, out, err)
        return out

    def refused(self, *arguments: str) -> str:
        """Run a command that must be answered with no."""
        code, out, err = call(*arguments, "-c", str(self.file), "--json")
        assert (code, out) == (1, ""), (arguments, out, err)
        assert "→" in err, "no next step"
        return err


@pytest.fixture(params=["running", "stopped"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with Scene(tmp_path, running=request.param == "running") as scene:
        yield scene


def ids(rows: list[dict[str, Any]], name: str) -> list[str]:
    return [row[name] for row in rows]


def test_dead_letters(scene: Scene) -> None:
    """What is replayed is handled, by this life or the next; what is dropped is not."""
    listed = scene.json("dead-letters", "list")["dead_letters"]
    assert len(listed) == 3
    third, second, first = ids(listed, "event_id")
    shown = scene.json("dead-letters", "show", first)
    assert (shown["status"], shown["attempts"]) == ("dead", 3)
    assert shown["frame"]
    for_a_person = scene.told("dead-letters", "show", first)
    assert shown["text"] in for_a_person
    assert "frame " not in for_a_person, "base64 of the platform tells nobody who waits"
    assert scene.json("dead-letters", "replay", first)["done"] == "replayed"
    assert scene.json("dead-letters", "drop", second)["done"] == "dropped"
    for verb in ("show", "replay", "drop"):
        assert second in scene.refused("dead-letters", verb, second)
    left = scene.json("dead-letters", "list", "--account", SHOP)["dead_letters"]
    assert ids(left, "event_id") == [third]
    next_life(scene)
    # The ledger is a handler of its own: what fails beside it, it has had.
    assert scene.market.ledger.wait(4) == ["bad 0", "bad 1", "bad 2", "bad 0"]
    scene.market.shops[SHOP].buyer("77001").says("good")
    assert scene.market.ledger.wait(5)[-1] == "good"


def test_outbox(scene: Scene) -> None:
    """What was cancelled never leaves, whoever took it back."""
    listed = scene.json("outbox", "list", "--state", "queued", "--limit", "2")["sends"]
    third, second = ids(listed, "outbox_id")
    assert scene.json("outbox", "show", second)["text"] == "send 1"
    assert scene.json("outbox", "cancel", second)["done"] == "cancelled"
    scene.refused("outbox", "cancel", second)
    scene.refused("outbox", "show", "none")
    assert scene.json("outbox", "show", second)["state"] == "cancelled"
    assert third in ids(scene.json("outbox", "list", "--account", SHOP)["sends"], "outbox_id")
    next_life(scene)
    scene.market.gateway.accounts.resume(SHOP)
    sent = scene.market.shops[SHOP].wait_sent(2)
    assert [own.text for own in sent] == ["send 0", "send 2"]


def test_journal(scene: Scene, tmp_path: Path) -> None:
    """A copy taken in use, or not, is a journal with everything in it."""
    told = scene.json("journal", "check")
    assert (told["ok"], told["problems"]) == (True, [])
    told = scene.json("journal", "backup", *([] if scene.running else [str(tmp_path / "copy")]))
    copy = Path(told["path"])
    if scene.running:
        assert "prunes by itself" in scene.refused("journal", "prune")
        assert "the gateway runs" in scene.refused("journal", "salvage")
    else:
        assert scene.json("journal", "prune")["done"] == "pruned"
    other = tmp_path / "other"
    other.mkdir()
    copy.rename(other / "journal.sqlite3")
    restored = tmp_path / "other.yaml"
    restored.write_text(json.dumps({"data_dir": str(other)}))
    code, out, _ = call("outbox", "list", "-c", str(restored), "--json")
    assert code == 0
    assert len(json.loads(out)["sends"]) == 3


def test_what_needs_a_running_gateway(scene: Scene) -> None:
    market = scene.market
    verbs: list[tuple[tuple[str, ...], Callable[[], object]]] = [
        (("accounts", "list", "--state", "disconnected"), lambda: None),
        (("accounts", "resume", SHOP), lambda: market.connected(SHOP)),
        (("send", SHOP, "c2", "hello", "--to", "77001", "--wait", "20"), lambda: None),
        (("accounts", "pause", SHOP), lambda: market.reached(SHOP, ConnectionState.DISCONNECTED)),
    ]
    code, out, err = call("status", "-c", str(scene.file))
    if scene.running:  # 1: the dead letters need a person, as soon as that is noticed
        assert (code in (0, 1), "needs a person" in out) == (True, True), err
    else:
        assert (code, "no gateway" in err) == (1, True)
    for arguments, then in verbs:
        if not scene.running:
            assert "no gateway runs" in scene.refused(*arguments)
            continue
        told = scene.json(*arguments)
        assert isinstance(told, dict)
        then()
    assert scene.json("accounts", "reset", SHOP)["done"] == "reset", "on the journal, too"
    hello = [own.text for own in market.shops[SHOP].sent].count("hello")
    assert hello == scene.running


def next_life(scene: Scene) -> None:
    """Let what was changed come true."""
    if not scene.running:
        scene.market.gateway = scene.market.make()
        scene.begin()
    else:
        scene.market.gateway.accounts.resume(SHOP)
        assert scene.market.gateway.accounts[SHOP].wait_for(ConnectionState.CONNECTED, WAIT_S)
