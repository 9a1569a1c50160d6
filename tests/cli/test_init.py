"""``init``: real files, both sides of the platform, a terminal; what is written, said and left."""

from __future__ import annotations

import io
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import call, free_port

from gateway.cli import init_plan
from gateway.config import load
from gateway.testing import FakePlatform, FakeWeb
from gateway.testing.web.seller import Seller

ROOT = Path(__file__).parents[2]
LIMIT_S = 50
POSIX = pytest.mark.skipif(os.name == "nt", reason="there is no such thing on Windows")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that is empty."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def seller() -> Iterator[tuple[Seller, list[str]]]:
    """A user of the platform, and the options by which it is found."""
    with FakePlatform() as fake, FakeWeb(fake) as web:
        shop = fake.account("2201")
        yield web.seller(shop), ["--url", fake.url, "--endpoints", web.url]
        web.check()


def listen() -> str:
    return f"127.0.0.1:{free_port()}"


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def made(*options: str, code: int = 0) -> dict[str, Any]:
    found, out, err = call("init", "--yes", "--json", *options)
    assert found == code, (out, err)
    told: dict[str, Any] = json.loads(out)
    return told


def refused(*options: str, code: int = 2) -> str:
    """Run it; nothing is written, and standard output says nothing."""
    found, out, err = call("init", "--yes", *options)
    assert (found, out) == (code, ""), err
    assert not list(Path().iterdir())
    return err


def test_what_is_written_is_what_was_said_and_holds_no_secret() -> None:
    where = listen()
    told = made("--account", "铺子", "--listen", where, "--data-dir", "d${HOME}")

    assert sorted(each.name for each in Path().iterdir()) == ["gateway.yaml", "http.token"]
    settings = load("gateway.yaml", environment={})
    (account,) = settings.accounts
    assert (account.id, account.platform, account.credentials.kind) == (
        "铺子",
        "goofish",
        "goofish",
    )
    assert account.url == "wss://wss-goofish.dingtalk.com/"
    assert settings.http.listen == where
    assert settings.data_dir == str(Path("d${HOME}").absolute())
    token = Path("http.token").read_text("utf-8").strip()
    assert settings.http.token == token
    assert len(token) == 64
    assert token not in Path("gateway.yaml").read_text("utf-8") + json.dumps(told)
    assert told["doctor"]["ok"]
    assert told["login"] is None
    if os.name == "posix":
        assert {each.stat().st_mode & 0o777 for each in Path().iterdir()} == {0o600}


def test_whom_it_tells_of_trouble_is_a_secret_of_its_own() -> None:
    Path("url").write_text("\ufeffjson://127.0.0.1:9/secret-topic\n", "utf-8")
    told = made("--listen", listen(), "--bell-file", "url")
    assert "notify test -c gateway.yaml" in told["next"]["bell"]
    assert Path("bell.url").read_text("utf-8") == "json://127.0.0.1:9/secret-topic\n"
    if os.name == "posix":
        assert Path("bell.url").stat().st_mode & 0o777 == 0o600
    assert "secret-topic" not in Path("gateway.yaml").read_text("utf-8")
    assert load("gateway.yaml").notify.urls() == {"notify.to[0]": "json://127.0.0.1:9/secret-topic"}
    assert "secret-topic" not in str(told)


@pytest.mark.parametrize("url", ["", "no-url", "json://h\njson://i"])
def test_what_nobody_can_be_told_at_is_refused(url: str) -> None:
    file = Path("..") / "url"
    file.write_text(url, "utf-8")
    assert "--bell-file" in refused("--bell-file", str(file))


def test_a_container_listens_on_a_port() -> None:
    assert "--listen" in refused("--compose", "--listen", "unix:/tmp/x.sock")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    for name in (init_plan.CONFIG, init_plan.TOKEN):
        folder = tmp_path / name
        folder.mkdir()
        there = folder / name
        there.write_text("mine", "utf-8")
        code, out, err = call("init", "--yes", "--dir", str(folder))
        assert (code, out) == (1, "")
        assert f"{there} is there already" in err
        assert "--dir" in err
        assert [each.read_text("utf-8") for each in folder.iterdir()] == ["mine"]


