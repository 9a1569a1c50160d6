"""What a service manager hears, at a real socket: a start that is over, life, an ordered stop."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from gateway.cli import managed
from gateway.service_manager import ServiceManager, service_manager
from gateway.testing import FakePlatform

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("systemd speaks over Unix sockets", allow_module_level=True)

from systemd_stand_in import LIMIT_S, Systemd, lines

RUN = """
import sys
from gateway.cli import main
sys.exit(main(["run", "-c", sys.argv[1]]))
"""

HANGS = """
import sys, threading
from pathlib import Path
from actors.runtime.pool.poller import Poller
from gateway.cli import main
turn = Poller.turn
def stopped(*arguments):
    if Path(sys.argv[2]).exists():
        threading.Event().wait()  # as if a debugger had stopped the thread
    turn(*arguments)
Poller.turn = stopped
main(["run", "-c", sys.argv[1]])
"""


def unheard(reason: str) -> None:
    raise AssertionError(reason)


def test_who_is_to_be_told_stands_in_the_environment() -> None:
    assert service_manager({}, 7, unheard=unheard) is None
    assert service_manager({"WATCHDOG_USEC": "5"}, 7, unheard=unheard) is None
    given = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7", "A": "b"}
    found = service_manager(given, 7, unheard=unheard)
    assert found is not None
    assert found.watchdog_s == 60.0
    assert given == {"A": "b"}, "a child of ours does not speak for us"
    other = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}
    meant_for_another = service_manager(other, 7, unheard=unheard)
    assert meant_for_another is not None
    assert meant_for_another.watchdog_s is None


@pytest.mark.parametrize("usec", ["0", "-1", "1e9", "٣", "soon", "9" * 400 + "x"])
def test_a_watchdog_that_nobody_understands_is_said_and_left(usec: str) -> None:
    told: list[str] = []
    given = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": usec}
    found = service_manager(given, 7, unheard=told.append)
    assert found is not None
    assert found.watchdog_s is None
    assert len(told) == 1
    assert "WATCHDOG_USEC" in told[0]


@pytest.mark.parametrize("address", ["vsock:2:1234", "notify", "\0x"])
def test_an_address_that_is_no_unix_socket_is_said_and_left(address: str) -> None:
    told: list[str] = []
    assert service_manager({"NOTIFY_SOCKET": address}, 7, unheard=told.append) is None
    assert len(told) == 1


@pytest.mark.parametrize("address", ["/nowhere/notify", "/" + "x" * 200, "@" + "x" * 200, "/a\0b"])
def test_a_manager_that_is_gone_costs_one_line(address: str) -> None:
    told: list[str] = []
    manager = ServiceManager(address, watchdog_s=None, unheard=told.append)
    manager.tell("READY=1")
    manager.tell("STOPPING=1")
    assert len(told) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets of Linux")
def test_a_line_stays_one_line_and_abstract_names_are_understood() -> None:
    name = f"xianyu-{threading.get_ident()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.settimeout(LIMIT_S)
        manager = ServiceManager(f"@{name}", watchdog_s=None, unheard=unheard)
        manager.tell("STATUS=hung:\nREADY=0", "WATCHDOG=1")
        assert sock.recv(4096) == b"STATUS=hung: READY=0\nWATCHDOG=1"


@pytest.mark.parametrize(
    ("states", "alerts", "hung", "told"),
    [
        ({}, 0, None, "no accounts"),
        ({"connected": 2, "reconnecting": 1}, 0, None, "2 of 3 accounts connected"),
        (
            {"connected": 2, "failed": 1},
            2,
            None,
            "needs a person: 1 FAILED account, 2 alerts; 2 of 3 accounts connected",
        ),
        ({"connected": 1}, 1, "the poller has not turned for 14 s", "hung: the poller"),
    ],
)
def test_how_it_stands_is_a_sentence(
    states: dict[str, int], alerts: int, hung: str | None, told: str
) -> None:
    assert managed.sentence(states, alerts, hung).startswith(told)


def test_a_service_says_when_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    """As ``systemctl start`` and ``systemctl stop`` wait for it."""
    with FakePlatform() as fake, Systemd() as systemd:
        shop = fake.account("2201")
        child = systemd.start(RUN, str(fake.config_file(tmp_path)), watchdog_s=0.6)
        systemd.wait("READY=1")
        assert lines(systemd.said)[0].startswith("EXTEND_TIMEOUT_USEC=")
        shop.wait_registered(LIMIT_S)
        systemd.wait("STATUS=1 of 1 accounts connected")
        systemd.wait("WATCHDOG=1")
        systemd.wait("WATCHDOG=1")
        child.send_signal(signal.SIGTERM)
        systemd.wait("STOPPING=1")
        _, errors = child.communicate(timeout=LIMIT_S)
        assert child.returncode == 0, errors
        while systemd.hear(0.0):
            pass
        assert lines(systemd.said).count("READY=1") == 1
        assert b"service_manager" not in errors


def test_a_start_that_fails_is_never_ready(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"no journal" * 100)
    config = tmp_path / "gateway.yaml"
    config.write_text(json.dumps({"data_dir": str(tmp_path)}))
    with Systemd() as systemd:
        child = systemd.start(RUN, str(config), watchdog_s=60)
        _, errors = child.communicate(timeout=LIMIT_S)
        assert child.returncode == 70, errors
        while systemd.hear(0.0):
            pass
        assert "READY=1" not in lines(systemd.said)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_watchdog_ends_a_gateway_that_is_deaf_and_nothing_is_lost(tmp_path: Path) -> None:
    """Acceptance O6: the poller is stopped, no sign of life comes, and the restart has it all."""
    archive, hang = tmp_path / "events.jsonl", tmp_path / "hang"
    sinks = [{"kind": "jsonl", "path": str(archive)}]
    with FakePlatform() as fake, Systemd() as systemd:
        shop = fake.account("2201")
        config = str(fake.config_file(tmp_path, durability="full", sinks=sinks))
        child = systemd.start(HANGS, config, str(hang), watchdog_s=3)
        systemd.wait("READY=1")
        shop.wait_registered(LIMIT_S)
        buyer = shop.buyer("77001")
        for number in range(3):
            buyer.says(f"before {number}")
        shop.wait_acked(3, LIMIT_S)
        hang.touch()
        systemd.wait("WATCHDOG=1")
        for number in range(3):
            buyer.says(f"deaf {number}")
        systemd.watch(child, 3.0)
        assert child.returncode == -signal.SIGABRT
        assert any("hung: the poller" in line for line in lines(systemd.said))
        hang.unlink()
        systemd.start(HANGS, config, str(hang), watchdog_s=3)
        systemd.wait("READY=1")
        shop.wait_acked(6, LIMIT_S)
        wanted = [f"{when} {number}" for when in ("before", "deaf") for number in range(3)]
        texts: list[str] = []
        for _ in range(20):
            systemd.wait("WATCHDOG=1")
            told = archive.read_text("utf-8").splitlines()
            said = (json.loads(line).get("text") for line in told)
            texts = list(dict.fromkeys(filter(None, said)))
            if len(texts) == len(wanted):
                break
        assert texts == wanted
        fake.check(all_acked=True)
