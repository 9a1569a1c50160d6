"""Small real servers on loopback; none of their threads or sockets outlives its test."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from gateway.settings import TlsSettings

JOIN_S = 5.0


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    """A link that failed must give its socket back: there are 20,000 a process."""
    listing = Path("/proc/self/fd")
    if not listing.exists():
        yield
        return
    before = len(list(listing.iterdir()))
    yield
    assert len(list(listing.iterdir())) <= before, "a file descriptor leaked"


@pytest.fixture
def over() -> threading.Event:
    """Set when the test is over; what a stalling server waits for."""
    return threading.Event()


@pytest.fixture
def serve(no_descriptor_leaks: None, over: threading.Event) -> Iterator[Callable[..., int]]:
    """Yield ``serve(script, context=None)``: runs the script for each client; gives the port."""
    del no_descriptor_leaks  # only so that it looks last
    sockets: list[socket.socket] = []
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    faults: list[Exception] = []

    def spawn(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        threads.append(thread)
        thread.start()

    def talk(
        sock: socket.socket, script: Callable[[socket.socket], None], context: ssl.SSLContext | None
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                if context is not None:
                    sock = context.wrap_socket(sock, server_side=True)
                    sockets.append(sock)
                script(sock)
        except Exception as fault:  # noqa: BLE001 - shown by the test that owns the server
            faults.append(fault)
        finally:
            sock.close()

    def start(
        script: Callable[[socket.socket], None], context: ssl.SSLContext | None = None
    ) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    if over.is_set():
                        sock.close()
                        return
                    sock.settimeout(JOIN_S)
                    sockets.append(sock)
                    spawn(lambda sock=sock: talk(sock, script, context))  # type: ignore[misc]

        spawn(accept)
        port: int = listener.getsockname()[1]
        return port

    yield start
    over.set()
    for sock in sockets:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
    for listener in listeners:
        with contextlib.suppress(OSError):  # where a shutdown does not wake accept()
            socket.create_connection(listener.getsockname(), timeout=1).close()
    for thread in threads:
        thread.join(JOIN_S)
    for sock in [*sockets, *listeners]:
        sock.close()
    assert not faults, faults


@pytest.fixture
def hear() -> Callable[[socket.socket], str]:
    """Return ``hear(sock)``: reads an HTTP header, byte by byte, and gives it as text."""

    def read(sock: socket.socket) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = sock.recv(1)
            if not piece:
                raise ConnectionError
            head += piece
        return head.decode()

    return read


@pytest.fixture
def accept_of() -> Callable[[str], str]:
    """Return ``accept_of(request)``: the headers of a right 101, without the empty line."""

    def answer(request: str) -> str:
        lines = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
        key = lines["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        return (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n"
        )

    return answer


@pytest.fixture
def shake(
    hear: Callable[[socket.socket], str], accept_of: Callable[[str], str]
) -> Callable[[socket.socket], str]:
    """Return ``shake(sock)``: the server's half of a right handshake; gives the request."""

    def handshake(sock: socket.socket) -> str:
        request = hear(sock)
        sock.sendall((accept_of(request) + "\r\n").encode())
        return request

    return handshake


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, TlsSettings]:
    """Return the context of a server, also one called ``shop.test``, and who trusts it."""
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("trusted") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "shop.test", "127.0.0.1").configure_cert(context)
    return context, TlsSettings(ca_file=str(file))
