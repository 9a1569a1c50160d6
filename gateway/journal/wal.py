"""Finds what SQLite dropped from a journal's log when it opened it (sqlite.org/walformat.html).

A log is read up to the first frame whose checksum is wrong, and what comes after is dropped
without a word. That is right for what a kill cuts off: only the last frame that was being
written. It is a loss if a disk gives back other bytes than were written.

The kill is told from the disk: frames are written in order, so one that is wrong and was followed
by another is damage, and so is a last one that one flipped bit would set right.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import IO, Final

import msgspec

from actors.policy.alerts import Alert
from gateway.commands import page
from gateway.journal import schema
from gateway.journal.files import opening

_HEADER: Final = Struct(">8I")
"""Magic, version, page size, sequence, two salts, two sums."""
_FRAME: Final = Struct(">6I")
"""Page, pages after the commit (0: it ends none), two salts, two sums."""
_STEP: Final = _FRAME.size + schema.PAGE_BYTES
_MAGIC: Final = 0x377F0682
_MASK: Final = 0xFFFFFFFF
_ALIKE: Final = 1024
"""After this many frames of an older round in a row, no newer one follows."""

_Sums = tuple[int, int]


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """What SQLite dropped.

    Attributes:
        frames: Pages that had been written.
        commits: Transactions they belonged to, as far as can be told; at least one.
        copy: Where the whole log lies now; empty: there was no room for it.
    """

    frames: int
    commits: int
    copy: str


def dropped(connection: sqlite3.Connection, path: Path, now_ms: int) -> Dropped | None:
    """Return what is missing of the log of a journal that was just opened, and keep a copy of it.

    To be called before anything is written. Without a log, and after a kill, it costs little:
    sums are only computed of what SQLite did not take.

    Raises:
        sqlite3.Error: The log cannot be read.
        OSError: The same.
    """
    log = opening.beside(path, "-wal")
    if not log.exists() or log.stat().st_size < _HEADER.size + _STEP:
        return None
    _, taken, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    with log.open("rb") as file:
        found = _beyond(file, max(0, taken), log.stat().st_size)
    if found is None:
        return None
    frames, commits = found
    copy = opening.beside(path, f".log-damaged-{now_ms}")
    try:
        _copy(log, copy)
    except OSError:  # what is left matters more
        copy.unlink(missing_ok=True)
        return Dropped(frames=frames, commits=max(1, commits), copy="")
    return Dropped(frames=frames, commits=max(1, commits), copy=str(copy))


def gone(path: Path, inode: int) -> bool:
    """Return whether a journal was not closed and has no log; to be called before it is opened.

    Args:
        path: The journal.
        inode: Of the one that was not closed, by its lock file; another file was put there since.
    """
    log = opening.beside(path, "-wal")
    return path.stat().st_ino == inode and (not log.exists() or log.stat().st_size == 0)


def told_gone(path: Path) -> str:
    """Return what is to be said of a journal that was not closed and has no log any more."""
    return (
        f"the journal {path} was not closed and its log {path.name}-wal is gone: if it was deleted "
        "or left behind, what was stored last is lost (events, settlements, sends); "
        "if another program opened the journal since, that copied it in, and if a copy was put in "
        "its place, that is whole"
    )


def alert_gone(path: Path) -> Alert:
    """Return the alert of a journal that was not closed and has no log any more."""
    return Alert(
        name="journal.log_damaged",
        why="log_gone",
        detail=told_gone(path),
        next_step=f"if you have it: stop, put {path.name}-wal back beside the journal and start; "
        "what the platform still holds comes back by history",
    )


def alert(path: Path, lost: Dropped) -> Alert:
    """Return the alert of a journal that lost a part of its log."""
    kept = f"; the log as it was is {lost.copy}" if lost.copy else ""
    return Alert(
        name="journal.log_damaged",
        detail=f"the disk gave back other bytes than were written to the log of {path}: "
        f"{lost.commits} commits ({lost.frames} pages) are lost{kept}",
        next_step="look at the disk and the memory of this machine; what the platform still holds "
        f"comes back by history, see {page('docs/journal.md')}",
    )


def _copy(log: Path, copy: Path) -> None:
    with log.open("rb") as reading, copy.open("xb") as writing:
        copy.chmod(0o600)
        while part := reading.read(1 << 20):
            writing.write(part)
        writing.flush()
        os.fsync(writing.fileno())
    opening.sync_directory(copy)


def _beyond(log: IO[bytes], taken: int, size: int) -> tuple[int, int] | None:
    """Return how many frames and commits were written behind those taken; None: nothing is lost."""
    header = _HEADER.unpack(_read(log, 0, _HEADER.size))
    order = "big" if header[0] & 1 else "little"
    whole = header[0] & ~1 == _MAGIC and _sum(_words(_read(log, 0, 24), order)) == header[6:8]
    if whole and header[2] != schema.PAGE_BYTES:
        return None
    first = _frame(log, 0)
    salts = header[4:6] if whole else first[2:4]
    seed = header[6:8] if taken == 0 else _frame(log, taken - 1)[4:6]
    tail = _written(log, taken, (size - _HEADER.size) // _STEP, salts)
    if not tail:
        return None
    commits = sum(frame[1] != 0 for frame in tail)
    if not whole:
        return (len(tail), commits)
    sums = (seed, *(frame[4:6] for frame in tail))
    wrong = [
        number
        for number, (before, after) in enumerate(pairwise(sums))
        if tail[number][2:4] != salts or _sum(_content(log, taken + number, order), before) != after
    ]
    last = len(tail) - 1
    if not wrong or (wrong[0] < last and not commits):  # a kill in the middle of a commit
        return None
    if wrong[0] == last and not _one_bit(
        _content(log, taken + last, order), sums[last], sums[last + 1], tail[last][2:4], salts
    ):
        return None
    return (len(tail), commits)


def _written(log: IO[bytes], begin: int, end: int, salts: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the headers of the frames from a number on, up to the last one of this round.

    The rest of the file is of an older round, and has other salts.
    """
    found: list[tuple[int, ...]] = []
    last = 0
    for number in range(begin, end):
        frame = _frame(log, number)
        found.append(frame)
        # The second salt is drawn anew each round: one bit beside it is no other round.
        if _bits(frame[2] ^ salts[0]) + _bits(frame[3] ^ salts[1]) <= 1:
            last = len(found)
        elif len(found) - last > _ALIKE:
            break
    return found[:last]


