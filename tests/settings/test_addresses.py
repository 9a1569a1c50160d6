"""Who checks a file and who dials read an address alike."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from gateway.config import from_mapping
from gateway.errors import ConfigError
from gateway.settings.listen import Port, SocketFile, parse_listen
from gateway.transport.dialer import WebSocketDialer

ADDRESSES = [
    "", "h", "ws:", "ws:h", "ws://", "ws://h", "wss://h:1/p?q#f", "WSS://H/", "http://h", "://h",
    "ws://h:0", "ws://h:65535", "ws://h:65536", "ws://h:x", "ws://h:-1", "ws://[::1]", "ws://[::1",
    "ws://[fe80::1%25lo]:1/", "ws://1.2.3.4:5", "ws://a..b", "ws://a b", "ws://a\n", "ws://a/\x7f",
    "ws://u@h", "ws://u:p@h", "ws://@h", "ws://h/a;b", "ws://h/?a;b", "ws://闲鱼.example/路",
    f"ws://{'a' * 64}", f"ws://{'a.' * 130}", "ws://h./", "ws://a_b", "ws://a%00b",
    "http://h:1", "http://h:1/path", "https://h:1", "socks5://h", "socks5://u:p@h:1", "SOCKS5://h:1",
    "socks5h://h:1", "socks4://h:1", f"socks5://{'u' * 255}:p@h:1", f"socks5://{'u' * 256}:p@h:1",
    f"http://{'u' * 256}:p@h:1", f"socks5://{'%E4' * 255}:p@h:1", f"socks5://{'%E4' * 256}:p@h:1",
    f"socks5://{'ä' * 128}:p@h:1", "http://[::1]:8080",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("key", ["url", "proxy"])
def test_the_dialer_takes_what_the_file_may_say(key: str, address: str) -> None:
    """A file that passes ``check`` must not fail at the start, nor be refused what would work."""
    given: dict[str, Any] = {"url": "ws://h/", key: address}
    in_file = dials = None
    try:
        from_mapping({"accounts": [{"id": "a", "platform": "plain", **given}]})
    except ConfigError as error:
        in_file = str(error)
    try:
        WebSocketDialer(headers={}, **given)
    except ValueError as error:
        dials = str(error)

    if key == "proxy" and not address:
        return  # the dialer takes it for none
    assert (in_file is None) == (dials is None), f"{in_file} / {dials}"
    if in_file and dials:
        assert f"accounts[0].{key}: " in in_file
        assert dials.startswith(f"{key}: ")
        assert "u:p" not in in_file + dials


@pytest.mark.parametrize(
    ("listen", "parts"),
    [
        ("127.0.0.1:8760", ("127.0.0.1", 8760)),
        ("[::1]:0", ("[::1]", 0)),
        ("::1:1", ("::1", 1)),
        ("localhost:65535", ("localhost", 65535)),
        ("localhost:65536", None),
        ("localhost", None),
        (":1", None),
        ("[localhost]:1", None),
        ("h:" + "9" * 5000, None),
        ("h:\u0661", None),
    ],
)
def test_where_a_gateway_listens(listen: str, parts: tuple[str, int] | None) -> None:
    assert parse_listen(listen) == (parts and Port(host=parts[0], port=parts[1]))
    allowed = contextlib.nullcontext() if parts else pytest.raises(ConfigError, match="host:port")
    with allowed:
        from_mapping({"http": {"listen": listen, "token": "t" * 16}})


@pytest.mark.parametrize(
    ("listen", "path"),
    [
        ("unix:/run/gw.sock", "/run/gw.sock"),
        ("unix:gw.sock", "gw.sock"),
        ("unix:/run/店.sock", "/run/店.sock"),
        ("unix:", None),
        ("unix:~nobody-here/gw.sock", None),
        ("unix:/" + "a" * 103, None),
        ("unix:/" + "店" * 35, None),
        ("unix:/a\0b", None),
    ],
)
def test_a_gateway_may_listen_on_a_file(listen: str, path: str | None) -> None:
    assert parse_listen(listen) == (path and SocketFile(path=path))
    allowed = contextlib.nullcontext() if path else pytest.raises(ConfigError, match="unix:PATH")
    with allowed:
        settings = from_mapping({"http": {"listen": listen}})
        assert settings.http.listen == f"unix:{Path.cwd() / (path or '')}"
