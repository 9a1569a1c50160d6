"""The file that the launcher logs to: rotated by its size, found again when others rotate it."""

from __future__ import annotations

import contextlib
import io
import logging
import logging.handlers
import os
import time
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError

AGAIN_S: Final = 60.0
"""Seconds to wait after a rotation that failed; meanwhile the file grows."""

_MODE: Final = 0o600
_FLAGS: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody reads is refused, not waited for
    | getattr(os, "O_BINARY", 0)
)


class LogFile(io.TextIOBase):
    """A text stream whose lines go to a file that is rotated. Any thread.

    Args:
        path: The file, made for its owner alone.
        most_bytes: It is renamed to ``.1`` before it grows beyond this, ``.1`` to ``.2``, …
        count: So many older ones are kept.

    Raises:
        ConfigError: It cannot be opened; says why and what to do.
    """

    def __init__(self, path: str, *, most_bytes: int, count: int) -> None:
        try:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # as a sink does
            self._handler = _Rotated(path, most_bytes, count)
        except (OSError, ValueError) as error:
            super().close()  # as Python would, by the close() below, once nobody holds it
            why = getattr(error, "strerror", None) or error
            fix = "name a file in a folder this user may write, or leave it out: stderr"
            raise ConfigError([f"log.file: {path} cannot be opened ({why}); {fix}"]) from error

    def write(self, text: str) -> int:
        """Append whole lines; one that cannot be written is lost, and nothing else."""
        record = logging.makeLogRecord({"msg": "%s", "args": (text.removesuffix("\n"),)})
        self._handler.handle(record)
        return len(text)

    def close(self) -> None:
        """Close the file; what its disk did not take is lost. Idempotent."""
        with contextlib.suppress(OSError):
            self._handler.close()
        super().close()


class _Rotated(logging.handlers.RotatingFileHandler):
    """Rotates by size; opens the file anew if another program moved or deleted it."""

    def __init__(self, path: str, most_bytes: int, count: int) -> None:
        self._rests_until = float("-inf")
        super().__init__(
            path,
            maxBytes=most_bytes,
            backupCount=count,
            encoding="utf-8",
            errors="backslashreplace",
        )

    def _open(self) -> io.TextIOWrapper:
        file = os.open(self.baseFilename, _FLAGS, _MODE)
        return io.TextIOWrapper(
            os.fdopen(file, "ab"), encoding="utf-8", errors="backslashreplace", newline="\n"
        )

    def emit(self, record: logging.LogRecord) -> None:
        if os.name == "posix":  # elsewhere nobody can move a file that is open
            self._find()
        super().emit(record)

    def shouldRollover(self, record: logging.LogRecord) -> int:  # noqa: N802  # the library's name
        rests = time.monotonic() < self._rests_until
        return 0 if rests else super().shouldRollover(record)

    def doRollover(self) -> None:  # noqa: N802  # the library's name
        try:
            super().doRollover()
        except OSError:  # another program has one of them open, or the folder is closed to us
            self._rests_until = time.monotonic() + AGAIN_S
            if self.stream is None:
                self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """Lose the line: nobody is left to tell."""

    def _find(self) -> None:
        if self.stream is None:
            return
        try:
            there, ours = Path(self.baseFilename).stat(), os.fstat(self.stream.fileno())
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
        except FileNotFoundError:
            pass
        except OSError:
            return
        try:
            fresh = self._open()
        except OSError:  # what is open still takes lines
            return
        stale, self.stream = self.stream, fresh
        with contextlib.suppress(OSError):  # its disk is full
            stale.close()
