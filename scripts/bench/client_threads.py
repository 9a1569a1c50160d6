"""The threaded script: websocket-client, one thread an account, as its manual shows it.

With ``fast`` in the spec: UTF-8 validation off and msgspec instead of json and msgpack.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no stubs
import websocket

from scripts.bench import typed
from scripts.bench.outgoing import BEAT_S, beat, registration
from scripts.bench.probe import Probe

ECHOED = ("mid", "sid", "app-key", "ua", "dt")


def plain(frame: str | bytes, probe: Probe) -> str | None:
    """Handle one frame with json and msgpack; give the acknowledgement."""
    message: dict[str, Any] = json.loads(frame)
    if "lwp" not in message:
        return None
    for entry in message["body"]["syncPushPackage"]["data"]:
        fields = msgpack.unpackb(base64.b64decode(entry["data"]), strict_map_key=False)[1]
        probe.tally.handle(fields[2].split("@")[0], fields[10]["reminderContent"])
    headers = message["headers"]
    echoed = {name: headers[name] for name in ECHOED if name in headers}
    return json.dumps({"code": 200, "headers": echoed})


def fast(frame: str | bytes, probe: Probe) -> str | None:
    """Handle one frame with msgspec; give the acknowledgement."""
    message = typed.frame(frame)
    if not message.lwp:
        return None
    package = message.body.package if message.body is not None else None
    for entry in package.data if package is not None else ():
        event = typed.chat(entry.data)
        probe.tally.handle(event.conversation, event.text)
    return typed.acknowledgement(message.headers).decode()


def account(probe: Probe, number: int, ready: threading.Semaphore) -> None:
    """Hold one account."""
    take = fast if probe.spec.get("fast") else plain
    ws = websocket.create_connection(
        probe.url, timeout=BEAT_S, skip_utf8_validation=bool(probe.spec.get("fast"))
    )
    ws.send(registration(number))
    waiting = True
    while True:
        try:
            frame = ws.recv()
        except websocket.WebSocketTimeoutException:
            ws.send(beat(number))
            continue
        except websocket.WebSocketException:
            return
        ack = take(frame, probe)
        if ack is not None:
            ws.send(ack)
            if waiting:
                waiting = False
                ready.release()


def main() -> None:
    """Hold all accounts until the harness asks for the report."""
    probe = Probe()
    ready = threading.Semaphore(0)
    for number in range(probe.spec["accounts"]):
        threading.Thread(target=account, args=(probe, number, ready), daemon=True).start()
        ready.acquire()
    probe.ready()
    sys.stdin.readline()
    probe.report()


if __name__ == "__main__":
    main()
