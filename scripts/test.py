"""All checks in one command: ``python3 scripts/test.py``.

Needs nothing but Python 3.11: it makes ``.venv``, installs what is missing, and then runs
format, lint, types, contracts, file lengths, the tests of the pure core with their coverage, and
all other tests. ``--pythons`` runs the tests again on each other CPython of this machine, in
``.venv-3.12`` and the like; where ``CI`` is set, those of :data:`BRIEF` run on the newest. The last
line counts the checks.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.environment import ROOT, SetUpError, ensure

LONGEST = 600
"""Lines of a Python file outside the tests; beyond, it has two subjects."""

PURE = ("tests/policy", "tests/platforms")
"""Tests without threads; they cover every branch of the pure core by themselves."""

BROWSER = "tests/browser"
"""Tests that keep a core busy with a browser each."""

_REST = ("-n4", *[f"--ignore={path}" for path in (*PURE, BROWSER)])
"""All others mostly wait, so more of them run at once than there are cores."""

BRIEF = tuple(
    f"tests/{name}"
    for name in ("policy", "platforms", "kernel", "journal", "settings", "credentials", "cli")
)
"""What another Python would break first: syntax, libraries, SQLite, threads, processes."""

WINDOWS = ("--platform", "win32", "--no-warn-unreachable", "actors", "gateway")
"""What we ship must type-check as on Windows, too: no call that only POSIX has, unguarded."""

PYTHONS = ("3.11", "3.12", "3.13")
"""What the metadata says is supported."""

_SKIPPED = frozenset({"tests", "build", "dist", "var"})
Step = tuple[str, Callable[[], bool]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks.

    Returns:
        0 if all passed, 1 if one failed, 2 if the environment cannot be made.
    """
    arguments = _arguments(argv)
    try:
        python = ensure("dev", name=arguments.tests_in or ".venv")
    except SetUpError as error:
        print(f"test.py: {error}", file=sys.stderr)
        return 2
    passed = failed = 0
    lines = []
    for name, run in _steps(python, arguments):
        print(f"· {name} …", flush=True)
        began = time.monotonic()
        good = run()
        passed, failed = passed + good, failed + (not good)
        lines.append(
            f"{'ok    ' if good else 'FAILED'} {name:<10} {time.monotonic() - began:6.1f} s"
        )
        print(f"  {lines[-1]}", flush=True)
    print("\n" + "\n".join(lines))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run all checks; sets itself up.")
    parser.add_argument("--fast", action="store_true", help="no coverage")
    parser.add_argument("--brief", action="store_true", help="of the tests, a part of two minutes")
    parser.add_argument("--slow", action="store_true", help="also the tests marked slow")
    parser.add_argument(
        "--pythons", action="store_true", help="then the tests on every other CPython found, too"
    )
    parser.add_argument(
        "--tests-in", metavar="NAME", help="only the tests, in a virtual environment of this name"
    )
    parser.add_argument("-k", metavar="EXPRESSION", help="only tests that match; for pytest")
    return parser.parse_args(argv)


def _steps(python: Path, arguments: argparse.Namespace) -> list[Step]:
    def module(*command: str) -> Callable[[], bool]:
        return lambda: _run([str(python), "-m", *command])

    tests = [
        ("pure", module("pytest", *PURE, *_coverage(arguments), *_selection(arguments))),
        ("tests", module("pytest", *_REST, *_selection(arguments))),
        ("browser", module("pytest", "-n2", BROWSER, *_selection(arguments))),
    ]
    if arguments.brief:
        tests = [("brief", module("pytest", "-n4", *BRIEF, *_selection(arguments)))]
    if arguments.tests_in:
        return tests
    contracts = python.with_name("lint-imports.exe" if os.name == "nt" else "lint-imports")
    return [
        ("format", module("ruff", "format", "--check", "-q", ".")),
        ("lint", module("ruff", "check", "-q", ".")),
        ("types", module("mypy", "--no-error-summary")),
        ("windows", module("mypy", "--no-error-summary", *WINDOWS)),
        ("contracts", lambda: _run([str(contracts), "--no-logo"], quiet=True)),
        ("lengths", _lengths),
        *tests,
        *_on_others(arguments),
    ]


def _on_others(arguments: argparse.Namespace) -> list[Step]:
    """Return the tests on other Pythons, each in an environment of its own."""
    found = others()
    words = ["--fast"]
    if not arguments.pythons:
        newest = sorted(found, key=_number)[-1:] if "CI" in os.environ else []
        found, words = {version: found[version] for version in newest}, ["--brief"]

    def tests_on(version: str, python: str) -> Callable[[], bool]:
        command = [python, "scripts/test.py", *words, "--tests-in", f".venv-{version}"]
        return lambda: _run([*command, *(["-k", arguments.k] if arguments.k else [])])

    return [(f"on {version}", tests_on(version, python)) for version, python in found.items()]


def others(home: Path | None = None) -> dict[str, str]:
    """Return the other Pythons of this machine that we support, the newest release of each.

    Args:
        home: Whose pyenv is looked at; None: the caller's.
    """
    pyenv = (home or Path.home()) / ".pyenv" / "versions"
    found = {}
    for version in PYTHONS:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        releases = sorted(
            pyenv.glob(f"{version}.*/bin/python"), key=lambda path: _number(path.parts[-3])
        )
        python = str(releases[-1]) if releases else shutil.which(f"python{version}")
        if python:
            found[version] = python
    return found


def _number(release: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", release)]


def _coverage(arguments: argparse.Namespace) -> list[str]:
    if arguments.fast or arguments.k:
        return []
    return ["--cov", "--cov-report=term-missing:skip-covered", "--cov-fail-under=100"]


def _selection(arguments: argparse.Namespace) -> list[str]:
    options = []
    if not arguments.slow:
        options += ["-m", "not slow"]
    if arguments.k:
        options += ["-k", arguments.k]
    return options


def _run(command: list[str], *, quiet: bool = False) -> bool:
    """Run a command in the checkout; ``quiet`` shows what it says only if it fails."""
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=quiet, text=True)
    if quiet and done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def _lengths() -> bool:
    too_long = [
        (path.relative_to(ROOT), lines)
        for path in sorted(ROOT.rglob("*.py"))
        if not _is_skipped(path.relative_to(ROOT))
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    ]
    for path, lines in too_long:
        print(f"{path}: {lines} lines, at most {LONGEST}; cut it by subject")
    return not too_long


def _is_skipped(path: Path) -> bool:
    return path.parts[0] in _SKIPPED or any(part.startswith(".") for part in path.parts)


if __name__ == "__main__":
    sys.exit(main())
