"""WebSocketDialer through proxies: every byte goes through, or nothing goes at all."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import trustme

from actors.ports import Dialed
from actors.values import ErrorClass, Failure, Phase
from gateway.settings import DeadlineSettings, TlsSettings
from gateway.transport.dialer import WebSocketDialer

Serve: TypeAlias = Callable[..., int]
Hear: TypeAlias = Callable[[socket.socket], str]
Script: TypeAlias = Callable[[socket.socket], None]

QUICK = DeadlineSettings(dns_s=0.3, tcp_s=0.3, proxy_s=0.3)


def pump(sock: socket.socket, port: int) -> None:
    """Carry bytes both ways until one side ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as far:
        other = {sock: far, far: sock}
        while True:
            for ready in select.select(list(other), [], [], 5)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                other[ready].sendall(data)


def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def dial(url: str, proxy: str, **options: Any) -> Dialed | Failure:
    dialer = WebSocketDialer(url=url, headers={}, proxy=proxy, **options)
    return dialer.dial({}, "c=s3cret", deadline_s=5, stretch=lambda _phase: 1.0)


def no_lookup(*_: object, **__: object) -> Any:
    raise AssertionError("a proxied name was looked up here")


# --- HTTP CONNECT -------------------------------------------------------------------------


def http_proxy(hear: Hear, heard: list[str], port: int) -> Script:
    """Make a CONNECT proxy that carries everything to one port."""

    def run(sock: socket.socket) -> None:
        heard.append(hear(sock))
        sock.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        pump(sock, port)

    return run


def test_http_connect_with_password(serve: Serve, hear: Hear, shake: Hear) -> None:
    heard: list[str] = []
    proxy = serve(http_proxy(hear, heard, serve(shake)))
    dialed = dial("ws://shop.test:81/p", f"http://u%40x:p%3Aw@127.0.0.1:{proxy}", resolve=no_lookup)
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()
    assert [phase for phase, _ in dialed.phases] == [Phase.PROXY, Phase.UPGRADE]
    assert dialed.address == "shop.test:81"
    login = base64.b64encode(b"u@x:p:w").decode()
    (request,) = heard
    assert request == (
        "CONNECT shop.test:81 HTTP/1.1\r\nHost: shop.test:81\r\n"
        f"Proxy-Authorization: Basic {login}\r\n\r\n"
    )


def test_tls_through_a_proxy_checks_the_server_not_the_proxy(
    serve: Serve, hear: Hear, shake: Hear, tmp_path: Any
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("shop.test").configure_cert(context)
    heard: list[str] = []
    proxy = f"http://127.0.0.1:{serve(http_proxy(hear, heard, serve(shake, context)))}"
    tls = TlsSettings(ca_file=str(tmp_path / "ca.pem"))
    dialed = dial("wss://shop.test/", proxy, tls=tls)
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()
    failed = dial("wss://other.test/", proxy, tls=tls)
    assert isinstance(failed, Failure)
    assert failed.error_class is ErrorClass.TLS_TRUST
    assert [head.split(" ")[1] for head in heard] == ["shop.test:443", "other.test:443"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy_auth_refused"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy_connect_failed"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy_connect_failed"),
        (b"SSH-2.0-x\r\n\r\n", "proxy_bad_answer"),
        (b"HTTP/1.1 2", "proxy_connection_lost"),
        (b"a" * 40_000, "proxy_bad_answer"),
    ],
)
@pytest.mark.parametrize("target", ["ws", "wss"])
def test_an_http_proxy_that_refuses(
    serve: Serve, hear: Hear, target: str, answer: bytes, *, reason: str
) -> None:
    direct = threading.Event()
    port = serve(lambda _sock: direct.set())

    def refuse(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(answer)

    failed = dial(f"{target}://127.0.0.1:{port}/", f"http://u:s3cret@127.0.0.1:{serve(refuse)}")
    assert isinstance(failed, Failure)
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, reason)
    assert failed.phase is Phase.PROXY
    assert "s3cret" not in repr(failed)
    assert not direct.is_set(), "the proxy was bypassed"


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        (":tok@", b":tok"),
        ("u@", b"u:"),
        ("u:p%E9ss@", b"u:p\xe9ss"),
        ("us%C3%A9r:p%40ss@", "usér:p@ss".encode()),
        ("@", None),
        ("", None),
    ],
)
def test_a_login_is_sent_byte_for_byte(
    serve: Serve, hear: Hear, shake: Hear, login: str, *, sent: bytes | None
) -> None:
    """Some proxies want a password alone; many have their logins in Latin-1."""
    heard: list[str] = []
    proxy = serve(http_proxy(hear, heard, serve(shake)))
    dialed = dial("ws://shop.test/", f"http://{login}127.0.0.1:{proxy}")
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()
    basic = "" if sent is None else f"Basic {base64.b64encode(sent).decode()}"
    lines = [line for line in heard[0].split("\r\n") if line.startswith("Proxy-Authorization")]
    assert lines == ([f"Proxy-Authorization: {basic}"] if basic else [])


