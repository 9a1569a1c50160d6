"""The file system under a path, out of the table of mounts; a reader for that table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

NETWORK: Final = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "ncpfs", "nfs"),
        *("nfs4", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
    )
)
"""Types whose files another machine or the host of this one keeps: neither their locks nor their
shared memory are to be trusted, and a write-ahead log needs both."""

VOLATILE: Final = frozenset({"ramfs", "tmpfs"})
"""Types that forget everything with the machine."""

MOUNTS: Final = Path("/proc/self/mounts")

_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """What is mounted where.

    Attributes:
        point: The folder.
        kind: Type of the file system.
    """

    point: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Return whether another machine, or the host of this one, keeps the files."""
        return self.kind in NETWORK

    @property
    def is_fuse(self) -> bool:
        """Return whether a program keeps the files, perhaps on another machine."""
        return self.kind.startswith("fuse.")


def mount_of(path: str, table: str) -> Mount | None:
    """Return what a path lies on; None if the table does not say.

    Args:
        path: Absolute, without links.
        table: As ``/proc/mounts`` has it: device, folder, type and more, a line each.
    """
    found: Mount | None = None
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[1])
        deepest = found is None or len(point) >= len(found.point)  # a later one hides an earlier
        if deepest and PurePosixPath(path).is_relative_to(point):
            found = Mount(point, fields[2])
    return found


def table() -> str:
    """Return the table of this process; empty where there is none."""
    try:
        return MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
