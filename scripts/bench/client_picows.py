"""The fast asyncio script: picows and msgspec, each frame acknowledged by itself."""

from __future__ import annotations

import asyncio
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from scripts.bench import typed
from scripts.bench.outgoing import BEAT_S, beat, registration
from scripts.bench.probe import Probe


class Account(WSListener):
    """Holds one account; everything happens in the frame callback."""

    def __init__(self, probe: Probe, number: int) -> None:
        super().__init__()
        self.handle = probe.tally.handle
        self.number = number
        self.beats = 0
        self.ready = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Register."""
        transport.send(WSMsgType.TEXT, registration(self.number).encode())
        asyncio.get_running_loop().call_later(BEAT_S, self.beat, transport)

    def beat(self, transport: WSTransport) -> None:
        """Send a heartbeat and arm the next."""
        self.beats += 1
        transport.send(WSMsgType.TEXT, beat(self.beats).encode())
        asyncio.get_running_loop().call_later(BEAT_S, self.beat, transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Decode, handle, acknowledge."""
        if frame.msg_type is not WSMsgType.TEXT:
            return
        message = typed.frame(frame.get_payload_as_memoryview())
        if not message.lwp:
            return
        package = message.body.package if message.body is not None else None
        for entry in package.data if package is not None else ():
            event = typed.chat(entry.data)
            self.handle(event.conversation, event.text)
        transport.send(WSMsgType.TEXT, typed.acknowledgement(message.headers))
        self.ready.set()


async def run(probe: Probe) -> None:
    """Hold all accounts until the harness asks for the report."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, asked.set)
    for first in range(0, probe.spec["accounts"], 64):
        numbers = range(first, min(first + 64, probe.spec["accounts"]))
        accounts = [Account(probe, number) for number in numbers]
        await asyncio.gather(*(ws_connect(lambda a=a: a, probe.url) for a in accounts))
        await asyncio.gather(*(a.ready.wait() for a in accounts))
    probe.ready()
    await asked.wait()
    probe.report()


if __name__ == "__main__":
    asyncio.run(run(Probe()))
