"""What the peer scripts send besides acknowledgements: the registration and the heartbeat."""

from __future__ import annotations

import json

from scripts.bench.feed import APP_KEY, UA, token, user_id

BEAT_S = 15.0


def registration(account: int) -> str:
    """Return ``/reg`` (protocol.md 5)."""
    headers = {
        "cache-header": "app-key token ua wv",
        "app-key": APP_KEY,
        "token": token(account),
        "ua": UA,
        "dt": "j",
        "wv": "im:3,au:3,sy:6",
        "sync": "0,0;0;0;",
        "did": f"device-{user_id(account)}",
        "mid": f"{account}1751446438481 0",
    }
    return json.dumps({"lwp": "/reg", "headers": headers})


def beat(number: int) -> str:
    """Return a heartbeat (protocol.md 7)."""
    return json.dumps({"lwp": "/!", "headers": {"mid": f"{number}1751446438481 0"}})