def test_a_wrong_option_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for option, value in (
        ("--account", "a b"),
        ("--listen", "8760"),
        ("--url", "http://a/"),
        ("--dir", str(file)),
        ("--data-dir", str(file)),
        ("--dir", "a}b"),
        ("--dir", "~nobody-of-that-name/x"),
    ):
        assert refused(option, value).startswith(f"{option}: "), (option, value)
    assert refused("--platform", "plain").startswith("--url: is missing")
    found = refused("--platform", "plain", "--url", "ws://a/", "--cookie-file", str(file))
    assert found.startswith("--cookie-file: ")


def test_a_program_that_forgot_yes_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "")
    for options in ((), ("--cookie-file", "-")):
        code, _, err = call("init", *options)
        assert code == 2
        assert "add --yes" in err
    assert not list(Path().iterdir())


def test_a_cookie_is_proven_and_kept_as_credentials_set_does(
    seller: tuple[Seller, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    who, options = seller
    cookie = who.sign_in()
    typed(monkeypatch, f"Cookie: {cookie}\n")
    told = made("--listen", listen(), "--cookie-file", "-", *options)

    assert (told["login"]["proven"], told["login"]["login"]["user_id"]) == (True, "2201")
    assert told["next"]["sign_in"] == []
    code, out, err = call("accounts", "credentials", "show", "shop-a", "-c", "gateway.yaml")
    assert code == 0, err
    assert "ready" in out
    everything = Path("gateway.yaml").read_text("utf-8") + json.dumps(told)
    for pair in cookie.split("; "):
        value = pair.partition("=")[2]
        assert len(value) < 7 or value not in everything


def test_a_cookie_of_no_account_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cookie, what in (
        ("cookie2=1", "lacks unb"),
        ("", "nothing in it"),
        ("x" * 99_999, "65536"),
    ):
        typed(monkeypatch, cookie)
        told = refused("--cookie-file", "-", code=1)
        assert what in told
        assert "nothing was written" in told
    assert "none.txt" in refused("--cookie-file", "none.txt")


def test_a_login_that_is_over_is_not_kept_and_the_files_stay(
    seller: tuple[Seller, list[str]], tmp_path: Path
) -> None:
    who, options = seller
    file = tmp_path / "cookie"
    file.write_text(who.sign_in(), "utf-8")
    who.end_login(long_login=False)
    told = made("--listen", listen(), "--cookie-file", str(file), *options, code=1)

    assert (told["login"]["proven"], told["login"]["error"]) == (False, "login_over")
    assert any("credentials set shop-a" in each for each in told["next"]["sign_in"])
    assert load("gateway.yaml").accounts[0].id == "shop-a"


def test_a_cookie_that_cannot_be_proven_now_is_kept(
    seller: tuple[Seller, list[str]], tmp_path: Path
) -> None:
    who, (_, url, *_) = seller
    file = tmp_path / "cookie"
    file.write_text(who.cookie, "utf-8")
    nobody = f"http://127.0.0.1:{free_port()}"
    words = ("--cookie-file", str(file), "--url", url, "--endpoints", nobody)
    code, out, _ = call("init", "--yes", "--listen", listen(), *words)

    assert code == 1
    assert "could not be proven" in out
    shown = call("accounts", "credentials", "show", "shop-a", "-c", "gateway.yaml", "--json")[1]
    assert {"unb", "cookie2"} <= {each["name"] for each in json.loads(shown)["kept"]}


def test_a_port_in_use_is_noted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        told = made("--listen", where)
    (found,) = [each for each in told["doctor"]["findings"] if each["name"] == "http.listen"]
    assert found["verdict"] == "warning"
    assert where in found["detail"]
    assert "gateway.yaml" in found["next_step"]


def test_a_process_makes_it_and_what_it_prints_can_be_typed(tmp_path: Path) -> None:
    """The way of the README, in a folder with a blank; the script is read, not run."""
    folder = tmp_path / "a shop"
    folder.mkdir()
    command = [sys.executable, "-m", "gateway", "init", "--yes", "--json", "--listen", listen()]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for each in (told["next"]["run"], *told["next"]["sign_in"]):
        python, script, *words = shlex.split(each)
        assert python == "python3"
        assert Path(script) == ROOT / "scripts" / "run_gateway.py"
        assert words[-2:] == ["-c", "gateway.yaml"]
