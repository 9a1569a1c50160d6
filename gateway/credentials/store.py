"""What is kept of each account's credentials: one file an account, its owner's alone.

Whoever holds the lock of the journal beside it owns the directory. A file is written whole before
what it holds is used: a crash leaves the old one or the new one. A file that cannot be read is
never written over.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from actors.values import AccountId, ErrorClass, Failure, Phase
from gateway.journal.files.opening import sync_directory
from gateway.settings import Settings

FOLDER: Final = "credentials"
FORMAT: Final = 1
LARGEST_BYTES: Final = 1 << 20
"""A file above this is none of ours."""


class StoreError(Exception):
    """The stored credentials cannot be read or written; says which file, why and what to do."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one account. Its ``repr`` shows no secret.

    Attributes:
        format: Of the file; a higher one is of a newer version.
        account: Our name of it.
        lineage: Number of the sign-in; grows by one a sign-in, paste or new seed.
        version: Number of the newest token.
        user_id: The platform's id of the account.
        device_id: The one the token was asked for.
        token: The newest; None: none.
        obtained_at_ms: Wall Unix milliseconds when it came.
        expires_at_ms: When it ends; None: the platform did not tell.
        seed: Salted hash of the seed the lineage began with; None: it began with a person.
        stuck: Why only a person helps: class, reason, detail; None: it renews itself.
        calls_ms: Wall Unix milliseconds of the calls of the last day, oldest first.
        silent_ms: Wall Unix milliseconds of the last renewal of the login without a person.
        cookies: Of the source that has any, in its own plain form.
    """

    format: int = FORMAT
    account: AccountId
    lineage: int = 0
    version: int = 0
    user_id: str | None = None
    device_id: str | None = None
    token: str | None = None
    obtained_at_ms: int = 0
    expires_at_ms: int | None = None
    seed: str | None = None
    stuck: tuple[str, str, str] | None = None
    calls_ms: tuple[int, ...] = ()
    silent_ms: int = 0
    cookies: Sequence[Mapping[str, str | int | bool | None]] = ()

    def __repr__(self) -> str:
        """Show account, lineage and version only."""
        return f"Stored(account={self.account!r}, lineage={self.lineage}, version={self.version})"

    __str__ = __repr__

    @property
    def failure(self) -> Failure | None:
        """Return why only a person helps, as the kernel knows it."""
        if self.stuck is None:
            return None
        known = {each.value: each for each in ErrorClass}
        error_class = known.get(self.stuck[0], ErrorClass.NEEDS_HUMAN)
        return Failure(
            error_class=error_class,
            reason=self.stuck[1],
            detail=self.stuck[2],
            phase=Phase.CREDENTIALS,
        )

    def stuck_by(self, failure: Failure | None) -> Stored:
        """Return the same, stuck by a failure, or no more."""
        stuck = failure and (failure.error_class.value, failure.reason, failure.detail)
        return msgspec.structs.replace(self, stuck=stuck or None)


class CredentialStore(Protocol):
    """Keeps the credentials of accounts. Any thread; each call for one account at a time."""

    def read(self, account: AccountId) -> Stored | None:
        """Return what is kept; None: nothing.

        Raises:
            StoreError: It is there and cannot be read.
        """

    def write(self, stored: Stored) -> None:
        """Keep it, in place of what was kept.

        Raises:
            StoreError: It could not be written; what was kept is kept.
        """


class MemoryStore:
    """Keeps credentials as long as the process lives; for ``durability: memory``."""

    def __init__(self) -> None:
        self._kept: dict[AccountId, Stored] = {}

    def read(self, account: AccountId) -> Stored | None:
        """Return what is kept; None: nothing."""
        return self._kept.get(account)

    def write(self, stored: Stored) -> None:
        """Keep it, in place of what was kept."""
        self._kept[stored.account] = stored


class FileStore:
    """Keeps credentials in files, mode 0600, in a directory of mode 0700.

    Args:
        directory: Made at the first write; its parent is the journal's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def path(self, account: AccountId) -> Path:
        """Return the file of an account; its name is percent-encoded."""
        name = quote(account, safe="")
        return self._directory / f"{name.replace('.', '%2E')}.json"

    def read(self, account: AccountId) -> Stored | None:
        """Return what is kept; None: nothing.

        Raises:
            StoreError: The file is damaged, too lax, somebody else's, or of a newer version.
        """
        path = self.path(account)
        try:
            text = _read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read ({error.strerror})") from error
        try:
            found = msgspec.json.decode(text, type=_Format)
            if found.format > FORMAT:
                raise StoreError(
                    f"{path} was written by a newer version of the gateway (format "
                    f"{found.format}); run that version"
                )
            stored = msgspec.json.decode(text, type=Stored)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StoreError(
                f"{path} is damaged; put a whole copy back, or give new credentials: the file is "
                "kept aside then"
            ) from error
        if stored.account != account:
            raise StoreError(f"{path} holds the credentials of another account; move it away")
        return stored

    def write(self, stored: Stored) -> None:
        """Keep it, in place of what was kept; a file that cannot be read is kept aside.

        Raises:
            StoreError: It could not be written; what was kept is kept.
        """
        path = self.path(stored.account)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with self._lock:
                self._prepare()
                self._keep_unreadable(stored.account, path)
            _write(draft, msgspec.json.encode(stored))
            draft.replace(path)
            sync_directory(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StoreError(
                f"the credentials of account {stored.account} cannot be stored in {path} "
                f"({error.strerror}); free the disk, or make the directory writable"
            ) from error

    def _prepare(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and self._directory.stat().st_mode & 0o077:
            self._directory.chmod(0o700)

    def _keep_unreadable(self, account: AccountId, path: Path) -> None:
        try:
            self.read(account)
        except StoreError:
            aside = path.with_name(f"{path.name}.unreadable-{secrets.token_hex(4)}")
            path.rename(aside)


class _Format(msgspec.Struct):
    format: int


def fingerprint(seed: Mapping[str, str | None], *, salted_like: str | None = None) -> str:
    """Return a salted hash of what the settings give, to see later whether it changed.

    Args:
        seed: Values by name.
        salted_like: An earlier fingerprint, whose salt is used; None: a new salt.
    """
    salt = salted_like.partition("$")[0] if salted_like else secrets.token_hex(8)
    text = msgspec.json.encode(sorted(seed.items()))
    return f"{salt}${hashlib.sha256(salt.encode() + text).hexdigest()}"


def is_of(fingerprinted: str | None, seed: Mapping[str, str | None]) -> bool:
    """Return whether a fingerprint is of this seed."""
    if fingerprinted is None:
        return False
    return secrets.compare_digest(fingerprint(seed, salted_like=fingerprinted), fingerprinted)


def _read(path: Path) -> bytes:
    """Read a file that is ours alone.

    Raises:
        StoreError: It is not; says what to do.
        OSError: It cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_BYTES:
            raise StoreError(f"{path} is no file of the gateway's; move it away")
        if sys.platform != "win32":
            if status.st_uid != os.geteuid():
                raise StoreError(f"{path} belongs to another user; chown it, or move it away")
            if status.st_mode & 0o077:
                raise StoreError(
                    f"others may read {path}: their copy may be in use. Run chmod 600 on it if "
                    "nobody did, else sign in again"
                )
        return file.read(LARGEST_BYTES + 1)


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def store_of(settings: Settings) -> CredentialStore:
    """Return where the settings keep credentials: beside the journal, or with it in memory."""
    if settings.durability == "memory":
        return MemoryStore()
    return FileStore(Path(settings.data_dir) / FOLDER)
