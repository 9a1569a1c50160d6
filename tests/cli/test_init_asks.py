"""``init`` at a terminal: what it asks, and what is left when a person goes away."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest
from commands import free_port
from terminal import Terminal

from gateway.config import load
from gateway.testing import FakePlatform, FakeWeb

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such terminals")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that is empty."""
    monkeypatch.chdir(tmp_path)


def terminal_of(*options: str) -> Terminal:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Terminal(sys.executable, "-m", "gateway", "init", *options, env=environment)


def test_a_person_answers_and_a_wrong_answer_is_asked_for_again() -> None:
    where = f"127.0.0.1:{free_port()}"
    with FakePlatform() as fake, FakeWeb(fake) as web:
        cookie = web.seller(fake.account("2201")).sign_in()
        _set_up("--url", fake.url, "--endpoints", web.url, cookie=cookie, listen=where)
        web.check()
    settings = load("gateway.yaml")
    assert (settings.accounts[0].id, settings.http.listen) == ("店", where)


def _set_up(*options: str, cookie: str, listen: str) -> None:
    with contextlib.closing(terminal_of(*options)) as terminal:
        for asks, answer in (
            ("[shop-a]: ", "my shop\n"),
            ("--account: ", ""),
            ("[shop-a]: ", "店\n"),
            ("[2]: ", "1\n"),
            ("not shown): ", "cookie2=1\n"),
            ("lacks unb", ""),
            ("[2]: ", "1\n"),
            ("not shown): ", f"{cookie}\n"),
            ("[127.0.0.1:8760]: ", f"{listen}\n"),
            ("var/gateway]: ", "\n"),
            ("[nobody]: ", "no-url\n"),
            ("--bell-file: ", ""),
            ("[nobody]: ", "json://127.0.0.1:9/secret-topic\n"),
            ("the platform gave a token", ""),
        ):
            terminal.wait_for(asks)
            terminal.types(answer)
        assert terminal.ended() == 0, terminal.said
        assert "secret-topic" not in terminal.said
        assert "notify test -c" in terminal.said


@pytest.mark.parametrize("leaves", ["\x04", "signal"], ids=["ctrl-d", "ctrl-c"])
@pytest.mark.parametrize("asks", ["[shop-a]: ", "not shown): ", "var/gateway]: ", "[nobody]: "])
def test_whoever_leaves_the_questions_leaves_nothing_behind(asks: str, leaves: str) -> None:
    with contextlib.closing(terminal_of("--dir", "new")) as terminal:
        _answer_until(terminal, asks)
        if leaves == "signal":
            terminal.interrupt()
        else:
            terminal.types(leaves)
        if (asks, leaves) == ("not shown): ", "\x04"):  # no cookie; it asks again
            terminal.wait_for("[2]: ")
            terminal.types(leaves)
        assert terminal.ended() == 130, terminal.said
        assert "nothing was written" in terminal.said
    assert not list(Path().iterdir())


def _answer_until(terminal: Terminal, asks: str) -> None:
    way = "1\n" if asks == "not shown): " else "3\n"
    for each, answer in (
        ("[shop-a]: ", "\n"),
        ("[2]: ", way),
        ("not shown): " if way == "1\n" else ":8760]: ", "\n"),
        ("var/gateway]: ", "\n"),
        ("[nobody]: ", "\n"),
    ):
        terminal.wait_for(each)
        if each == asks:
            return
        terminal.types(answer)


def test_nothing_is_asked_where_a_configuration_is_already() -> None:
    Path("gateway.yaml").touch()
    with contextlib.closing(terminal_of()) as terminal:
        assert terminal.ended() == 1, terminal.said
        assert "is there already" in terminal.said
        assert "[shop-a]" not in terminal.said