def _one_bit(
    words: Sequence[int],
    seed: Sequence[int],
    told: Sequence[int],
    salts: Sequence[int],
    ours: Sequence[int],
) -> bool:
    """Return whether one flipped bit of a frame explains that it is wrong."""
    is_0, is_1 = _sum(words, seed)
    if (is_0, is_1) == tuple(told):
        return tuple(salts) != tuple(ours)  # they are in no sum
    if _bits(is_0 ^ told[0]) + _bits(is_1 ^ told[1]) == 1:
        return True
    off = ((told[0] - is_0) & _MASK, (told[1] - is_1) & _MASK)
    # What a word adds to the sums, from the last pair to the first: a Fibonacci sequence.
    even, odd = (1, 1), (0, 1)
    for _ in range(len(words) // 2):
        for by in (even, odd):
            for bit in range(32):
                for sign in (1, -1):
                    if ((sign * by[0] << bit) & _MASK, (sign * by[1] << bit) & _MASK) == off:
                        return True
        even, odd = (
            ((each[0] + each[1]) & _MASK, (each[0] + 2 * each[1]) & _MASK) for each in (even, odd)
        )
    return False


def _frame(log: IO[bytes], number: int) -> tuple[int, ...]:
    return _FRAME.unpack(_read(log, _HEADER.size + number * _STEP, _FRAME.size))


def _read(log: IO[bytes], begin: int, size: int) -> bytes:
    log.seek(begin)
    return log.read(size)


def _content(log: IO[bytes], number: int, order: str) -> Sequence[int]:
    """Return what the sum of a frame is made of: eight bytes of its header, and the page."""
    raw = _read(log, _HEADER.size + number * _STEP, _STEP)
    return _words(raw[:8] + raw[_FRAME.size :], order)


def _words(raw: bytes, order: str) -> Sequence[int]:
    form = ">" if order == "big" else "<"
    return Struct(f"{form}{len(raw) // 4}I").unpack(raw)


def _sum(words: Sequence[int], seed: Sequence[int] = (0, 0)) -> _Sums:
    first, second = seed
    pairs = iter(words)
    for even, odd in zip(pairs, pairs, strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second


def _bits(value: int) -> int:
    return value.bit_count()
