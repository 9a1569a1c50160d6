"""Commands and pages as a person needs them, so that advice in messages works where it is read.

Three places differ: a checkout has no command on the path, an installed package has no scripts,
and an application that pipx or uv keeps apart has no pip of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from importlib import util
from typing import Final

SCRIPT: Final = "scripts/run_gateway.py"

_HERE: Final = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # pathlib would cost --help its start
_LAUNCHER: Final = os.path.join(os.path.dirname(_HERE), SCRIPT)  # noqa: PTH118, PTH120  # the same
_IN_CHECKOUT: Final = os.path.exists(_LAUNCHER)  # noqa: PTH110  # the same

START: Final = f"python3 {SCRIPT}" if _IN_CHECKOUT else "xianyu-gateway"
"""A checkout has no command on the path; an installed package has no scripts."""

_NAME: Final = "xianyu-gateway"
_IS_PLAIN: Final = re.compile(r"[\w.:/\\-]+").fullmatch


def command(words: str) -> str:
    """Return a command of the gateway as it is typed, quoted for a sentence.

    Args:
        words: What follows the program's name, e.g. ``check -c FILE``.
    """
    return f"`{START} {words}`"


def runnable(*words: str) -> str:
    """Return a command that can be pasted into a shell of this working directory.

    Args:
        words: What follows the program's name; each is quoted if it has to be.
    """
    import subprocess  # noqa: PLC0415  # not for --help

    quoted = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    if not _IN_CHECKOUT or os.path.exists(SCRIPT):  # noqa: PTH110
        return f"{START} {quoted(words)}"
    return f"python3 {quoted([_LAUNCHER, *words])}"


def start(config: str) -> str:
    """Return the command that runs a configuration, as :func:`runnable` does."""
    return runnable(*(() if _IN_CHECKOUT else ("run",)), "-c", config)


def page(path: str) -> str:
    """Return where a file of the documentation is: every installation has a copy.

    Args:
        path: In a checkout, e.g. ``docs/control.md``.
    """
    return path if _IN_CHECKOUT else page_file(path)


def page_file(path: str) -> str:
    """Return the same as a file that can be opened, whatever the working directory is."""
    root = os.path.dirname(_HERE) if _IN_CHECKOUT else os.path.join(_HERE, "_pages")  # noqa: PTH118, PTH120
    return os.path.join(root, *path.split("/"))  # noqa: PTH118


def shipped(path: str) -> str:
    """Return where a file that comes with every installation can be read, absolute.

    Args:
        path: In a checkout, e.g. ``deploy/compose.yaml``; one of ``PAGES`` in ``setup.py``.
    """
    there = os.path.dirname(_HERE) if _IN_CHECKOUT else os.path.join(_HERE, "_pages")  # noqa: PTH118, PTH120
    return os.path.join(there, *path.split("/"))  # noqa: PTH118


def extra(name: str) -> str:
    """Return how to add an extra to this installation.

    Args:
        name: One of ``setup.cfg``, e.g. ``qr``.
    """
    told = install("-e", f".[{name}]") if _IN_CHECKOUT else _added(name)
    if _IN_CHECKOUT and name == "http":
        return f"start it with {START}, which installs it, or: {told}"
    return told


def install(*what: str) -> str:
    """Return the command that installs something beside this gateway, whoever keeps its Python.

    Args:
        what: Arguments of ``pip install``.
    """
    if _is_of_pipx():
        return _typed("pipx", "runpip", _NAME, "install", *what)
    python = sys.executable or "python3"
    if util.find_spec("pip") is None:  # uv makes environments without
        return _typed("uv", "pip", "install", "-p", python, *what)
    return _typed(python, "-m", "pip", "install", *what)


def _added(name: str) -> str:
    if _is_of_pipx():  # by the names of the libraries: old ones refuse what is there already
        return _typed("pipx", "inject", _NAME, *_libraries(name))
    return install(f"{_NAME}[{name}]")


def _is_of_pipx() -> bool:
    return os.path.exists(os.path.join(sys.prefix, "pipx_metadata.json"))  # noqa: PTH110, PTH118


def _libraries(name: str) -> list[str]:
    from importlib import metadata  # noqa: PLC0415  # 20 ms, for a message that is seldom said

    with contextlib.suppress(metadata.PackageNotFoundError):
        found = [each.partition(";") for each in metadata.requires(_NAME) or ()]
        return [library.strip() for library, _, when in found if f'extra == "{name}"' in when]
    return [f"{_NAME}[{name}]"]


def _typed(*words: str) -> str:
    if os.name == "nt":  # its shell would redirect at a < that is not quoted
        return " ".join(each if _IS_PLAIN(each) else f'"{each}"' for each in words)
    return shlex.join(words)
