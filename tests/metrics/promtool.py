"""Finds promtool, and runs it.

It lies in Debian's package ``prometheus``. As root with apt it is downloaded and unpacked into a
cache, and nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

DOWNLOAD_S: Final = 120.0
RUN_S: Final = 60.0
_APT: Final = ("apt-get", "-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


def _cached() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "xianyu-gateway-tests" / "promtool"


def _run(*command: str, cwd: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def _fetch(target: Path) -> str:
    """Download and unpack it; return why it is not there, empty if it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt downloads as a user of its own
        got = _run(*_APT, "download", "prometheus", cwd=folder, timeout_s=DOWNLOAD_S)
        if got.returncode:
            _run(*_APT, "update", cwd=folder, timeout_s=DOWNLOAD_S)
            got = _run(*_APT, "download", "prometheus", cwd=folder, timeout_s=DOWNLOAD_S)
        packages = list(folder.glob("*.deb"))
        if got.returncode or not packages:
            return f"apt-get download prometheus: {got.stderr.strip()[-200:]}"
        unpacked = _run("dpkg", "-x", packages[0].name, "x", cwd=folder, timeout_s=RUN_S)
        found = folder / "x" / "usr" / "bin" / "promtool"
        if unpacked.returncode or not found.exists():
            return f"dpkg -x: {unpacked.stderr.strip()[-200:] or 'there is no promtool in it'}"
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copy2(found, draft)
        draft.replace(target)
    return ""


@cache
def _found() -> tuple[str | None, str]:
    on_path = shutil.which("promtool")
    if on_path:
        return on_path, ""
    cached = _cached()
    if cached.exists():
        return str(cached), ""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not (root and shutil.which("apt-get") and shutil.which("dpkg")):
        return None, "there is no promtool on PATH, and only root with apt can fetch it"
    try:
        why = _fetch(cached)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"{type(error).__name__}: {error}"
    return (None, why) if why else (str(cached), "")


def promtool(*arguments: str, cwd: Path, stdin: bytes = b"") -> str:
    """Run it, and return what it says; the test is skipped without it, but not in CI as root.

    Raises:
        AssertionError: It finds something wrong.
    """
    path, why = _found()
    if path is None:
        if os.environ.get("CI") == "true" and hasattr(os, "geteuid") and os.geteuid() == 0:
            pytest.fail(f"no promtool: {why}")
        pytest.skip(why)
    done = subprocess.run(
        [path, *arguments], cwd=cwd, input=stdin, capture_output=True, timeout=RUN_S, check=False
    )
    told = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, told
    return told
