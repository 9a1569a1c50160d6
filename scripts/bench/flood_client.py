"""Our gateway with one account that is flooded; the others' delays are what counts."""

from __future__ import annotations

import tempfile
from typing import Any

from actors.values import Recovered
from gateway import ChatMessage, Gateway
from gateway.config import from_mapping
from scripts.bench.client_gateway import CountDown, configuration, hold
from scripts.bench.feed import token, user_id
from scripts.bench.flood_server import PATH
from scripts.bench.probe import Probe

FLOODED = "flooded"


def main() -> None:
    """Hold all accounts until the harness asks for the report."""
    probe = Probe()
    handle = probe.tally.handle
    with tempfile.TemporaryDirectory(dir=probe.spec["dir"]) as data_dir:
        mapping = configuration(probe, data_dir)
        number = probe.spec["accounts"]
        flooded: dict[str, Any] = {"id": FLOODED, "url": probe.url.rstrip("/") + PATH.decode()}
        if probe.spec["flood"].startswith("empty"):
            flooded |= {"platform": "plain"}
        else:
            user = user_id(number)
            credentials = {"user_id": user, "device_id": f"device-{user}", "token": token(number)}
            flooded |= {"platform": "goofish", "credentials": {"kind": "static", **credentials}}
        mapping["accounts"].append(flooded)
        gateway = Gateway(from_mapping(mapping))

        @gateway.on(ChatMessage)
        def count(event: ChatMessage) -> None:
            if event.account != FLOODED:
                handle(event.conversation_id, event.text)

        left = CountDown(number)

        @gateway.on_recovery
        def recovered(outcome: Recovered) -> None:
            if outcome.account != FLOODED:
                left.one()

        hold(gateway, probe, left)


if __name__ == "__main__":
    main()
