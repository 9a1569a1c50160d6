"""``status``: a running gateway at a glance."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.cli import show, speaking
from gateway.cli.accounts import COLUMNS, details, spoken_states
from gateway.cli.control import open_control
from gateway.cli.speaking import Tongue
from gateway.words import Language, of_alert

_COUNTED: Final[Mapping[Language, tuple[str, str, str, str]]] = {
    "en": ("FAILED account", "alert", "s", ", "),
    "zh-CN": ("个账号已放弃（FAILED）", "条告警", "", "，"),
}
"""What is counted, what many of them end with, and what stands between two."""


def main(arguments: argparse.Namespace) -> int:
    """Print it; 1 if something needs a person, or the gateway is stopping."""
    with open_control(arguments) as control:
        told = control.ask("GET", "v1", "status")
    if arguments.json:
        show.as_json(told)
    else:
        _tell(told, speaking.of(arguments))
    return 1 if needs_a_person(told) or not told["running"] else 0


def _tell(told: Mapping[str, Any], tongue: Tongue) -> None:
    states = told["states"].items()
    counted = " · ".join(f"{count} {tongue.label(name)}" for name, count in states if count)
    about = f"{told['version']}, process {told['pid']}, up {told['uptime_s']:.0f} s"
    show.pairs(
        {
            "needs a person": needs_a_person(told, tongue.language) or tongue.label("no"),
            "gateway": tongue.text(about),
            "running": told["running"],
            "journal": f"{told['data_dir']} ({told['durability']})",
            "accounts": f"{told['accounts']}: {counted}" if counted else tongue.label("none"),
            "paused": told["paused"],
            "in trouble": told["troubled"],
            "alerts": told["alerts"],
        },
        tongue.label,
    )
    if told["troubled_accounts"]:
        show.line("")
        rows = spoken_states(told["troubled_accounts"], tongue)
        show.table(rows, COLUMNS, empty="", say=tongue.label)
        details(told["troubled_accounts"], "reconnecting", tongue=tongue)
    for alert in told["latest_alerts"]:
        whose = " ".join(filter(None, (alert["account"], alert["lane"])))
        since = f"{alert['name']} {tongue.label('since')} {show.moment(alert['since_ms'])}"
        show.line("")
        show.line(f"{since}  {whose}".rstrip())
        for each in _words_of(alert, tongue):
            show.line(f"  {each}")


def _words_of(alert: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Yield what an alert means, its own words with their numbers, and what to do."""
    detail, step = tongue.text(alert["detail"]), tongue.text(alert["next_step"])
    english = tongue.language == "en"
    known = None if english else of_alert(alert["name"], alert["why"], tongue.language)
    if known is not None:
        what, step = known
        yield what
    yield detail
    yield step


def needs_a_person(told: Mapping[str, Any], language: Language = "en") -> str:
    """Return what of a status needs a person, in a few words; empty: nothing does."""
    account, alert, many, between = _COUNTED[language]
    counts = [(told["states"].get("failed", 0), account), (told["alerts"], alert)]
    return between.join(f"{count} {what}{many * (count != 1)}" for count, what in counts if count)
