"""Every platform of the registry keeps what the gateway relies on, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.platforms import registry
from gateway.testing import conformance

FOLDERS = Path(__file__).parents[1] / "data"


def checks_of(name: str) -> list[conformance.Check]:
    """Return the checks of a platform; one of another package has its frames beside it."""
    here = FOLDERS / name
    return conformance.platform_checks(name, here if here.is_dir() else None)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(each, id=f"{name}-{each}")
        for name in registry.names()
        for each in checks_of(name)
    ],
)
def test_platform(check: conformance.Check) -> None:
    check()