def test_answers_before_the_answer_of_a_proxy(serve: Serve, hear: Hear, shake: Hear) -> None:
    port = serve(shake)

    def patient(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
        pump(sock, port)

    dialed = dial("ws://shop.test/", f"http://127.0.0.1:{serve(patient)}")
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()

    def endless(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        sock.recv(1)

    failed = dial("ws://shop.test/", f"http://127.0.0.1:{serve(endless)}")
    assert isinstance(failed, Failure)
    assert failed.reason == "proxy_connect_failed"


# --- SOCKS5 -------------------------------------------------------------------------------


def socks_proxy(
    asked: list[bytes], port: int, *, login: bytes | None = None, reply: bytes = b"\1" + bytes(6)
) -> Script:
    """Make a SOCKS5 proxy that carries everything to one port.

    Args:
        asked: Gets the address of each request.
        port: Where to.
        login: ``name:password`` it wants; None: none.
        reply: Kind and address in its answer.
    """

    def run(sock: socket.socket) -> None:
        methods = read(sock, read(sock, 2)[1])
        want = 0 if login is None else 2
        if want not in methods:
            sock.sendall(b"\x05\xff")
            return
        sock.sendall(bytes((5, want)))
        if login is not None:
            name = read(sock, read(sock, 2)[1])
            password = read(sock, read(sock, 1)[0])
            right = name + b":" + password == login
            sock.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        kind = read(sock, 4)[3]
        size = {1: 4, 4: 16}.get(kind) or read(sock, 1)[0]
        asked.append(bytes((kind,)) + read(sock, size + 2))
        sock.sendall(b"\x05\x00\x00" + reply)
        pump(sock, port)

    return run


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("shop.test", b"\x03shop.test\x00\x51"),
        ("127.0.0.9", b"\x01\x7f\x00\x00\x09\x00\x51"),
        ("[::9]", b"\x04" + bytes(15) + b"\x09\x00\x51"),
    ],
    ids=["name", "IPv4", "IPv6"],
)
@pytest.mark.parametrize("login", [None, b"u:p"])
def test_socks5(
    serve: Serve, shake: Hear, host: str, address: bytes, *, login: bytes | None
) -> None:
    """The name goes to the proxy as it is: a local lookup would give the account away."""
    asked: list[bytes] = []
    proxy = serve(socks_proxy(asked, serve(shake), login=login))
    dialed = dial(f"ws://{host}:81/", f"socks5://u:p@127.0.0.1:{proxy}", resolve=no_lookup)
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()
    assert asked == [address]


@pytest.mark.parametrize(("login", "sent"), [(":p@", b":p"), ("u:p%E9@", b"u:p\xe9")])
def test_a_socks5_login_is_sent_byte_for_byte(
    serve: Serve, shake: Hear, login: str, sent: bytes
) -> None:
    proxy = serve(socks_proxy([], serve(shake), login=sent))
    dialed = dial("ws://shop.test/", f"socks5://{login}127.0.0.1:{proxy}")
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()


