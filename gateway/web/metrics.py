"""Routes for Prometheus: the metrics of the gateway, and those of its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.metrics import text
from gateway.metrics.collector import Collector
from gateway.web.context import Answer, Context
from gateway.web.problems import Problem
from gateway.web.request import Request
from gateway.web.stopped import StoppedGateway, not_running

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OPENMETRICS: Final = "application/openmetrics-text"


def show(context: Context, request: Request) -> Answer:
    """Return all metrics, as OpenMetrics if the client takes it, else as Prometheus' text."""
    registry = _registry(context)
    from prometheus_client import exposition  # noqa: PLC0415  # the extra may be missing
    from prometheus_client.openmetrics import exposition as newer  # noqa: PLC0415  # the same

    if OPENMETRICS in request.accept:
        body = newer.generate_latest(registry)  # type: ignore[no-untyped-call]  # it has no types
        return Answer(body=body, content_type=newer.CONTENT_TYPE_LATEST)
    return Answer(body=exposition.generate_latest(registry), content_type=text.CONTENT_TYPE)


def accounts(context: Context, _request: Request) -> Answer:
    """Return the metrics of each account, as Prometheus' text, however many there are."""
    collector = _collector(context)
    if context.gateway.settings.metrics.per_account == "never":
        told = "metrics.per_account is never: no metric names an account"
        raise Problem(404, "no_account_metrics", told, "set it to auto or always")
    return Answer(body=text.render(collector.accounts()), content_type=text.CONTENT_TYPE)


def _collector(context: Context) -> Collector:
    gateway = context.gateway
    if isinstance(gateway, StoppedGateway):
        raise not_running("here")
    return gateway.collector


def _registry(context: Context) -> CollectorRegistry:
    """Return the registry of this server; made at the first scrape, and never the global one."""
    collector = _collector(context)
    with context.registering:
        if not context.registries:
            from prometheus_client import (  # noqa: PLC0415  # the extra may be missing
                CollectorRegistry,
                ProcessCollector,
            )

            registry = CollectorRegistry(auto_describe=False)
            registry.register(collector)
            for each in context.collectors:
                registry.register(each)
            ProcessCollector(registry=registry)
            context.registries.append(registry)
        return context.registries[0]
