"""Platforms and sinks of other packages, by entry points: looked up once, at first use."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Found: TypeAlias = "Mapping[str, tuple[EntryPoint, ...]]"


@functools.cache
def found(group: str) -> Found:
    """Return the entry points of a group by name; two packages may have chosen the same name."""
    from importlib.metadata import entry_points  # noqa: PLC0415  # dear, and seldom needed

    by_name: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=group):
        by_name[entry.name] = (*by_name.get(entry.name, ()), entry)
    return by_name


@functools.cache
def mentioned(group: str) -> bool:
    """Return whether an installed package may have an entry point of this group.

    Reads the files that say so: who uses only what is built in does not pay a megabyte for the
    machinery that reads the rest.
    """
    for folder in dict.fromkeys(sys.path):
        with contextlib.suppress(OSError):
            for file in Path(folder or ".").glob("*-info/entry_points.txt"):
                if group in file.read_text(encoding="utf-8", errors="replace"):
                    return True
    return False


class Plugins:
    """The platforms, or the sinks, of other packages.

    Args:
        group: Of the entry points.
        what: One of them, for people.
        built_in: Names that are taken.
    """

    def __init__(self, group: str, what: str, built_in: Collection[str]) -> None:
        self._group = group
        self._what = what
        self._built_in = built_in

    def names(self) -> tuple[str, ...]:
        """Return their names, without those that are taken."""
        return tuple(sorted(set(found(self._group)) - set(self._built_in)))

    def load(self, name: str) -> Any:
        """Import what makes the one of that name; None: no package has it.

        Raises:
            ConfigError: The name is taken, two packages have it, or it cannot be imported or
                called; says which package, and what to do.
        """
        if name in self._built_in and not mentioned(self._group):
            return None
        entries = found(self._group).get(name, ())
        if not entries:
            return None
        told = f"the {self._what} {name!r} of {' and of '.join(map(_whose, entries))}"
        if name in self._built_in:
            raise _refused(
                f"{told} has the name of a built-in one; choose another name for the entry "
                f"point in {self._group}, or uninstall the package"
            )
        if len(entries) > 1:
            raise _refused(f"{told} cannot be told apart by its name; uninstall one of them")
        try:
            loaded = entries[0].load()
        except Exception as error:
            raise _refused(
                f"{told} cannot be imported ({type(error).__name__}: {error}); install what "
                "it needs, correct its entry point, or uninstall the package"
            ) from error
        if not callable(loaded):
            raise _refused(
                f"{told} is no class and no function; "
                f"its entry point in {self._group} must name what makes one"
            )
        return loaded


def _refused(told: str) -> ConfigError:
    return ConfigError((told,))


def _whose(entry: EntryPoint) -> str:
    dist = entry.dist
    where = "an unknown package" if dist is None else f"{dist.name} {dist.version}"
    return f"{where} ({entry.value})"
