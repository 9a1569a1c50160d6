"""Paths and parts of a configuration, looked at before anything is opened. Changes nothing.

``check`` says what ``run`` would refuse, and ``run`` refuses it as configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway import logs, sinks
from gateway.config import load
from gateway.credentials.store import store_of
from gateway.errors import ConfigError
from gateway.host import assembly
from gateway.notify.courier import Courier, missing
from gateway.reading import schema
from gateway.settings import Settings
from gateway.settings.listen import SocketFile, parse_listen


def loaded(file: str, *, parts: bool = True) -> Settings:
    """Read a configuration, and look at everything that it names.

    Args:
        file: The configuration.
        parts: Also try what a gateway refuses when it is made.

    Raises:
        ConfigError: All that is wrong, one line each.
    """
    settings = load(file)
    problems = [*sinks.check(settings.sinks, source=file)]
    made = (*_parts(settings), *_keys(settings), *_targets(settings)) if parts else ()
    problems += [f"{file}: {told}" for told in (*made, *_folders(settings, Path(file)))]
    if problems:
        raise ConfigError(problems)
    return settings


def _parts(settings: Settings) -> Iterator[str]:
    """Find what the plan of an account refuses: its platform, its authorities."""
    refused: set[str] = set()
    for index, account in enumerate(settings.accounts):
        try:
            assembly.plan(account, settings)
        except ValueError as error:
            if str(error) not in refused:  # thousands of accounts name one file
                yield f"accounts[{index}]: {error}"
            refused.add(str(error))


def _keys(settings: Settings) -> Sequence[str]:
    """Return what is wrong with the keys that seal credentials."""
    try:
        store_of(settings)
    except ConfigError as error:
        return error.problems
    return ()


def _targets(settings: Settings) -> Iterator[str]:
    """Find URLs that apprise cannot use; each is named by its place only."""
    urls = settings.notify.urls()
    if not urls or missing() is not None:
        return
    courier = Courier(urls, mask=logs.redactor_of(settings).text)
    for place in courier.places:
        why = courier.problem(place)
        if why is not None:
            yield f"{place}: {why}"


def _folders(settings: Settings, config: Path) -> Iterator[str]:
    """Find where nothing can be written."""
    if settings.durability != "memory":
        why = unusable(Path(settings.data_dir))
        if why:
            yield f"data_dir: {why}; set it to a folder this user may write"
    if settings.log.file is not None:
        yield from _file("log.file", settings.log.file)
        yield from _log_file(Path(settings.log.file), settings, config)
    listen = parse_listen(settings.http.listen or "")
    if isinstance(listen, SocketFile):
        yield from _socket_file(Path(listen.path))
    for index, sink in enumerate(settings.sinks):
        path = sink.options.get("path")
        if not isinstance(path, str):
            continue
        yield from _file(f"sinks[{index}].path", path)


def _log_file(path: Path, settings: Settings, config: Path) -> Iterator[str]:
    """Find a log that would be written into a file of the gateway's."""
    here = path.parent == Path(settings.data_dir)
    if here and path.name.startswith(assembly.JOURNAL_FILE):
        yield f"log.file: {path} is the journal's; name a file of its own"
    elif here and path.name.startswith(schema.FILE):
        yield f"log.file: {path} is the reading copy's; name a file of its own"
    elif path.exists() and config.exists() and path.samefile(config):
        yield f"log.file: {path} is the configuration; name a file of its own"


def _socket_file(path: Path) -> Iterator[str]:
    if not path.parent.is_dir():
        yield f"http.listen: there is no folder {path.parent}; make it, or name another"
    elif path.exists() and not path.is_socket():
        yield f"http.listen: {path} is there and no socket; move it away, or name another"
    elif why := unusable(path.parent):
        yield f"http.listen: {why}; name a path in a folder this user may write"


def _file(where: str, path: str) -> Iterator[str]:
    if not path or Path(path).is_dir():
        yield f"{where}: {path!r} is a folder; name a file"
    elif why := unusable(Path(path).parent):
        yield f"{where}: {why}; name a file in a folder this user may write"


def unusable(folder: Path) -> str | None:
    """Return why nothing can be put into a folder, which need not be there yet."""
    there = folder.expanduser()
    try:
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            return f"{there} is no folder"
    except (OSError, RuntimeError, ValueError) as error:
        return f"{folder} cannot be looked at ({getattr(error, 'strerror', None) or error})"
    allowed = os.access(there, os.W_OK | os.X_OK)
    return None if allowed else f"{there} cannot be written by this user"
