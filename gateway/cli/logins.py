"""What can be known of the accounts' credentials here and now, without asking anybody.

Of a function its module is imported, as for a sink. A file or variable may come later, and a
login may be pasted: what is found is no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actors.ports import CredentialSource
from actors.runtime.clock import SystemClock
from actors.values import Failure
from gateway import regular_files
from gateway.credentials.given import GivenSource
from gateway.credentials.registry import Surroundings, source_of
from gateway.credentials.store import MemoryStore
from gateway.settings import AccountSettings, Settings


def notes(settings: Settings) -> Iterator[str]:
    """Yield what an account lacks to be signed in: which one, what, and what to do."""
    around = _nowhere()
    for index, account in enumerate(settings.accounts):
        source = source_of(account, around) if account.enabled else None
        told = None if source is None else _lacking(account, source)
        told = told or _open_to_others(account)
        if told:
            where = f"accounts[{index}].credentials of account {account.id}"
            yield f"{where}: {told.removesuffix('.')}"


def _open_to_others(account: AccountSettings) -> str | None:
    """Return what is wrong with a file of credentials that others can read or change."""
    path = account.credentials.path if account.credentials.kind == "file" else None
    try:
        lax = path is not None and regular_files.is_open_to_others(Path(path).stat())
    except OSError:
        return None
    return f"others may read or change {path}; chmod 600 {path}" if lax else None


def refused(account: AccountSettings, cookie: str) -> str | None:
    """Return why a cookie cannot be that of an account of kind goofish, and what to do."""
    source = source_of(account, _nowhere())
    assert source is not None
    return _of_cookie(source, cookie)


def _nowhere() -> Surroundings:
    """Return what a source needs that keeps nothing and tells nobody."""
    return Surroundings(
        store=MemoryStore(),
        clock=SystemClock(),
        learn=lambda _account, _secrets: None,
        unsaved=lambda _account, _why: None,
    )


def _lacking(account: AccountSettings, source: CredentialSource) -> str | None:
    credentials = account.credentials
    if credentials.kind == "goofish":
        return None if credentials.cookie is None else _of_cookie(source, credentials.cookie)
    return source.looked_at() if isinstance(source, GivenSource) else None


def _of_cookie(source: CredentialSource, cookie: str) -> str | None:
    """Return why the cookie of the settings cannot be used."""
    from gateway.credentials.goofish import GoofishSource  # noqa: PLC0415  # it costs a platform

    assert isinstance(source, GoofishSource)
    found = source.checked(cookie)
    return found.detail if isinstance(found, Failure) else None
