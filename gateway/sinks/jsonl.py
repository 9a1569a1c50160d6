"""Appends each event to a file, one JSON object a line (:func:`gateway.events.as_dict`)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from actors.values import Event
from gateway.errors import SinkError
from gateway.events import to_json
from gateway.settings.paths import resolved

_MODE = 0o600
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


class JsonlSink:
    """A file of events.

    A line is with the operating system when ``deliver`` returns, so a crash of the
    process loses none. A line that was cut, by a full disk or a crash, is ended before the
    next one, so that it spoils no other. The file may be moved or removed at any
    time (logrotate without ``copytruncate``): the next event opens a new one.

    Args:
        path: The file; its folder is made. ``~`` is a home directory; relative to the working
            directory of the moment when the sink is made.
        fsync: True: on the disk before ``deliver`` returns, at the price of one flush an
            event.

    Raises:
        SinkError: The file cannot be opened; names it and the next step.
    """

    def __init__(self, *, path: str, fsync: bool = False) -> None:
        self._path = Path(resolved(path))
        self._fsync = fsync
        self._lock = threading.Lock()
        self._file: int | None = None
        self._identity = (0, 0)
        self._torn = False
        self._closed = False
        with self._lock:
            self._open()

    def deliver(self, event: Event) -> None:
        """Append one event."""
        line = to_json(event) + b"\n"
        with self._lock:
            if self._closed:
                raise SinkError("jsonl", f"{self._path} is closed; the gateway is stopping")
            self._write(self._current(), line)

    def close(self) -> None:
        """Close the file; on the disk by then."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                try:
                    os.fsync(self._file)
                except OSError as error:
                    raise self._failed("flushed", error) from error
                finally:
                    self._release()

    def _current(self) -> int:
        """Return the file that bears the name now."""
        try:
            found = self._path.stat()
            same = (found.st_dev, found.st_ino) == self._identity
        except OSError:
            same = False
        if self._file is None or not same:
            self._release()
            return self._open()
        return self._file

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, _FLAGS, _MODE)
        except OSError as error:
            raise self._failed("opened", error) from error
        self._file = file
        status = os.fstat(file)
        self._identity = (status.st_dev, status.st_ino)
        self._torn = False
        if status.st_size:
            os.lseek(file, -1, os.SEEK_END)
            self._torn = os.read(file, 1) != b"\n"
        return file

    def _write(self, file: int, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._torn else line)
        try:
            while rest:
                written = os.write(file, rest)
                self._torn = written < len(rest)
                rest = rest[written:]
            if self._fsync:
                os.fsync(file)
        except OSError as error:
            raise self._failed("written", error) from error

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _failed(self, what: str, error: OSError) -> SinkError:
        return SinkError(
            "jsonl",
            f"{self._path} cannot be {what}: {error.strerror}; "
            "check that the folder is writable and the disk has room, or change path",
        )
