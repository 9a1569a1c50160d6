"""``notify test``: a message to every target of the bell, from this process."""

from __future__ import annotations

import argparse
import os

from gateway import logs
from gateway.cli import NEGATIVE, show, speaking
from gateway.cli.paths import loaded
from gateway.errors import ConfigError
from gateway.notify.courier import Courier
from gateway.notify.message import trial
from gateway.words import spoken


def main(arguments: argparse.Namespace) -> int:
    """Send it, and say of each target whether it took it; 1 if one did not."""
    settings = loaded(arguments.config, parts=False)
    notify = settings.notify
    if not notify.urls():
        told = "notify.to: is empty, so that nobody is told; write URLs of apprise into it"
        raise ConfigError([f"{arguments.config}: {told}"])
    courier = Courier(notify.urls(), mask=logs.redactor_of(settings).text)
    message = trial(spoken(notify.language, settings.language, environment=os.environ), notify.link)
    tongue = speaking.of(arguments)
    rows = []
    for place in courier.places:
        why = courier.send(place, message)
        rows.append(
            {"target": place, "service": courier.kind(place), "sent": why is None, "reason": why}
        )
        if not arguments.json:
            told = tongue.label("sent") if why is None else tongue.text(why)
            show.line(f"{place}  {courier.kind(place)}  {told}")
    if arguments.json:
        show.as_json({"targets": rows})
    return 0 if all(row["sent"] for row in rows) else NEGATIVE
