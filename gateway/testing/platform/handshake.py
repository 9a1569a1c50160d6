"""The HTTP side of the WebSocket upgrade, as the server sees it (RFC 6455 4.2). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import http
import struct
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

HEAD_MAX_BYTES: Final = 64 * 1024
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request that wants to become a WebSocket.

    Attributes:
        path: With its query.
        headers: Names in lower case; of a repeated one the values joined by a comma.
        wrong: What RFC 6455 4.2.1 finds missing; None: nothing.
    """

    path: str
    headers: Mapping[str, str]
    wrong: str | None

    @property
    def account(self) -> str | None:
        """The user id from ``?account=`` of the path, or from the cookie ``unb``."""
        named = parse_qs(urlsplit(self.path).query).get("account")
        if named:
            return named[0]
        for part in self.headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == "unb" and value:
                return value
        return None


def parse_head(head: bytes) -> Upgrade:
    """Read request line and headers; never raises."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    method, _, target = first.partition(" ")
    path = target.rpartition(" ")[0]
    return Upgrade(path=path, headers=headers, wrong=_wrong(method, headers))


def _wrong(method: str, headers: Mapping[str, str]) -> str | None:
    if method != "GET":
        return "the method must be GET"
    if headers.get("upgrade", "").lower() != "websocket":
        return "Upgrade must be websocket"
    if "upgrade" not in headers.get("connection", "").lower():
        return "Connection must name Upgrade"
    if headers.get("sec-websocket-version") != "13":
        return "Sec-WebSocket-Version must be 13"
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)
    except binascii.Error:
        key = b""
    return None if len(key) == 16 else "Sec-WebSocket-Key must be 16 bytes in base64"


def accept_key(key: str) -> str:
    """Return the proof for a ``Sec-WebSocket-Key``."""
    digest = hashlib.sha1(key.encode("latin-1") + _MAGIC, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def switching(upgrade: Upgrade, *, honest: bool = True, more: Mapping[str, str]) -> bytes:
    """Return the 101; not ``honest``: with the proof of another key."""
    key = upgrade.headers.get("sec-websocket-key", "")
    fields = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(key if honest else key[::-1]),
    }
    return response(101, fields | dict(more))


def response(status: int, headers: Mapping[str, str], body: str = "") -> bytes:
    """Return any HTTP response."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    data = body.encode()
    fields = dict(headers)
    if status != http.HTTPStatus.SWITCHING_PROTOCOLS:
        fields |= {"Content-Length": str(len(data)), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data


# --- frames no codec would write ------------------------------------------------------


def frame(opcode: int, payload: bytes, *, fin: bool = True, claimed: int | None = None) -> bytes:
    """Return one unmasked frame, if wanted with a length that is not its own."""
    size = len(payload) if claimed is None else claimed
    first = opcode | (0x80 if fin else 0)
    if size < 126:
        return struct.pack(">BB", first, size) + payload
    if size < 0x10000:
        return struct.pack(">BBH", first, 126, size) + payload
    return struct.pack(">BBQ", first, 127, size) + payload


def fragments(text: str, size_bytes: int, *, pings: bool) -> bytes:
    """Return a text message in frames of a size, if wanted with a ping between any two."""
    data = text.encode()
    cuts = [data[at : at + size_bytes] for at in range(0, len(data), size_bytes)] or [b""]
    pieces: list[bytes] = []
    for index, cut in enumerate(cuts):
        if index and pings:
            pieces.append(frame(0x9, f"between {index}".encode()))
        pieces.append(frame(0x0 if index else 0x1, cut, fin=index == len(cuts) - 1))
    return b"".join(pieces)
