"""The check of ``doctor --dial``: the way to each platform, step by step, as a gateway goes it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from actors.plan import AccountPlan
from actors.values import Failure, Phase
from gateway.host import assembly
from gateway.settings import Settings
from gateway.web.findings import Finding, Verdict

MOST_ENDPOINTS = 20
"""Each takes ``connect.deadline_s`` at worst."""


def of_dials(settings: Settings) -> Iterator[Finding]:
    """Open and close a link to each endpoint of accounts that are on; registers nobody."""
    plans: dict[str, AccountPlan] = {}
    for account in settings.accounts:
        if account.enabled:
            plan = assembly.plan(account, settings)
            plans.setdefault(plan.dialer.endpoint, plan)
    if not plans:
        yield Finding("dial", Verdict.WARNING, "no account is enabled", "enable or add one")
    for plan in list(plans.values())[:MOST_ENDPOINTS]:
        yield from _dialed(plan)
    if len(plans) > MOST_ENDPOINTS:
        told = f"{len(plans) - MOST_ENDPOINTS} more endpoints were not dialed"
        yield Finding("dial", Verdict.WARNING, told, "dial them with a configuration of their own")


def _dialed(plan: AccountPlan) -> Iterator[Finding]:
    began: list[tuple[Phase, float]] = []

    def entered(phase: Phase) -> float:
        began.append((phase, time.monotonic()))
        return 1.0

    identity, endpoint = plan.identity(), plan.dialer.endpoint
    result = plan.dialer.dial(
        plan.platform.session(identity).upgrade_headers(),
        identity.cookie,
        deadline_s=plan.connect.deadline_s,
        stretch=entered,
    )
    ends = [*(at for _, at in began[1:]), time.monotonic()]
    failure = result if isinstance(result, Failure) else None
    if not isinstance(result, Failure):
        result.sock.close()
    for (phase, at), end in zip(began, ends, strict=True):
        took = f"{endpoint}: {(end - at) * 1000:.0f} ms"
        if failure is None or phase is not failure.phase:
            yield Finding(f"dial {phase.value}", Verdict.FINE, took)
    if failure is not None:
        what, _, fix = failure.detail.partition("; ")
        fix = fix or "look at the log of a gateway that runs: connection.attempt_failed"
        name = f"dial {failure.phase.value}"
        yield Finding(name, Verdict.WRONG, f"{endpoint}: {what} ({failure.reason})", fix)
