"""The check of ``doctor`` of what is kept of credentials: can it be read, and is it sealed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from gateway.commands import command
from gateway.credentials.store import FileStore, StoreError, file_store
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.web.findings import Finding, Verdict

NAME = "credentials"
SIGN_IN_AGAIN = "correct the owner or mode of the file, or sign the account in again"


def of_credentials(settings: Settings) -> Iterator[Finding]:
    """Look at the files of credentials, of accounts whose credentials are kept here."""
    kept = [each.id for each in settings.accounts if each.credentials.kind == "goofish"]
    try:
        store = file_store(settings)
    except ConfigError as error:
        what, _, fix = str(error).partition("; ")
        yield Finding(NAME, Verdict.WRONG, what, fix or "correct it")
        return
    yield from _directory(store, settings)
    sealed_by: dict[str | None, list[str]] = {}
    for account in kept:
        try:
            if store.read(account) is not None:
                sealed_by.setdefault(store.sealed_by(account), []).append(account)
        except StoreError as error:
            what, _, fix = str(error).partition("; ")
            yield Finding(NAME, Verdict.WRONG, f"{account}: {what}", fix or SIGN_IN_AGAIN)
    yield from _sealing(store, sealed_by)


def _directory(store: FileStore, settings: Settings) -> Iterator[Finding]:
    """Look whether new credentials can be kept, and what is left of accounts that are no more."""
    folder = store.directory
    if not folder.is_dir():
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        told = f"{folder} cannot be written to, so that new credentials live in memory only"
        yield Finding(NAME, Verdict.WRONG, told, "change its owner or mode, or its file system")
    mine = {store.path(each.id).name for each in settings.accounts}
    with contextlib.suppress(OSError):
        left = sorted(each.name for each in folder.iterdir() if each.name not in mine)
        if left:
            many = (
                f"{len(left)} files of no account ({', '.join(left[:3])}{', …' * (len(left) > 3)})"
            )
            fix = "delete them if nobody needs these logins any more; they hold secrets"
            yield Finding(NAME, Verdict.WARNING, f"{folder} holds {many}", fix)


def _sealing(store: FileStore, sealed_by: dict[str | None, list[str]]) -> Iterator[Finding]:
    """Yield what is not sealed as it would be now; a key may be dropped once it seals nothing."""
    if not store.keys:
        there = len(sealed_by.get(None, ()))
        if there:
            told = f"{there} files, mode 0600, not encrypted; credentials.key_file would seal them"
            yield Finding(NAME, Verdict.FINE, told)
        return
    first = store.keys[0]
    for key, accounts in sealed_by.items():
        many = f"{len(accounts)} files ({', '.join(accounts[:3])}{', …' * (len(accounts) > 3)})"
        if key == first:
            yield Finding(NAME, Verdict.FINE, f"{many} are sealed by key {key}")
            continue
        told = "are not sealed yet" if key is None else f"are sealed by the older key {key}"
        renew = command("accounts credentials renew ACCOUNT -c FILE")
        fix = f"nothing: the next renewal does it, within a day; or {renew}"
        yield Finding(NAME, Verdict.WARNING, f"{many} {told}, not by key {first}", fix)
