"""Settings from a YAML file or a mapping, and settings as they may be shown.

``defaults`` may hold any key of an account and is laid under each; ``${NAME}`` takes an
environment variable, ``${file:PATH}`` a file (:mod:`gateway.config.environment`). Relative paths
are relative to the working directory of that moment, and ``~`` is a home directory. Everything
that is wrong is said at once. Nothing is printed here and nothing but these files is touched.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from gateway.config import absent, document, legacy, plain, rules
from gateway.config.building import build, substituted
from gateway.config.document import SecretFiles
from gateway.config.environment import no_files
from gateway.config.problems import Problems
from gateway.errors import ConfigError
from gateway.settings import Settings

__all__ = ["check", "effective", "from_mapping", "load", "load_legacy", "validate"]

_made_here: WeakValueDictionary[int, Settings] = WeakValueDictionary()
"""Settings that :func:`load` has checked, by identity: checking 10,000 accounts takes a second."""

_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO


def load(
    path: str | Path, *, environment: Mapping[str, str] | None = None, secrets: bool = True
) -> Settings:
    """Read a YAML file; a flat ``global_config.yml`` of older clients is recognised.

    Args:
        path: The file.
        environment: For ``${NAME}``; None: that of the process.
        secrets: False: a variable or file that a secret refers to may be missing, for those who
            look at a gateway or its journal and start none; ``notes`` name it.

    Returns:
        Settings whose ``notes`` tell what a person should know.

    Raises:
        ConfigError: All that is wrong, one line each: file, line, key, what to write.
    """
    path = Path(path)
    read = document.read(path)
    if read.problems:
        raise ConfigError(read.problems)
    problems = Problems(str(path), read.lines)
    files = SecretFiles()
    values = substituted(read.value, _or_ours(environment), problems, read=files.read)
    missing: dict[str, str] = {}
    if not secrets:
        missing = problems.forgive(absent.may_be_left_out)
        values = absent.left_out(values, missing)
    notes: list[str] = []
    if legacy.is_legacy(values):
        values, notes = legacy.translate(values)
    settings = _settings(values, problems, absent.around(missing))
    notes = [f"{path}: {note}" for note in notes]
    notes += [_placed(problems, where, text) for where, text in rules.warnings(settings)]
    notes += [*_lax(path, problems), *files.notes.values()]
    if missing:  # not remembered: no gateway is to be started with them
        placed = (_placed(problems, where, text) for where, text in missing.items())
        notes += [f"{each}; a start needs it" for each in placed]
        return dataclasses.replace(settings, notes=tuple(notes))
    return _remembered(settings, notes)


def load_legacy(path: str | Path, *, environment: Mapping[str, str] | None = None) -> Settings:
    """Read a flat ``global_config.yml``; see :mod:`gateway.config.legacy`.

    Raises:
        ConfigError: It is none, or something in it cannot be used.
    """
    if not legacy.is_legacy(document.read(Path(path)).value):
        told = f"has none of the keys {', '.join(sorted(legacy.MARKS))}; it is not a flat file"
        raise ConfigError([f"{path}: {told}"])
    return load(path, environment=environment)


def from_mapping(
    mapping: Mapping[str, Any],
    *,
    source: str = "settings",
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Make settings from what a YAML file would hold.

    Args:
        mapping: The keys of ``config/default.yaml``.
        source: What problems name as their place.
        environment: For ``${NAME}``; None: that of the process, and ``${file:PATH}`` is allowed.

    Raises:
        ConfigError: All that is wrong, one line each.
    """
    problems = Problems(source)
    files = SecretFiles()
    read = files.read if environment is None else no_files
    values = substituted(mapping, _or_ours(environment), problems, read=read)
    settings = _settings(values, problems)
    notes = [_placed(problems, where, text) for where, text in rules.warnings(settings)]
    return _remembered(settings, [*notes, *files.notes.values()])


def validate(settings: Settings, *, source: str = "settings") -> tuple[str, ...]:
    """Return what is wrong with settings that were made in Python; nothing if all is right."""
    problems = Problems(source)
    for where, text in plain.misfits(settings):
        problems.add(where, text)
    if not problems.found:
        build(plain.changed(settings), problems)
    return tuple(problems.texts())


def check(settings: Settings, *, source: str = "settings") -> tuple[str, ...]:
    """Refuse settings made in Python that no file could hold; those of a loader pass.

    Args:
        settings: To be checked.
        source: What problems and notes name as their place.

    Returns:
        What is allowed and hardly meant, a line each.

    Raises:
        ConfigError: All that is wrong, one line each.
    """
    if _made_here.get(id(settings)) is settings:
        return settings.notes
    problems = validate(settings, source=source)
    if problems:
        raise ConfigError(problems)
    found = rules.warnings(settings) if settings.accounts else ()
    return tuple(f"{source}: {where} {text}" for where, text in found)


def effective(settings: Settings) -> dict[str, Any]:
    """Return settings as a YAML file would hold them, every default filled in, secrets masked."""
    return plain.shown(settings)


def _remembered(settings: Settings, notes: Iterable[str]) -> Settings:
    settings = dataclasses.replace(settings, notes=tuple(notes))
    _made_here[id(settings)] = settings
    return settings


def _or_ours(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environment is None else environment


def _settings(
    values: object, problems: Problems, is_forgiven: Callable[[str], bool] = lambda _: False
) -> Settings:
    settings = build(values, problems)
    problems.forgive(is_forgiven)
    if problems.found:
        raise ConfigError(problems.texts())
    return settings


def _placed(problems: Problems, where: str, text: str) -> str:
    line = problems.line_of(where)
    return f"{problems.source}{f':{line}' if line else ''}: {where} {text}"


def _lax(path: Path, problems: Problems) -> list[str]:
    if not problems.literal_secrets or os.name != "posix":
        return []
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS_MAY_READ:
        return []
    told = f"{path}: holds secrets and others may read it (mode {mode:04o})"
    return [f"{told}; run: chmod 600 {path}, or take them from the environment with ${{NAME}}"]
