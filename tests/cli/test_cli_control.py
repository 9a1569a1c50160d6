"""Commands that control a gateway: against a real one in a process, and with none there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import call, free_port
from stand_in import TOKEN, StandIn

from actors.runtime.clock import SystemClock
from actors.state import ConnectionState
from gateway.cli import main
from gateway.journal import schema
from gateway.journal.sqlite import dead_letters
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.testing import FakePlatform
from gateway.web import serving

ROOT = Path(__file__).parents[2]
LIMIT_S = 40.0


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XIANYU_GATEWAY_URL", raising=False)
    monkeypatch.delenv("XIANYU_GATEWAY_TOKEN", raising=False)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Serve a gateway that has everything, and name it to the commands."""
    gateway = StandIn(tmp_path)
    with serving(gateway) as served:
        assert served is not None
        monkeypatch.setenv("XIANYU_GATEWAY_URL", served.url)
        monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", TOKEN)
        yield gateway


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once on Windows")
def test_a_running_gateway_is_seen_moved_and_used(tmp_path: Path) -> None:
    """Real processes: `run`, and each command by `-c` of the same file."""
    with FakePlatform() as fake:
        shop = fake.account("2201")
        http = {"listen": f"127.0.0.1:{free_port()}", "token": TOKEN}
        file = str(fake.config_file(tmp_path, http=http, durability="normal"))
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "-c", file, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        try:
            shop.wait_registered(LIMIT_S)
            code, out, err = call("status", "-c", file, "--json")
            assert code == 0, err
            assert json.loads(out)["pid"] == process.pid
            code, out, _ = call("accounts", "list", "-c", file)
            assert (code, out.splitlines()[1].split()[:2]) == (0, ["shop-2201", "connected"])

            code, out, err = call(
                *("send", "shop-2201", "c1", "在的", "--to", "77001", "--wait", "10"),
                *("-c", file, "--json"),
            )
            assert code == 0, err
            assert json.loads(out)["outcome"] == "accepted"

            watcher = subprocess.Popen(
                [sys.executable, "-m", "gateway", "tail", "-c", file, "--json", "--count", "1"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=ROOT,
            )
            with watcher:
                assert watcher.stderr is not None
                assert watcher.stderr.readline().startswith(b"watching")
                shop.buyer("77001").says("还在吗？\x9b2J\u202e\u2028")
                out_bytes, _ = watcher.communicate(timeout=LIMIT_S)
            assert watcher.returncode == 0
            assert json.loads(out_bytes)["text"] == "还在吗？\x9b2J\u202e\u2028"
            assert "还在吗？\\u009b2J\\u202e\\u2028" in out_bytes.decode(), "no terminal obeys it"

            assert call("accounts", "pause", "shop-2201", "-c", file)[0] == 0
            shop.wait_gone()
            assert call("accounts", "resume", "shop-2201", "-c", file)[0] == 0
            shop.wait_registered(LIMIT_S, sessions=2)
            code, _, err = call("accounts", "reset", "shop-2202", "-c", file)
            assert code == 1
            assert "shop-2201" in err, "names the nearest"

            code, out, err = call("doctor", "-c", file)
            assert code == 0, out + err
            assert f"process {process.pid}" in out
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, log.decode()
    assert TOKEN.encode() not in log
    events = [json.loads(line)["event"] for line in log.decode().splitlines()]
    assert "control.listening" in events
    assert call("status", "-c", file)[0] == 1
    code, out, _ = call("doctor", "-c", file, "--json")
    assert code == 0, out


def test_every_command_shows_tables_and_json(stand_in: StandIn) -> None:
    for arguments, told in (
        (("accounts", "list"), "failed"),
        (("accounts", "list", "--state", "closed"), "no accounts"),
        (("accounts", "reset", "a"), "a reset"),
        (("dead-letters", "list"), "a:x/y.PNM"),
        (("dead-letters", "show", "a:x/y.PNM"), "handler_failed"),
        (("dead-letters", "replay", "a:x/y.PNM"), "replayed"),
        (("dead-letters", "drop", "a:%20 说"), "dropped"),
        (("outbox", "list", "--state", "accepted"), "o2"),
        (("outbox", "show", "o1"), "queued"),
        (("outbox", "cancel", "o1"), "cancelled"),
        (("journal", "check"), "sound"),
        (("journal", "prune"), "pruned"),
        (("journal", "backup", "b.sqlite3"), "backed up"),
        (("send", "a", "c", "hi", "--wait", "1"), "accepted"),
    ):
        code, out, err = call(*arguments)
        assert (code, told in out) == (0, True), (arguments, out, err)
    for arguments in (
        ("outbox", "list"),
        ("accounts", "list"),
        ("outbox", "list"),
        ("journal", "check"),
    ):
        code, out, _ = call(*arguments, "--json")
        assert code == 0
        assert isinstance(json.loads(out), dict)
    assert stand_in.verbs == [("reset", "a")]


def test_the_status_exits_with_1_if_a_person_is_needed(stand_in: StandIn) -> None:
    """Monitoring asks for nothing else."""
    code, out, _ = call("status")
    assert (code, out.splitlines()[0].split()) == (
        1,
        ["needs", "a", "person", "1", "FAILED", "account"],
    )
    assert "in trouble" in out
    assert call("status", "--json")[0] == 1
    stand_in.accounts["a"].state = ConnectionState.RECONNECTING
    code, out, _ = call("status")
    assert (code, out.splitlines()[0].endswith(" no")) == (0, True)
    assert isinstance(json.loads(call("status", "--json")[1]), dict)


def test_all_dead_letters_are_replayed_the_oldest_first(stand_in: StandIn) -> None:
    before = list(stand_in.shelf.rows)
    code, out, _ = call("dead-letters", "replay", "--all", "--account", "a", "--json")
    assert (code, json.loads(out)["event_ids"]) == (0, before[::-1])
    assert stand_in.shelf.replayed == before[::-1]
    assert call("dead-letters", "replay", "--all")[:2] == (0, "no dead letters\n")
    assert call("dead-letters", "replay")[0] == 2, "one, or all"
    assert call("dead-letters", "replay", "a:1", "--all")[0] == 2


def test_negative_answers_are_exit_code_1(stand_in: StandIn) -> None:
    assert call("dead-letters", "show", "none")[0] == 1
    assert call("outbox", "cancel", "o2")[0] == 1
    for verb in ("salvage", "repair"):
        code, _, err = call("journal", verb)
        assert code == 1
        assert f"a journal in use is not {verb}" in err
        assert "stop the gateway first" in err
    stand_in.result = None
    assert call("send", "a", "c", "hi")[0] == 0
    assert call("send", "a", "c", "hi", "--wait", "0.05")[0] == 1
    stand_in.full = True
    code, _, err = call("send", "a", "c", "hi")
    assert code == 1
    assert "outbox of a is full" in err
    assert "→" in err
    stand_in.full, stand_in.broken = False, True
    assert call("send", "a", "c", "hi")[0] == 70
    stand_in.running = False
    assert call("status")[0] == 1


def test_usage_and_configuration_are_exit_code_2(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del stand_in
    assert call("accounts")[0] == 2
    assert call("status", "--url", "ftp://x")[0] == 2
    assert call("status", "--token-file", str(tmp_path / "none"))[0] == 2
    assert call("dead-letters", "list", "--limit", "0")[0] == 2
    monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", "wrong")
    code, _, err = call("status")
    assert code == 2
    assert "http.token" in err
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    assert call("accounts", "list", "--token-file", str(token))[0] == 0


def test_a_configured_token_goes_to_its_own_address_only(tmp_path: Path) -> None:
    """`--url` may name anything; a listener sees what it is sent."""
    file = tmp_path / "g.yaml"
    file.write_text(f"http: {{listen: '127.0.0.1:{free_port()}', token: {TOKEN}}}\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(LIMIT_S)
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        asking = subprocess.Popen(
            [sys.executable, "-m", "gateway", "status", "-c", str(file), "--url", url],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        with asking:
            connection, _ = other.accept()
            with connection:
                seen = connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>")
            _, err = asking.communicate(timeout=LIMIT_S)
    assert b"GET /healthz" in seen
    assert TOKEN.encode() not in seen
    assert asking.returncode == 1, err
    assert "no gateway" in err.decode()


def test_nobody_there_is_said_with_the_next_step(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    code, out, err = call("status", "--url", f"http://{address}")
    assert (code, out) == (1, "")
    assert f"no gateway runs at http://{address}" in err
    assert "python3 scripts/run_gateway.py run -c FILE" in err
    file = tmp_path / "g.yaml"
    file.write_text(f"data_dir: {tmp_path / 'data'}\n")
    code, _, err = call("status", "-c", str(file))
    assert code == 1
    assert "http.listen is not set" in err


def journal_of(folder: Path) -> SqliteJournal:
    """Open the journal a configuration of this folder names."""
    return SqliteJournal(folder / "data" / "journal.sqlite3", clock=SystemClock())


def config_of(folder: Path) -> str:
    """Write a configuration that listens nowhere."""
    file = folder / "g.yaml"
    file.write_text(f"data_dir: {folder / 'data'}\n")
    return str(file)


def test_a_stopped_gateways_journal_is_asked_only_if_nobody_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock tells; while it is in use it is refused with the owner's name."""
    asked: list[tuple[str, object]] = []

    def replay(journal: object, event_id: str) -> bool:
        asked.append((event_id, journal))
        return event_id == "a:1"

    monkeypatch.setattr(dead_letters, "replay", replay)
    file = config_of(tmp_path)

    code, _, err = call("dead-letters", "list", "-c", file)
    assert code == 1
    assert "there is no journal" in err
    journal = journal_of(tmp_path)
    try:
        code, _, err = call("dead-letters", "replay", "a:1", "-c", file)
        assert code == 1
        assert f"process {os.getpid()}" in err
        assert "http.listen" in err
        assert not asked
    finally:
        journal.close()
    assert call("dead-letters", "list", "-c", file)[:2] == (0, "no dead letters\n")
    assert call("dead-letters", "show", "a:1", "-c", file)[0] == 1
    assert call("dead-letters", "replay", "a:2", "-c", file)[0] == 1
    assert call("dead-letters", "replay", "a:1", "-c", file)[:2] == (0, "a:1 replayed\n")
    assert isinstance(asked[-1][1], SqliteJournal)
    journal_of(tmp_path).close()  # the commands let go of it
    assert call("accounts", "list", "-c", file)[0] == 1


def test_the_journals_upkeep_needs_no_gateway(tmp_path: Path) -> None:
    file = config_of(tmp_path)
    journal = tmp_path / "data" / "journal.sqlite3"
    journal_of(tmp_path).close()

    assert call("journal", "check", "-c", file)[0] == 0
    assert call("journal", "prune", "-c", file)[0] == 0
    target = tmp_path / "copy.sqlite3"
    assert call("journal", "backup", str(target), "-c", file)[0] == 0
    assert target.exists()
    code, _, err = call("journal", "backup", str(target), "-c", file)
    assert code == 1
    assert "is there already" in err
    assert call("journal", "backup", "-c", file)[0] == 0
    (made,) = (tmp_path / "data" / "backups").iterdir()
    older = made.with_name("series-20200101-000000.sqlite3")
    made.rename(older)
    code, out, _ = call("journal", "backup", "--keep", "1", "-c", file)
    assert (code, str(older) in out, older.exists()) == (0, True, False)
    for wrong in ("0", "x", "1.5", "9999"):
        assert call("journal", "backup", "--keep", wrong, "-c", file)[0] == 2
    assert call("journal", "backup", str(tmp_path / "c"), "--keep", "1", "-c", file)[0] == 2
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("INSERT INTO note VALUES('a','c','k',5,1)")
    code, out, _ = call("journal", "check", "-c", file)
    assert (code, "note row a/c/k: value is the number 5" in out) == (1, True)
    assert call("outbox", "list", "-c", file)[0] == 0  # it goes on without that row
    code, out, _ = call("journal", "repair", "-c", file)
    assert (code, "note row a/c/k: value is the number 5" in out) == (0, True)
    assert len(list(journal.parent.glob("*.unreadable-*.jsonl"))) == 1
    assert call("journal", "check", "-c", file)[0] == 0
    with journal.open("r+b") as pages:  # the second page and those behind it
        pages.seek(4096)
        pages.write(b"\xff" * 4 * 4096)
    code, out, err = call("journal", "check", "-c", file)
    assert code == 1
    assert "quick_check" in out + err or "malformed" in out + err
    assert call("journal", "salvage", "-c", file)[0] == 0
    assert call("journal", "check", "-c", file)[0] == 0
    journal.rename(f"{journal}.salvaged")  # as if it had been cut short
    code, out, _ = call("doctor", "-c", file)
    assert (code, "a salvage of it was cut short" in out) == (1, True)
    assert call("journal", "salvage", "-c", file)[0] == 0
    assert call("journal", "check", "-c", file)[0] == 0


def empty(journal: Path) -> None:
    journal.write_bytes(b"")


def foreign(journal: Path) -> None:
    journal.unlink()
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("CREATE TABLE theirs(a)")


def newer(journal: Path) -> None:
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("PRAGMA user_version=99")


def folder(journal: Path) -> None:
    journal.unlink()
    journal.mkdir()


def odd_row(journal: Path) -> None:
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("INSERT INTO note VALUES('a','c','k',5,1)")


def lock(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(journal: Path) -> None:
        name = journal.with_name(f"{journal.name}.lock")
        name.unlink()
        make(name)

    return spoil


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (empty, "is not a journal of this program"),
        (foreign, "is not a journal of this program"),
        (newer, "has journal schema 99"),
        (folder, "is a folder, or no ordinary file"),
        (odd_row, "note row a/c/k: value is the number 5"),
        (lock(Path.mkdir), "is a link, or no ordinary file"),
        (lock(lambda name: name.symlink_to("elsewhere")), "is a link, or no ordinary file"),
        (lock(os.mkfifo), "is a link, or no ordinary file"),
    ],
    ids=["empty", "foreign", "newer", "folder", "row", "lock-dir", "lock-link", "lock-pipe"],
)
def test_doctor_says_of_a_journal_what_check_says(
    spoil: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    """It called a journal sound that no gateway starts with."""
    file = config_of(tmp_path)
    journal = tmp_path / "data" / "journal.sqlite3"
    journal_of(tmp_path).close()
    spoil(journal)
    code, out, _ = call("doctor", "-c", file, "--json")
    assert code == 1
    found = {each["name"]: each for each in json.loads(out)["findings"]}["journal"]
    assert found["verdict"] == "wrong"
    assert told in found["detail"]
    assert found["next_step"]
    assert ("journal repair" in found["next_step"]) == (spoil is odd_row)
    for verb in ("check", "repair", "salvage", "prune"):
        code, _, err = call("journal", verb, "-c", file)
        assert "Errno" not in err
        assert "Traceback" not in err
        if spoil is folder:
            assert (code, told in err, "→" in err) == (1, True, True)


def test_doctor_misses_a_journal_whose_log_is_there(tmp_path: Path) -> None:
    """A start would refuse, for the log may hold messages."""
    file = config_of(tmp_path)
    journal_of(tmp_path).close()
    journal = tmp_path / "data" / "journal.sqlite3"
    journal.unlink()
    assert call("doctor", "-c", file)[0] == 0
    journal.with_name(f"{journal.name}-wal").write_bytes(b"messages")
    code, out, _ = call("doctor", "-c", file)
    assert (code, "its log journal.sqlite3-wal is there" in out) == (1, True)


def test_what_a_journal_can_not_be_written_to_is_named(tmp_path: Path) -> None:
    file = config_of(tmp_path)
    journal_of(tmp_path).close()
    (tmp_path / "file").touch()
    code, _, err = call("journal", "backup", str(tmp_path / "file" / "copy"), "-c", file)
    assert code == 1
    assert str(tmp_path / "file") in err
    assert "Errno" not in err


@pytest.mark.peer(20)
def test_doctor_names_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    code, out, _ = call("doctor", "-c", str(tmp_path / "none.yaml"), "--json")
    assert code == 1
    assert [each["name"] for each in json.loads(out)["findings"] if each["verdict"] == "wrong"]

    file = config_of(tmp_path)
    journal_of(tmp_path).close()
    code, out, _ = call("doctor", "-c", file)
    assert code == 0, out
    assert "fsync: " in out
    assert "journal: " in out

    path = tmp_path / "data" / "journal.sqlite3"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 4] = b"\x5a" * (4096 * 3)
    path.write_bytes(content)
    code, out, _ = call("doctor", "-c", file, "--json")
    assert code == 1
    found: dict[str, Any] = {each["name"]: each for each in json.loads(out)["findings"]}
    assert found["journal"]["verdict"] == "wrong"
    assert "salvage" in found["journal"]["next_step"]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_doctor_sees_lax_modes_bare_links_and_missing_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    file = tmp_path / "g.yaml"
    file.write_text(
        f"data_dir: {data}\n"
        "accounts:\n"
        "- {id: a, platform: plain, url: 'ws://127.0.0.1:9/', tls: {ca_file: /none/ca.pem}}\n"
    )
    code, out, _ = call("doctor", "-c", str(file))
    assert code == 1
    assert f"chmod 700 {data}" in out
    assert "ws:// is not encrypted" in out
    assert "/none/ca.pem cannot be read" in out


def test_doctor_wants_no_package_for_a_socks5_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SOCKS5 is written out (ADR 5); a package that nothing uses would cost an evening."""
    monkeypatch.setitem(sys.modules, "python_socks", None)
    file = tmp_path / "g.yaml"
    file.write_text(
        f"data_dir: {tmp_path}/var\n"
        "accounts:\n"
        "- {id: a, url: 'wss://example.test/', proxy: 'socks5://127.0.0.1:9',"
        " credentials: {user_id: '1', device_id: d, token: t}}\n"
    )
    _, out, _ = call("doctor", "-c", str(file), "--json")
    verdicts = [each["verdict"] for each in json.loads(out)["findings"] if each["name"] == "proxy"]
    assert verdicts == ["ok"]


def test_doctor_sees_that_the_system_trusts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare container: every account would fail, and the certificate would be blamed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setattr("gateway.transport.tls._contexts", {})
    file = tmp_path / "g.yaml"
    account = "- {id: a, platform: plain, url: 'wss://127.0.0.1:9/'}\n"
    file.write_text(f"data_dir: {tmp_path / 'data'}\naccounts:\n{account}")
    code, out, _ = call("doctor", "-c", str(file))
    assert code == 1
    assert "no store of certificate authorities" in out
    assert "ca-certificates" in out


def test_a_program_that_took_the_port_is_not_told_the_token(tmp_path: Path) -> None:
    """While the gateway is down anybody on the machine may listen there, and answer anything."""
    heard: list[bytes] = []

    def squat(connection: socket.socket) -> None:
        with connection:
            heard.append(connection.recv(65536))
            answer = b'{"proof": "%s", "status": "ok"}' % (b"0" * 64)
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            connection.sendall(head % len(answer) + answer)

    def serve() -> None:
        while True:
            try:
                connection, _ = squatter.accept()
            except OSError:
                return
            squat(connection)

    with socket.create_server(("127.0.0.1", 0)) as squatter:
        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{squatter.getsockname()[1]}"
        file = tmp_path / "g.yaml"
        file.write_text(f"data_dir: {tmp_path}\nhttp: {{listen: '{address}', token: {TOKEN}}}\n")
        file.chmod(0o600)
        (tmp_path / "token").write_text(TOKEN)
        for where in (
            ("-c", str(file)),
            ("--url", f"http://{address}", "--token-file", str(tmp_path / "token")),
        ):
            code, out, err = call("send", "a", "c", "hi", *where)
            assert (code, out) == (2, "")
            assert "does not know this token, so it was not sent there" in err
        squatter.shutdown(socket.SHUT_RDWR)
    thread.join(LIMIT_S)
    assert len(heard) == 2, "one question each: the challenge"
    assert all(TOKEN.encode() not in each and b"/v1/identity" in each for each in heard)


def test_a_stop_that_was_not_in_order_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unclean:
        def ask(self, *_: object, **__: object) -> dict[str, object]:
            return {"done": "stopped", "clean": False}

    @contextlib.contextmanager
    def found(_: object) -> Iterator[Unclean]:
        yield Unclean()

    monkeypatch.setattr("gateway.cli.stop.open_control", found)
    assert main(["stop"]) == 1
    assert "not in order" in capsys.readouterr().out


def test_doctor_looks_at_the_folder_of_the_logins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "g.yaml"
    token = tmp_path / "token.json"
    token.write_text('{"token": "x"}')
    token.chmod(0o666)
    given = f"{{kind: file, path: {token}}}"
    account = f"{{id: a, platform: plain, url: 'wss://h', credentials: {given}}}"
    file.write_text(f"data_dir: {tmp_path}\naccounts: [{account}]\n")
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "gone.json").write_text("{}")
    told = call("doctor", "-c", str(file))[1]
    assert "1 files of no account (gone.json)" in told
    assert f"chmod 600 {token}" in told
    (folder / "gone.json").unlink()
    token.chmod(0o600)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder and access(path, mode))
    told = call("doctor", "-c", str(file))[1]
    assert f"FAIL  credentials: {folder} cannot be written to" in told
    assert "chmod 600" not in told


@pytest.mark.parametrize(
    "command",
    ["outbox list", "dead-letters list", "accounts reset a", "accounts credentials show a"],
)
def test_who_looks_at_an_older_journal_does_not_change_it(tmp_path: Path, command: str) -> None:
    """The older version could not read it any more; only a start makes a copy before."""
    path = tmp_path / "journal.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.create(connection, 0, version=3)
    file = tmp_path / "g.yaml"
    file.write_text(
        f"data_dir: {tmp_path}\naccounts:\n"
        "  - {id: a, url: 'wss://127.0.0.1:9', credentials: {kind: goofish}}\n"
    )
    code, out, err = call(*command.split(), "-c", str(file))
    assert (code, out) == (1, ""), err
    assert "journal schema 3" in err
    assert "start the gateway once" in err
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
