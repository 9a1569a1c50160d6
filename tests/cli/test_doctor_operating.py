"""``doctor``: the disk under the journal, what waits there for a person, the way to a platform."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commands import call, free_port
from hypothesis import given
from hypothesis import strategies as st
from market import Market

from actors.runtime.clock import SystemClock
from gateway import ChatMessage
from gateway.cli import mounts
from gateway.cli.journal_checks import of_disk
from gateway.cli.mounts import Mount, mount_of
from gateway.journal.files import backup
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import Behaviour, FakePlatform
from gateway.web import serving
from gateway.web.findings import Verdict

SHOP = "2201"

TABLE = r"""
proc /proc proc rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /srv nfs4 rw,vers=4.2 0 0
/dev/sdb1 /srv/local xfs rw 0 0
//nas/share /mnt/my\040share cifs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
tmpfs /tmp tmpfs rw 0 0
C:\134 /mnt/c 9p rw 0 0
/dev/sdc1 /srv ext4 rw 0 0
hidden
"""


def doctor(*options: str) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    code, out, _ = call("doctor", "--json", *options)
    found = json.loads(out)["findings"]
    return code, {each["name"]: each for each in found}, found


# --- the disk ---


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/gw", "ext4"),
        ("/srv/gw", "ext4"),  # mounted over the share
        ("/srv/local/gw", "xfs"),
        ("/srvlocal", "ext4"),
        ("/mnt/my share/gw", "cifs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/mnt/c/gw", "9p"),
    ],
)
def test_the_file_system_under_a_path_is_found(path: str, kind: str) -> None:
    found = mount_of(path, TABLE)
    assert found is not None
    assert found.kind == kind


@given(st.text(), st.text())
def test_no_table_is_too_odd(path: str, table: str) -> None:
    found = mount_of(path, table)
    assert found is None or isinstance(found.kind, str)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("nfs4", Verdict.WRONG),
        ("cifs", Verdict.WRONG),
        ("9p", Verdict.WRONG),
        ("virtiofs", Verdict.WRONG),
        ("fuse.sshfs", Verdict.WARNING),
        ("tmpfs", Verdict.WARNING),
        ("ext4", None),
        ("fuseblk", None),
    ],
)
def test_a_disk_no_journal_should_lie_on_is_named(
    kind: str, verdict: Verdict | None, tmp_path: Path
) -> None:
    place = os.path.realpath(tmp_path).replace(" ", "\\040")
    found = list(of_disk(tmp_path / "data", f"x / ext4 rw 0 0\nx {place} {kind} rw 0 0\n"))
    assert [each.verdict for each in found] == ([] if verdict is None else [verdict])
    assert all(kind in each.detail and "disk of this machine" in each.next_step for each in found)
    assert list(of_disk(tmp_path, "")) == []


@pytest.mark.skipif(not mounts.MOUNTS.exists(), reason="no table of mounts here")
def test_the_table_of_this_machine_can_be_read() -> None:
    assert isinstance(mount_of("/", mounts.table()), Mount)


# --- what waits ---


def test_a_stopped_journal_tells_what_waits_for_a_person(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(json.dumps({"data_dir": str(tmp_path / "data")}))
    path = tmp_path / "data" / "journal.sqlite3"
    SqliteJournal(path, clock=SystemClock()).close()
    _, found, _ = doctor("-c", str(config))
    assert not {"accounts", "dead letters", "backup"} & set(found)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO account_state(account, failed_reason) VALUES('a', 'auth')")
        connection.execute("INSERT INTO dead_letter VALUES(1, 'a', 'm1', 'handler_failed', 1)")
        connection.execute("INSERT INTO inbox VALUES(1,'a',1,7,0,'raw')")
        connection.execute(
            "INSERT INTO event(lane_seq,event_id,raw_id,idx,account,source,flags,status)"
            " VALUES(1,'m1',1,0,'a',0,0,3)"
        )
    backup.backup(path, tmp_path / "copy", clock=Old(), series=True)
    code, found, _ = doctor("-c", str(config))
    assert code == 0, "a person has work, the machine is well"
    assert found["accounts"]["detail"] == "FAILED, and not tried again: a (auth)"
    assert "accounts reset" in found["accounts"]["next_step"]
    assert found["dead letters"]["detail"].startswith("1 will not be tried again")
    assert found["backup"]["verdict"] == "warning"


class Old(SystemClock):
    """A clock of long ago."""

    def unix_ms(self) -> int:
        return 1


def test_a_running_gateway_tells_what_waits_for_a_person(tmp_path: Path) -> None:
    http = {"listen": f"127.0.0.1:{free_port()}"}
    with Market(tmp_path, SHOP, http=http) as market:

        @market.gateway.on(ChatMessage)
        def refuse(_event: ChatMessage) -> None:
            raise RuntimeError

        config = tmp_path / "gateway.yaml"
        config.write_text(json.dumps(market.config))
        market.start()
        with serving(market.gateway, log=market.log):
            market.shops[SHOP].buyer("77001").says("bad")
            market.log.wait("event.dead_lettered", 1)
            _, found, _ = doctor("-c", str(config))
            assert found["gateway"]["verdict"] == "ok"
            assert found["dead letters"]["detail"].startswith("1 will not")


# --- the way ---


def test_each_step_to_a_platform_has_its_time(tmp_path: Path) -> None:
    with FakePlatform() as fake:
        fake.account("2201")
        fake.account("2202")
        config = str(fake.config_file(tmp_path))
        code, _, found = doctor("-c", config, "--dial")
        assert code == 0, found
        dials = [each for each in found if each["name"].startswith("dial ")]
        assert [each["name"] for each in dials] == ["dial dns", "dial tcp", "dial upgrade"]
        assert all(each["detail"].endswith(" ms") for each in dials)
        assert not any(each["name"].startswith("dial") for each in doctor("-c", config)[2])


def test_tls_is_a_step_of_its_own(tmp_path: Path) -> None:
    with FakePlatform(Behaviour()) as fake:
        fake.account("2201")
        config = fake.config_file(tmp_path)
        text = json.loads(config.read_text())
        text["accounts"][0]["url"] = text["accounts"][0]["url"].replace("ws://", "wss://")
        config.write_text(json.dumps(text))
        code, found, _ = doctor("-c", str(config), "--dial")
        assert code == 1
        assert found["dial tcp"]["verdict"] == "ok"
        assert found["dial tls"]["verdict"] == "wrong"
        assert found["dial tls"]["next_step"]


@pytest.mark.parametrize("listening", [False, True])
def test_a_platform_that_does_not_answer_is_named_with_the_remedy(
    tmp_path: Path, *, listening: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not listening:
            server.close()
        account = {
            "id": "a",
            "platform": "plain",
            "url": f"ws://127.0.0.1:{port}/secret?token=tttttttt",
        }
        config = tmp_path / "gateway.yaml"
        text = {
            "data_dir": str(tmp_path / "data"),
            "accounts": [account, {**account, "id": "b", "enabled": False}],
            "defaults": {"deadlines": {"upgrade_s": 0.2}},
        }
        config.write_text(json.dumps(text))
        code, found, everything = doctor("-c", str(config), "--dial")
    step = found["dial upgrade" if listening else "dial tcp"]
    assert (code, step["verdict"]) == (1, "wrong")
    assert f"127.0.0.1:{port}" in step["detail"]
    assert step["next_step"]
    assert "tttttttt" not in json.dumps(everything)


def test_nobody_to_dial_is_said(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(json.dumps({"data_dir": str(tmp_path / "data")}))
    assert doctor("-c", str(config), "--dial")[1]["dial"]["detail"] == "no account is enabled"
    code, _, err = call("doctor", "--dial")
    assert (code, "--dial: needs -c FILE" in err) == (2, True)
