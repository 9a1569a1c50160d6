"""What shops and their customers ask of the platform they are on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.testing.platform.engine import Engine

ResultT = TypeVar("ResultT")


class Host(Protocol):
    """The platform a shop belongs to."""

    engine: Engine
    lock: threading.Condition

    @property
    def url(self) -> str:
        """Where to connect."""

    def wait(
        self, until: Callable[[], ResultT], timeout_s: float, what: str | Callable[[], str]
    ) -> ResultT:
        """Wait until it gives something true, and give that."""
