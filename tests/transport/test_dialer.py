"""WebSocketDialer against real servers on loopback: links, refusals, stalls."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeAlias

import pytest

from actors.ports import Dialed, Incoming
from actors.values import ErrorClass, Failure, Phase
from gateway.settings import DeadlineSettings
from gateway.transport.dialer import WebSocketDialer

Serve: TypeAlias = Callable[..., int]
Hear: TypeAlias = Callable[[socket.socket], str]

QUICK = DeadlineSettings(dns_s=0.3, tcp_s=0.3, proxy_s=0.3, tls_s=0.3, upgrade_s=0.3)


def plain(_phase: Phase) -> float:
    return 1.0


def dial(dialer: WebSocketDialer, cookie: str | None = None, **headers: str) -> Dialed | Failure:
    return dialer.dial(headers, cookie, deadline_s=5, stretch=plain)


def link(dialer: WebSocketDialer, cookie: str | None = None, **headers: str) -> Dialed:
    dialed = dial(dialer, cookie, **headers)
    assert isinstance(dialed, Dialed), dialed
    return dialed


def failure(dialer: WebSocketDialer, cookie: str | None = None) -> Failure:
    failed = dial(dialer, cookie)
    assert isinstance(failed, Failure), failed
    return failed


def next_items(dialed: Dialed) -> list[Incoming]:
    items: list[Incoming] = []
    while not items:
        assert select.select([dialed.sock], [], [], 5)[0], "nothing came"
        items = dialed.wire.feed(dialed.sock.recv(65536))
    return items


def at(port: int, **options: Any) -> WebSocketDialer:
    options.setdefault("headers", {})
    return WebSocketDialer(url=f"ws://127.0.0.1:{port}/chat?key=s3cret", **options)


# --- links ----------------------------------------------------------------------------


def test_a_link_is_open_non_blocking_and_carries_messages(serve: Serve, shake: Hear) -> None:
    def echo(sock: socket.socket) -> None:
        shake(sock)
        head = sock.recv(6)
        assert head[:2] == b"\x81\x85"
        payload = bytes(b ^ head[2 + i % 4] for i, b in enumerate(sock.recv(5)))
        sock.sendall(b"\x81\x05" + payload)

    port = serve(echo)
    dialed = link(at(port))
    with dialed.sock as sock:
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        assert dialed.address == f"127.0.0.1:{port}"
        assert [phase for phase, _ in dialed.phases] == [Phase.DNS, Phase.TCP, Phase.UPGRADE]
        sock.sendall(dialed.wire.encode(["hello"]))
        assert next_items(dialed) == ["hello"]


def test_frames_that_came_with_the_handshake_are_not_lost(
    serve: Serve, hear: Hear, accept_of: Callable[[str], str]
) -> None:
    """A server may send its first frames in the segment of the 101."""

    def eager(sock: socket.socket) -> None:
        sock.sendall((accept_of(hear(sock)) + "\r\n").encode() + b"\x81\x02hi\x81\x02ho")

    dialed = link(at(serve(eager)))
    with dialed.sock:
        assert next_items(dialed) == ["hi", "ho"]


def test_the_request_is_what_was_configured(serve: Serve, shake: Hear) -> None:
    heard: SimpleQueue[str] = SimpleQueue()
    port = serve(lambda sock: heard.put(shake(sock)))
    dialer = at(
        port,
        headers={
            "Origin": "https://www.goofish.com",
            "user-agent": "Chrome",
            "Connection": "Upgrade",
            "Sec-WebSocket-Extensions": "permessage-deflate",
            "Sec-WebSocket-Key": "copied from a browser",
        },
    )
    link(dialer, "a=1; b=2\n", **{"User-Agent": "other", "X-New": "yes"}).sock.close()
    lines = heard.get(timeout=5).split("\r\n")
    assert lines[0] == "GET /chat?key=s3cret HTTP/1.1"
    key = next(line for line in lines if line.startswith("Sec-WebSocket-Key"))
    assert sorted(lines[1:-2]) == sorted(
        [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            key,
            f"Host: 127.0.0.1:{port}",
            "Origin: https://www.goofish.com",
            "user-agent: Chrome",
            "X-New: yes",
            "Cookie: a=1; b=2",
        ]
    )
    assert "browser" not in key


def test_a_configured_host_is_sent_and_no_origin_is_made_up(serve: Serve, shake: Hear) -> None:
    heard: SimpleQueue[str] = SimpleQueue()
    port = serve(lambda sock: heard.put(shake(sock)))
    link(at(port, headers={"Host": "shop.example", "Cookie": "own=1"})).sock.close()
    request = heard.get(timeout=5)
    assert "\r\nHost: shop.example\r\n" in request
    assert "Origin" not in request
    assert "\r\nCookie: own=1\r\n" in request


def test_a_cookie_never_reaches_another_account(
    serve: Serve, hear: Hear, accept_of: Callable[[str], str]
) -> None:
    """websocket-client keeps one jar for the whole process and sends from it by domain."""
    import websocket

    heard: SimpleQueue[str] = SimpleQueue()

    def set_cookie(sock: socket.socket) -> None:
        request = hear(sock)
        heard.put(request)
        answer = accept_of(request) + "Set-Cookie: leak=of-a; Domain=localhost\r\n\r\n"
        sock.sendall(answer.encode())

    url = f"ws://localhost:{serve(set_cookie)}/"
    first, second = (WebSocketDialer(url=url, headers={}) for _ in range(2))
    link(first, "who=a").sock.close()
    link(second, "who=b").sock.close()
    link(second).sock.close()
    # The program around us may use the library too; what its jar holds is not ours either.
    other = websocket.WebSocket()
    other.connect(url, suppress_origin=True)  # type: ignore[no-untyped-call]
    other.shutdown()  # type: ignore[no-untyped-call]
    link(second, "who=b").sock.close()
    cookies = [
        [line for line in heard.get(timeout=5).split("\r\n") if line.startswith("Cookie")]
        for _ in range(5)
    ]
    assert cookies == [["Cookie: who=a"], ["Cookie: who=b"], [], [], ["Cookie: who=b"]]


def test_proxies_of_the_environment_are_ignored(
    serve: Serve, shake: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    link(at(serve(shake))).sock.close()


# --- refusals -------------------------------------------------------------------------


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failed = failure(at(port, headers={"Cookie": "s3cret"}))
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "connection_refused")
    assert failed.phase is Phase.TCP
    assert not failed.timed_out
    assert f"127.0.0.1:{port}" in failed.detail
    assert "s3cret" not in repr(failed)


@pytest.mark.parametrize(
    ("status", "error_class", "reason"),
    [
        (401, ErrorClass.AUTH, "http_401"),
        (403, ErrorClass.AUTH, "http_403"),
        (400, ErrorClass.CONFIG, "http_400"),
        (404, ErrorClass.CONFIG, "http_404"),
        (426, ErrorClass.CONFIG, "http_426"),
        (302, ErrorClass.CONFIG, "redirect_refused"),
        (308, ErrorClass.CONFIG, "redirect_refused"),
        (429, ErrorClass.SERVER_OVERLOAD, "http_429"),
        (502, ErrorClass.SERVER_OVERLOAD, "http_502"),
        (503, ErrorClass.SERVER_OVERLOAD, "http_503"),
        (504, ErrorClass.SERVER_OVERLOAD, "http_504"),
        (200, ErrorClass.OTHER, "http_200"),
        (500, ErrorClass.OTHER, "http_500"),
    ],
)
def test_a_status_decides_the_class(
    serve: Serve,
    hear: Hear,
    over: threading.Event,
    status: int,
    *,
    error_class: ErrorClass,
    reason: str,
) -> None:
    """Judged at the end of the header: the body that is promised here never comes."""

    def refuse(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(
            f"HTTP/1.1 {status} \r\nContent-Length: 99999\r\nRetry-After: 7\r\n\r\n".encode()
        )
        over.wait(5)

    failed = failure(at(serve(refuse)))
    assert (failed.error_class, failed.reason) == (error_class, reason)
    assert (failed.http_status, failed.phase) == (status, Phase.UPGRADE)
    assert failed.retry_after_s == (7.0 if error_class is ErrorClass.SERVER_OVERLOAD else None)
    assert "s3cret" not in repr(failed)


def test_a_redirect_carries_no_credential_to_the_other_host(serve: Serve, hear: Hear) -> None:
    reached = threading.Event()
    other = serve(lambda _sock: reached.set())

    def redirect(sock: socket.socket) -> None:
        hear(sock)
        where = f"ws://user:pw@localhost:{other}/login?token=s3cret"
        sock.sendall(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\n\r\n".encode())

    failed = failure(at(serve(redirect)), "s3cret")
    assert failed.reason == "redirect_refused"
    assert f"localhost:{other}" in failed.detail
    assert "s3cret" not in failed.detail
    assert "pw" not in failed.detail
    assert not reached.is_set()


BAD_ANSWERS = {
    "wrong key": "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    "no key": "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "no header at all": "HTTP/1.1 101 S\r\n\r\n",
    "header without colon": "HTTP/1.1 101 S\r\nnonsense\r\n\r\n",
    "header no UTF-8": "HTTP/1.1 101 S\r\nX: \xff\r\n\r\n",
    "no HTTP": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "endless header": "HTTP/1.1 101 S\r\nX: " + "a" * 40_000,
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_is_no_handshake(serve: Serve, hear: Hear, answer: str) -> None:
    def wrong(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(answer.encode("latin-1"))
        sock.recv(1)

    failed = failure(at(serve(wrong)))
    assert (failed.error_class, failed.reason) == (ErrorClass.OTHER, "bad_upgrade")


ODD_ANSWERS = {
    "two Connection lines": ("", "Connection: keep-alive\r\n"),
    "100 before": ("HTTP/1.1 100 Continue\r\n\r\n", ""),
    "103 before": ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ""),
    "Latin-1": ("", "Server: \xdcberserver\r\n"),
    "folded": ("", "X-Fold: a\r\n b\r\n\tc\r\n"),
    "no value": ("", "X-Empty:\r\nSec-WebSocket-Extensions:\r\n"),
    "said twice": ("", "Upgrade: WebSocket\r\n"),
}


@pytest.mark.parametrize(("before", "added"), ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_an_odd_answer_that_is_a_handshake(
    serve: Serve, hear: Hear, accept_of: Callable[[str], str], before: str, *, added: str
) -> None:
    """Proxies and load balancers add lines; a link that they carry must open."""

    def odd(sock: socket.socket) -> None:
        head = accept_of(hear(sock))
        answer = before + head.replace("Upgrade: websocket\r\n", "Upgrade: websocket\r\n" + added)
        sock.sendall((answer + "\r\n").encode("latin-1") + b"\x81\x02hi")

    dialed = link(at(serve(odd)))
    with dialed.sock:
        assert next_items(dialed) == ["hi"]


NAMED_ANSWERS = {
    "Upgrade: websocket\r\nConnection: close\r\n": "Connection: Upgrade",
    "Upgrade: h2c\r\nConnection: Upgrade\r\n": "Upgrade: websocket",
    " folded: first\r\n": "folded",
    "nonsense\r\n": "no colon",
    "Upgrade: websocket\r\nConnection: Upgrade\r\n": "0 Sec-WebSocket-Accept",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\nSec-WebSocket-"
    "Accept: b\r\n": "2 Sec-WebSocket-Accept",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \xff\r\n": "not ASCII",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n": "does not fit",
}


@pytest.mark.parametrize(("headers", "says"), NAMED_ANSWERS.items())
def test_a_bad_answer_is_named_for_what_it_is(
    serve: Serve, hear: Hear, headers: str, says: str
) -> None:
    """Whoever reads the log looks at the right place, and not always at the key."""

    def wrong(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(f"HTTP/1.1 101 S\r\n{headers}\r\n".encode("latin-1"))
        sock.recv(1)

    failed = failure(at(serve(wrong)))
    assert failed.reason == "bad_upgrade"
    assert says in failed.detail


def test_answers_that_only_announce_one_end(serve: Serve, hear: Hear) -> None:
    def announce(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
        sock.recv(1)

    assert "1xx" in failure(at(serve(announce))).detail


def test_an_extension_nobody_asked_for(
    serve: Serve, hear: Hear, accept_of: Callable[[str], str]
) -> None:
    """Its frames would be compressed, and nobody here could read them."""

    def compress(sock: socket.socket) -> None:
        answer = accept_of(hear(sock)) + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        sock.sendall(answer.encode())

    assert failure(at(serve(compress))).reason == "bad_upgrade"


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("how", [lambda _sock: None, reset])
def test_a_peer_that_hangs_up(
    serve: Serve, hear: Hear, how: Callable[[socket.socket], None]
) -> None:
    def hang_up(sock: socket.socket) -> None:
        hear(sock)
        how(sock)

    failed = failure(at(serve(hang_up)))
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "connection_lost")
    assert failed.phase is Phase.UPGRADE


def test_a_header_with_a_line_break_is_not_sent(serve: Serve) -> None:
    """It would let whoever writes the cookie write the rest of the request."""
    reached = threading.Event()
    dialer = at(serve(lambda _sock: reached.set()))
    failed = failure(dialer, "a=s3cret\r\nX: y")
    assert (failed.error_class, failed.reason) == (ErrorClass.CONFIG, "bad_header")
    assert "s3cret" not in failed.detail
    assert not reached.is_set()


# --- stalls ---------------------------------------------------------------------------


def test_a_silent_server_costs_the_limit_of_the_phase_times_its_stretch(
    serve: Serve, over: threading.Event
) -> None:
    dialer = at(serve(lambda _sock: over.wait(5)), deadlines=QUICK)
    asked: list[Phase] = []

    def twice(phase: Phase) -> float:
        asked.append(phase)
        return 2.0

    began = time.monotonic()
    failed = dialer.dial({}, None, deadline_s=5, stretch=twice)
    assert isinstance(failed, Failure)
    assert 0.5 < time.monotonic() - began < 3
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "upgrade_timeout")
    assert failed.timed_out
    assert failed.phase is Phase.UPGRADE
    assert asked == [Phase.DNS, Phase.TCP, Phase.UPGRADE]


@pytest.mark.parametrize("deadline_s", [0.3, 30])
def test_a_dripping_handshake_ends_at_the_deadline(
    serve: Serve, hear: Hear, over: threading.Event, deadline_s: float
) -> None:
    """Each read makes progress, so a timeout for a read alone would never end it."""

    def drip(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
        while not over.wait(0.01):
            sock.sendall(b"a")

    limits = QUICK if deadline_s > 1 else None
    began = time.monotonic()
    failed = at(serve(drip), deadlines=limits).dial({}, None, deadline_s=deadline_s, stretch=plain)
    assert time.monotonic() - began < 3
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.timed_out) == ("upgrade_timeout", True)


def test_a_deadline_that_has_passed_opens_nothing(serve: Serve, shake: Hear) -> None:
    failed = at(serve(shake)).dial({}, None, deadline_s=0, stretch=plain)
    assert isinstance(failed, Failure)
    assert failed.timed_out


# --- names and addresses ----------------------------------------------------------------


def named(port: int, resolve: Callable[..., Any], **options: Any) -> WebSocketDialer:
    return WebSocketDialer(url=f"ws://shop.test:{port}/", headers={}, resolve=resolve, **options)


def entry(host: str, port: int) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, socket.SOCK_STREAM, 6, "", (host, port)


def test_a_name_that_does_not_exist() -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    failed = failure(named(80, unknown))
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "dns_failed")
    assert (failed.phase, failed.timed_out) == (Phase.DNS, False)
    assert "shop.test" in failed.detail


@pytest.mark.parametrize("answer", [ZeroDivisionError("of the host's resolver"), []])
def test_a_resolver_that_is_broken(answer: Any) -> None:
    def broken(*_: object, **__: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert failure(named(80, broken)).reason == "dns_failed"


def test_a_resolver_that_hangs_costs_one_thread_whoever_asks(over: threading.Event) -> None:
    """A lookup cannot be interrupted; 1,000 accounts must not leave 1,000 threads in it."""
    calls: list[str] = []

    def hang(host: str, *_: object, **__: object) -> Any:
        calls.append(host)
        over.wait(20)
        return []

    for _ in range(3):
        began = time.monotonic()
        failed = failure(named(80, hang, deadlines=QUICK))
        assert (failed.reason, failed.timed_out) == ("dns_timeout", True)
        assert time.monotonic() - began < 3
    assert calls == ["shop.test"]
    over.set()


def test_hanging_lookups_are_bounded(over: threading.Event) -> None:
    from gateway.transport import lookup
    from gateway.transport.timed import Deadline

    def hang(*_: object, **__: object) -> Any:
        over.wait(20)
        return []

    for number in range(lookup.MAX_LOOKUPS + 2):
        with pytest.raises(TimeoutError):
            lookup.addresses_of(f"{number}.test", 80, resolve=hang, until=Deadline(0.01))
    assert sum(thread.name == "dns" for thread in threading.enumerate()) == lookup.MAX_LOOKUPS
    over.set()


def test_no_thread_left_for_a_lookup_is_a_failure_like_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    dialer = named(80, lambda *_a, **_k: [])
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", exhausted)
        failed = failure(dialer)
    assert (failed.error_class, failed.reason) == (ErrorClass.NETWORK, "connect_failed")
    assert failure(dialer).reason == "dns_failed", "the name stayed blocked"


def test_a_dead_first_address_is_passed_over(serve: Serve, shake: Hear) -> None:
    port = serve(shake)
    with socket.create_server(("127.0.0.2", 0)) as server:
        dead = server.getsockname()[1]
    found = [entry("127.0.0.2", dead), entry("127.0.0.1", port)]
    link(named(port, lambda *_a, **_k: found)).sock.close()


def test_a_silent_first_address_is_passed_over(serve: Serve, shake: Hear) -> None:
    """A full backlog drops the SYN: nothing at all comes back."""
    port = serve(shake)
    with contextlib.ExitStack() as held:
        hole = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        found = [entry(*hole.getsockname()), entry("127.0.0.1", port)]
        link(named(port, lambda *_a, **_k: found, deadlines=QUICK)).sock.close()
        failed = failure(named(port, lambda *_a, **_k: found[:1], deadlines=QUICK))
    assert (failed.reason, failed.timed_out, failed.phase) == ("tcp_timeout", True, Phase.TCP)


def test_all_addresses_of_a_name_are_tried(serve: Serve, shake: Hear) -> None:
    """Four of five dead, and always the same first three tried: never connected."""
    port = serve(shake)
    with socket.create_server(("127.0.0.2", 0)) as server:
        dead = server.getsockname()[1]
    found = [entry(f"127.0.0.{last}", dead) for last in (2, 3, 4, 5)]
    found.append(entry("127.0.0.1", port))
    link(named(port, lambda *_a, **_k: found)).sock.close()
    assert failure(named(port, lambda *_a, **_k: found[:4])).reason == "connection_refused"


def test_silent_address_holds_up_the_next_one_for_a_moment_only(
    serve: Serve, shake: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take its whole limit, and the deadline of the dial would pass before the last."""
    monkeypatch.setattr("gateway.transport.tcp.STAGGER_S", 0.01)
    port = serve(shake)
    with contextlib.ExitStack() as held:
        hole = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        found = [entry(*hole.getsockname()) for _ in range(2)]
        found += [entry("256.0.0.1", 1), entry("127.0.0.1", port)]
        patient = DeadlineSettings(tcp_s=30)
        link(named(port, lambda *_a, **_k: found, deadlines=patient)).sock.close()


