"""The three streams of the process: they are there, they speak UTF-8, and they may break.

A reader that goes away (``| head``) ends a command as SIGPIPE would, without a word.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Self

MOST_TEXT_BYTES = 1 << 20
"""Most bytes of a text on standard input; the control API accepts no longer body."""


def prepare() -> None:
    """Put something in the place of streams that are closed; write UTF-8, whatever the locale.

    A closed stream leaves its number free: the next file that is opened, perhaps the journal,
    would take it, and what somebody prints would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _Output.of(sys.stdout)


class _Output(io.TextIOWrapper):
    """Standard output; its errors say that it was standard output that failed."""

    @classmethod
    def of(cls, stream: io.TextIOWrapper) -> Self:
        """Return one that writes where a stream does that has written nothing yet."""
        return cls(
            stream.buffer,
            encoding="utf-8",
            errors="replace",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )

    def write(self, text: str, /) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def flush() -> None:
    """Write what is buffered, so that a failure is heard here and not at the very end.

    Raises:
        OSError: It cannot be written.
    """
    sys.stdout.flush()
    sys.stderr.flush()


def abandon() -> None:
    """Let go of what cannot be written: the interpreter would complain about it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def text() -> str:
    """Return the text on standard input, without a byte order mark.

    Raises:
        ConfigError: It is empty, too long, or not UTF-8.
    """
    from gateway.errors import ConfigError  # noqa: PLC0415  # not for --help

    data = sys.stdin.buffer.read(MOST_TEXT_BYTES + 1)
    if len(data) > MOST_TEXT_BYTES:
        raise ConfigError([f"standard input: longer than {MOST_TEXT_BYTES} bytes; send less"])
    try:
        read = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        told = f"not UTF-8 at byte {error.start}; convert it, e.g. with iconv -t UTF-8"
        raise ConfigError([f"standard input: {told}"]) from None
    if not read.strip():
        raise ConfigError(["standard input: there is no text, so nothing is sent"])
    return read
