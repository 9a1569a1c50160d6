"""``status``: a running gateway at a glance."""

from __future__ import annotations

import argparse

from gateway.cli import show
from gateway.cli.accounts import COLUMNS, details
from gateway.cli.control import open_control


def main(arguments: argparse.Namespace) -> int:
    """Print it; 1 if the gateway is stopping."""
    with open_control(arguments) as control:
        told = control.ask("GET", "v1", "status")
    if arguments.json:
        show.as_json(told)
    else:
        states = " · ".join(f"{count} {name}" for name, count in told["states"].items() if count)
        show.pairs(
            {
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
    return 0 if told["running"] else 1
