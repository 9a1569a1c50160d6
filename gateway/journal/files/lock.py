"""One process a journal: a lock file that names its owner, and a lock of the journal file itself.

The operating system drops both when the process ends, however it ends; the file stays. The second
lock holds where somebody deletes the lock file. A process that the owner forks closes its copies
at once, so that it keeps no lock of an owner that is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
import sys
import threading
import weakref
from pathlib import Path
from typing import Final

import msgspec

from actors.ports.journal import JournalError
from gateway.journal.files import opening

_LOCKED_BYTE: Final = 1 << 20
"""Windows locks are mandatory: the locked byte lies far behind the text others read."""

_PROBED_BYTE: Final = 0x40000000 + 1024
"""In a journal file, behind the bytes that SQLite locks."""

_TRIES: Final = 4
_PAUSE_S: Final = 0.05
"""Who only looks holds a lock for a moment; nobody is refused for that."""

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
        if descriptor is not None and _locked(descriptor, journal):
            if _mixed(descriptor):
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
                self._write(self._descriptor)

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
            descriptor = _opened(self._path, os.O_RDWR | os.O_CREAT)
            try:
                taken = self._claim(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            if taken:
                return descriptor
            os.close(descriptor)

    def _claim(self, descriptor: int) -> bool:
        """Lock an open file and write into it; False if it was deleted since it was opened."""
        path = self._path
        if not _locked(descriptor, path):
            who = _named(path, _written(descriptor))
            raise JournalError(
                f"the journal is in use by {who} (lock file {path}); "
                "stop that process, or give this one another data_dir"
            )
        if not _is_at(descriptor, path):
            return False
        former = _written(descriptor)
        if former is not None and not self.owner.inode:
            self.owner = msgspec.structs.replace(self.owner, inode=former.inode)
        try:
            self._write(descriptor)
            if sys.platform != "win32":
                os.fchmod(descriptor, 0o600)  # it holds the nonce
        except OSError as error:
            raise JournalError(
                f"the lock file {path} cannot be written ({error.strerror}); "
                "free space on that disk, or set another data_dir"
            ) from error
        return True

    def _write(self, descriptor: int) -> None:
        text = msgspec.json.encode(self.owner)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text)
        os.ftruncate(descriptor, len(text))


_held: weakref.WeakSet[ProcessLock] = weakref.WeakSet()


def _forget_in_child() -> None:
    """Close the copies that a fork made: an open one holds the lock of a parent that is gone."""
    for lock in list(_held):
        lock.release()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_in_child)


def owner_of(path: Path) -> str | None:
    """Return who holds a lock, for people; None if nobody does."""
    owner, held = _seen(path)
    return _named(path, owner) if held else None


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
        descriptor = _opened(path, os.O_RDONLY)
        try:
            held = not _free(descriptor)
            return _written(descriptor), held
        finally:
            os.close(descriptor)
    return None, False


def _opened(path: Path, flags: int) -> int:
    """Open a lock file; never what a link of that name leads to.

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


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether a name still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def _locked(descriptor: int, path: Path) -> bool:
    """Lock a file; False if somebody else has.

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


def _free(descriptor: int) -> bool:
    """Return whether nobody holds a lock."""
    try:
        _look(descriptor)
    except OSError:
        return False
    return True


def _written(descriptor: int) -> Owner | None:
    """Read who wrote a lock file; None: it is just being written, or not ours at all."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(descriptor, _OWNER_BYTES), type=Owner)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
        return None


def _named(path: Path, owner: Owner | None) -> str:
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


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _look(descriptor: int) -> None:
        _lock(descriptor)
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _mixed(_descriptor: int) -> bool:
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock belongs to the open file: it also refuses a second journal in this process.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _look(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _mixed(descriptor: int) -> bool:
        """Return whether the file system keeps flock and the locks of SQLite as one."""
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _PROBED_BYTE)
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _PROBED_BYTE)
        except OSError:
            return True
        return False
