"""One process a journal: a lock file that names its owner.

The operating system drops the lock when the process ends, however it ends; the file stays.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import IO

import msgspec

from actors.storage import JournalError

_LOCKED_BYTE = 1 << 20
"""Windows locks are mandatory: the locked byte lies far behind the text others read."""


class ProcessLock:
    """Exclusive lock on ``path``, held until :meth:`release`.

    Args:
        path: The lock file; made if it is not there.
        note: Write who we are into it.

    Raises:
        JournalError: Another journal object, here or elsewhere, holds it; names the owner.
    """

    def __init__(self, path: Path, *, note: bool = True) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            _lock(self._file)
        except OSError as error:
            owner = _owner(self._file)
            self._file.close()
            raise JournalError(
                f"the journal is in use by {owner} (lock file {path}); "
                "stop that process, or give this one another data_dir"
            ) from error
        if not note:
            return
        self._file.truncate(0)
        self._file.seek(0)
        self._file.write(msgspec.json.encode({"pid": os.getpid(), "host": socket.gethostname()}))

    def release(self) -> None:
        """Let go. Idempotent."""
        self._file.close()


def owner_of(path: Path) -> str | None:
    """Say who holds a lock; None if nobody does."""
    if not path.exists():
        return None
    try:
        ProcessLock(path, note=False).release()
    except JournalError:
        with path.open("rb") as file:
            return _owner(file)
    return None


def _owner(file: IO[bytes]) -> str:
    """Say who wrote a lock file; it may be just being written, or not ours at all."""
    file.seek(0)
    try:
        owner = msgspec.json.decode(file.read(4096), type=dict[str, int | str])
        return f"process {owner['pid']} on {owner['host']}"
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        # flock belongs to the open file: it also refuses a second journal in this process.
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
