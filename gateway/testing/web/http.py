"""HTTP as the fake hears and says it. Pure; shares nothing with the client it tests."""

from __future__ import annotations

import http
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

HEAD_MAX_BYTES: Final = 64 * 1024
BODY_MAX_BYTES: Final = 16 * 1024 * 1024

_MTOP = re.compile(r"/h5/([\w.]+)/([\d.]+)/?").fullmatch
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?').search
_PART_NAME = re.compile(r'\bname="([^"]*)"').search
_FILE_NAME = re.compile(r'\bfilename="([^"]*)"').search


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a multipart body."""

    name: str
    file_name: str
    content_type: str
    data: bytes


class Asked(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A request, whole. ``repr`` shows neither query, headers nor body.

    Attributes:
        method: As it came.
        path: Without the query.
        query: Decoded; of a repeated name the last.
        headers: Names in lower case; of a repeated one the values joined.
        body: As it came.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Show method and path."""
        return f"Asked({self.method} {self.path})"

    @property
    def api(self) -> str:
        """Name of the mtop api, or the last part of the path: what scripts are about."""
        found = _MTOP(self.path)
        return found[1] if found else self.path.rpartition("/")[2]

    @property
    def version(self) -> str | None:
        """Version of the mtop api; None: it is none."""
        found = _MTOP(self.path)
        return found[2] if found else None

    @property
    def host(self) -> str:
        """The host it is meant for, without the port."""
        return self.headers.get("host", "").partition(":")[0].lower()

    @cached_property
    def cookies(self) -> list[tuple[str, str]]:
        """Each cookie, also one whose name came before."""
        pairs = self.headers.get("cookie", "").split(";")
        split = (pair.strip().partition("=") for pair in pairs)
        return [(name, value) for name, equals, value in split if equals]

    @cached_property
    def form(self) -> dict[str, str]:
        """Fields of a URL-encoded body."""
        return dict(
            parse_qsl(self.body.decode("latin-1"), keep_blank_values=True, max_num_fields=200)
        )

    def parts(self) -> list[Part]:
        """Return the parts of a multipart body; none if it is none."""
        kind = self.headers.get("content-type", "")
        boundary = _BOUNDARY(kind)
        if not kind.startswith("multipart/form-data") or boundary is None:
            return []
        marked = b"\r\n" + self.body
        pieces = marked.split(b"\r\n--" + boundary[1].encode())
        return [_part(piece) for piece in pieces[1:] if not piece.startswith(b"--")]


class Reply(msgspec.Struct, kw_only=True):
    """An answer before it is written; a script may change it.

    Attributes:
        headers: Beside length and connection; a name may stand twice.
        ret: The codes in it, for the records.
        asks_person: It says that a person must prove to be one.
    """

    status: int = 200
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    ret: tuple[str, ...] = ()
    asks_person: bool = False

    def head(self, length: int | None = None) -> bytes:
        """Return status line and headers, if wanted with a length that is not the body's."""
        try:
            phrase = http.HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        size = len(self.body) if length is None else length
        fields = [*self.headers, ("Content-Length", f"{size}"), ("Connection", "close")]
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            *(f"{name}: {value}" for name, value in fields),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def json_reply(body: object, *, ret: tuple[str, ...] = ()) -> Reply:
    """Return an answer in JSON."""
    headers = [("Content-Type", "application/json;charset=UTF-8")]
    return Reply(headers=headers, body=msgspec.json.encode(body), ret=ret)


def html_reply(text: str, *, status: int = 200) -> Reply:
    """Return a page."""
    headers = [("Content-Type", "text/html;charset=UTF-8")]
    return Reply(status=status, headers=headers, body=text.encode())


def take_request(came: bytearray) -> Asked | None:
    """Take a request out of what came; None: it is not whole yet.

    Raises:
        ValueError: It is none, or too large.
    """
    end = came.find(b"\r\n\r\n")
    if end < 0:
        if len(came) > HEAD_MAX_BYTES:
            raise ValueError("its head is too long")
        return None
    first, *lines = came[:end].decode("utf-8", "replace").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            raise ValueError("a header line has no colon")
        joint = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= BODY_MAX_BYTES or "transfer-encoding" in headers:
        raise ValueError("its body has no length that is taken here")
    if len(came) < end + 4 + size:
        return None
    method, target, version = first.split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("it does not speak HTTP/1.1")
    parts = urlsplit(target)
    body = bytes(came[end + 4 : end + 4 + size])
    del came[: end + 4 + size]
    return Asked(
        method=method,
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=body,
    )


def _part(piece: bytes) -> Part:
    head, _, data = piece.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "replace")
    name, file_name = _PART_NAME(text), _FILE_NAME(text)
    kinds = [
        line.partition(":")[2].strip()
        for line in text.split("\r\n")
        if line.lower().startswith("content-type:")
    ]
    return Part(
        name=name[1] if name else "",
        file_name=file_name[1] if file_name else "",
        content_type=kinds[0] if kinds else "",
        data=data,
    )
