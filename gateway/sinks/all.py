"""All sinks of a gateway: started, watched and stopped together; each fails alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from actors.runtime.alert_registry import AlertRegistry
from gateway.settings import SinkSettings
from gateway.sinks.registry import make
from gateway.sinks.runner import SinkRunner, SinkStanding

FAILING = "sink.failing"


class Sinks:
    """The runners of the sinks, in the order of the settings.

    Args:
        settings: Which.
        log: A structlog logger.
        mask: Masks secrets in what sinks say.

    Raises:
        ConfigError: There is no such sink, or it does not take its options.
        SinkError: What one needs cannot be opened.
    """

    def __init__(
        self, settings: Iterable[SinkSettings], *, log: Any, mask: Callable[[str], str]
    ) -> None:
        self._alerts: AlertRegistry | None = None
        self._lock = threading.Lock()
        kinds: Counter[str] = Counter()
        self.runners: list[SinkRunner] = []
        for each in settings:
            kinds[each.kind] += 1
            nth = kinds[each.kind]
            self.runners.append(
                SinkRunner(
                    make(each),
                    each.kind if nth == 1 else f"{each.kind} #{nth}",
                    log=log,
                    mask=mask,
                    on_change=self._look,
                )
            )

    def standing(self) -> list[SinkStanding]:
        """Return how each stands."""
        return [runner.standing() for runner in self.runners]

    def start(self, alerts: AlertRegistry) -> None:
        """Start the threads of the sinks; a sink that fails raises an alert."""
        self._alerts = alerts
        for runner in self.runners:
            runner.start()

    def stop(self, timeout_s: float) -> list[str]:
        """Deliver what waits and close them; return the threads that did not end in time."""
        deadline = time.monotonic() + timeout_s
        for runner in self.runners:
            runner.end()
        return [
            runner.thread_name
            for runner in self.runners
            if not runner.stop(max(0.1, deadline - time.monotonic()))
        ]

    def _look(self) -> None:
        """Begin or end the alert; there is one for all of them."""
        alerts = self._alerts
        if alerts is None:
            return
        with self._lock:
            failing = [each for each in self.standing() if each.failing is not None]
            if not failing:
                alerts.end(FAILING)
                return
            waiting = sum(each.waiting for each in failing)
            left_out = sum(each.left_out for each in failing)
            alerts.say(
                FAILING,
                detail="; ".join(f"{each.name}: {each.failing}" for each in failing)
                + f"; {waiting} events wait, {left_out} were left out",
                next_step="fix what the detail names: it is retried automatically; answers leave "
                "meanwhile, and what waits for a sink is lost with the process",
            )
