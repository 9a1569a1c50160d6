"""HttpsClient: what is sent, and by which way; nothing goes where it should not."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from actors.values import ErrorClass, Failure, Phase
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.settings import DeadlineSettings, TlsSettings
from gateway.testing import FaultProxy
from gateway.transport.https import HttpsClient

Serve: TypeAlias = Callable[..., int]
Hear: TypeAlias = Callable[[socket.socket], str]
Script: TypeAlias = Callable[[socket.socket], None]
Trusted: TypeAlias = tuple[ssl.SSLContext, TlsSettings]

ROOT = Path(__file__).parents[2]
QUICK = DeadlineSettings(dns_s=0.3, tcp_s=0.3, proxy_s=0.3, tls_s=0.3)
AT_MOST_S = 4.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def get(url: str, *, deadline_s: float = 5.0, **options: Any) -> HttpAnswer | Failure:
    request = HttpRequest(method="GET", url=url, headers={"cookie": "c=s3cret"})
    began = time.monotonic()
    answer = HttpsClient(**options).perform(request, deadline_s=deadline_s)
    assert time.monotonic() - began < AT_MOST_S
    assert "s3cret" not in repr(answer)
    return answer


def failed(answer: HttpAnswer | Failure) -> tuple[ErrorClass, str, Phase]:
    assert isinstance(answer, Failure), answer
    return answer.error_class, answer.reason, answer.phase


def no_lookup(*_: object, **__: object) -> Any:
    raise AssertionError("a proxied name was looked up here")


def answering(hear: Hear, heard: list[str]) -> Script:
    def run(sock: socket.socket) -> None:
        heard.append(hear(sock))
        sock.sendall(ANSWER)

    return run


# --- what is sent -------------------------------------------------------------------------


def test_a_request_has_what_was_given_and_little_else(serve: Serve, hear: Hear) -> None:
    heard: list[str] = []

    def script(sock: socket.socket) -> None:
        head = hear(sock)
        heard.append(head + sock.recv(100).decode())
        sock.sendall(ANSWER)

    port = serve(script)
    headers = {
        "Cookie": "a=1",
        "X-Nick": "小王",
        "HOST": "elsewhere",
        "content-length": "9999",
        "Transfer-Encoding": "chunked",
        "Accept-Encoding": "br",
        "Connection": "keep-alive",
    }
    url = f"http://127.0.0.1:{port}/h5/a%2Fb;c/1.0/?data=%7B%7D&t=1&x=[y]#part"
    request = HttpRequest(method="POST", url=url, headers=headers, body=b"data=1")
    answer = HttpsClient().perform(request, deadline_s=5)
    assert isinstance(answer, HttpAnswer), answer
    first, *lines = heard[0].encode("latin-1", "ignore").decode("latin-1").split("\r\n")
    assert first == "POST /h5/a%2Fb;c/1.0/?data=%7B%7D&t=1&x=[y] HTTP/1.1"
    assert lines[0] == f"Host: 127.0.0.1:{port}"
    assert "X-Nick: 小王" in heard[0]
    assert sorted(line.partition(":")[0] for line in lines if ":" in line) == [
        "Accept-Encoding", "Connection", "Content-Length", "Cookie", "Host", "X-Nick",
    ]  # fmt: skip
    assert {"Accept-Encoding: gzip, deflate", "Connection: close", "Content-Length: 6"} < {*lines}
    assert heard[0].endswith("\r\n\r\ndata=1")


@pytest.mark.parametrize(
    ("url", "headers", "method", "reason"),
    [
        ("https://x.test/?s3cret\r\nA: b", {}, "GET", "bad_url"),
        ("https://x.test/ s3cret", {}, "GET", "bad_url"),
        ("https://u:s3cret@x.test/", {}, "GET", "bad_url"),
        ("https://x.test/\ud83d", {}, "GET", "bad_url"),
        ("http://x.test/?s3cret", {}, "GET", "bad_url"),
        ("http://10.0.0.1/?s3cret", {}, "GET", "bad_url"),
        ("ws://127.0.0.1/?s3cret", {}, "GET", "bad_url"),
        ("x.test/?s3cret", {}, "GET", "bad_url"),
        ("https:///?s3cret", {}, "GET", "bad_url"),
        ("https://x.test:0/?s3cret", {}, "GET", "bad_url"),
        ("https://x.test/", {"A": "s3cret\r\nB: c"}, "GET", "bad_header"),
        ("https://x.test/", {"A": "s3cret\nB: c"}, "GET", "bad_header"),
        ("https://x.test/", {"A": "s3cret\0"}, "GET", "bad_header"),
        ("https://x.test/", {"A": "s3cret\ud83d"}, "GET", "bad_header"),
        ("https://x.test/", {"A\r\nB": "s3cret"}, "GET", "bad_header"),
        ("https://x.test/", {"": "s3cret"}, "GET", "bad_header"),
        ("https://x.test/", {}, "GET / HTTP/1.1\r\nA: b\r\n", "bad_method"),
        ("https://x.test/", {}, "TRACE", "bad_method"),
    ],
)
def test_what_cannot_be_sent_is_not_dialled(
    url: str, headers: dict[str, str], method: str, *, reason: str
) -> None:
    request = HttpRequest(method=method, url=url, headers=headers)
    answer = HttpsClient(resolve=no_lookup).perform(request, deadline_s=5)
    assert failed(answer) == (ErrorClass.CONFIG, reason, Phase.CREDENTIALS)
    assert "s3cret" not in repr(answer)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_http_to_loopback_is_spoken(serve: Serve, hear: Hear, host: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9))]
    answer = get(f"http://{host}:9/", resolve=lambda *_a, **_k: found)
    assert failed(answer)[1] in {"connection_refused", "unreachable"}
    heard: list[str] = []
    assert isinstance(get(f"http://127.0.0.1:{serve(answering(hear, heard))}"), HttpAnswer)
    assert heard[0].startswith("GET / HTTP/1.1\r\n")


def test_nothing_secret_is_shown(
    serve: Serve, hear: Hear, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    heard: list[str] = []
    proxy = "http://u:s3cret@127.0.0.1:9"
    url = f"http://127.0.0.1:{serve(answering(hear, heard))}/?token=s3cret"
    assert isinstance(get(url), HttpAnswer)
    assert "s3cret" in heard[0]
    for shown in (HttpsClient(proxy=proxy), HttpRequest(method="GET", url=url, headers={})):
        assert "s3cret" not in repr(shown)
        assert "s3cret" not in str(shown)
    assert "s3cret" not in caplog.text


def test_the_library_is_loaded_by_the_first_call() -> None:
    """It costs 70 ms and 3 MB, and most gateways ask nothing."""
    code = (
        "import sys\n"
        "import gateway, gateway.http_messages\n"
        "from gateway.transport.https import HttpsClient\n"
        "from gateway.http_messages import HttpRequest\n"
        "client = HttpsClient()\n"
        "assert 'urllib3' not in sys.modules\n"
        "request = HttpRequest(method='GET', url='http://127.0.0.1:1/', headers={})\n"
        "client.perform(request, deadline_s=1)\n"
        "assert 'urllib3' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.transport.exchange", None)
    answer = get("http://127.0.0.1:1/")
    assert failed(answer)[:2] == (ErrorClass.CONFIG, "library_missing")


# --- the way to the server ----------------------------------------------------------------


@pytest.mark.row("B16", "class of the phase")
def test_refused() -> None:
    """Row B16."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    answer = get(f"https://127.0.0.1:{port}/?s3cret")
    assert failed(answer) == (ErrorClass.NETWORK, "connection_refused", Phase.TCP)


