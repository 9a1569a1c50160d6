"""Gateways in front of a fake platform, made and stopped for a test."""

from __future__ import annotations

from pathlib import Path

from gateway.config import load
from gateway.host.gateway import Gateway
from gateway.testing.kit.clock import ManualClock
from gateway.testing.kit.recorder import Recorder
from gateway.testing.platform import FakePlatform

_STOP_S = 10.0


class GatewayFactory:
    """Makes gateways for all accounts of a platform, watches them, and stops them.

    A second gateway of one factory finds what the first kept (``durability`` other than
    ``memory``).

    Args:
        fake: The platform; accounts are those it knows when a gateway is made.
        directory: For the configuration and the data.

    Attributes:
        recorder: Watches every gateway it makes.
    """

    def __init__(self, fake: FakePlatform, directory: Path) -> None:
        self.recorder = Recorder(fake)
        self._fake = fake
        self._directory = directory
        self._made: list[tuple[Gateway, ManualClock | None]] = []

    def __call__(self, *, clock: ManualClock | None = None, **keys: object) -> Gateway:
        """Make a gateway that was not started.

        Args:
            clock: Time moved by hand; None: the machine's.
            keys: Top-level keys of the configuration, e.g. ``durability="full"`` or
                ``defaults={"send": {"rate_per_s": 100}}``.

        Raises:
            ConfigError: All that is wrong with the keys.
        """
        settings = load(self._fake.config_file(self._directory, **keys))
        gateway = Gateway(settings, clock=clock, journal=self.recorder.journal)
        self._made.append((self.recorder.attach(gateway), clock))
        return gateway

    def stop(self) -> None:
        """Stop every gateway that runs; idempotent.

        Raises:
            AssertionError: Threads of one did not end in time.
        """
        late = 0
        while self._made:
            gateway, clock = self._made.pop()
            if clock is not None:
                clock.release()
            late += not gateway.stop(_STOP_S)
        if late:
            raise AssertionError(f"{late} gateways left threads behind; their names are logged")
