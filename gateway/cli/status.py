"""``status``: a running gateway at a glance."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from gateway.cli import show
from gateway.cli.accounts import COLUMNS, details
from gateway.cli.control import open_control


def main(arguments: argparse.Namespace) -> int:
    """Print it; 1 if something needs a person, or the gateway is stopping."""
    with open_control(arguments) as control:
        told = control.ask("GET", "v1", "status")
    needed = needs_a_person(told)
    if arguments.json:
        show.as_json(told)
    else:
        states = " · ".join(f"{count} {name}" for name, count in told["states"].items() if count)
        show.pairs(
            {
                "needs a person": needed or "no",
                "gateway": f"{told['version']}, process {told['pid']}, up {told['uptime_s']:.0f} s",
                "running": told["running"],
                "journal": f"{told['data_dir']} ({told['durability']})",
                "accounts": f"{told['accounts']}: {states}" if states else "none",
                "paused": told["paused"],
                "in trouble": told["troubled"],
                "alerts": told["alerts"],
            }
        )
        if told["troubled_accounts"]:
            show.line("")
            show.table(told["troubled_accounts"], COLUMNS, empty="")
            details(told["troubled_accounts"], "reconnecting")
        for alert in told["latest_alerts"]:
            whose = " ".join(filter(None, (alert["account"], alert["lane"])))
            show.line("")
            show.line(f"{alert['name']} since {show.moment(alert['since_ms'])}  {whose}".rstrip())
            show.line(f"  {alert['detail']}")
            show.line(f"  {alert['next_step']}")
    return 1 if needed or not told["running"] else 0


def needs_a_person(told: Mapping[str, Any]) -> str:
    """Return what of a status needs a person, in a few words; empty: nothing does."""
    failed, alerts = told["states"].get("failed", 0), told["alerts"]
    counted = [(failed, "FAILED account"), (alerts, "alert")]
    return ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counted if count)
