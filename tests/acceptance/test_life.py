"""What a gateway says before its start, off the main thread, and in a forked child."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

import gateway
from gateway import (
    ConnectionState,
    Gateway,
    GatewayError,
    JournalError,
    NotStartedError,
    UnknownAccountError,
)
from gateway.config import from_mapping
from gateway.testing import FakePlatform
from gateway.web import shapes

ROOT = Path(__file__).parents[2]
WAIT_S = 20.0


def idle(tmp_path: Path, **keys: object) -> Gateway:
    account = {"id": "a", "platform": "plain", "url": "ws://127.0.0.1:9/", "enabled": False}
    return Gateway(from_mapping({"data_dir": str(tmp_path), "accounts": [account], **keys}))


@pytest.mark.parametrize(
    "call",
    [
        lambda gw: gw.send("a", "c", "hi"),
        lambda gw: gw.note("a", "c", "k"),
        lambda gw: gw.sends.get("o"),
        lambda gw: gw.sends.list(),
        lambda gw: gw.ticket("o"),
        lambda gw: gw.dead_letters.list(),
    ],
)
def test_before_the_start_it_says_so(call: Callable[[Gateway], object], tmp_path: Path) -> None:
    """It said "is stopping": people looked for who had stopped it."""
    gw = idle(tmp_path)
    with pytest.raises(NotStartedError, match=r"not started; call start\(\)"):
        call(gw)
    with gw:
        pass
    with pytest.raises(gateway.ShuttingDownError, match="is stopping") as caught:
        call(gw)
    assert not isinstance(caught.value, NotStartedError)


def test_accounts_are_a_mapping(tmp_path: Path) -> None:
    """``get`` and ``in`` are what everybody tries first."""
    gw = idle(tmp_path)
    assert gw.accounts.get("x") is None
    assert gw.accounts.get("a") is gw.accounts["a"]
    for kind in (UnknownAccountError, KeyError, GatewayError):
        with pytest.raises(kind, match="no account 'x'"):
            gw.accounts["x"]


def test_a_journal_that_can_not_be_opened_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GatewayError) as caught:
        idle(tmp_path / "file").start()
    assert isinstance(caught.value, JournalError)


def test_run_forever_on_any_thread_ends_by_stop(tmp_path: Path) -> None:
    """Signals are the main thread's; there is still an end."""
    gw = idle(tmp_path, durability="memory")
    codes: list[int] = []
    started = threading.Event()
    gw.start()
    gw.on_state(lambda _: None)

    def forever() -> None:
        started.set()
        codes.append(gw.run_forever())

    thread = threading.Thread(target=forever)
    thread.start()
    assert started.wait(WAIT_S)
    assert gw.stop()
    thread.join(WAIT_S)
    assert codes == [0]


_FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")  # newer interpreters warn of a fork beside threads, rightly
from gateway import ConnectionState, ForkedError, Gateway, Settings
gw = Gateway.from_config(sys.argv[1])
name, parent = "shop-2201", os.getpid()
send = lambda: gw.send(name, sys.argv[2], "from " + str(os.getpid() == parent), to="3301")
calls = [send, gw.start, gw.stop, gw.run_forever, gw.sends.list, gw.dead_letters.list,
         lambda: gw.note(name, "c", "k"), lambda: gw.accounts[name], lambda: gw.alerts,
         lambda: gw.accounts.pause(name), lambda: gw.accounts.reset(name), lambda: view.counters]
with gw:
    view = gw.accounts[name]
    assert view.wait_for(ConnectionState.CONNECTED, 10)
    child = os.fork()
    if child == 0:
        code = 0
        for call in calls:
            try:
                call()
            except ForkedError as error:
                assert error.pid == parent and str(parent) in str(error)
            else:
                code += 1
        ours = gw.running or gw.ready or view.state is ConnectionState.CONNECTED
        gw.__exit__(None, None, None)
        os._exit(100 if ours else code)
    print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print("parent", send().result(10).outcome.value, view.state.value)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_every_call_in_a_forked_child_says_so(tmp_path: Path) -> None:
    """A worker of multiprocessing had a gateway that looked CONNECTED and answered nothing."""
    with FakePlatform() as fake:
        shop = fake.account("2201")
        conversation = shop.buyer("3301").conversation().id
        file = fake.config_file(tmp_path, durability="full")
        done = subprocess.run(
            [sys.executable, "-c", _FORK, str(file), conversation],
            capture_output=True,
            text=True,
            timeout=50,
            cwd=ROOT,
            check=False,
        )
        assert done.stdout.splitlines() == ["child 0", "parent accepted connected"], done.stderr
        assert [sent.text for sent in shop.wait_sent(1)] == ["from True"]
        fake.check()


def test_a_persons_pause_survives_a_restart_and_is_shown(tmp_path: Path) -> None:
    """Whoever paused an account knew why; a restart at night must not undo it."""
    with FakePlatform() as fake:
        shops = [fake.account("2201"), fake.account("2202")]
        file = fake.config_file(tmp_path, durability="full")
        connected = ConnectionState.CONNECTED

        def life() -> Gateway:
            return Gateway.from_config(file)

        with life() as gw:
            view = gw.accounts["shop-2201"]
            assert view.wait_for(connected, WAIT_S)
            gw.accounts.pause("shop-2201")
            assert view.paused
            assert shapes.account(view)["paused"] is True
            shops[0].wait_gone()
        with life() as gw:
            view = gw.accounts["shop-2201"]
            assert gw.accounts["shop-2202"].wait_for(connected, WAIT_S)
            assert (view.paused, view.state) == (True, ConnectionState.DISCONNECTED)
            assert len(shops[0].sessions) == 1, "it did not even try"
            gw.accounts.resume("shop-2201")
            assert view.wait_for(connected, WAIT_S)
        with life() as gw:
            view = gw.accounts["shop-2201"]
            assert not view.paused
            assert view.wait_for(connected, WAIT_S)
            gw.accounts.pause("shop-2201")
            gw.accounts.remove("shop-2201")
        with life() as gw:
            assert gw.accounts["shop-2201"].wait_for(connected, WAIT_S), "removing forgets it"


_CLIENT_FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")
from gateway import WebSocketClient
client = WebSocketClient(sys.argv[1])
assert client.connect() and client.send("from the parent") and client.receive(10)
child = os.fork()
if child == 0:
    seen = [client.is_connected, client.send("x"), client.receive(0.1), client.websocket]
    seen += [client.connect(), client.send("from the child"), client.receive(10)]
    client.disconnect()
    right = [False, False, None, None, True, True, "from the child"]
    os._exit(0 if seen == right else 1)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print("parent", client.send("again"), client.receive(10))
client.disconnect()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_write_into_its_parents_connection() -> None:
    """Two processes in one stream of frames: the server cuts it, and nobody knows why."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.socket.getsockname()[1]
            done = subprocess.run(
                [sys.executable, "-c", _CLIENT_FORK, f"ws://127.0.0.1:{port}/"],
                capture_output=True,
                text=True,
                timeout=50,
                cwd=ROOT,
                check=False,
            )
        finally:
            server.shutdown()
            thread.join(WAIT_S)
    assert done.stdout.splitlines() == ["child 0", "parent True again"], done.stderr


@pytest.mark.parametrize("verb", ["pause", "resume", "reset"])
def test_a_verb_before_the_start_is_refused(verb: str, tmp_path: Path) -> None:
    """A pause was taken without a word, and the account connected."""
    with pytest.raises(NotStartedError):
        getattr(idle(tmp_path).accounts, verb)("a")
