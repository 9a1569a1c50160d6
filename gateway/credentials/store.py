"""What is kept of each account's credentials: one file an account, its owner's alone.

Whoever holds the lock of the journal beside it owns the directory. A file is written whole before
what it holds is used: a crash leaves the old one or the new one. A file that cannot be read is
never written over; only what a person gives puts it aside. With a key each file is sealed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from actors.values import AccountId, ErrorClass, Failure, Phase
from gateway.credentials import keys, own_files, sealing
from gateway.credentials.sealing import Sealed, SealedError, Sealer
from gateway.journal.files.opening import sync_directory
from gateway.settings import Settings

FOLDER: Final = "credentials"
FORMAT: Final = 1
LARGEST_BYTES: Final = 1 << 20
"""A file above this is none of ours."""

_DRAFT_DIGITS: Final = 8
_ASIDE: Final = "a new login keeps this file aside"


class StoreError(Exception):
    """The stored credentials cannot be read or written; says which file, why and what to do."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one account. Its ``repr`` shows no secret.

    Attributes:
        format: Of what is kept; 2 is that of a file that holds it sealed.
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
        login_ends_ms: Wall Unix milliseconds when the login ends; None: nobody said so.
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
    login_ends_ms: int | None = None
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
    """Keeps the credentials of accounts. Any thread; each call for one account at a time.

    Attributes:
        keys: Ids of the keys by which it opens; none: it reads what is not sealed.
    """

    keys: Sequence[str]

    def read(self, account: AccountId) -> Stored | None:
        """Return what is kept; None: nothing.

        Raises:
            StoreError: It is there and cannot be read.
        """

    def write(self, stored: Stored) -> None:
        """Keep it, in place of what was kept; what cannot be read stays in its place.

        Raises:
            StoreError: It could not be written; what was kept is kept.
        """

    def replace(self, stored: Stored) -> None:
        """Keep what a person gave, in place of what was kept; what cannot be read is put aside.

        Raises:
            StoreError: It could not be written; what was kept is kept.
        """


class MemoryStore:
    """Keeps credentials as long as the process lives; for ``durability: memory``."""

    keys: Sequence[str] = ()

    def __init__(self) -> None:
        self._kept: dict[AccountId, Stored] = {}

    def read(self, account: AccountId) -> Stored | None:
        """Return what is kept; None: nothing."""
        return self._kept.get(account)

    def write(self, stored: Stored) -> None:
        """Keep it, in place of what was kept."""
        self._kept[stored.account] = stored

    replace = write


class FileStore:
    """Keeps credentials in files, mode 0600, in a directory of mode 0700.

    Args:
        directory: Made at the first write; its parent is the journal's.
        sealer: Seals what is written; None: nothing does.

    Attributes:
        directory: The same.
    """

    def __init__(self, directory: Path, sealer: Sealer | None = None) -> None:
        self.directory = directory
        self._sealer = sealer
        self._lock = threading.Lock()
        self._swept = False
        self.keys: Sequence[str] = () if sealer is None else sealer.ids

    def path(self, account: AccountId) -> Path:
        """Return the file of an account; its name is percent-encoded."""
        return self.directory / f"{own_files.name_of(account)}.json"

    def read(self, account: AccountId) -> Stored | None:
        """Return what is kept; None: nothing.

        Raises:
            StoreError: The file is damaged, too lax, somebody else's, of a newer version, or
                sealed by a key that is not here.
        """
        return self._read(account)[0]

    def sealed_by(self, account: AccountId) -> str | None:
        """Return the id of the key that seals an account's file; None: none does.

        Raises:
            StoreError: It cannot be read.
        """
        return self._read(account)[1]

    def write(self, stored: Stored) -> None:
        """Keep it, in place of what was kept; a file that cannot be read stays in its place.

        Raises:
            StoreError: It could not be written; what was kept is kept.
        """
        self.read(stored.account)
        self._write(stored)

    def replace(self, stored: Stored) -> None:
        """Keep what a person gave; a file that cannot be read is put aside.

        Raises:
            StoreError: It could not be written; what was kept is kept.
        """
        try:
            self.read(stored.account)
        except StoreError:
            self._write(stored, aside=True)
        else:
            self._write(stored)

    def _read(self, account: AccountId) -> tuple[Stored | None, str | None]:
        path, key = self.path(account), None
        try:
            content = own_files.read_ours(path, most_bytes=LARGEST_BYTES)
            head = msgspec.json.decode(content, type=_Head)
            if head.format > sealing.FORMAT:
                raise StoreError(
                    f"{path} was written by a newer version of the gateway (format {head.format}); "
                    "run that version"
                )
            if head.format == sealing.FORMAT:
                sealed, key = msgspec.json.decode(content, type=Sealed), head.key
                content = sealing.opened(self._sealer, account, sealed)
            stored = msgspec.json.decode(content, type=Stored)
        except FileNotFoundError:
            return None, None
        except own_files.NotOursError as error:
            raise StoreError(f"{error}") from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read ({error.strerror})") from error
        except SealedError as error:
            raise StoreError(f"{path} {error}; {_ASIDE}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StoreError(f"{path} is damaged; put a whole copy back; {_ASIDE}") from error
        if stored.account != account:
            raise StoreError(f"{path} holds the credentials of another account; move it away")
        return stored, key

    def _write(self, stored: Stored, *, aside: bool = False) -> None:
        path, content = self.path(stored.account), msgspec.json.encode(stored)
        if self._sealer is not None:
            content = self._sealer.seal(stored.account, content)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(_DRAFT_DIGITS // 2)}")
        try:
            with self._lock:
                self._prepare()
            own_files.write(draft, content)
            if aside:
                path.rename(path.with_name(f"{path.name}.unreadable-{secrets.token_hex(4)}"))
            draft.replace(path)
            sync_directory(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # nothing can be changed there
                draft.unlink(missing_ok=True)
            raise StoreError(
                f"the credentials of account {stored.account} cannot be stored in {path} "
                f"({error.strerror}); free the disk, or make the directory writable"
            ) from error

    def _prepare(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and self.directory.stat().st_mode & 0o077:
            self.directory.chmod(0o700)
        if (
            not self._swept
        ):  # before the first draft of this process: those there are a killed one's
            for left in self.directory.glob(f".*.json.{'[0-9a-f]' * _DRAFT_DIGITS}"):
                left.unlink(missing_ok=True)
            self._swept = True


class _Head(msgspec.Struct):
    format: int
    key: str | None = None


def store_of(settings: Settings) -> CredentialStore:
    """Return where the settings keep credentials: beside the journal, or with it in memory.

    Raises:
        ConfigError: The file of the keys cannot be used; says what to do.
    """
    if settings.durability == "memory":
        return MemoryStore()
    return file_store(settings)


def file_store(settings: Settings) -> FileStore:
    """Return the files in which the settings keep credentials.

    Raises:
        ConfigError: The file of the keys cannot be used; says what to do.
    """
    key_file = settings.credentials.key_file
    sealer = None if key_file is None else keys.sealer_of(key_file)
    return FileStore(Path(settings.data_dir) / FOLDER, sealer)
