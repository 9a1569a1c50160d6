"""The operating system's lock of an open file, on POSIX and on Windows.

It ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Final

from actors.ports.journal import JournalError

_LOCKED_BYTE: Final = 1 << 20
"""Windows locks are mandatory: the locked byte lies far behind the text others read."""

_PROBED_BYTE: Final = 0x40000000 + 1024
"""In a journal file, behind the bytes that SQLite locks."""

_TRIES: Final = 4
_PAUSE_S: Final = 0.05
"""Who only looks holds a lock for a moment; nobody is refused for that."""


def locked(descriptor: int, path: Path) -> bool:
    """Lock a file; return False if somebody else has.

    Raises:
        JournalError: The file system cannot.
    """
    for left in range(_TRIES, 0, -1):
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise JournalError(
                    f"{path} cannot be locked ({error.strerror}); "
                    "set data_dir to a directory on a disk of this machine"
                ) from error
            if left > 1:
                threading.Event().wait(_PAUSE_S)
        else:
            return True
    return False


def free(descriptor: int) -> bool:
    """Return whether nobody holds a lock."""
    try:
        _look(descriptor)
    except OSError:
        return False
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _look(descriptor: int) -> None:
        _lock(descriptor)
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def mixed(_descriptor: int) -> bool:
        """Return True: here the journal file itself is never locked."""
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock belongs to the open file: it also refuses a second journal in this process.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _look(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def mixed(descriptor: int) -> bool:
        """Return whether the file system keeps flock and the locks of SQLite as one."""
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _PROBED_BYTE)
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _PROBED_BYTE)
        except OSError:
            return True
        return False
