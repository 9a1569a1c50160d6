"""Gives the readings to prometheus-client (extra ``[http]``), which renders them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from actors.policy.histogram import BOUNDS_S, Histogram
from actors.system import System
from gateway.commands import extra
from gateway.errors import ConfigError
from gateway.metrics import reading
from gateway.metrics.families import ACCOUNT_FAMILIES, FAMILIES, PREFIX, Family
from gateway.metrics.reading import AccountRow, Reading, Source

if TYPE_CHECKING:
    from prometheus_client import Metric

MOST_ACCOUNTS: Final = 500
"""Accounts up to which ``metrics.per_account: auto`` shows each."""

_LIMITS: Final = (*[repr(bound) for bound in BOUNDS_S], "+Inf")
_EMPTY: Final = Histogram()


class Collector:
    """The metrics of one gateway, for a registry of prometheus-client.

    ``registry.register(gateway.collector)`` adds them to a registry of yours. Counters count from
    the start of the gateway and never fall, also while it is stopped.

    Args:
        source: Whose.

    Raises:
        ConfigError: prometheus-client is not installed.
    """

    def __init__(self, source: Source) -> None:
        try:
            import prometheus_client  # noqa: F401, PLC0415  # the extra may be missing
        except ImportError:
            told = f"metrics need prometheus-client; {extra('http')}"
            raise ConfigError([told]) from None
        self._source = source
        self._last: System | None = None
        self._written_bytes = 0.0
        self._lock = threading.Lock()  # among scrapes only

    def accounts(self) -> list[AccountRow]:
        """Return what there is to say of each account."""
        return reading.accounts(self._source, self._system())

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        system = self._system()
        found = reading.read(self._source, system)
        found["written_bytes"] = self._risen(found.get("written_bytes", 0))
        metrics = [_metric(family, found.get(family.name, 0)) for family in FAMILIES]
        if self._shows_accounts:
            rows = reading.accounts(self._source, system)
            metrics += [
                _of_accounts(family, [(row.account, float(row[place])) for row in rows])
                for place, family in enumerate(ACCOUNT_FAMILIES, start=1)
            ]
        return metrics

    @property
    def _shows_accounts(self) -> bool:
        wish = self._source.settings.metrics.per_account
        few = len(self._source.states()) <= MOST_ACCOUNTS
        return wish == "always" or (wish == "auto" and few)

    def _system(self) -> System | None:
        self._last = self._source.system() or self._last
        return self._last

    def _risen(self, now: Reading) -> float:
        """Return a counter that a link which ends just now makes fall for a moment."""
        with self._lock:
            assert isinstance(now, float | int)
            self._written_bytes = max(self._written_bytes, now)
            return self._written_bytes


def _metric(family: Family, found: Reading) -> Metric:
    """Return a family with its samples."""
    from prometheus_client import core  # noqa: PLC0415  # the extra may be missing

    name, told, labels = PREFIX + family.name, family.told, list(family.labels)
    if family.kind == "info":
        return core.InfoMetricFamily(name, told, value=reading.build())
    if family.kind == "histogram":
        histogram = core.HistogramMetricFamily(name, told, labels=labels)
        for values, one in _samples(family, found):
            seen = one if isinstance(one, Histogram) else _EMPTY
            sum_s, counts = seen.sum_s, seen.cumulative()
            histogram.add_metric(values, list(zip(_LIMITS, counts, strict=True)), sum_s)
        return histogram
    counted = family.kind == "counter"
    metric = (core.CounterMetricFamily if counted else core.GaugeMetricFamily)(
        name, told, labels=labels
    )
    for values, one in _samples(family, found):
        assert not isinstance(one, Histogram)
        metric.add_metric(values, one)
    return metric


def _samples(family: Family, found: Reading) -> list[tuple[list[str], float | Histogram]]:
    if family.labels:
        ((_, known),) = family.labels.items()
        return [([label], value) for label, value in reading.values_of(found, known or ())]
    if found is None or isinstance(found, Mapping):
        return []
    return [([], found)]


def _of_accounts(family: Family, values: Iterable[tuple[str, float]]) -> Metric:
    from prometheus_client import core  # noqa: PLC0415  # the extra may be missing

    kind = core.CounterMetricFamily if family.kind == "counter" else core.GaugeMetricFamily
    metric = kind(PREFIX + family.name, family.told, labels=list(family.labels))
    for account, value in values:
        metric.add_metric([account], value)
    return metric
