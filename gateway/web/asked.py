"""How often each route was asked, for the metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gateway.metrics.families import CODES, PREFIX, http_requests

if TYPE_CHECKING:
    from prometheus_client import Metric

OTHER: Final = "other"
"""Label of requests for which there is no route."""

ROUTE: Final = "gateway.route"
"""Key of the environment of a request under which its label is noted."""


class Requests:
    """Counts answered requests by route and class of status. Any thread.

    Args:
        routes: Labels of all routes there are.
    """

    def __init__(self, routes: Iterable[str]) -> None:
        self._routes = (*routes, OTHER)
        self._counts = {(route, code): 0 for route in self._routes for code in CODES}
        self._lock = threading.Lock()

    def add(self, route: str, status: int) -> None:
        """Count one; a route that is not known counts as :data:`OTHER`."""
        route = route if (route, CODES[0]) in self._counts else OTHER
        code = f"{status // 100}xx"
        with self._lock:
            self._counts[route, code] += 1

    def collect(self) -> Iterable[Metric]:
        """Return them as a metric."""
        from prometheus_client import core  # noqa: PLC0415  # the extra may be missing

        family = http_requests(self._routes)
        metric = core.CounterMetricFamily(
            PREFIX + family.name, family.told, labels=list(family.labels)
        )
        with self._lock:
            counts = self._counts.copy()
        for values, count in counts.items():
            metric.add_metric(list(values), count)
        return [metric]
