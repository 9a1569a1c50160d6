"""The recorded payloads, and a strict MessagePack reader that owes nothing to ours."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.ports import Identity
from gateway.platforms.goofish import GoofishSession

FOLDER = Path(__file__).parents[1] / "data" / "goofish"
SELLER = "2277212221035"
IDENTITY = Identity(account="shop-a", user_id=SELLER, token="a-token")

INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())["items"]


def items(form: str) -> list[Any]:
    """Return the captures of a form, one parameter a capture."""
    return [item for item in INDEX if item["form"] == form]


def read(item: dict[str, Any] | str) -> str:
    """Return the text of a capture as it stood on the wire."""
    file = item if isinstance(item, str) else item["file"]
    return (FOLDER / file).read_text().removesuffix("\n")


def new_session() -> GoofishSession:
    """Return a codec of the account the synthetic captures belong to."""
    return GoofishSession(IDENTITY)


def chat_value(**replace: Any) -> dict[Any, Any]:
    """Return a decoded chat text (protocol 12.1); ``replace`` sets fields of the message."""
    content = {"contentType": 1, "text": {"text": "你好"}}
    message = {
        1: {1: "2220374065332@goofish"},
        2: "52114916274@goofish",
        3: "3592770534771.PNM",
        4: 0,
        5: 1751600014599,
        6: {1: 101, 3: {1: "", 2: "你好", 3: "", 4: 1, 5: json.dumps(content)}},
        7: 2,
        10: {
            "bizTag": '{"sourceId":"S:1","messageId":"6fe93e847eeb1dc9917753bf80fce582"}',
            "extJson": '{"messageId":"6fe93e847eeb1dc9917753bf80fce582","tag":"u"}',
            "reminderTitle": "测试买家",
            "reminderUrl": "fleamarket://message_chat?itemId=990394988229&sid=52114916274",
            "sessionType": "1",
        },
    }
    return {1: message | {int(key[1:]): value for key, value in replace.items()}}


# --- strict reference reader ----------------------------------------------------------


class BadError(ValueError):
    """Not entirely one MessagePack value."""


class ExoticError(BadError):
    """An extension type, or a container as key: a reader may refuse it."""


class Reference:
    """Reads one value that takes all of the data.

    Raises:
        BadError: There is no such value.
        UnicodeError: A text is no UTF-8.
        ExoticError: If ``refuse_exotic``, for what a strict reader may refuse.
    """

    def __init__(self, data: bytes, *, refuse_exotic: bool) -> None:
        self._data = data
        self._at = 0
        self._refuse_exotic = refuse_exotic

    def read(self) -> Any:
        """Return the value."""
        value = self._value()
        if self._at != len(self._data):
            raise BadError
        return value

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise BadError
        self._at += size
        return taken

    def _size(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _value(self) -> Any:
        tag = self._take(1)[0]
        if tag < 0x80 or tag >= 0xE0:
            return tag if tag < 0x80 else tag - 256
        if tag < 0xC0:
            return self._short(tag)
        if tag in _NUMBERS:
            return struct.unpack(_NUMBERS[tag], self._take(struct.calcsize(_NUMBERS[tag])))[0]
        if tag in _LONG:
            width, make = _LONG[tag]
            return make(self, self._size(width))
        return self._constant_or_extension(tag)

    def _short(self, tag: int) -> Any:
        if tag < 0x90:
            return self._map(tag & 15)
        return self._list(tag & 15) if tag < 0xA0 else self._text(tag & 31)

    def _constant_or_extension(self, tag: int) -> Any:
        if 0xD4 <= tag <= 0xD8:
            return self._extension(1 << (tag - 0xD4))
        if tag not in _CONSTANTS:
            raise BadError
        return _CONSTANTS[tag]

    def _extension(self, size: int) -> bytes:
        if self._refuse_exotic:
            raise ExoticError
        return self._take(1 + size)

    def _text(self, size: int) -> str:
        return self._take(size).decode()

    def _list(self, size: int) -> list[Any]:
        return [self._value() for _ in range(size)]

    def _map(self, size: int) -> dict[Any, Any]:
        found = {}
        for _ in range(size):
            key = self._value()
            if isinstance(key, list | dict):
                if self._refuse_exotic:
                    raise ExoticError
                key = repr(key)
            found[key] = self._value()
        return found


_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_LONG: dict[int, tuple[int, Callable[[Reference, int], Any]]] = {
    0xC4: (1, Reference._take),
    0xC5: (2, Reference._take),
    0xC6: (4, Reference._take),
    0xC7: (1, Reference._extension),
    0xC8: (2, Reference._extension),
    0xC9: (4, Reference._extension),
    0xD9: (1, Reference._text),
    0xDA: (2, Reference._text),
    0xDB: (4, Reference._text),
    0xDC: (2, Reference._list),
    0xDD: (4, Reference._list),
    0xDE: (2, Reference._map),
    0xDF: (4, Reference._map),
}
