"""``check`` says what ``run`` would refuse, and both say it with 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import call

from gateway.log_file import LogFile

POSIX = pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")


@POSIX
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data_dir: {dir}/file", "data_dir: {dir}/file is no folder"),
        ("data_dir: {dir}/file/below", "data_dir: {dir}/file is no folder"),
        ("sinks: [{{kind: jsonl, path: {dir}}}]", "sinks[0].path: '{dir}' is a folder"),
        ("sinks: [{{kind: jsonl, path: ''}}]", "sinks[0].path: '' is a folder"),
        ("sinks: [{{kind: jsonl, path: {dir}/file/x}}]", "sinks[0].path: {dir}/file is no folder"),
        ("sinks: [{{kind: python, call: 'os:nope'}}]", "call: "),
        ("sinks: [{{kind: python, call: 'os:sep'}}]", "has no function 'sep'"),
        ("accounts: [{{{ACCOUNT}, platform: nope}}]", "no platform 'nope'"),
        ("accounts: [{{{ACCOUNT}, tls: {{ca_file: {dir}/none}}}}]", "{dir}/none cannot be used"),
        ("accounts: [{{{ACCOUNT}, tls: {{ca_file: {dir}/file}}}}]", "{dir}/file cannot be used"),
    ],
)
def test_wrong_paths_and_parts(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing")
    account = "id: a, url: 'wss://127.0.0.1:9/'"
    if "platform" not in text:
        account += ", platform: plain"
    file = tmp_path / "g.yaml"
    file.write_text(text.format(dir=tmp_path, ACCOUNT=account))
    for command in ("check", "run"):
        code, out, err = call(command, "-c", str(file))
        assert (code, out) == (2, ""), command
        assert told.format(dir=tmp_path) in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "g.yaml"], "nothing is made"


def told_of_credentials(credentials: str, folder: Path) -> str:
    """Return what check says of an account; doctor says it, too, and both go on."""
    file = folder / "g.yaml"
    account = f"{{id: shop-a, url: 'wss://127.0.0.1:9/', credentials: {credentials}}}"
    file.write_text(f"data_dir: {folder / 'data'}\naccounts: [{account}]")
    code, out, err = call("check", "-c", str(file))
    assert (code, "shop-a" in out) == (0, True), err
    doctor = call("doctor", "-c", str(file))[1]
    what = err.partition(f"{file}: ")[2].partition("; ")[0].strip()
    assert what in doctor
    return err


@pytest.mark.parametrize(
    ("credentials", "told"),
    [
        ("{kind: goofish, cookie: 'cookie2=hunter2'}", "the cookie lacks unb; copy the Cookie"),
        ("{kind: goofish, cookie: 'unb=2201'}", "the cookie lacks cookie2; copy the Cookie"),
        ("{kind: goofish, cookie: 'hunter2'}", "there is no name=value in it; copy the request"),
        ("{kind: file, path: '{dir}/none.json'}", "{dir}/none.json: there is no such file; have"),
        ("{kind: file, path: '{dir}/own.json'}", "{dir}/own.json: there is no token in it; it sh"),
        ("{kind: env, variables: {token: NO_SUCH_A}}", "variable NO_SUCH_A is not set; set it to"),
        ("{kind: python, call: 'no_such_one:f'}", "no_such_one:f: there is no module no_such_one"),
        ("{kind: python, call: 'os:nope'}", "os:nope: its module has no nope; correct call"),
    ],
)
def test_what_a_login_lacks_is_noted_without_asking_anybody(
    credentials: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "own.json").write_text("{}")
    err = told_of_credentials(credentials.replace("{dir}", str(tmp_path)), tmp_path)
    assert "accounts[0].credentials of account shop-a: " in err
    assert told.replace("{dir}", str(tmp_path)) in err
    assert "hunter2" not in err


def test_a_login_that_lacks_nothing_is_not_noted(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"token": "token-1", "user_id": "2201"}')
    (tmp_path / "own.json").chmod(0o600)
    curl = "curl 'https://www.goofish.com/im' -H 'cookie: unb=2201; cookie2=v'"
    for credentials in (
        "{kind: goofish}",
        "{kind: goofish, cookie: 'unb=2201; cookie2=v'}",
        f'{{kind: goofish, cookie: "{curl}"}}',
        f"{{kind: file, path: {tmp_path}/own.json}}",
        "{kind: http, url: 'https://tokens.example.invalid/'}",
    ):
        assert "shop-a" not in told_of_credentials(credentials, tmp_path)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("log: {file: '{dir}/g.yaml'}", "log.file: {dir}/g.yaml is the configuration"),
        ("log: {file: '{dir}/journal.sqlite3-wal'}", "journal.sqlite3-wal is the journal's"),
        ("log: {file: '{dir}/g.yaml/x.log'}", "log.file: {dir}/g.yaml is no folder"),
        ("http: {listen: 'unix:{dir}/none/s'}", "http.listen: there is no folder {dir}/none"),
        ("http: {listen: 'unix:{dir}/g.yaml'}", "http.listen: {dir}/g.yaml is there and no socket"),
        ("http: {listen: 'unix:{dir}'}", "http.listen: {dir} is there and no socket"),
    ],
)
def test_a_log_and_a_socket_have_a_place_of_their_own(tmp_path: Path, keys: str, told: str) -> None:
    """`run` would refuse it, or write log lines into a file of the gateway's."""
    file = tmp_path / "g.yaml"
    file.write_text(f"data_dir: {tmp_path}\n{keys.replace('{dir}', str(tmp_path))}\n")
    code, _, err = call("check", "-c", str(file))
    assert code == 2
    assert told.replace("{dir}", str(tmp_path)) in err


def test_a_log_may_lie_in_a_folder_that_is_new(tmp_path: Path) -> None:
    path = tmp_path / "var" / "log" / "gateway.log"
    LogFile(str(path), most_bytes=1000, count=1).close()
    assert path.exists()