@pytest.mark.row("B16", "class of the phase")
def test_a_black_hole_ends(serve: Serve) -> None:
    """Row B16: the socket is open, and nothing ever comes back."""
    with FaultProxy(f"127.0.0.1:{serve(lambda sock: sock.recv(1) and None)}") as hole:
        hole.black_hole()
        answer = get(f"https://127.0.0.1:{hole.port}/", deadline_s=0.4)
        assert failed(answer) == (ErrorClass.NETWORK, "tls_timeout", Phase.TLS)
        assert isinstance(answer, Failure)
        assert answer.timed_out
        answer = get(f"http://127.0.0.1:{hole.port}/", deadline_s=0.4)
        assert failed(answer) == (ErrorClass.NETWORK, "credentials_timeout", Phase.CREDENTIALS)


@pytest.mark.row("B16", "class of the phase")
def test_dns_that_fails_or_hangs(over: threading.Event) -> None:
    """Row B16."""

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "s3cret")

    def hang(*_: object, **__: object) -> Any:
        over.wait(5)
        raise OSError(errno.EIO, "x")

    answer = get("https://shop.test/", resolve=unknown)
    assert failed(answer) == (ErrorClass.NETWORK, "dns_failed", Phase.DNS)
    answer = get("https://shop.test/", resolve=hang, deadline_s=0.3)
    over.set()
    assert failed(answer) == (ErrorClass.NETWORK, "dns_timeout", Phase.DNS)


def test_a_name_is_looked_up_and_its_certificate_checked(
    serve: Serve, hear: Hear, trusted: Trusted
) -> None:
    context, tls = trusted
    heard: list[str] = []
    port = serve(answering(hear, heard), context)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    for host, reason in (("shop.test", None), ("other.test", "certificate_rejected")):
        answer = get(f"https://{host}/?s3cret", tls=tls, resolve=lambda *_a, **_k: found)
        if reason is None:
            assert isinstance(answer, HttpAnswer), answer
        else:
            assert failed(answer) == (ErrorClass.TLS_TRUST, reason, Phase.TLS)
    assert [head.split("\r\n")[1] for head in heard] == ["Host: shop.test"]


