"""Somebody else listens where a gateway was, or a person mistypes where it is: no traceback."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import call, free_port
from stand_in import TOKEN, StandIn

from gateway.cli import control, exchange
from gateway.web import serving

LIMIT_S = 40.0
OK = b"HTTP/1.1 200 OK\r\n"
HEAD = OK + b"X: "
HEALTH = b'{"status":"ok"}'


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XIANYU_GATEWAY_URL", "XIANYU_GATEWAY_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def stranger(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer whatever is asked; give the address."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                asked, _ = listener.accept()
                with asked:
                    asked.settimeout(LIMIT_S)
                    asked.recv(1 << 16)
                    answer(asked)
                    asked.shutdown(socket.SHUT_WR)
                    while asked.recv(1 << 16):
                        pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(LIMIT_S)


def says(content: bytes, head: bytes = OK) -> Callable[[socket.socket], None]:
    return lambda asked: asked.sendall(head + b"\r\n" + content)


def pours(asked: socket.socket) -> None:
    """Send without end, until nobody takes it."""
    asked.sendall(OK + b"\r\n")
    with contextlib.suppress(OSError):
        while True:
            asked.sendall(bytes(1 << 16))


ODD = {
    "a length that is a lie": says(b"abc", OK + b"Content-Length: 99999999999\r\n"),
    "nested": says(b"[" * 200_000),
    "without end": pours,
    "no UTF-8": says(b'"\xff"'),
    "a proof that is none": says(b'{"proof": "\\ud800"}'),
    "a list": says(b"[]"),
    "another object": says(b"{}"),
    "health for everything": says(HEALTH),
    "no HTTP": says(b"", b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a refusal of its own": says(b"{}", b"HTTP/1.1 500 No\r\n"),
}


@pytest.mark.parametrize("token", ["", TOKEN], ids=["open", "token"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("command", ["status", "tail", "doctor"])
def test_what_is_no_gateway_is_told_so(
    command: str, odd: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claimed length took all memory, deep nesting the stack."""
    monkeypatch.setattr(exchange, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(control, "MOST_BYTES", 1 << 20)
    monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", token)
    with stranger(ODD[odd]) as url:
        code, out, err = call(command, "--url", url)
    assert code in {1, 2}
    assert url in out + err
    assert "Traceback" not in err
    words = ("is no gateway", "does not know this token", "went away in the middle")
    assert any(each in out + err for each in words), out + err


def test_an_identity_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read before anybody has shown that it is a gateway."""
    monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", TOKEN)
    with stranger(says(b" " * 5000 + b"{}")) as url:
        _, _, err = call("status", "--url", url)
    assert "longer than 4096 bytes" in err


@pytest.mark.parametrize(
    ("part", "pause_s"),
    [(HEAD, 0.05), (HEAD, 10.0), (OK + b"\r\n", 0.0), (OK + b"\r\n", 0.05), (OK + b"\r\n", 10.0)],
)
def test_all_of_an_answer_has_one_deadline(
    part: bytes, pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then kept a command for ever."""
    monkeypatch.setattr(control, "ANSWER_S", 0.5)
    gone = threading.Event()

    def drips(asked: socket.socket) -> None:
        asked.sendall(part)
        until_s = time.monotonic() + 10.0
        with contextlib.suppress(OSError):
            while time.monotonic() < until_s and not gone.wait(pause_s):
                asked.sendall(b"a")

    began_s = time.monotonic()
    with stranger(drips) as url:
        code, _, err = call("status", "--url", url)
        took_s = time.monotonic() - began_s
        gone.set()
    assert code == 1
    assert "took longer than 0.5 s" in err
    assert took_s < 5.0


def test_an_answer_that_is_cut_off_is_none() -> None:
    """Half a list must not pass for a whole one."""
    head = OK + b"Content-Length: 16\r\n"
    with stranger(says(HEALTH, head)) as url:
        code, _, err = call("status", "--url", url)
    assert code == 1
    assert "went away in the middle (IncompleteRead)" in err


def test_a_strangers_words_do_not_move_the_cursor() -> None:
    refusal = {"error": "a", "detail": "b\x1b[2J" + "c" * 100_000, "next_step": "\u202ed"}
    with stranger(says(json.dumps(refusal).encode(), b"HTTP/1.1 409 No\r\n")) as url:
        code, _, err = call("status", "--url", url)
    assert code == 1
    assert not {"\x1b", "\u202e"} & set(err)
    assert len(err) < 5000


@pytest.mark.parametrize("command", ["status", "tail"])
@pytest.mark.parametrize(
    "url",
    [
        *("http://[", "http://[x", "http://user:hunter2@[", f"http://{'a' * 70}.b/", "http://a b"),
        *("http://h:x", "http://h:0", "http://h:" + "9" * 5000, "http://h/\x7f"),
        *("http://", "h:1", "ftp://h"),
    ],
)
def test_an_address_that_is_none_is_usage_and_its_place_is_named(
    command: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call(command, "--url", url)
    assert (code, out) == (2, "")
    assert err.startswith("--url: ")
    monkeypatch.setenv("XIANYU_GATEWAY_URL", url)
    code, out, err = call(command)
    assert (code, out) == (2, "")
    assert err.startswith("XIANYU_GATEWAY_URL: ")
    assert "hunter2" not in err
    code, out, _ = call("doctor", "--json")
    assert code == 1
    found = {each["name"]: each for each in json.loads(out)["findings"]}
    assert found["gateway"]["detail"].startswith("XIANYU_GATEWAY_URL: ")


def test_bytes_in_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANYU_GATEWAY_URL", "http://h/\udce9")
    code, _, err = call("status")
    assert code == 2
    assert err.startswith("XIANYU_GATEWAY_URL: ")


def test_an_address_may_have_a_path_in_any_script_and_hides_its_password() -> None:
    """Of a reverse proxy."""
    port = free_port()
    code, _, err = call("status", "--url", f"http://me:hunter2@127.0.0.1:{port}/店铺")
    assert code == 1, err
    assert "no gateway runs at" in err
    assert "hunter2" not in err
    with stranger(says(HEALTH)) as url:
        assert "its answer has no 'states'" in call("status", "--url", f"{url}/店铺/")[2]


@pytest.mark.parametrize("listen", ["[x:1", "a:b:1", "a/b:1", "a b:1", "*:1", "a@b:1", "[a]:1"])
def test_a_host_to_listen_on_is_one(listen: str, tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(json.dumps({"http": {"listen": listen, "token": TOKEN}}))
    code, _, err = call("status", "-c", str(file))
    assert code == 2
    assert "http.listen: expected host:port" in err


@pytest.mark.parametrize("listen", ["[::1]:{}", "::1:{}"])
def test_an_address_of_ipv6_is_asked_with_and_without_brackets(listen: str, tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(json.dumps({"http": {"listen": listen.format(free_port())}}))
    code, _, err = call("status", "-c", str(file))
    assert code == 1
    assert "no gateway runs at http://[::1]:" in err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"\xff\xfeh\0u\0n\0t\0", "is not UTF-8; save it as UTF-8"),
        ("hunter2 密".encode(), "holds blanks or letters that no header can carry"),
        (b"hunter2\nhunter2", "holds blanks"),
        (b"a" * (1 << 20), "is too long for a token"),
    ],
    ids=["empty", "mark", "UTF-16", "Chinese", "lines", "long"],
)
def test_a_token_file_that_holds_none_is_named(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    code, out, err = call("status", "--token-file", str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"--token-file: {file} {told}")
    assert "hunter2" not in err


def test_a_token_file_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in call("status", "--token-file", str(tmp_path))[2]
    assert "cannot be read: No such" in call("status", "--token-file", str(tmp_path / "a"))[2]
    code, _, err = call("status", "--token-file", "a\0b")
    assert (code, "--token-file: 'a\\x00b' is no name of a file" in err) == (2, True)


def test_a_token_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in ("hunter2 hunter2", "hunter2密", "hunter2\udce9"):
        monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", odd)
        code, _, err = call("status")
        assert code == 2
        assert err.startswith("XIANYU_GATEWAY_TOKEN holds blanks or letters")
        assert "hunter2" not in err


def test_a_configuration_with_its_own_token_needs_none_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", "odd and of another gateway")
    file = tmp_path / "g.yaml"
    http = {"listen": f"127.0.0.1:{free_port()}"}
    file.write_text(json.dumps({"http": http | {"token": TOKEN}}))
    assert call("status", "-c", str(file))[0] == 1, "nobody is there"
    file.write_text(json.dumps({"http": http}))
    assert call("status", "-c", str(file))[2].startswith("XIANYU_GATEWAY_TOKEN holds blanks")


def test_a_byte_order_mark_is_no_part_of_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows' Notepad puts one before what it saves; a variable set from a file ends in CR."""
    file = tmp_path / "token"
    file.write_bytes(b"\xef\xbb\xbf" + TOKEN.encode() + b"\r\n")
    with serving(StandIn(tmp_path)) as served:
        assert served is not None
        assert call("accounts", "list", "--token-file", str(file), "--url", served.url)[0] == 0
        monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", f"{TOKEN}\r")
        assert call("accounts", "list", "--url", served.url)[0] == 0
