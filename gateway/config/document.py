"""Reads one YAML file into plain values, and remembers the line of every key.

Knows YAML, no settings. The library is imported when a file is read, not before.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway import regular_files
from gateway.errors import ConfigError

MAX_BYTES = 64 << 20
"""Most bytes of a configuration file; 10,000 accounts with every key take a tenth of it."""

MAX_VALUES = 10_000_000
"""Most nodes of a file with every alias expanded; later steps visit each of them."""

MOST_SECRET_BYTES = 64 << 10
"""Most bytes of a file that holds one value."""

_OF_CONTAINERS = "/run/secrets/"
"""Where container engines put secrets, open to all in the container; nobody can change that."""

_CONTENT = re.compile(r"'(?!<)[^'\s]{3,}'")
_WANTS_QUOTES = re.compile(r"alias|tag|token|directive|mapping values")


@dataclass(slots=True)
class Document:
    """The content of a file.

    Attributes:
        value: Mappings, lists and scalars; anything at the top.
        lines: Line of a key by its path, from 1; e.g. ``accounts[1].url``.
        problems: What the file itself has wrong, e.g. a key given twice.
    """

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def key_path(parent: str, key: object) -> str:
    """Return the path of a key, or of an element if ``key`` is a number."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else str(key)


def read(path: Path) -> Document:
    """Read a file.

    Raises:
        ConfigError: It cannot be read, is too large, is no UTF-8, or no YAML; with line
            and column, never with its content.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:  # it has a NUL
        raise ConfigError([f"{str(path)!r:.200} is no name of a file: {error}"]) from error
    if len(data) > MAX_BYTES:
        raise ConfigError([f"{path}: larger than {MAX_BYTES >> 20} MiB; is it the right file?"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8; save the file as UTF-8"]) from error
    return parse(text, source=str(path))


class SecretFiles:
    """Reads the files that ``${file:PATH}`` names; remembers those that others may read.

    Attributes:
        notes: What a person should know of them, a line a file.
    """

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def read(self, path: str) -> str:
        """Return what a file holds, without the end of its last line.

        Raises:
            ValueError: It cannot be read, or is no such text; names it and the fix, never its
                content.
        """
        text, status = _secret_file(path)
        if regular_files.is_open_to_others(status) and not path.startswith(_OF_CONTAINERS):
            mode = stat.S_IMODE(status.st_mode)
            self.notes[path] = (
                f"{path}: holds a secret and others may read it (mode {mode:04o}); "
                f"run: chmod 600 {shlex.quote(path)}"
            )
        return text


def _secret_file(path: str) -> tuple[str, os.stat_result]:
    try:
        status, data = regular_files.read(Path(path).expanduser(), most_bytes=MOST_SECRET_BYTES)
    except regular_files.NotRegularError:
        raise ValueError(f"file {path[:200]} cannot be read: it is no ordinary file") from None
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"file {path[:200]} cannot be read: {why}") from None
    except ValueError:  # it has a NUL
        raise ValueError(f"{path[:200]!r} is no name of a file") from None
    if len(data) > MOST_SECRET_BYTES:
        told = f"is larger than {MOST_SECRET_BYTES >> 10} KiB; is it the right file?"
        raise ValueError(f"file {path[:200]} {told}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"file {path[:200]} is not UTF-8; save it as UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"file {path[:200]} is empty; write the secret into it")
    return text, status


def parse(text: str, *, source: str) -> Document:
    """Read a text; see :func:`read`."""
    import yaml  # noqa: PLC0415 20 ms that a program without a file need not pay

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        walk = _Walk(loader, source)
        if root is not None:
            walk.document.value = walk.build(root, "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        told = _by_tab(text, mark) or _CONTENT.sub(
            "'…'", error.problem or error.context or "broken"
        )
        if _WANTS_QUOTES.search(told):
            told += "; quote a value that begins with one of * & ! % @ ` or holds ': '"
        # Not chained: its text quotes the file, which may hold secrets.
        raise ConfigError([f"{where}: not valid YAML: {told}"]) from None
    except yaml.YAMLError:
        raise ConfigError([f"{source}: not valid YAML: it holds control characters"]) from None
    except RecursionError:
        raise ConfigError([f"{source}: nested too deep"]) from None
    finally:
        loader.dispose()
    return walk.document


def _by_tab(text: str, mark: Any) -> str | None:
    """Return what to say of a line that begins with a tab; the library says it is no token."""
    lines = text.split("\n")
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    return "a tab stands before it; YAML wants spaces there" if "\t" in indent else None


class _Walk:
    """Builds values from nodes; each node once, however many aliases lead to it."""

    def __init__(self, loader: Any, source: str) -> None:
        self.document = Document()
        self._loader = loader
        self._source = source
        self._built: dict[int, Any] = {}
        self._open: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._unfolded = 0

    def build(self, node: Any, path: str) -> Any:
        if id(node) in self._open:
            self._note(node, path, "holds itself; remove the alias")
            return None
        if id(node) in self._built:
            self._unfolded += self._sizes[id(node)]
        else:
            before = self._unfolded
            self._unfolded += 1
            self._open.add(id(node))
            self._built[id(node)] = self._make(node, path)
            self._open.remove(id(node))
            self._sizes[id(node)] = self._unfolded - before
        if self._unfolded > MAX_VALUES:
            raise ConfigError([f"{self._source}: its aliases unfold to too much; write it out"])
        return self._built[id(node)]

    def _make(self, node: Any, path: str) -> Any:
        match node.id:
            case "mapping":
                return self._mapping(node, path)
            case "sequence":
                return [
                    self._placed(child, key_path(path, index))
                    for index, child in enumerate(node.value)
                ]
            case _:
                return self._scalar(node, path)

    def _mapping(self, node: Any, path: str) -> dict[str, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                self._note(key, key_path(path, name), f"given twice, first in line {seen[name]}")
            seen.setdefault(name, key.start_mark.line + 1)
        self._loader.flatten_mapping(node)  # resolves <<
        built: dict[str, Any] = {}
        for key, child in node.value:
            if key.id != "scalar":
                self._note(key, path, "a key must be a plain word")
                continue
            where = key_path(path, key.value)
            self.document.lines[where] = key.start_mark.line + 1
            built[key.value] = self.build(child, where)
        return built

    def _placed(self, node: Any, path: str) -> Any:
        self.document.lines[path] = node.start_mark.line + 1
        return self.build(node, path)

    def _scalar(self, node: Any, path: str) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind not in {"str", "int", "float", "bool", "null", "timestamp"}:
            self._note(
                node, path, "has a tag this file may not use; quote a value beginning with !"
            )
            return None
        if kind == "timestamp":  # 2024-01-01 is meant as text
            return node.value
        try:
            return self._loader.construct_object(node)
        except ValueError:
            self._note(node, path, "is no number; quote it if it is text")
            return None

    def _note(self, node: Any, path: str, text: str) -> None:
        line = node.start_mark.line + 1
        self.document.problems.append(f"{self._source}:{line}: {path or 'the file'}: {text}")
