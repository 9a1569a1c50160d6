"""The lock: ``constraints.txt`` pins every library by version and hash.

``python3 scripts/lock.py`` writes it anew with uv, from ``setup.cfg``; ``--of http,notify`` prints
what these extras need of it, for ``pip install --require-hashes -r``. pip takes hashes for all it
installs or for nothing, and a shop does not need the libraries of the tests.
"""

from __future__ import annotations

import argparse
import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = "constraints.txt"
COMMAND = (
    *("pip", "compile", "setup.py", "--universal", "--generate-hashes", "--all-extras"),
    *("--python-version", "3.11", "--no-header", "--quiet", "--upgrade", "-o", FILE),
)

_US = "xianyu-gateway"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRAS = re.compile(r"\[([^\]]*)\]")
_PARENT = re.compile(r"#\s+(?:via\s+)?([A-Za-z0-9._-]+)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the lock, or print a part of it; return the exit code."""
    parser = argparse.ArgumentParser(description="write constraints.txt anew, or print a part")
    parser.add_argument("--of", metavar="EXTRAS", help="print what these need, e.g. http,notify")
    given = parser.parse_args(arguments)
    if given.of is not None:
        try:
            sys.stdout.write(locked(given.of) or "")
        except LookupError as error:
            print(f"lock.py: {error}", file=sys.stderr)
            return 2
        return 0
    uv = shutil.which("uv")
    if uv is None:
        print("lock.py: uv is not installed; run: pipx install uv", file=sys.stderr)
        return 2
    return subprocess.run([uv, *COMMAND], check=False, cwd=ROOT).returncode


def locked(extra: str, root: Path = ROOT) -> str | None:
    """Return the part of the lock that the project with an extra needs, for ``pip install -r``.

    Args:
        extra: Names of extras in ``setup.cfg``, with commas; or nothing for the project alone.
        root: The checkout.

    Returns:
        None if there is no lock.

    Raises:
        LookupError: There is no such extra, or ``setup.cfg`` names a library the lock has not.
    """
    file = root / FILE
    if not file.exists():
        return None
    entries = _entries(file.read_text(encoding="utf-8"))
    wanted = direct(extra, root)
    missing = sorted(wanted - entries.keys())
    if missing:
        raise LookupError(f"{FILE} has no {', '.join(missing)}; run scripts/lock.py")
    while more := {name for name, entry in entries.items() if _parents(entry) & wanted} - wanted:
        wanted |= more
    return "".join(entry for name, entry in entries.items() if name in wanted)


def direct(extra: str, root: Path = ROOT) -> set[str]:
    """Return the libraries that ``setup.cfg`` names for the project with extras.

    Raises:
        LookupError: There is no such extra.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(root / "setup.cfg", encoding="utf-8")
    found = set(_names(_lines(parser["options"]["install_requires"])))
    extras = parser["options.extras_require"]
    open_, seen = {each.strip() for each in extra.split(",")} - {""}, set[str]()
    while open_:
        name = open_.pop()
        seen.add(name)
        if name not in extras:
            raise LookupError(f"setup.cfg has no extra {name}; there are {', '.join(extras)}")
        for line in _lines(extras[name]):
            (library,) = _names([line])
            if library == _US:
                own = _EXTRAS.search(line)
                open_ |= {each.strip() for each in (own[1] if own else "").split(",")} - seen
            else:
                found.add(library)
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _names(lines: Iterable[str]) -> list[str]:
    return [_normal(match[0]) for line in lines if (match := _NAME.match(line))]


def _normal(name: str) -> str:
    """Return a name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _entries(text: str) -> dict[str, str]:
    """Return the entries of the lock by name: version, marker, hashes, and who wants it."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        match = None if line[0] in " #\n" else _NAME.match(line)
        if match is not None:
            name = _normal(match[0])
        if name:
            found[name] = found.get(name, "") + line
    return found


def _parents(entry: str) -> set[str]:
    return {_normal(match[1]) for match in _PARENT.finditer(entry)} - {_US, "via"}


if __name__ == "__main__":
    sys.exit(main())
