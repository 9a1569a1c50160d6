"""One process a journal: a lock file that names its owner, and a lock of the journal file itself.

The operating system drops both when the process ends, however it ends; the file stays. The second
lock holds where somebody deletes the lock file. A process that the owner forks closes its copies
at once, so that it keeps no lock of an owner that is gone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import weakref
from pathlib import Path

import msgspec

from actors.ports.journal import JournalError
from gateway.journal.files import lockfile, oslock
from gateway.journal.files.lockfile import Owner


class ProcessLock:
    """Exclusive lock on ``path``, held until :meth:`release`.

    Args:
        path: The lock file; made if it is not there.

    Attributes:
        owner: We, as the file names us.

    Raises:
        JournalError: Another journal object, here or elsewhere, holds it (names the owner), or
            the file cannot be locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal: int | None = None
        self.owner = Owner(pid=os.getpid(), host=socket.gethostname(), nonce=secrets.token_hex(16))
        self._descriptor: int | None = self._take()
        _held.add(self)

    def guard(self, journal: Path) -> None:
        """Lock the journal file, too: another process may not find the lock file we hold.

        Where the file system mixes this kind of lock with SQLite's own (NFS), it is left out.

        Raises:
            JournalError: Somebody holds it who does not hold the lock file.
        """
        if sys.platform == "win32":  # who has a file open there keeps it from being deleted
            return
        # Closing any descriptor of a file drops all locks SQLite has on it in this process, so
        # one that this process holds already is not opened at all.
        number = journal.stat()
        rivals = [lock for lock in list(_held) if lock.guards(number)]
        descriptor = None if rivals else os.open(journal, os.O_RDWR)
        if descriptor is not None and oslock.locked(descriptor, journal):
            if oslock.mixed(descriptor):
                os.close(descriptor)
            else:
                self._journal = descriptor
            return
        if descriptor is not None:
            os.close(descriptor)
        raise JournalError(
            f"the journal {journal} is in use by a process that has lost its lock file "
            f"{self._path} (`fuser {journal}` names it); "
            "stop that process, or give this one another data_dir"
        )

    def guards(self, number: os.stat_result) -> bool:
        """Return whether this is the journal file that is locked."""
        return self._journal is not None and os.path.samestat(os.fstat(self._journal), number)

    def mark(self, inode: int) -> None:
        """Note which journal file is in use, 0: none. After a kill it stands there.

        What cannot be written there is left: then nobody is told of a log that is gone.
        """
        self.owner = msgspec.structs.replace(self.owner, inode=inode)
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                lockfile.write(self._descriptor, self.owner)

    def move(self, journal: Path) -> None:
        """Guard another file of the name; see :meth:`guard`."""
        descriptor, self._journal = self._journal, None
        if descriptor is not None:
            os.close(descriptor)
        self.keep()
        self.guard(journal)

    def keep(self) -> None:
        """Put the lock file back if it was deleted or replaced.

        Raises:
            JournalError: Another process has locked the one that is there now.
        """
        if self._descriptor is None or _is_at(self._descriptor, self._path):
            return
        lost, self._descriptor = self._descriptor, self._take()
        os.close(lost)

    def release(self) -> None:
        """Let go. Idempotent."""
        for descriptor in (self._journal, self._descriptor):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._journal = self._descriptor = None

    def _take(self) -> int:
        """Open and lock the file that has the name, and write who we are into it."""
        while True:
            descriptor = lockfile.opened(self._path, os.O_RDWR | os.O_CREAT)
            try:
                taken = self._claim(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            if taken:
                return descriptor
            os.close(descriptor)

    def _claim(self, descriptor: int) -> bool:
        """Lock an open file and write into it; return False if it was deleted since."""
        path = self._path
        if not oslock.locked(descriptor, path):
            who = lockfile.named(path, lockfile.written(descriptor))
            raise JournalError(
                f"the journal is in use by {who} (lock file {path}); "
                "stop that process, or give this one another data_dir"
            )
        if not _is_at(descriptor, path):
            return False
        former = lockfile.written(descriptor)
        if former is not None and not self.owner.inode:
            self.owner = msgspec.structs.replace(self.owner, inode=former.inode)
        try:
            lockfile.write(descriptor, self.owner)
            if sys.platform != "win32":
                os.fchmod(descriptor, 0o600)  # it holds the nonce
        except OSError as error:
            raise JournalError(
                f"the lock file {path} cannot be written ({error.strerror}); "
                "free space on that disk, or set another data_dir"
            ) from error
        return True


_held: weakref.WeakSet[ProcessLock] = weakref.WeakSet()


def _forget_in_child() -> None:
    """Close the copies that a fork made: an open one holds the lock of a parent that is gone."""
    for lock in list(_held):
        lock.release()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_in_child)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether a name still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False
