"""Sealed files: AES-256-GCM on ``cryptography`` (extra ``[sealed]``), bound to account and format.

A key beside the files protects their copies, not the machine. The library is imported by whoever
has a key; what a sealed file is, is known without it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Final

import msgspec

from actors.values import AccountId
from gateway.commands import extra

FORMAT: Final = 2
"""Of a sealed file; earlier versions of the gateway say that a newer one wrote it."""

NONCE_BYTES: Final = 12
"""Drawn anew for each write: 10,000 accounts need centuries to come near 2**32 writes."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a sealed file.

    Attributes:
        format: Of the file.
        key: Id of the key that seals it.
        nonce: Of this write.
        data: The plain file, encrypted.
    """

    format: int = FORMAT
    key: str
    nonce: bytes
    data: bytes


class SealedError(Exception):
    """A sealed file cannot be opened; says why and what to do, but not which file."""


class Sealer:
    """Seals by its first key, and opens by any. Any thread.

    Args:
        keys: Of 32 bytes each; at least one.
        source: Where they stand, for messages.

    Raises:
        SealedError: The library is not installed.
    """

    def __init__(self, keys: Sequence[bytes], source: str) -> None:
        try:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # an extra
            from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415  # the same
                AESGCM,
            )
        except ImportError:
            told = (
                f"sealing needs the library cryptography, which is not installed: {extra('sealed')}"
            )
            raise SealedError(told) from None
        self._broken = InvalidTag
        self._source = source
        self._ciphers = {id_of(key): AESGCM(key) for key in keys}
        self.ids: tuple[str, ...] = tuple(self._ciphers)
        """Of its keys; tell nothing of them."""

    def __repr__(self) -> str:
        """Show no key."""
        return f"Sealer({', '.join(self.ids)})"

    def seal(self, account: AccountId, content: bytes) -> bytes:
        """Return a file that holds the content sealed, for this account only."""
        key, nonce = self.ids[0], os.urandom(NONCE_BYTES)
        data = self._ciphers[key].encrypt(nonce, content, _bound(account, FORMAT, key))
        return msgspec.json.encode(Sealed(key=key, nonce=nonce, data=data))

    def opened(self, account: AccountId, sealed: Sealed) -> bytes:
        """Return the content of a file.

        Raises:
            SealedError: Its key is not here, or it is not as it was written for this account.
        """
        cipher = self._ciphers.get(sealed.key)
        if cipher is None:
            raise SealedError(
                f"is sealed by key {sealed.key}, which is not in {self._source} "
                f"({', '.join(self.ids)}); add that key to the file, each in base64 "
                "on a line of its own, and start again"
            )
        bound = _bound(account, sealed.format, sealed.key)
        try:
            return cipher.decrypt(sealed.nonce, sealed.data, bound)
        except (self._broken, ValueError):
            raise SealedError("is damaged, or was sealed for another account") from None


def opened(sealer: Sealer | None, account: AccountId, sealed: Sealed) -> bytes:
    """Return the content of a file, by the keys there are.

    Raises:
        SealedError: It cannot be opened.
    """
    if sealer is None:
        raise SealedError(
            f"is sealed by key {sealed.key}, and no key is set; name the file of that key in "
            "credentials.key_file and start again"
        )
    return sealer.opened(account, sealed)


def id_of(key: bytes) -> str:
    """Return what names a key, and tells nothing of it."""
    return hashlib.sha256(b"xianyu-gateway/key\0" + key).hexdigest()[:8]


def _bound(account: AccountId, form: int, key: str) -> bytes:
    """Return what a file is bound to: moved to another account, it does not open."""
    return msgspec.json.encode(["xianyu-gateway/credentials", form, key, account])
