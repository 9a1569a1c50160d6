"""Take the mechanism behind a promise away and see its test fail.

``guarantees.py [G1 …] [--page FILE]``: for each promise of docs/guarantees.md (default: all) its
test runs in a copy of this tree, as it is and after the change the page shows. Exits with 1
unless each test passes with the mechanism and fails without it. This tree is not touched.
Needs nothing but Python 3.11: without the tools of a developer it makes ``.venv`` first.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "guarantees.md"
LIMIT_S: Final = 180.0
"""Longest a test may take."""

_PARTS: Final = ("actors", "gateway", "scripts", "tests", "config", "setup.cfg", "pyproject.toml")
_SECTION: Final = re.compile(r"^### (G\d+)\b(.*?)(?=^##|\Z)", re.DOTALL | re.MULTILINE)
_TEST: Final = re.compile(r"`(tests/[^`\s]+::[^`\n]+)`")
_DIFF: Final = re.compile(r"^```diff\n--- (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Promise(NamedTuple):
    """A promise, the test that shows it, and the change that takes its mechanism away.

    Attributes:
        name: ``G1`` and so on.
        test: As pytest names it, from the root.
        file: What is changed, from the root.
        old: Lines that are there once.
        new: Lines to put in their place.
    """

    name: str
    test: str
    file: str
    old: str
    new: str

    def broken(self, text: str) -> str:
        """Return the file's text without the mechanism.

        Raises:
            ValueError: The lines are not there, or not once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has not once:\n{self.old}")
        return text.replace(self.old, self.new)


def read(page: Path) -> list[Promise]:
    """Read the promises of a page.

    Raises:
        ValueError: One of them lacks its test or its change.
    """
    promises = []
    for name, body in _SECTION.findall(page.read_text(encoding="utf-8")):
        test, diff = _TEST.search(body), _DIFF.search(body)
        if test is None or diff is None:
            raise ValueError(f"{page.name}: {name} names no test, or no change")
        file, lines = diff[1], diff[2].splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in f" {sign}") for sign in "-+")
        promises.append(Promise(name, test[1], file, old, new))
    return promises


def run(test: str, root: Path) -> tuple[int, str]:
    """Run a test of a tree; give pytest's exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-x", test],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout + done.stderr


def proven(promise: Promise, root: Path) -> str | None:
    """Run the test with and without the mechanism in a copy; give what is wrong, or None."""
    code, said = run(promise.test, root)
    if code:
        return f"fails as it is:\n{said}"
    file = root / promise.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(promise.broken(whole), encoding="utf-8")
    try:
        code, said = run(promise.test, root)
    finally:
        file.write_text(whole, encoding="utf-8")
    return None if code == 1 else f"does not fail without its mechanism:\n{said}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove the promises asked for; 1 if one of them is only words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="G1", help="default: all")
    parser.add_argument("--page", type=Path, default=PAGE, help="default: docs/guarantees.md")
    given = parser.parse_args(arguments)
    promises = {promise.name: promise for promise in read(given.page)}
    unknown = set(given.names) - set(promises)
    if unknown:
        parser.error(f"no promise {min(unknown)}; there are {', '.join(promises)}")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in _PARTS:
            kind = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            kind(ROOT / part, copy / part)
        for name in given.names or promises:
            found = proven(promises[name], copy)
            wrong += found is not None
            print(f"{name} {promises[name].test}: {found or 'fails without it, passes with it'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if importlib.util.find_spec("pytest") and importlib.util.find_spec("msgspec"):
        sys.exit(main())
    sys.path.insert(0, str(ROOT))
    from scripts.environment import launch

    sys.exit(launch("scripts.guarantees", "guarantees.py", extra="dev"))
