"""``demo``: three accounts against the bundled fake platform, live, with an echo reply.

Everything is real but the platform: sockets, sign-in from one cookie, registration, pushes,
acknowledgements, the journal on disk, replies and their confirmation, the page. What is asked while
a connection is cut is never pushed: it comes out of the platform's history.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from actors.identity import CredentialsChanged
from actors.messages import StateChanged
from actors.state import ConnectionState
from actors.values import Recovered
from gateway import logs, web
from gateway.commands import extra
from gateway.config import from_mapping
from gateway.errors import ConfigError
from gateway.events import ChatMessage, PlatformEvent
from gateway.host.gateway import Gateway
from gateway.testing.platform import FakePlatform
from gateway.testing.platform.accounts import Behaviour
from gateway.testing.platform.traffic import Tally, Traffic
from gateway.testing.web.web import FakeWeb

ACCOUNTS = {"shop-a": "2201", "shop-b": "2202", "shop-c": "2203"}
CONNECT_S = 10.0
DRAIN_S = 15.0
DEFAULT_SECONDS = 3600.0
RATE_PER_S = 4.0
LOST = 70
HOST = "127.0.0.1"
PORT = 8760
"""Where the page is, unless somebody listens there already."""


class Screen:
    """Prints a line a state change, an event and a reply; keeps the counts."""

    def __init__(self, out: TextIO, *, quiet: bool) -> None:
        self._out = out
        self._quiet = quiet
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._failure: OSError | None = None
        self.broken = threading.Event()
        self.events = 0
        self.reconnects = 0
        self.recovered = 0
        self.asked: dict[str, int] = {}

    def line(self, account: str, sign: str, text: str) -> None:
        """Print one line, if anybody looks."""
        if not self._quiet:
            at_s = time.monotonic() - self._began
            with self._lock:
                if self._failure is None:
                    self._write(f"{at_s:7.2f}s  {account:<7} {sign} {text}\n")

    def check(self) -> None:
        """See that everything could be printed so far.

        Raises:
            OSError: It could not, and nobody sees more.
        """
        if self._failure is not None:
            raise self._failure

    def _write(self, line: str) -> None:
        # On whatever thread: who prints is a listener, and what it raised would be the gateway's.
        try:
            self._out.write(line)
            self._out.flush()
        except OSError as error:
            self._failure = error
            self.broken.set()

    def state(self, change: StateChanged) -> None:
        """Show a state change."""
        if change.new is ConnectionState.RECONNECTING:
            self.reconnects += 1
        self.line(
            change.account,
            "•",
            f"{change.old.value} → {change.new.value}  ({change.cause.value})",
        )

    def event(self, event: PlatformEvent) -> None:
        """Show an event."""
        with self._lock:
            self.events += 1
            self.recovered += event.recovered
        what = event.text or event.summary or event.subtype or event.kind
        who = event.sender_nick or event.sender_id or ""
        mark = "  (recovered)" if event.recovered else ""
        self.line(event.account, "←", f"{event.kind}  {who} {what}".rstrip() + mark)

    def credentials(self, change: CredentialsChanged) -> None:
        """Show that an account has a token."""
        if change.what == "renewed":
            self.line(change.account, "•", f"signed in, token {change.version}")

    def recovery(self, outcome: Recovered) -> None:
        """Show what re-reading the history gave."""
        said = "complete" if outcome.recovered else "incomplete"
        self.line(
            outcome.account, "•", f"history {said}, {outcome.found} missed  ({outcome.reason})"
        )


def main(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 if nothing was lost."""
    logs.configure("error", "console")
    screen = Screen(sys.stdout, quiet=arguments.json)
    seconds = DEFAULT_SECONDS if arguments.seconds is None else max(3.0, arguments.seconds)
    behaviour = Behaviour(backlog="history")
    with (
        FakePlatform(behaviour) as fake,
        FakeWeb(fake) as side,
        _served(fake, side, *_places(arguments)) as (gateway, url),
    ):
        if not arguments.json:
            _tell_page(url, wanted=arguments.page)
        _wire(gateway, screen)
        gateway.start()
        for view in gateway.accounts.values():
            if not view.wait_for(ConnectionState.CONNECTED, CONNECT_S):
                raise OSError(f"{view!r} did not connect: {view.last_error}")
            screen.check()
        with Traffic(fake, fake.shops, seed=arguments.seed, rate_per_s=RATE_PER_S) as traffic:
            with contextlib.suppress(KeyboardInterrupt):
                _live(traffic, seconds, screen.broken)
            screen.check()
            tally = traffic.settle(DRAIN_S)
    _tell(tally, screen, as_json=arguments.json)
    return 0 if not (tally.lost or tally.doubled or tally.unacked or tally.breaches) else LOST


