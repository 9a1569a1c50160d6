"""Every credential source keeps what the gateway relies on; today there is one: ``static``."""

from __future__ import annotations

import pytest

from gateway.host import assembly
from gateway.settings import AccountSettings, Credentials, Settings
from gateway.testing import conformance

ACCOUNT = AccountSettings(
    id="shop-a",
    url="wss://example.org/",
    credentials=Credentials(
        user_id="2201", device_id="made-up-device", token="made-up-token", cookie="made-up=cookie"
    ),
)
STATIC = assembly.plan(ACCOUNT, Settings(accounts=(ACCOUNT,))).identity


@pytest.mark.parametrize(
    "check",
    conformance.credential_checks(
        STATIC,
        account="shop-a",
        platform="goofish",
        secrets=("made-up-token", "made-up=cookie"),
    ),
    ids=str,
)
def test_static(check: conformance.Check) -> None:
    check()