@pytest.mark.parametrize("reply", [b"\x03\x04host\x00\x50", b"\x04" + bytes(18)])
def test_socks5_answers_of_any_length_are_read_to_their_end(
    serve: Serve, shake: Hear, reply: bytes
) -> None:
    """A byte too few, and the rest would be taken for the server's handshake."""
    proxy = serve(socks_proxy([], serve(shake), reply=reply))
    dialed = dial("ws://shop.test/", f"socks5h://127.0.0.1:{proxy}")
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()


@pytest.mark.parametrize("proxy_login", ["", "u:wrong@", "u@"])
def test_a_socks5_proxy_that_wants_another_login(
    serve: Serve, shake: Hear, proxy_login: str
) -> None:
    proxy = serve(socks_proxy([], serve(shake), login=b"u:p"))
    failed = dial("ws://shop.test/", f"socks5://{proxy_login}127.0.0.1:{proxy}")
    assert isinstance(failed, Failure)
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "proxy_auth_refused")
    assert "wrong" not in failed.detail


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"\x04\x00"], "proxy_bad_answer"),
        ([b"\x05\x01"], "proxy_auth_refused"),
        ([b"\x05\x00", b"\x05\x05\x00\x01"], "proxy_connect_failed"),
        ([b"\x05\x00", b"\x05\x63\x00\x01"], "proxy_connect_failed"),
        ([b"\x05\x00", b"\x00\x00\x00\x01"], "proxy_bad_answer"),
        ([b"\x05\x00", b"\x05\x00\x00\x07"], "proxy_bad_answer"),
        ([b"\x05"], "proxy_connection_lost"),
    ],
)
def test_a_socks5_proxy_that_refuses(serve: Serve, answers: list[bytes], reason: str) -> None:
    def refuse(sock: socket.socket) -> None:
        for answer in answers:
            sock.recv(100)
            sock.sendall(answer)

    failed = dial("ws://shop.test/", f"socks5://127.0.0.1:{serve(refuse)}")
    assert isinstance(failed, Failure)
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, reason)
    assert failed.phase is Phase.PROXY


# --- proxies that are not there -------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_down_is_never_bypassed(serve: Serve, scheme: str) -> None:
    direct = threading.Event()
    port = serve(lambda _sock: direct.set())
    with socket.create_server(("127.0.0.1", 0)) as server:
        down = server.getsockname()[1]
    failed = dial(f"ws://127.0.0.1:{port}/", f"{scheme}://127.0.0.1:{down}")
    assert isinstance(failed, Failure)
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "proxy_connection_refused")
    assert failed.phase is Phase.PROXY
    assert f"127.0.0.1:{down}" in failed.detail
    assert not direct.is_set(), "the proxy was bypassed"


def test_a_proxy_whose_name_is_unknown() -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    failed = dial("ws://127.0.0.1:1/", "http://proxy.test:3128", resolve=unknown)
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.phase) == ("proxy_dns_failed", Phase.PROXY)
    assert "proxy.test:3128" in failed.detail


@pytest.mark.peer(3)
@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("dripping", [False, True])
def test_a_stalled_proxy_ends(
    serve: Serve, over: threading.Event, scheme: str, *, dripping: bool
) -> None:
    def stall(sock: socket.socket) -> None:
        sock.recv(1)
        if not dripping:
            over.wait(5)
        with contextlib.suppress(OSError):
            # A SOCKS5 answer that ends with a name of 255 bytes lasts longest.
            sock.sendall(b"\x05\x00\x05\x00\x00\x03\xff" if scheme == "socks5" else b"HTTP/1.1 ")
            while not over.wait(0.01):
                sock.sendall(b"2")

    began = time.monotonic()
    failed = dial("ws://shop.test/", f"{scheme}://127.0.0.1:{serve(stall)}", deadlines=QUICK)
    assert time.monotonic() - began < 3
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.timed_out) == ("proxy_timeout", True)
    assert (failed.error_class, failed.phase) == (ErrorClass.NETWORK, Phase.PROXY)
