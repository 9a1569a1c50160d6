"""A gateway inside a threaded program: start it, work, stop it."""

from __future__ import annotations

import sys

from gateway import ChatMessage, Gateway, StateChanged


def add_handlers(gateway: Gateway) -> None:
    """Answer every buyer; ``test_embed.py`` tests it."""

    @gateway.on(ChatMessage)
    def answer(event: ChatMessage) -> None:
        event.reply(f"收到：{event.text}")


def main(config: str) -> None:
    """Run until a line arrives on stdin."""
    gateway = Gateway.from_config(config)
    add_handlers(gateway)

    @gateway.on_state
    def show(change: StateChanged) -> None:
        print(f"{change.account}: {change.old.value} -> {change.new.value} ({change.cause.value})")

    with gateway:
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1])