@pytest.mark.row("B16", "class of the phase")
def test_an_untrusted_certificate_hears_nothing(serve: Serve, hear: Hear, trusted: Trusted) -> None:
    """Row B16."""
    heard: list[str] = []
    port = serve(answering(hear, heard), trusted[0])
    answer = get(f"https://localhost:{port}/?s3cret", tls=TlsSettings())
    assert failed(answer) == (ErrorClass.TLS_TRUST, "certificate_rejected", Phase.TLS)
    assert heard == []


def test_a_port_without_tls_is_named(serve: Serve) -> None:
    def plain(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        sock.recv(1)

    answer = get(f"https://127.0.0.1:{serve(plain)}/")
    assert failed(answer) == (ErrorClass.NETWORK, "tls_failed", Phase.TLS)
    assert "https port" in repr(answer)


def test_settings_that_cannot_work_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^tls\.ca_file: "):
        HttpsClient(tls=TlsSettings(ca_file=str(tmp_path / "none.pem")))
    with pytest.raises(ValueError, match=r"^proxy: "):
        HttpsClient(proxy="http://u:s3cret@x")
    with pytest.raises(ValueError, match=r"^tls\.server_name: "):
        HttpsClient(tls=TlsSettings(server_name="a b"))


# --- proxies ------------------------------------------------------------------------------


def pump(sock: socket.socket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as far:
        other = {sock: far, far: sock}
        while True:
            for ready in select.select(list(other), [], [], 5)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                other[ready].sendall(data)


def http_proxy(hear: Hear, heard: list[str], port: int) -> Script:
    def run(sock: socket.socket) -> None:
        heard.append(hear(sock))
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        pump(sock, port)

    return run


def socks_proxy(heard: list[str], port: int) -> Script:
    def run(sock: socket.socket) -> None:
        sock.recv(2 + 2)
        sock.sendall(b"\x05\x00")
        request = sock.recv(300)
        heard.append(request[5:-2].decode())
        sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
        pump(sock, port)

    return run


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_through_a_proxy(serve: Serve, hear: Hear, trusted: Trusted, *, scheme: str) -> None:
    """The proxy sees a name and a port; the name is looked up there."""
    context, tls = trusted
    heard: list[str] = []
    told: list[str] = []
    port = serve(answering(hear, heard), context)
    script = http_proxy(hear, told, port) if scheme == "http" else socks_proxy(told, port)
    proxy = f"{scheme}://127.0.0.1:{serve(script)}"
    answer = get("https://shop.test/?token=s3cret", tls=tls, proxy=proxy, resolve=no_lookup)
    assert isinstance(answer, HttpAnswer), answer
    assert "shop.test" in told[0]
    assert "s3cret" not in told[0]
    assert "token=s3cret" in heard[0]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (b"HTTP/1.1 407 s3cret\r\n\r\n", "proxy_auth_refused"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy_connect_failed"),
        (b"", "proxy_connection_lost"),
        (None, "proxy_timeout"),
    ],
)
def test_a_proxy_that_refuses_is_not_passed_by(
    serve: Serve, hear: Hear, over: threading.Event, refusal: bytes | None, *, reason: str
) -> None:
    """Row B16."""
    direct = threading.Event()
    port = serve(lambda _sock: direct.set())

    def refuse(sock: socket.socket) -> None:
        hear(sock)
        if refusal is None:
            over.wait(5)
        else:
            sock.sendall(refusal)

    proxy = f"http://u:s3cret@127.0.0.1:{serve(refuse)}"
    answer = get(f"https://127.0.0.1:{port}/?s3cret", proxy=proxy, deadlines=QUICK)
    assert failed(answer) == (ErrorClass.NETWORK, reason, Phase.PROXY)
    assert not direct.is_set()


@pytest.mark.row("B16", "never directly")
def test_a_proxy_that_is_down_is_not_passed_by(serve: Serve) -> None:
    """Row B16."""
    direct = threading.Event()
    port = serve(lambda _sock: direct.set())
    with socket.create_server(("127.0.0.1", 0)) as gone:
        proxy = f"http://127.0.0.1:{gone.getsockname()[1]}"
    answer = get(f"http://127.0.0.1:{port}/", proxy=proxy)
    assert failed(answer) == (ErrorClass.NETWORK, "proxy_connection_refused", Phase.PROXY)
    assert not direct.is_set()


def test_proxies_of_the_environment_are_not_used(
    serve: Serve, hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP and link would leave by different addresses."""
    asked = threading.Event()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        url = f"http://127.0.0.1:{serve(lambda _sock: asked.set())}"
        monkeypatch.setenv(name, url)
        monkeypatch.setenv(name.lower(), url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert isinstance(get(f"http://127.0.0.1:{serve(answering(hear, []))}/"), HttpAnswer)
    assert not asked.is_set()
