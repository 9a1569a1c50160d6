"""WebSocketDialer over TLS: trust is never bargained away, stalls end, one context for all."""

from __future__ import annotations

import datetime as dt
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trustme

from actors.ports import Dialed, Incoming
from actors.values import ErrorClass, Failure, Phase
from gateway.settings import DeadlineSettings, TlsSettings
from gateway.transport import tls
from gateway.transport.dialer import WebSocketDialer
from gateway.transport.timed import Deadline
from gateway.transport.tls import secure, shared_context

Serve: TypeAlias = Callable[..., int]
Hear: TypeAlias = Callable[[socket.socket], str]

QUICK = DeadlineSettings(tls_s=0.3, upgrade_s=0.3)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def dial(port: int, *, host: str = "localhost", **options: Any) -> Dialed | Failure:
    dialer = WebSocketDialer(url=f"wss://{host}:{port}/", headers={}, **options)
    return dialer.dial({}, "c=s3cret", deadline_s=5, stretch=lambda _phase: 1.0)


def items_of(dialed: Dialed) -> list[Incoming]:
    items: list[Incoming] = []
    while not items:
        try:
            items = dialed.wire.feed(dialed.sock.recv(65536))
        except ssl.SSLWantReadError:
            assert select.select([dialed.sock], [], [], 5)[0], "nothing came"
    return items


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_link_over_tls(
    serve: Serve, shake: Hear, authority: trustme.CA, ca_file: str, host: str
) -> None:
    def greet(sock: socket.socket) -> None:
        shake(sock)
        sock.sendall(b"\x81\x02hi")

    port = serve(greet, server_context(authority.issue_cert("localhost", "127.0.0.1")))
    dialed = dial(port, host=host, tls=TlsSettings(ca_file=ca_file))
    assert isinstance(dialed, Dialed), dialed
    with dialed.sock as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert not sock.getblocking()
        assert [phase for phase, _ in dialed.phases][2:] == [Phase.TLS, Phase.UPGRADE]
        assert items_of(dialed) == ["hi"]


def test_frames_in_the_tls_record_of_the_handshake_are_not_lost(
    serve: Serve,
    hear: Hear,
    accept_of: Callable[[str], str],
    authority: trustme.CA,
    *,
    ca_file: str,
) -> None:
    """They are decrypted with the 101 and no selector will ever report them."""

    def eager(sock: socket.socket) -> None:
        sock.sendall((accept_of(hear(sock)) + "\r\n").encode() + b"\x81\x02hi\x81\x02ho")

    port = serve(eager, server_context(authority.issue_cert("localhost")))
    dialed = dial(port, tls=TlsSettings(ca_file=ca_file))
    assert isinstance(dialed, Dialed), dialed
    with dialed.sock as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.pending() == 8
        assert dialed.wire.feed(sock.recv(65536)) == ["hi", "ho"]


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost", not_after=dt.datetime(2001, 1, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("certificate", "trusted"),
    [
        (lambda ca: ca.issue_cert("shop.example"), True),
        (lambda ca: ca.issue_cert("localhost"), False),
        (expired, True),
    ],
    ids=["wrong host", "unknown authority", "expired"],
)
def test_a_bad_certificate_is_refused_and_nothing_is_said(
    serve: Serve,
    authority: trustme.CA,
    ca_file: str,
    certificate: Callable[[trustme.CA], trustme.LeafCert],
    *,
    trusted: bool,
) -> None:
    """No second try without the check, none in the clear: a man in the middle learns nothing."""
    clients: list[bytes] = []
    context = server_context(certificate(authority))

    def look(sock: socket.socket) -> None:
        try:
            secured = context.wrap_socket(sock, server_side=True)
        except OSError:
            clients.append(b"")
        else:
            with secured:
                clients.append(secured.recv(100))  # in TLS 1.3 the refusal comes only here

    options = TlsSettings(ca_file=ca_file) if trusted else TlsSettings()
    failed = dial(serve(look), tls=options)
    assert isinstance(failed, Failure)
    assert (failed.error_class, failed.reason) == (ErrorClass.TLS_TRUST, "certificate_rejected")
    assert (failed.phase, failed.timed_out) == (Phase.TLS, False)
    assert "tls.ca_file" in failed.detail
    assert b"".join(clients) == b""
    assert len(clients) <= 1


def test_another_name_can_be_demanded(
    serve: Serve, shake: Hear, authority: trustme.CA, ca_file: str
) -> None:
    asked: list[str | None] = []
    context = server_context(authority.issue_cert("shop.example"))
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    options = TlsSettings(ca_file=ca_file, server_name="shop.example")
    dialed = dial(serve(shake, context), tls=options)
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()
    assert asked == ["shop.example"]


def test_the_dot_of_the_root_is_no_part_of_the_name(
    serve: Serve, shake: Hear, authority: trustme.CA, ca_file: str
) -> None:
    """Certificates have no dot at the end, and servers know no name with one (RFC 6066 3)."""
    asked: list[str | None] = []
    context = server_context(authority.issue_cert("shop.example"))
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    port = serve(shake, context)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    for host, named in (("shop.example.", None), ("localhost", "shop.example.")):
        options = TlsSettings(ca_file=ca_file, server_name=named)
        dialed = dial(port, host=host, tls=options, resolve=lambda *_a, **_k: found)
        assert isinstance(dialed, Dialed), dialed
        dialed.sock.close()
    assert asked == ["shop.example"] * 2