def _places(arguments: argparse.Namespace) -> Sequence[str | None]:
    """Return where the page may be, the best first; None: nowhere."""
    if not arguments.page or arguments.json:  # programs read one object
        return [None]
    if arguments.port is not None:
        return [f"{HOST}:{arguments.port}"]
    return [f"{HOST}:{PORT}", f"{HOST}:0"]


def _tell_page(url: str | None, *, wanted: bool) -> None:
    if url is not None:
        sys.stdout.write(f"the page: {url}/\n")
    elif wanted:
        sys.stdout.write(f"no page: the HTTP server is not installed; {extra('http')}\n")
    sys.stdout.flush()


def _live(traffic: Traffic, seconds: float, broken: threading.Event) -> None:
    """Let time pass; cut one connection on the way, with questions asked while it is gone."""
    if not broken.wait(seconds / 2):
        traffic.reconnect()
        broken.wait(seconds / 2)


def _wire(gateway: Gateway, screen: Screen) -> None:
    gateway.on(PlatformEvent)(screen.event)

    @gateway.on(ChatMessage)
    def answer(event: ChatMessage) -> None:
        if event.text is not None:
            event.reply(f"收到：{event.text}")
            screen.line(event.account, "→", f"收到：{event.text}")

    gateway.on_state(screen.state)
    gateway.on_recovery(screen.recovery)
    gateway.on_credentials(screen.credentials)


@contextlib.contextmanager
def _served(
    fake: FakePlatform, side: FakeWeb, place: str | None, *others: str | None
) -> Iterator[tuple[Gateway, str | None]]:
    """Yield a gateway with its journal in a temporary folder, and where its page is; stop both."""
    with tempfile.TemporaryDirectory(prefix="xianyu-demo-", ignore_cleanup_errors=True) as folder:
        gateway = Gateway(from_mapping(settings(fake, side, folder, place)))
        with contextlib.ExitStack() as stack:
            stack.callback(gateway.stop)
            try:
                page = stack.enter_context(web.serving(gateway))
            except ConfigError:  # somebody listens there
                if not others:
                    raise
            else:
                yield gateway, None if page is None else page.url
                return
    with _served(fake, side, *others) as found:
        yield found


def settings(fake: FakePlatform, side: FakeWeb, folder: str, listen: str | None) -> dict[str, Any]:
    """Return accounts that have nothing but the cookie a person would paste."""
    endpoints = dict.fromkeys(("mtop", "passport", "upload"), side.url)
    return {
        "data_dir": folder,
        "http": {"listen": listen},
        "defaults": {"send": {"rate_per_s": 50, "burst": 50}},
        "accounts": [
            {
                "id": name,
                "platform": "goofish",
                "url": fake.account(user_id).url,
                "credentials": {
                    "kind": "goofish",
                    "cookie": side.seller(user_id).cookie,
                    "endpoints": endpoints,
                },
            }
            for name, user_id in ACCOUNTS.items()
        ],
    }


def _tell(tally: Tally, screen: Screen, *, as_json: bool) -> None:
    if as_json:
        counts = {
            "accounts": len(ACCOUNTS),
            "asked": tally.asked,
            "answered": tally.answered,
            "doubled": tally.doubled,
            "lost": tally.lost,
            "pushed": tally.pushed,
            "acknowledged": tally.acked,
            "events": screen.events,
            "recovered": screen.recovered,
            "reconnects": screen.reconnects,
        }
        sys.stdout.write(json.dumps(counts) + "\n")
        return
    sys.stdout.write(
        "\n"
        f"  {len(ACCOUNTS)} accounts, {screen.events} events, "
        f"{screen.reconnects} forced reconnect\n"
        f"  {screen.recovered} events were never pushed and came out of history\n"
        f"  {tally.pushed} messages pushed, {tally.acked} acknowledged after their commit\n"
        f"  {tally.asked} questions, {tally.answered} answered, "
        f"{tally.doubled} twice, {tally.lost} lost\n"
    )
