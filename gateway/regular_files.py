"""Read a file that somebody named: only if it is one, and no more of it than a bound."""

from __future__ import annotations

import os
import stat
import sys
from typing import Final

_FLAGS: Final = getattr(os, "O_NONBLOCK", 0)
"""A pipe without a writer must not hold the thread; for files it changes nothing."""


class NotRegularError(OSError):
    """What stands under a name is a pipe or a device, which may never end."""


def read(
    path: str | os.PathLike[str], *, most_bytes: int, follow: bool = True
) -> tuple[os.stat_result, bytes]:
    """Return the status of a file and its first bytes: one more than the bound if it is larger.

    Args:
        path: The file.
        most_bytes: The bound.
        follow: Also if it is a link.

    Raises:
        NotRegularError: It is a pipe or a device.
        OSError: It cannot be read, or is a directory.
        ValueError: It is no name of a file.
    """
    more = _FLAGS if follow else _FLAGS | getattr(os, "O_NOFOLLOW", 0)
    # Not os.fdopen: of a directory it raises and leaves the descriptor open.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | more)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularError
        return status, file.read(most_bytes + 1)


def is_open_to_others(status: os.stat_result) -> bool:
    """Return whether others than its owner can know or change what a file holds.

    A file of root's may be readable by its group: so systemd (by an access list, which shows as
    that) and Kubernetes (by ``fsGroup``) hand a secret to a service.
    """
    if sys.platform == "win32":
        return False
    lax = stat.S_IRWXO | stat.S_IWGRP
    if status.st_uid != 0:
        lax |= stat.S_IRWXG
    return bool(status.st_mode & lax)
