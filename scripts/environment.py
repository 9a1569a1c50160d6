"""The virtual environment of a checkout: made, repaired and filled with one call.

Needs nothing but Python 3.11; runs before anything is installed, so it imports nothing of
the project.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts.lock import locked

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
_SAYS_WHAT_IS_NEEDED = (
    "setup.cfg",
    "setup.py",
    "pyproject.toml",
    "constraints.txt",
    "gateway/**/*.pyx",
    "gateway/**/*.pxi",
)
_HOLD = {"": ("http", "test", "dev"), "http": ("test", "dev"), "test": ("dev",)}
"""Extras in ``setup.cfg`` by those that bring them along: what is there is not installed again."""

NEWEST = "XIANYU_GATEWAY_NEWEST"
"""Variable: install the newest libraries that ``setup.cfg`` allows, not those of the lock."""

_RETRY = "check the network and run it again; what is installed already is kept"


class SetUpError(Exception):
    """Raised when the environment cannot be made; says what to do."""


def ensure(extra: str, *, root: Path = ROOT, name: str = ".venv") -> Path:
    """Make sure that the project and an extra are installed in a virtual environment.

    Does nothing if that is so already; a broken environment is made anew.

    Args:
        extra: Name of an extra in ``setup.cfg``, or nothing for the project alone.
        root: The checkout.
        name: The folder of the environment, in the checkout.

    Returns:
        The environment's Python.

    Raises:
        SetUpError: It cannot be done; says what to do.
    """
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetUpError(f"Python 3.11 or newer is needed, this is {found}; try python3.11")
    folder = root / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _runs(python, "import sys; assert sys.version_info >= (3, 11)"):
        _create(folder, python)
    stamps = [_stamp(folder, each) for each in (extra, *_HOLD.get(extra, ()))]
    wanted = _fingerprint(root)
    if any(_read(stamp) == wanted for stamp in stamps) and (
        _runs(python, "import actors, gateway, pykka, structlog")
    ):
        return python
    _install(python, extra, root)
    stamps[0].write_text(wanted, encoding="utf-8")
    return python


def _stamp(folder: Path, extra: str) -> Path:
    return folder / f".installed-{extra or 'project'}"


def _fingerprint(root: Path) -> str:
    """Name everything that asks for a new installation when it changes."""
    # Bytes: the path may have letters that the locale has not.
    digest = hashlib.sha256(b"%b %b" % (os.fsencode(root), sys.version.encode()))
    for pattern in _SAYS_WHAT_IS_NEEDED:
        for path in sorted(root.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(stamp: Path) -> str:
    return stamp.read_text(encoding="utf-8") if stamp.exists() else ""


def _runs(python: Path, code: str) -> bool:
    if not python.exists():
        return False
    try:
        done = subprocess.run(
            [str(python), "-c", code],
            check=False,
            capture_output=True,
            timeout=60,
            cwd=python.parent,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _create(folder: Path, python: Path) -> None:
    told = f"making {folder.name}{' anew, it is broken' if folder.exists() else ''}"
    if folder.exists():
        shutil.rmtree(folder)
    uv = shutil.which("uv")
    began = _say(told)
    if not (uv and _call([uv, "venv", "-q", "--python", sys.executable, str(folder)])) and not (
        _call([sys.executable, "-m", "venv", str(folder)])
    ):
        shutil.rmtree(folder, ignore_errors=True)
        raise SetUpError(
            "cannot make a virtual environment (see above); "
            "on Debian and Ubuntu: apt-get install python3-venv"
        )
    _done(began)
    if not _runs(python, ""):
        raise SetUpError(f"{python} does not run; remove {folder} and run it again")


def _install(python: Path, extra: str, root: Path) -> None:
    uv = shutil.which("uv")
    what = f".[{extra}]" if extra else "."
    began = _say(f"installing {what} {'with uv' if uv else 'with pip, about half a minute'}")
    steps = [["-e", what]]
    if NEWEST not in os.environ and (text := _locked(extra, root)) is not None:
        file = python.parent.parent / f".locked-{extra or 'project'}.txt"
        file.write_text(text, encoding="utf-8")
        steps = [["--require-hashes", "-r", str(file)], ["--no-deps", "-e", what]]
    with_uv = [uv or "", "pip", "install", "-q", "-p", str(python)]
    if not (uv and all(_call([*with_uv, *step], cwd=root) for step in steps)):
        if not _runs(python, "import pip"):
            _call([str(python), "-m", "ensurepip", "--upgrade"])
        with_pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if not all(_call([*with_pip, *step], cwd=root) for step in steps):
            newest = f"; {NEWEST}=1 takes the newest versions instead of the locked ones"
            raise SetUpError(
                f"the installation failed (see above); {_RETRY}{newest * (len(steps) > 1)}"
            )
    _done(began)


def _locked(extra: str, root: Path) -> str | None:
    try:
        return locked(extra, root)
    except LookupError as error:
        raise SetUpError(f"{error}") from error


def _call(command: list[str], cwd: Path | None = None) -> bool:
    # What installers say is for the person; standard output is of what is run afterwards.
    return subprocess.run(command, check=False, cwd=cwd, stdout=sys.stderr.fileno()).returncode == 0


def _say(text: str) -> float:
    print(f"· {text} …", flush=True)
    return time.monotonic()


def _done(began: float) -> None:
    print(f"  done in {time.monotonic() - began:.1f} s", flush=True)


def launch(module: str, script: str, *, extra: str = "") -> int:
    """Run a module with our arguments in an environment that is made if need be.

    Args:
        module: What to run; it finds the checkout as its working directory.
        script: Who runs it, for messages.
        extra: What it needs beside the project.

    Returns:
        Its exit code, 2 if the environment cannot be made, 130 after Ctrl-C.
    """
    return _enter(["-m", module, *sys.argv[1:]], script, extra=extra, folder=ROOT)


def command_line(arguments: list[str], script: str, *, extra: str = "") -> int:
    """Become the gateway's command line, in the caller's working directory.

    On POSIX this process becomes it, so its signals and its exit code are its own.

    Args:
        arguments: Of the command line.
        script: Who runs it, for messages.
        extra: What it needs beside the project.

    Returns:
        Its exit code, 2 if the environment cannot be made, 130 after Ctrl-C before that.
    """
    # -P: a file beside the caller must not stand for a module of the same name.
    return _enter(["-P", "-m", "gateway", *arguments], script, extra=extra)


def _enter(arguments: list[str], script: str, *, extra: str, folder: Path | None = None) -> int:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is of what is run
            python = ensure(extra)
    except SetUpError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if folder is not None:
        os.chdir(folder)
    command = [str(python), *arguments]
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606  # no shell is wanted
    child = subprocess.Popen(command)
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # it hears Ctrl-C, too, and ends by itself
            return child.wait()
