"""Sources of credentials by their kind: one line each."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from actors.identity import Why
from actors.ports import Clock, CredentialSource
from actors.values import AccountId, Failure
from gateway.credentials import given
from gateway.credentials.given import Given, GivenSource
from gateway.credentials.store import CredentialStore
from gateway.http_messages import HttpRequest
from gateway.settings import AccountSettings
from gateway.settings.addresses import parse_proxy

if TYPE_CHECKING:
    from gateway.transport.https import HttpsClient

OK: Final = 200


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
    ask: Callable[[AccountSettings], Callable[[Why, int], Given]], *, through_proxy: bool = False
) -> Callable[[AccountSettings, Surroundings], CredentialSource]:
    def make(account: AccountSettings, around: Surroundings) -> CredentialSource:
        return GivenSource(
            account.id,
            ask(account),
            user_agent=account.user_agent,
            unix_ms=around.clock.unix_ms,
            learn=partial(around.learn, account.id),
            egress=_egress(account) if through_proxy else "",
            calls=1 if through_proxy else 0,
        )

    return make


def _file(account: AccountSettings) -> Callable[[Why, int], Given]:
    return given.from_file(Path(account.credentials.path or ""))


def _environment(account: AccountSettings) -> Callable[[Why, int], Given]:
    return given.from_environment(account.credentials.variables)


def _python(account: AccountSettings) -> Callable[[Why, int], Given]:
    """Return what calls ``module:function(account, why, refused_version)``; imported at first."""
    call = account.credentials.call or ""

    def ask(why: Why, version: int) -> Given:
        module, _, name = call.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{call} cannot be imported ({type(error).__name__})") from None
        return given.checked(function(account.id, why.value, version), call)

    return ask


def _http(account: AccountSettings) -> Callable[[Why, int], Given]:
    credentials, client = account.credentials, _client(account)
    url = credentials.url or ""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if credentials.bearer:
        headers["authorization"] = f"Bearer {credentials.bearer}"

    def ask(why: Why, version: int) -> Given:
        body = {"account": account.id, "why": why.value, "refused_version": version}
        answer = client.perform(
            HttpRequest(method="POST", url=url, headers=headers, body=json.dumps(body).encode()),
            deadline_s=account.renewal.request_s,
        )
        if isinstance(answer, Failure):
            raise given.UnreachableError(answer)
        if answer.status != OK:
            raise ValueError(f"the service of the credentials answered status {answer.status}")
        return given.parsed(answer.body, "the answer of the service")

    return ask


SOURCES: Final[Mapping[str, Callable[[AccountSettings, Surroundings], CredentialSource] | None]] = {
    "static": None,
    "goofish": _goofish,
    "file": _given(_file),
    "env": _given(_environment),
    "python": _given(_python),
    "http": _given(_http, through_proxy=True),
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
