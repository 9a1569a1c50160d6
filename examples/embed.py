"""A gateway inside a threaded program: start it, work, stop it."""

from __future__ import annotations

import sys

from gateway import ChatMessage, Gateway, StateChanged


def main(config: str) -> None:
    """Answer every buyer until a line arrives on stdin."""
    gateway = Gateway.from_config(config)

    @gateway.on(ChatMessage)
    def answer(event: ChatMessage) -> None:
        event.reply(f"收到：{event.text}")

    @gateway.on_state
    def show(change: StateChanged) -> None:
        print(f"{change.account}: {change.old.value} -> {change.new.value} ({change.cause.value})")

    with gateway:
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1])
