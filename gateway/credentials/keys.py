"""The keys of sealed files: read from the file that ``credentials.key_file`` names."""

from __future__ import annotations

import base64
import binascii
import os
import stat
import sys
from pathlib import Path
from typing import Final

from gateway import regular_files
from gateway.credentials import own_files
from gateway.credentials.sealing import SealedError, Sealer
from gateway.errors import ConfigError

KEY_BYTES: Final = 32
LARGEST_BYTES: Final = 64 * 1024
MAKE: Final = "openssl rand -base64 32"
"""The command that makes a key."""

_HEX: Final = 2 * KEY_BYTES


def sealer_of(key_file: str) -> Sealer:
    """Return what seals by the first key of a file, and opens by any.

    Raises:
        ConfigError: The file, a key in it or the library cannot be used; says what to do.
    """
    path = Path(key_file)
    try:
        return Sealer(_keys(_content(path), path), key_file)
    except SealedError as error:
        raise _error(f"{error}") from None


def _content(path: Path) -> bytes:
    make = f"(umask 077; {MAKE} > {path})"
    try:
        status, content = own_files.read(path, most_bytes=LARGEST_BYTES, follow=True)
    except FileNotFoundError:
        raise _error(f"{path} is not there; put the key back, or make one: {make}") from None
    except (own_files.NoFileError, IsADirectoryError):
        told = f"{path} is a directory, a pipe, or larger than {LARGEST_BYTES >> 10} KiB"
        raise _error(f"{told}; name the file that holds the key, as {MAKE} makes it") from None
    except OSError as error:
        told = f"{path} cannot be read ({error.strerror}); correct its owner or mode"
        raise _error(told) from None
    _check_mode(path, status)
    return content


def _check_mode(path: Path, status: os.stat_result) -> None:
    """Refuse a key that others know."""
    if sys.platform == "win32":
        return
    if status.st_uid not in (0, os.geteuid()):
        raise _error(f"{path} belongs to another user, who knows the key; chown it")
    if regular_files.is_open_to_others(status):
        mode = stat.S_IMODE(status.st_mode)
        told = f"others may use {path} (mode {mode:04o}); run: chmod 600 {path}"
        raise _error(f"{told}, or mount the secret with mode 0400; if others read it, make another")


def _keys(content: bytes, path: Path) -> list[bytes]:
    if len(content) == KEY_BYTES and not (content.isascii() and content.decode().isprintable()):
        return [content]
    keys: list[bytes] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        key = _key(text)
        if key is None:
            told = (
                f"{path}: line {number} is no key; a key is 32 bytes in base64 or hex, a line each"
            )
            raise _error(f"{told}, as {MAKE} makes it")
        keys.append(key)
    if not keys:
        raise _error(f"{path} holds no key; make one: (umask 077; {MAKE} > {path})")
    return keys


def _key(text: bytes) -> bytes | None:
    try:
        if len(text) == _HEX:
            return bytes.fromhex(text.decode())
        padded = text.rstrip(b"=") + b"="
        key = base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/")), validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def _error(told: str) -> ConfigError:
    return ConfigError([f"credentials.key_file: {told}"])
