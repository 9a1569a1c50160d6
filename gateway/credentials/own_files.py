"""Files that hold a secret: read if they are ours alone, written so that they are."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from urllib.parse import quote

from actors.values import AccountId
from gateway import regular_files

_MOST_NAME = 180


class NoFileError(OSError):
    """What stands under a name is no file, or larger than any of ours."""


class NotOursError(Exception):
    """A file is not ours alone; says which, why and what to do."""


def name_of(account: AccountId) -> str:
    """Return a name that every file system takes, of this account alone; without an ending."""
    name = quote(account, safe="").replace(".", "%2E")
    if len(name) > _MOST_NAME:  # a letter may take twelve of the 255 there are
        digest = hashlib.sha256(account.encode()).hexdigest()[:32]
        name = f"{name[: _MOST_NAME - len(digest) - 1]}-{digest}"
    return name


def read(path: Path, *, most_bytes: int, follow: bool) -> tuple[os.stat_result, bytes]:
    """Return the status of a file, and what it holds.

    Args:
        path: The file.
        most_bytes: A larger one is none of ours.
        follow: Also if it is a link.

    Raises:
        NoFileError: It is no file, or too large.
        OSError: It cannot be read.
    """
    try:
        status, content = regular_files.read(path, most_bytes=most_bytes, follow=follow)
    except regular_files.NotRegularError:
        raise NoFileError from None
    if status.st_size > most_bytes:
        raise NoFileError
    return status, content


def read_ours(path: Path, *, most_bytes: int) -> bytes:
    """Return what a file holds that is ours alone, and no link.

    Raises:
        NotOursError: It is not.
        OSError: It cannot be read.
    """
    try:
        status, content = read(path, most_bytes=most_bytes, follow=False)
    except NoFileError:
        raise NotOursError(f"{path} is no file of the gateway's; move it away") from None
    if sys.platform != "win32":
        if status.st_uid != os.geteuid():
            raise NotOursError(f"{path} belongs to another user; chown it, or move it away")
        if status.st_mode & 0o077:
            raise NotOursError(
                f"others may read {path}: their copy may be in use. Run chmod 600 on it if "
                "nobody did, else sign in again"
            )
    return content


def write(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read; it is on the disk when this returns.

    Raises:
        OSError: It is there already, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
