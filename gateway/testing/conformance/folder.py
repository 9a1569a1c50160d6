"""A folder of recorded frames, what they are expected to mean, and damage to them.

``*.json`` and ``*.txt`` are text frames (one line feed at the end is no part of them), ``*.bin``
are binary ones. Beside them may stand ``identity.json``, the made-up credentials of the account
they belong to, and ``expected.json``: the name of a file → what it means, any of

* ``events``: for each event fields of its JSON form; ``ack``: the acknowledgement, or fields of it;
* ``signal``: its kind; ``fault``: whether it is one; ``reply``: fields of the answer it is;
* ``registered``: whether this answer confirms a registration; ``sent``: ``accepted``, ``refused``
  or ``unknown``, if it answers a send; ``state``: whether it tells where the stream stands;
  ``conversations``, ``messages``: how many a page of history has.
"""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.ports import Identity
from actors.values import Frame
from gateway.testing.conformance.checks import must

EXPECTED, IDENTITY = "expected.json", "identity.json"
_NO_FRAMES: Final = (EXPECTED, IDENTITY, "index.json")

ACCOUNT: Final = "conformance"
SAMPLE: Final = Identity(
    account=ACCOUNT,
    user_id="2201",
    device_id="made-up-device",
    token="made-up-token",  # noqa: S106  # made up
    cookie="made-up=cookie",
)
"""The identity that registers if the folder names none."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a recorded frame means; None: not said."""

    events: list[dict[str, Any]] | None = None
    ack: Any = None
    signal: str | None = None
    fault: bool | None = None
    reply: dict[str, Any] | None = None
    registered: bool | None = None
    sent: str | None = None
    state: bool | None = None
    conversations: int | None = None
    messages: int | None = None


class Recorded(msgspec.Struct, frozen=True):
    """One recorded frame."""

    name: str
    frame: Frame
    expected: Expected


class Folder(msgspec.Struct, frozen=True):
    """All of a folder."""

    path: Path
    frames: list[Recorded]
    identity: Identity


def frames_beside(platform: object) -> Path:
    """Return where a platform of another package has its frames: ``frames`` beside its module."""
    return Path(inspect.getfile(type(platform))).parent / "frames"


def read(path: Path) -> Folder:
    """Read a folder.

    Raises:
        ConformanceError: There is none, it has no frames, or it expects what is not there.
    """
    must(path.is_dir(), f"there is no folder of recorded frames {path}; make it")
    files = sorted(each for each in path.iterdir() if each.name not in _NO_FRAMES)
    frames = {each.name: frame for each in files if (frame := _frame(each)) is not None}
    must(frames, f"{path} has no frames: *.json and *.txt are texts, *.bin are binary")
    said = _json(path / EXPECTED)
    unknown = sorted(set(said) - set(frames))
    must(not unknown, f"{path / EXPECTED} names no frame: {', '.join(unknown)}")
    try:
        expected = msgspec.convert(said, dict[str, Expected])
        identity = SAMPLE
        if (path / IDENTITY).exists():
            identity = msgspec.convert({"account": ACCOUNT, **_json(path / IDENTITY)}, Identity)
    except msgspec.ValidationError as error:
        must(kept=False, told=f"{path}: {error}")
        raise
    recorded = [
        Recorded(name, frame, expected.get(name, Expected())) for name, frame in frames.items()
    ]
    return Folder(path, recorded, identity)


def _frame(file: Path) -> Frame | None:
    if file.suffix in (".json", ".txt"):
        return file.read_bytes().decode().removesuffix("\n")
    return file.read_bytes() if file.suffix == ".bin" else None


def _json(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    found = json.loads(file.read_text("utf-8"))
    must(isinstance(found, dict), f"{file} must hold an object")
    return dict(found)


def damaged(frame: Frame, other: Frame, dice: random.Random) -> Frame:
    """Return a frame with one to three damages; ``other`` lends it parts."""
    for _ in range(dice.randint(1, 3)):
        frame = _damaged(frame, other, dice)
    return frame


def _damaged(frame: Frame, other: Frame, dice: random.Random) -> Frame:
    if dice.random() < 1 / 20:  # as the other type
        return frame.encode() if isinstance(frame, str) else frame.decode(errors="replace")
    begin = dice.randint(0, len(frame))
    end = min(len(frame), begin + dice.choice([1, 1, 2, 8, len(frame)]))
    start = dice.randint(0, len(other))
    piece = other[start : start + dice.choice([1, 4, 64])]
    odd = dice.choice(['"', "}", "]", "[", "\\", "\x00", "null", "-1", "1e999", "é", "\U0001f600"])
    given: Frame = dice.choice([odd, odd * 3, piece, ""])
    if isinstance(frame, str):
        lent = given if isinstance(given, str) else given.decode(errors="replace")
        return frame[:begin] + lent + frame[end:]
    flipped = bytes([dice.randrange(256)])
    binary = given.encode() if isinstance(given, str) else given
    return frame[:begin] + dice.choice([binary, flipped]) + frame[end:]


def odd_frames(dice: random.Random) -> Iterator[Frame]:
    """Return frames that no platform sends."""
    yield from ("", b"", "null", "0", "[]", "{}", '""', "{", "[" * 10_000, '{"a":' * 10_000)
    yield from (b"\x00", b"\xff" * 64, "\x00", "\u2028\U0001f600", " " * 4096)
    for _ in range(64):
        yield dice.randbytes(dice.randint(1, 64))
        yield dice.randbytes(dice.randint(1, 64)).decode("latin-1")
