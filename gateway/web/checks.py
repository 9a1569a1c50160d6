"""Checks that are quick and change nothing: of the machine, and of what settings need from it.

``doctor`` has more of them; a page shows these of a gateway that runs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.commands import extra
from gateway.compiled import REMEDY, not_compiled
from gateway.settings import Settings
from gateway.transport import library
from gateway.transport.tls import system_store_is_empty
from gateway.web.findings import Finding, Verdict

FEW_FREE_BYTES = 1 << 30
SPARE_DESCRIPTORS = 200
"""File descriptors beside one per connection: journal, sinks, HTTP, libraries."""

_OTHERS = 0o077


def of_machine() -> Iterator[Finding]:
    """Look at Python and its parts."""
    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info >= (3, 11)
    verdict = Verdict.FINE if right else Verdict.WRONG
    yield Finding("python", verdict, version, "" if right else "use Python 3.11 or newer")
    yield Finding("sqlite", Verdict.FINE, sqlite3.sqlite_version)
    if plain := not_compiled():
        told = f"not compiled, so frames are read by plain Python ({', '.join(plain)})"
        yield Finding("readers", Verdict.WARNING, told, REMEDY)
    else:
        yield Finding("readers", Verdict.FINE, "frames are read by compiled code")
    what, _, fix = (library.problem() or "").partition("; ")
    if what:
        yield Finding("websocket", Verdict.WRONG, what, fix)
    else:
        yield Finding("websocket", Verdict.FINE, "the library is there, and nothing shadows it")
    if None in map(importlib.util.find_spec, ("waitress", "itsdangerous", "jinja2")):
        told = "the extra [http] is not installed; a running gateway could not be asked"
        yield Finding("http", Verdict.WARNING, told, extra("http"))
    else:
        yield Finding("http", Verdict.FINE, "the extra [http] is installed")


def of_links(settings: Settings) -> Iterator[Finding]:
    """Look at how accounts reach their platform."""
    on = [each for each in settings.accounts if each.enabled]
    bare = [each.id for each in on if each.url.startswith("ws://")]
    if bare:
        told = f"{_some(bare)}: ws:// is not encrypted"
        yield Finding("tls", Verdict.WARNING, told, "use wss://, but for tests on this machine")
    by_system = [each for each in on if each.tls.verify and each.tls.ca_file is None]
    secure = [each.id for each in by_system if each.url.startswith("wss://")]
    if secure and system_store_is_empty():
        told = f"{_some(secure)}: this system has no store of certificate authorities"
        fix = "install ca-certificates, or set SSL_CERT_FILE or tls.ca_file"
        yield Finding("tls", Verdict.WRONG, told, fix)
    for each in on:
        if each.tls.ca_file is not None and not os.access(each.tls.ca_file, os.R_OK):
            told = f"{each.id}: tls.ca_file {each.tls.ca_file} cannot be read"
            yield Finding("tls", Verdict.WRONG, told, "correct the path or its mode")
    through = sum(each.proxy is not None for each in on)
    told = f"{through} of {len(on)} accounts through a proxy, which is never bypassed"
    yield Finding("proxy", Verdict.FINE, told)


def of_descriptors(accounts: int) -> Iterator[Finding]:
    """Look whether each account may have a connection."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = accounts + SPARE_DESCRIPTORS
    told = f"{soft} may be open, about {needed} are needed"
    enough = soft in (-1, resource.RLIM_INFINITY) or soft >= needed
    fix = "" if enough else f"ulimit -n {2 * needed} (hard limit {hard}), or LimitNOFILE of systemd"
    yield Finding("descriptors", Verdict.FINE if enough else Verdict.WRONG, told, fix)


def nearest(folder: Path) -> Path:
    """Return a folder, or of one that is not there the nearest above it that is."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def of_directory(folder: Path) -> Iterator[Finding]:
    """Look at where the journal lies: mode and room."""
    there = nearest(folder)
    if there == folder and os.name == "posix" and folder.stat().st_mode & _OTHERS:
        told = f"others may read {folder} (mode {folder.stat().st_mode & 0o777:04o})"
        yield Finding("data_dir", Verdict.WARNING, told, f"chmod 700 {folder}")
    else:
        new = "" if there == folder else "; the first start makes it"
        yield Finding("data_dir", Verdict.FINE, f"{folder}{new}")
    free = shutil.disk_usage(there).free
    few = free < FEW_FREE_BYTES
    told = f"{free / (1 << 30):.1f} GiB free"
    fix = "make room; without it nothing can be acknowledged" if few else ""
    yield Finding("disk", Verdict.WARNING if few else Verdict.FINE, told, fix)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
