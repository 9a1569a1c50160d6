"""How inputs are changed: the usual byte-level havoc, and words the target knows. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST_BYTES = 1 << 16
"""Of an input; larger ones are a matter of limits, which have tests of their own."""

_MOST_STEPS = 6
_EDGES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff", b"\x7f\xff", b"\xff" * 8, b"\x80" * 4)
_NUMBERS = (b"0", b"-1", b"1e999", b"18446744073709551616", b"NaN", b"null", b"true", b"[]", b"{}")

Step = Callable[[bytearray, random.Random], None]


def mutated(
    data: bytes, others: Sequence[bytes], words: Sequence[bytes], dice: random.Random
) -> bytes:
    """Return a changed input.

    Args:
        data: The one to change.
        others: The rest of the corpus, for splices.
        words: Tokens of the target's language.
        dice: Decides.
    """
    changed = bytearray(data)
    if others and dice.random() < 0.15:
        other = dice.choice(others)
        changed[dice.randint(0, len(changed)) :] = other[dice.randint(0, len(other)) :]
    for _ in range(dice.randint(1, _MOST_STEPS)):
        if words and dice.random() < 0.3:
            _put(changed, dice.choice(words), dice)
        else:
            dice.choice(_STEPS)(changed, dice)
    return bytes(changed[:LONGEST_BYTES])


def _at(data: bytearray, dice: random.Random) -> int:
    return dice.randrange(len(data)) if data else 0


def _put(data: bytearray, word: bytes, dice: random.Random) -> None:
    """Insert a word, or write it over what is there."""
    at = dice.randint(0, len(data))
    data[at : at + (len(word) if dice.random() < 0.5 else 0)] = word


def _flip(data: bytearray, dice: random.Random) -> None:
    if data:
        data[_at(data, dice)] ^= 1 << dice.randrange(8)


def _replace(data: bytearray, dice: random.Random) -> None:
    if data:
        data[_at(data, dice)] = dice.randrange(256)


def _add(data: bytearray, dice: random.Random) -> None:
    if data:
        at = _at(data, dice)
        data[at] = (data[at] + dice.choice((-1, 1, 16, -16))) & 0xFF


def _insert(data: bytearray, dice: random.Random) -> None:
    _put(data, dice.randbytes(dice.randint(1, 8)), dice)


def _remove(data: bytearray, dice: random.Random) -> None:
    at = _at(data, dice)
    del data[at : at + dice.randint(1, max(1, len(data) // 4))]


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[_at(data, dice) :]


def _copy(data: bytearray, dice: random.Random) -> None:
    at = _at(data, dice)
    piece = bytes(data[at : at + dice.randint(1, 64)])
    into = dice.randint(0, len(data))
    data[into:into] = piece * dice.choice((1, 1, 1, 2, 50))


def _edge(data: bytearray, dice: random.Random) -> None:
    _put(data, dice.choice(_EDGES), dice)


def _number(data: bytearray, dice: random.Random) -> None:
    _put(data, dice.choice(_NUMBERS), dice)


_STEPS: tuple[Step, ...] = (
    _flip, _replace, _add, _insert, _remove, _cut, _copy, _edge, _number, _flip, _replace,
)  # fmt: skip
