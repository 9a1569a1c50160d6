"""How the handlers of ``embed.py`` are tested: without a network, an account or waiting.

Run it as your own: ``pytest examples``. The fixtures come with the package.
"""

from __future__ import annotations

from examples.embed import add_handlers
from gateway.testing import FakePlatform, GatewayFactory, HandlerBench, faults


def test_the_answer_alone() -> None:
    """The handler is right."""
    bench = HandlerBench()
    add_handlers(bench.gateway)
    assert bench.chat("还在吗？").reply == "收到：还在吗？"


def test_the_answer_on_a_bad_day(
    fake_platform: FakePlatform, gateway_factory: GatewayFactory
) -> None:
    """It answers once, though the platform says everything twice and hangs up in the middle."""
    shop = fake_platform.account("2201")
    gateway = gateway_factory(durability="normal")
    add_handlers(gateway)
    fake_platform.inject(
        faults.duplicate(1, new_mid=True), faults.reset(on="reply", lwp="/r/MessageSend/*", times=1)
    )
    with gateway:
        shop.wait_registered()
        shop.buyer("3301").says("还在吗？")
        (reply,) = shop.wait_sent(1)
        assert reply.text == "收到：还在吗？"
        gateway_factory.recorder.check(all_handled=True)