def test_a_renewed_ca_file_is_read_again(
    serve: Serve, shake: Hear, authority: trustme.CA, tmp_path: Path
) -> None:
    """An authority is replaced while the gateway runs; a restart would cut every account."""
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    port = serve(shake, server_context(authority.issue_cert("localhost")))
    dialer = WebSocketDialer(
        url=f"wss://localhost:{port}/", headers={}, tls=TlsSettings(ca_file=str(file))
    )

    def dial_again() -> Dialed | Failure:
        return dialer.dial({}, None, deadline_s=5, stretch=lambda _phase: 1.0)

    failed = dial_again()
    assert isinstance(failed, Failure)
    assert failed.reason == "certificate_rejected"
    authority.cert_pem.write_to_path(str(file))
    for content in (None, "-----BEGIN CERT"):  # whole, then half-written: the last good one holds
        if content is not None:
            file.write_text(content)
        dialed = dial_again()
        assert isinstance(dialed, Dialed), dialed
        dialed.sock.close()
    file.unlink()
    dialed = dial_again()
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()


def test_a_system_without_authorities_is_called_that(
    serve: Serve,
    shake: Hear,
    authority: trustme.CA,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bare container has no store; nobody is in between, and the next step is another one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(tls, "_contexts", {})
    assert tls.system_store_is_empty()
    port = serve(shake, server_context(authority.issue_cert("localhost")))
    failed = dial(port)
    assert isinstance(failed, Failure)
    assert (failed.error_class, failed.reason) == (ErrorClass.TLS_TRUST, "no_certificate_store")
    assert "ca-certificates" in failed.detail

    # A folder of authorities is read when it is needed; it counts.
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert tls.system_store_is_empty()
    (tmp_path / "0a1b2c3d.0").write_text("")
    assert not tls.system_store_is_empty()


def test_verification_can_be_switched_off(serve: Serve, shake: Hear, authority: trustme.CA) -> None:
    port = serve(shake, server_context(authority.issue_cert("other.example")))
    dialed = dial(port, tls=TlsSettings(verify=False))
    assert isinstance(dialed, Dialed), dialed
    dialed.sock.close()


def garbage(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    sock.recv(1)


@pytest.mark.parametrize(
    ("script", "reasons"),
    [
        (garbage, {"tls_failed"}),
        # The kernel says which: data that was not read turns the close into a reset.
        (lambda _sock: None, {"tls_failed", "connection_lost"}),
    ],
    ids=["garbage", "hang-up"],
)
def test_a_handshake_that_breaks_is_a_network_failure(
    serve: Serve, script: Callable[[socket.socket], None], reasons: set[str]
) -> None:
    failed = dial(serve(script))
    assert isinstance(failed, Failure)
    assert failed.error_class is ErrorClass.NETWORK
    assert failed.reason in reasons
    assert failed.phase is Phase.TLS


@pytest.mark.peer(3)
@pytest.mark.parametrize("dripping", [False, True])
def test_a_stalled_handshake_ends(serve: Serve, over: threading.Event, *, dripping: bool) -> None:
    def stall(sock: socket.socket) -> None:
        sock.recv(1)
        if not dripping:
            over.wait(5)
        sock.sendall(b"\x16\x03\x03\x3f\xff")  # a handshake record of 16 KiB begins
        while not over.wait(0.01):
            sock.sendall(b"\x02")

    began = time.monotonic()
    failed = dial(serve(stall), deadlines=QUICK)
    assert time.monotonic() - began < 3
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.timed_out) == ("tls_timeout", True)
    assert failed.error_class is ErrorClass.NETWORK


def test_a_dripping_upgrade_over_tls_ends(
    serve: Serve, hear: Hear, over: threading.Event, authority: trustme.CA, *, ca_file: str
) -> None:
    def drip(sock: socket.socket) -> None:
        hear(sock)
        sock.sendall(b"HTTP/1.1 101 S\r\nX: ")
        while not over.wait(0.01):
            sock.sendall(b"a")

    port = serve(drip, server_context(authority.issue_cert("localhost")))
    failed = dial(port, tls=TlsSettings(ca_file=ca_file), deadlines=QUICK)
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.timed_out) == ("upgrade_timeout", True)


def test_a_reset_before_the_first_byte_gives_the_socket_back() -> None:
    """Python notices while it wraps the socket, before anything could be said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        assert select.select([ours], [], [], 5)[0]
        with pytest.raises(OSError, match=r"reset|not connected"):
            secure(ours, shared_context(TlsSettings()), server_name="x", until=Deadline(5))
        assert ours.fileno() == -1


def test_links_with_the_same_options_share_a_context(ca_file: str) -> None:
    """A context of its own costs a link 866 KB, a shared one 28."""
    options = TlsSettings(ca_file=ca_file)
    assert shared_context(options) is shared_context(TlsSettings(ca_file=ca_file, server_name="x"))
    assert shared_context(options) is not shared_context(TlsSettings())
    unverified = shared_context(TlsSettings(ca_file=ca_file, verify=False))
    assert unverified is not shared_context(options)
    assert shared_context(options).verify_mode is ssl.CERT_REQUIRED


def test_a_ca_file_that_can_not_be_used_is_named_at_once(tmp_path: Path) -> None:
    for name, content in (("absent.pem", None), ("empty.pem", ""), ("wrong.pem", "hello")):
        path = tmp_path / name
        if content is not None:
            path.write_text(content)
        with pytest.raises(ValueError, match=rf"^tls\.ca_file: .*{name}"):
            WebSocketDialer(url="wss://x/", headers={}, tls=TlsSettings(ca_file=str(path)))


@pytest.mark.parametrize("name", ["", ".shop.example", "shop example", "\u95f2." + "a" * 64])
def test_a_server_name_that_is_none_is_named_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=r"^tls\.server_name: "):
        WebSocketDialer(url="wss://x/", headers={}, tls=TlsSettings(server_name=name))
