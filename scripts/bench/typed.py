"""The fastest decoding msgspec offers a script: typed JSON, base64 inline, typed MessagePack."""

from __future__ import annotations

import msgspec


class Entry(msgspec.Struct):
    """One entry of a package; base64 is undone while parsing."""

    data: bytes


class Package(msgspec.Struct):
    """The entries."""

    data: list[Entry]


class Body(msgspec.Struct):
    """Body of a push."""

    package: Package | None = msgspec.field(name="syncPushPackage", default=None)


class Frame(msgspec.Struct):
    """A push or an answer."""

    headers: msgspec.Raw
    lwp: str = ""
    body: Body | None = None


class Extension(msgspec.Struct):
    """The part of a chat message people read."""

    text: str = msgspec.field(name="reminderContent", default="")
    nick: str = msgspec.field(name="reminderTitle", default="")
    sender: str = msgspec.field(name="senderUserId", default="")


class Chat(msgspec.Struct):
    """What the handler gets."""

    conversation: str
    message_id: str
    sender: str
    nick: str
    text: str


frame = msgspec.json.Decoder(Frame).decode
_fields = msgspec.msgpack.Decoder(dict[int, msgspec.Raw]).decode
_extension = msgspec.msgpack.Decoder(Extension).decode
_text = msgspec.msgpack.Decoder(str).decode


def chat(data: bytes) -> Chat:
    """Decode one entry."""
    message = _fields(_fields(data)[1])
    extension = _extension(message[10])
    return Chat(
        conversation=_text(message[2]).partition("@")[0],
        message_id=_text(message[3]),
        sender=extension.sender,
        nick=extension.nick,
        text=extension.text,
    )


def acknowledgement(headers: msgspec.Raw) -> bytes:
    """Return the acknowledgement of a push: its header object, copied as it is."""
    return b'{"code":200,"headers":%b}' % bytes(headers)
