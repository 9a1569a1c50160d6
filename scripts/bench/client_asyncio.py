"""The plain asyncio script: websockets, orjson, msgpack; a task per account, nothing stored.

What a careful person writes in an afternoon: every entry of a package read, one
acknowledgement a frame after its handling, a heartbeat. No de-duplication, no lanes.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no stubs
import orjson
from websockets.asyncio.client import ClientConnection, connect

from scripts.bench.outgoing import BEAT_S, beat, registration
from scripts.bench.probe import Probe

ECHOED = ("mid", "sid", "app-key", "ua", "dt")


@dataclass(frozen=True, slots=True)
class Chat:
    """What the handler gets."""

    conversation: str
    message_id: str
    sender: str
    nick: str
    text: str


def chat(data: str) -> Chat:
    """Decode one entry."""
    message = msgpack.unpackb(base64.b64decode(data), strict_map_key=False)[1]
    extension = message[10]
    return Chat(
        conversation=message[2].split("@")[0],
        message_id=message[3],
        sender=extension["senderUserId"],
        nick=extension["reminderTitle"],
        text=extension["reminderContent"],
    )


def acknowledgement(headers: dict[str, Any]) -> str:
    """Return the acknowledgement of a push."""
    echoed = {name: headers[name] for name in ECHOED if name in headers}
    return orjson.dumps({"code": 200, "headers": echoed}).decode()


async def beats(ws: ClientConnection) -> None:
    """Send a heartbeat each interval."""
    number = 0
    while True:
        await asyncio.sleep(BEAT_S)
        number += 1
        await ws.send(beat(number))


async def account(probe: Probe, number: int, ready: asyncio.Event) -> None:
    """Hold one account."""
    handle = probe.tally.handle
    async with connect(probe.url) as ws:
        await ws.send(registration(number))
        beating = asyncio.create_task(beats(ws))
        try:
            async for frame in ws:
                message = orjson.loads(frame)
                if "lwp" not in message:
                    continue
                for entry in message["body"]["syncPushPackage"]["data"]:
                    event = chat(entry["data"])
                    handle(event.conversation, event.text)
                await ws.send(acknowledgement(message["headers"]))
                ready.set()
        finally:
            beating.cancel()


async def run(probe: Probe) -> None:
    """Hold all accounts until the harness asks for the report."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, asked.set)
    gate = asyncio.Semaphore(64)

    async def opened(number: int) -> asyncio.Task[None]:
        async with gate:
            ready = asyncio.Event()
            task = asyncio.create_task(account(probe, number, ready))
            await ready.wait()
            return task

    tasks = await asyncio.gather(*(opened(n) for n in range(probe.spec["accounts"])))
    probe.ready()
    await asked.wait()
    probe.report()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(run(Probe()))
