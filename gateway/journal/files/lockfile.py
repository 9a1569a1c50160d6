"""The lock file of a journal: who has the journal open, as this file tells.

What it says stays there after the end of its owner; whether somebody holds it, the operating
system tells.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Final

import msgspec

from actors.ports.journal import JournalError
from gateway.journal.files import opening, oslock

_OWNER_BYTES: Final = 4096
_OPEN: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Never through a link, and never waiting for the other end of a pipe."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a journal open.

    Attributes:
        pid: Its process.
        host: Name of the machine (or container) it runs on.
        nonce: Random, of this lock only, hexadecimal. Who can repeat it can read the lock file,
            which only the owner's user can; empty in a file of an older version.
        inode: Of the journal file, from its first commit until it is closed; else 0.
    """

    pid: int
    host: str
    nonce: str = ""
    inode: int = 0


def owner_of(path: Path) -> str | None:
    """Return who holds a lock, for people; None if nobody does."""
    owner, held = _seen(path)
    return named(path, owner) if held else None


def cut_off(path: Path) -> int:
    """Return the inode of the journal that whoever held a lock last did not close; 0: none.

    Raises:
        JournalError: The lock file cannot be read, or is no file of this program.
    """
    owner, held = _seen(path)
    return 0 if held or owner is None else owner.inode


def read_owner(data_dir: Path | str) -> Owner | None:
    """Return who holds the journal of a data directory; None if nobody does, or none can be told.

    Raises:
        JournalError: The lock file cannot be read, or is no file of this program.
    """
    owner, held = _seen(Path(data_dir) / f"{opening.JOURNAL_FILE}.lock")
    return owner if held else None


def _seen(path: Path) -> tuple[Owner | None, bool]:
    """Return who wrote a lock file last, as far as it tells, and whether somebody holds it."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = opened(path, os.O_RDONLY)
        try:
            held = not oslock.free(descriptor)
            return written(descriptor), held
        finally:
            os.close(descriptor)
    return None, False


def opened(path: Path, flags: int) -> int:
    """Open a lock file, never what a link of that name leads to; return its descriptor.

    Raises:
        JournalError: It is a link, or no ordinary file, and was left as it is; or cannot be opened.
        FileNotFoundError: It is not there, and is not to be made.
    """
    try:
        descriptor = os.open(path, flags | _OPEN, 0o600)
    except OSError as error:
        if error.errno == errno.ENOENT and not flags & os.O_CREAT:
            raise
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR):
            raise _foreign(path) from error
        raise JournalError(
            f"the lock file {path} cannot be opened ({error.strerror}); "
            "check the owner and mode of its directory"
        ) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise _foreign(path)
    return descriptor


def _foreign(path: Path) -> JournalError:
    return JournalError(
        f"the lock file {path} is a link, or no ordinary file, and was left as it is; "
        "see who made it, then remove it"
    )


def written(descriptor: int) -> Owner | None:
    """Return who wrote a lock file; None: it is just being written, or not ours at all."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(descriptor, _OWNER_BYTES), type=Owner)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
        return None


def write(descriptor: int, owner: Owner) -> None:
    """Write into a lock file who holds it.

    Raises:
        OSError: It cannot be written.
    """
    text = msgspec.json.encode(owner)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text)
    os.ftruncate(descriptor, len(text))


def named(path: Path, owner: Owner | None) -> str:
    """Return for people who holds a lock, as far as its file tells."""
    if owner is None:
        return "another process"
    if owner.host == socket.gethostname() and not _alive(owner.pid):
        return (
            f"a child of process {owner.pid} on {owner.host}, which has ended itself "
            f"(`fuser {path}` names the child)"
        )
    return f"process {owner.pid} on {owner.host}"


def _alive(pid: int) -> bool:
    """Return whether a process of this machine is there; True if that cannot be told."""
    if sys.platform == "win32" or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