def test_the_next_dial_begins_with_another_address(serve: Serve, shake: Hear) -> None:
    """One that answers and refuses, or is silent then, would be the only one ever dialled."""

    def busy(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 503 Busy\r\n\r\n")

    first, second = serve(busy), serve(shake)
    found = [entry("127.0.0.1", first), entry("127.0.0.1", second)]
    dialer = named(first, lambda *_a, **_k: found)
    assert failure(dialer).reason == "http_503"
    link(dialer).sock.close()
    link(dialer).sock.close()  # what works is kept


def test_families_take_turns() -> None:
    """With many broken IPv6 addresses first, a dial would come to IPv4 late."""
    from gateway.transport.lookup import addresses_of
    from gateway.transport.timed import Deadline

    found = [entry("::1", 1), entry("::2", 1), entry("::1", 1), entry("10.0.0.1", 1)]
    order = addresses_of("x.test", 1, resolve=lambda *_a, **_k: found, until=Deadline(5))
    assert [address[0] for _, address in order] == ["::1", "10.0.0.1", "::2"]


def test_an_ipv6_address_is_dialled(serve: Serve) -> None:
    del serve
    failed = failure(WebSocketDialer(url="ws://[::1]:1/", headers={}))
    assert failed.error_class is ErrorClass.NETWORK
    assert "[::1]:1" in failed.detail


@pytest.mark.skipif(
    "lo" not in [name for _, name in socket.if_nameindex()],
    reason="no interface is called lo here; run it on Linux",
)
def test_an_interface_named_in_the_url(hear: Hear) -> None:
    """RFC 6874: it says which way to go, and is nobody else's business."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        asked: SimpleQueue[str] = SimpleQueue()

        def answer() -> None:
            sock, _ = server.accept()
            with sock:
                asked.put(hear(sock))

        thread = threading.Thread(target=answer)
        thread.start()
        failed = failure(WebSocketDialer(url=f"ws://[::1%25lo]:{port}/", headers={}))
        assert failed.reason == "connection_lost"
        thread.join(5)
    assert f"Host: [::1]:{port}\r\n" in asked.get(timeout=5)
    unknown = failure(WebSocketDialer(url="ws://[fe80::1%25nolink]:1/", headers={}))
    assert (unknown.reason, unknown.phase) == ("dns_failed", Phase.DNS)


# --- settings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "https://shop.example/"}, "url: the scheme"),
        ({"url": "shop.example"}, "url: the scheme"),
        ({"url": "ws://"}, "url: the host"),
        ({"url": "ws://shop.example:99999/"}, "url: the port"),
        ({"url": "ws://shop.example:0/"}, "url: the port"),
        ({"url": "ws://u:s3cret@shop.example/"}, "url: name and password"),
        ({"url": "ws://shop example/"}, "url: there is a space"),
        ({"url": "ws://[::1/"}, "url: it is no URL"),
        ({"url": "ws://a..b/"}, "url: 'a..b'"),
        ({"url": "ws://a%00b/"}, "url: 'a%00b'"),
        ({"url": "ws://" + "a." * 130 + "/"}, "url: 'a.a"),
        ({"url": "ws://" + "a" * 64 + "/"}, "url: 'a"),
        ({"url": "ws://\u95f2" + "a" * 64 + "/"}, "url: "),
        ({"url": "ws://shop.example/a;b"}, "url: a ';'"),
        ({"proxy": "https://u:s3cret@proxy:1"}, "proxy: the scheme"),
        ({"proxy": "proxy:8080"}, "proxy: the scheme"),
        ({"proxy": "http://u:s3cret@proxy"}, "proxy: the port is missing"),
        ({"proxy": "socks5://u:" + "s3cret" * 50 + "@proxy:1"}, "proxy: SOCKS5"),
        ({"headers": {"X Y": "s3cret"}}, "headers: 'X Y'"),
        ({"headers": {"X": "s3cret\nY: z"}}, "headers: the value of X"),
    ],
)
def test_a_setting_that_can_not_work_is_named_at_once(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"^(url|proxy|headers): ") as caught:
        WebSocketDialer(**{"url": "ws://shop.example/", "headers": {}, **settings})
    assert str(caught.value).startswith(says)
    assert "s3cret" not in str(caught.value)


def test_the_endpoint_names_what_a_circuit_shares_and_no_secret() -> None:
    direct = WebSocketDialer(url="wss://Shop.Example/p?token=s3cret", headers={"Cookie": "s3cret"})
    assert direct.endpoint == "wss://shop.example:443"
    assert "s3cret" not in repr(direct)
    proxied = WebSocketDialer(
        url="ws://\u95f2\u9c7c.example/\u8def", headers={}, proxy="socks5://u:s3cret@p:1"
    )
    assert proxied.endpoint == "ws://xn--di5au2k.example:80 via socks5://p:1"
    assert "s3cret" not in repr(proxied)


def test_importing_the_transport_loads_neither_ssl_nor_the_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import gateway.transport.dialer;"
        "print(sorted({'ssl', 'websocket'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
