"""Fixtures for tests of handlers: ``fake_platform``, ``gateway_factory``, ``handler_bench``.

pytest loads this by itself where the package is installed; elsewhere ``-p
gateway.testing.pytest_plugin``. Nothing of the gateway is imported before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gateway.host.gateway import Gateway
    from gateway.testing.kit.bench import HandlerBench
    from gateway.testing.kit.factory import GatewayFactory
    from gateway.testing.platform import FakePlatform


class MakeBench:
    """What the fixture ``handler_bench`` is: call it with a gateway, a file, or nothing."""

    def __call__(self, gateway: Gateway | str | Path | None = None) -> HandlerBench:
        """Put a gateway that was not started, or the one of a configuration, on a bench."""
        from gateway.testing.kit.bench import HandlerBench  # noqa: PLC0415  # only if it is used

        if isinstance(gateway, str | Path):
            return HandlerBench.from_config(gateway)
        return HandlerBench(gateway)


@pytest.fixture
def handler_bench() -> MakeBench:
    """Return what makes a bench for handlers: no network, no threads."""
    return MakeBench()


@pytest.fixture
def fake_platform() -> Iterator[FakePlatform]:
    """Yield a running fake platform without accounts."""
    from gateway.testing.platform import FakePlatform  # noqa: PLC0415  # only if it is used

    with FakePlatform() as fake:
        yield fake


@pytest.fixture
def gateway_factory(fake_platform: FakePlatform, tmp_path: Path) -> Iterator[GatewayFactory]:
    """Yield what makes gateways in front of ``fake_platform``; all are stopped at the end."""
    from gateway.testing.kit.factory import GatewayFactory  # noqa: PLC0415  # only if it is used

    factory = GatewayFactory(fake_platform, tmp_path)
    try:
        yield factory
    finally:
        factory.stop()
