"""Sources of credentials by their kind: one line each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from actors.ports import Clock, CredentialSource
from actors.values import AccountId, Failure
from gateway.credentials import givers
from gateway.credentials.given import GivenSource, Giver
from gateway.credentials.store import CredentialStore
from gateway.settings import AccountSettings
from gateway.settings.addresses import parse_proxy

if TYPE_CHECKING:
    from gateway.transport.https import HttpsClient


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a source is given by the gateway.

    Attributes:
        store: Keeps what is obtained.
        clock: Time.
        learn: Told of an account's secrets before they are used, so that no log shows them.
        unsaved: Told why an account's credentials could not be stored; None once they could.
    """

    store: CredentialStore
    clock: Clock
    learn: Callable[[AccountId, Iterable[str]], None]
    unsaved: Callable[[AccountId, str | None], None]


def source_of(account: AccountSettings, around: Surroundings) -> CredentialSource | None:
    """Return the source of an account's credentials; None: they stand in the settings.

    Raises:
        ValueError: A setting cannot work; names it and the fix.
    """
    make = SOURCES[account.credentials.kind]
    return make(account, around) if make is not None else None


def succeed(source: CredentialSource | None, before: CredentialSource | None) -> None:
    """Have a source go on with what its predecessor could not store yet."""
    if source is None or before is None:
        return
    from gateway.credentials.goofish import GoofishSource  # noqa: PLC0415  # it costs a platform

    if isinstance(source, GoofishSource) and isinstance(before, GoofishSource):
        source.succeed(before)


def unusable(source: CredentialSource | None) -> Failure | None:
    """Return why what the settings give cannot be taken, asking nobody; None: it can."""
    if source is None or isinstance(source, GivenSource):
        return None
    from gateway.credentials.goofish import GoofishSource  # noqa: PLC0415  # it costs a platform

    return source.unusable() if isinstance(source, GoofishSource) else None


def _goofish(account: AccountSettings, around: Surroundings) -> CredentialSource:
    # Whose accounts are static does not pay for the sign-in.
    from gateway.credentials.account import Account, Clocks  # noqa: PLC0415
    from gateway.credentials.goofish import GoofishSource  # noqa: PLC0415
    from gateway.platforms.goofish.endpoints import Endpoints  # noqa: PLC0415

    credentials = account.credentials
    endpoints = credentials.endpoints
    return GoofishSource(
        Account(
            name=account.id,
            cookie=credentials.cookie,
            user_id=credentials.user_id,
            device_id=credentials.device_id,
            user_agent=account.user_agent,
            upgrade_cookie=credentials.upgrade_cookie,
            endpoints=Endpoints(
                mtop=endpoints.mtop, passport=endpoints.passport, upload=endpoints.upload
            ),
            renewal=account.renewal,
            egress=_egress(account),
        ),
        store=around.store,
        performer=_client(account),
        clocks=Clocks(around.clock.unix_ms, around.clock.monotonic),
        learn=around.learn,
        unsaved=partial(around.unsaved, account.id),
    )


def _given(
    make_giver: Callable[[AccountSettings], Giver], *, through_proxy: bool = False
) -> Callable[[AccountSettings, Surroundings], CredentialSource]:
    def make(account: AccountSettings, around: Surroundings) -> CredentialSource:
        return GivenSource(
            account.id,
            make_giver(account),
            user_id=account.credentials.user_id,
            needs_user_id=account.platform == "goofish",
            user_agent=account.user_agent,
            unix_ms=around.clock.unix_ms,
            learn=partial(around.learn, account.id),
            egress=_egress(account) if through_proxy else "",
            calls=1 if through_proxy else 0,
        )

    return make


def _file(account: AccountSettings) -> Giver:
    return givers.FileGiver(Path(account.credentials.path or ""))


def _environment(account: AccountSettings) -> Giver:
    return givers.EnvironmentGiver(account.credentials.variables)


def _function(account: AccountSettings) -> Giver:
    return givers.FunctionGiver(account.id, account.credentials.call or "")


def _service(account: AccountSettings) -> Giver:
    credentials = account.credentials
    return givers.ServiceGiver(
        account.id,
        credentials.url or "",
        credentials.bearer,
        client=_client(account),
        request_s=account.renewal.request_s,
    )


SOURCES: Final[Mapping[str, Callable[[AccountSettings, Surroundings], CredentialSource] | None]] = {
    "static": None,
    "goofish": _goofish,
    "file": _given(_file),
    "env": _given(_environment),
    "python": _given(_function),
    "http": _given(_service, through_proxy=True),
}
"""Kind in the configuration → what makes a source of it; None: nothing renews it."""


def _client(account: AccountSettings) -> HttpsClient:
    from gateway.transport.https import HttpsClient  # noqa: PLC0415  # as above

    return HttpsClient(
        proxy=account.proxy, tls=account.tls, deadlines=account.deadlines, unix_s=time.time
    )


def _egress(account: AccountSettings) -> str:
    if account.proxy is None:
        return ""
    proxy: Any = parse_proxy(account.proxy)
    return f"{proxy.scheme}://{proxy.peer}"
