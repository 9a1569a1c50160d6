"""A platform, or a gateway, in a process of its own: ``children.py platform|gateway JSON``.

Both take commands as lines of JSON, tell what happens as lines of JSON, and end with their
standard input: so none outlives the test, however that ends.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from actors.messages import StateChanged
from actors.values import Event
from gateway import ChatMessage, Gateway, Recovered
from gateway.config import from_mapping
from gateway.testing import Behaviour, FakePlatform

WAIT_S = 20.0

_lock = threading.Lock()


def say(**line: Any) -> None:
    """Tell the test."""
    with _lock:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def platform(spec: dict[str, Any]) -> None:
    """Serve the accounts of ``spec`` on its address until there are no more commands.

    Commands: ``says`` (account, text), ``registered`` (account, count: waits until it has so many
    sessions), ``acked`` (account, count: waits), ``status`` (account), ``check``.
    """
    behaviour = Behaviour(backlog="push", second_session="allow")
    with FakePlatform(behaviour, host=spec["host"], beat_limit_s=None) as fake:
        shops = {name: fake.account(name) for name in spec["accounts"]}
        say(
            accounts=[
                {"id": n, "url": s.url, "credentials": s.credentials} for n, s in shops.items()
            ]
        )
        for line in sys.stdin:
            order = json.loads(line)
            shop = shops[order["account"]] if "account" in order else None
            match order["do"]:
                case "says" if shop is not None:
                    shop.buyer("77001").says(order["text"])
                case "registered" if shop is not None:
                    shop.wait_registered(WAIT_S, sessions=order["count"])
                    say(registered=shop.user_id, count=order["count"])
                case "acked" if shop is not None:
                    shop.wait_acked(order["count"], WAIT_S)
                    say(acked=shop.user_id)
                case "status" if shop is not None:
                    texts = [own.text for own in shop.sent]
                    say(status=shop.user_id, sessions=len(shop.sessions), sent=texts)
                case _:
                    say(breaches=[str(breach) for breach in fake.breaches])


def gateway(config: dict[str, Any]) -> None:
    """Run a gateway until there are no more commands; tell states, events and outcomes of sends.

    Commands: ``send`` (account, text).
    """
    served = Gateway(from_mapping(config))

    def moved(change: StateChanged) -> None:
        failure = change.failure
        say(
            state=change.new.name,
            account=change.account,
            cause=change.cause.value,
            error_class=None if failure is None else failure.error_class.value,
            reason=None if failure is None else failure.reason,
        )

    def heard(event: Event) -> None:
        say(event=getattr(event, "text", None), account=event.account)

    def recovered(outcome: Recovered) -> None:
        say(recovered=outcome.recovered, account=outcome.account)

    served.on_state(moved)
    served.on_recovery(recovered)
    served.on(ChatMessage)(heard)
    with served:
        for line in sys.stdin:
            order = json.loads(line)
            ticket = served.send(order["account"], "c9", order["text"], to="77001")
            threading.Thread(
                target=lambda t: say(outcome=t.result(WAIT_S).outcome.value), args=(ticket,)
            ).start()
    say(ended=True)


if __name__ == "__main__":
    {"platform": platform, "gateway": gateway}[sys.argv[1]](json.loads(sys.argv[2]))
