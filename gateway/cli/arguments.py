"""The commands that control a gateway, as argparse sees them. Imports nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

STATES = ("disconnected", "connecting", "connected", "reconnecting", "failed", "closed")
SEND_STATES = ("queued", "sending", "unknown", "accepted", "refused", "expired", "cancelled")
"""As :class:`ConnectionState` and :class:`SendState` name them; a test compares."""

SHELLS = ("bash", "zsh", "tcsh")

MOST_EVENTS = 1_000_000_000

MOST_MINUTES = 10_080
"""As :data:`actors.sections.MOST_TAKEN_MINUTES`; a test compares."""


def add_control(commands: Any) -> None:
    """Add them to the subparsers of the command line."""
    where = _where()
    commands.add_parser("status", parents=[where], help="a running gateway at a glance")
    _add_life(commands, where)
    _add_accounts(commands, where)
    _add_letters(commands, where)
    _add_outbox(commands, where)
    _add_journal(commands, where)
    _add_reading(commands)
    _add_send(commands, where)
    _add_notify(commands)
    told = "a link that signs a browser in once, with its QR code"
    link = commands.add_parser("sign-in-link", parents=[where], help=told)
    link.add_argument("--viewer", action="store_true", help="who may look and change nothing")
    told = "as a browser reaches the gateway, e.g. https://gw.example"
    link.add_argument("--base", type=name, metavar="URL", help=told)
    tail = commands.add_parser("tail", parents=[where], help="events as they come")
    tail.add_argument("--account", type=name, help="only this account's")
    tail.add_argument("--count", type=number(1, MOST_EVENTS, whole=True), help="end after so many")
    told = "look for what is wrong, and say what to do"
    doctor = commands.add_parser("doctor", parents=[where], help=told)
    told = "also dial each platform of -c FILE: name, TLS, upgrade; registers nobody"
    doctor.add_argument("--dial", action="store_true", help=told)
    told = "print what lets a shell complete xianyu-gateway"
    commands.add_parser("completions", help=told).add_argument("shell", choices=SHELLS)


def add_init(commands: Any) -> None:
    """Add the command that makes a configuration."""
    init = commands.add_parser("init", help="make a configuration: asks, or takes these options")
    told = "ask nothing: what no option says takes its default"
    init.add_argument("--yes", action="store_true", help=told)
    init.add_argument("--dir", default=".", help="where the files go (default: here)")
    told = "as you call it (default shop-a)"
    init.add_argument("--account", type=name, metavar="ID", help=told)
    told = "holds the Cookie header of www.goofish.com/im; - is stdin"
    init.add_argument("--cookie-file", metavar="FILE", help=told)
    told = "holds a URL of apprise that is told of trouble; - is stdin"
    init.add_argument("--bell-file", metavar="FILE", help=told)
    told = "of the control over HTTP (default 127.0.0.1:8760)"
    init.add_argument("--listen", type=name, metavar="HOST:PORT", help=told)
    told = "where the journal lies (default var/gateway in --dir)"
    init.add_argument("--data-dir", type=name, metavar="DIR", help=told)
    init.add_argument("--platform", choices=("goofish", "plain"), default="goofish")
    told = "its WebSocket; goofish has its own, plain needs one"
    init.add_argument("--url", type=name, help=told)
    service = init.add_mutually_exclusive_group()
    told = "also a unit of systemd with these paths, xianyu-gateway.service"
    service.add_argument("--unit", action="store_true", help=told)
    told = "a configuration for a container, and compose.yaml"
    service.add_argument("--compose", action="store_true", help=told)
    # Of the sign-in, all three; for tests.
    init.add_argument("--endpoints", type=name, help=argparse.SUPPRESS)
    init.add_argument("--json", action="store_true", help="what was done, for programs")


def _add_life(commands: Any, where: argparse.ArgumentParser) -> None:
    health = commands.add_parser("health", help="0 if it is alive, 1 if not; for containers")
    health.add_argument("--url", help="its address (or XIANYU_GATEWAY_URL)")
    health.add_argument("--json", action="store_true", help="for programs")
    told = "take changed credentials over from its configuration"
    commands.add_parser("reload", parents=[where], help=told)
    stop = commands.add_parser("stop", parents=[where], help="stop a running gateway in order")
    told = "seconds to wait until all is stored and closed (default 45, ≤ 60)"
    stop.add_argument("--wait", type=number(0, 60), default=45.0, metavar="S", help=told)


def _add_accounts(commands: Any, where: argparse.ArgumentParser) -> None:
    accounts = _group(commands, "accounts", "look at accounts and move them")
    _state(accounts.add_parser("list", parents=[where], help="where each account stands"), STATES)
    for verb, told in (
        ("pause", "close an account's link and keep it away"),
        ("resume", "connect it again"),
        ("reset", "forget its failures; a FAILED one tries again"),
        ("remove", "close its link and forget it, until the next start"),
    ):
        accounts.add_parser(verb, parents=[where], help=told).add_argument("account", type=name)
    told = "answer a conversation yourself; handlers get nothing of it"
    one = accounts.add_parser("take-over", parents=[where], help=told)
    one.add_argument("account", type=name)
    one.add_argument("conversation", type=name)
    told = "from now on (default 30, ≤ 10,080); 0 hands it back"
    minutes = number(0, MOST_MINUTES, whole=True)
    one.add_argument("--minutes", type=minutes, default=30, metavar="N", help=told)
    one = accounts.add_parser("add", parents=[where], help="start one more, until it stops")
    one.add_argument("file", metavar="FILE", help="an entry of accounts, in YAML; - is stdin")

    credentials = accounts.add_parser("credentials", help="its login: how it stands, a new one")
    verbs = credentials.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, told in (
        ("show", "how it stands; no secret"),
        ("set", "a new login: paste the Cookie header of www.goofish.com/im"),
        ("renew", "ask for a new token now"),
    ):
        one = verbs.add_parser(verb, parents=[where], help=told)
        one.add_argument("account", type=name)
        if verb == "set":
            one.add_argument("--file", metavar="FILE", help="holds the cookie; - is stdin")

    sign_in = accounts.add_parser("sign-in", parents=[where], help="by a code that a phone scans")
    sign_in.add_argument("account", type=name)
    sign_in.add_argument("--qr", action="store_true", help="draw the code here (extra [qr])")
    sign_in.add_argument("--cancel", action="store_true", help="end the one that goes on")


def _add_letters(commands: Any, where: argparse.ArgumentParser) -> None:
    letters = _group(commands, "dead-letters", "events that will not be tried again")
    _account_and_limit(letters.add_parser("list", parents=[where], help="the newest"))
    for verb, told in (("show", "one, with sender and text"), ("drop", "forget it")):
        letters.add_parser(verb, parents=[where], help=told).add_argument("event_id", type=name)
    told = "put it back at the end of its conversation"
    replay = letters.add_parser("replay", parents=[where], help=told)
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("event_id", nargs="?", type=name)
    which.add_argument("--all", action="store_true", help="each there is, the oldest first")
    replay.add_argument("--account", type=name, help="with --all: only this account's")


def _add_outbox(commands: Any, where: argparse.ArgumentParser) -> None:
    outbox = _group(commands, "outbox", "sends and what became of them")
    sends = outbox.add_parser("list", parents=[where], help="the newest")
    _state(sends, SEND_STATES)
    _account_and_limit(sends)
    for verb, told in (("show", "one"), ("cancel", "take it back before it leaves")):
        outbox.add_parser(verb, parents=[where], help=told).add_argument("outbox_id", type=name)
    told = "end one that is unknown, as you saw it in the conversation"
    resolve = outbox.add_parser("resolve", parents=[where], help=told)
    resolve.add_argument("outbox_id", type=name)
    told = "accepted: it arrived; refused: it did not"
    resolve.add_argument("outcome", choices=("accepted", "refused"), help=told)
    resolve.add_argument("--message-id", type=name, help="the platform's id of it, if known")


def _add_journal(commands: Any, where: argparse.ArgumentParser) -> None:
    journal = _group(commands, "journal", "upkeep of the journal file")
    journal.add_parser("check", parents=[where], help="read it from end to end")
    backup = journal.add_parser("backup", parents=[where], help="copy it, in use or not")
    told = "a new file; of a running gateway: a name in backups/ of its data_dir"
    which = backup.add_mutually_exclusive_group()
    which.add_argument("target", nargs="?", help=told)
    told = "into backups/ of the data_dir, and delete all but the newest N made so"
    which.add_argument("--keep", type=number(1, 1000, whole=True), metavar="N", help=told)
    for verb, told in (
        ("prune", "delete what is over"),
        ("repair", "move rows nobody can read to a file"),
        ("salvage", "save what can be read of a damaged one"),
    ):
        journal.add_parser(verb, parents=[where], help=f"{told} (stopped gateway)")


def _add_reading(commands: Any) -> None:
    reading = _group(commands, "reading", "the copy of what was said, for the page; a file")
    shown = reading.add_parser("show", help="its size, what it holds, how far it is behind")
    purge = reading.add_parser("purge", help="forget what was said to and by an account")
    purge.add_argument("--account", type=name, required=True, help="whose")
    told = "only what was said before: 2026-11-28, or 2026-11-28T14:30 by the clock of this machine"
    purge.add_argument("--before", type=moment_ms, metavar="DATE", help=told)
    for each in (shown, purge):
        each.add_argument("-c", "--config", required=True, metavar="FILE", help="its configuration")
        each.add_argument("--json", action="store_true", help="for programs")


def _add_send(commands: Any, where: argparse.ArgumentParser) -> None:
    told = "send a text; 1 if it was not accepted"
    send = commands.add_parser("send", parents=[where], help=told)
    send.add_argument("account", type=name)
    send.add_argument("conversation", type=name)
    send.add_argument("text", type=name, help="- is stdin")
    send.add_argument("--to", type=name, help="the other user's id; Goofish wants it")
    told = "names this message: sent again with the same key, it is sent once"
    send.add_argument("--idempotency-key", type=name, metavar="KEY", help=told)
    told = "seconds to wait for the outcome (≤ 60)"
    send.add_argument("--wait", type=number(0, 60), default=0.0, metavar="S", help=told)


def _add_notify(commands: Any) -> None:
    notify = _group(commands, "notify", "the bell, which tells people of alerts (extra [notify])")
    test = notify.add_parser("test", help="send a message to every target; 1 if one took none")
    test.add_argument("-c", "--config", required=True, metavar="FILE", help="its configuration")
    test.add_argument("--json", action="store_true", help="for programs")


def _where() -> argparse.ArgumentParser:
    """Return the options that say which gateway is meant."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("-c", "--config", metavar="FILE", help="its configuration")
    where.add_argument("--url", help="its address (or XIANYU_GATEWAY_URL)")
    where.add_argument(
        "--token-file", metavar="FILE", help="holds its http.token (or XIANYU_GATEWAY_TOKEN)"
    )
    where.add_argument("--json", action="store_true", help="for programs")
    return where


def _group(commands: Any, name: str, told: str) -> Any:
    group = commands.add_parser(name, help=told)
    return group.add_subparsers(dest="action", required=True, metavar="ACTION")


def name(text: str) -> str:
    """Return an id or a text as it was given; a variable that is not set gives an empty one."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; is the variable set?")
    return text


def moment_ms(text: str) -> int:
    """Return the Unix time of a date, or of a date with a time; in the local zone if it has none.

    A date means its begin.
    """
    from datetime import datetime  # noqa: PLC0415  # not for --help

    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        told = "expected a date such as 2026-11-28, or with a time: 2026-11-28T14:30"
        raise argparse.ArgumentTypeError(told) from None


def number(least: float, most: float, *, whole: bool = False) -> Callable[[str], float]:
    """Make what argparse reads a bounded number with; NaN is none."""

    def read(text: str) -> float:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            kind = "whole number" if whole else "number"
            raise argparse.ArgumentTypeError(f"expected a {kind} from {least:,} to {most:,}")
        return value

    return read


def _state(parser: argparse.ArgumentParser, known: tuple[str, ...]) -> None:
    told = f"only those in this state: {', '.join(known)}"
    parser.add_argument("--state", type=str.lower, choices=known, metavar="STATE", help=told)


def _account_and_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", type=name, help="only this account's")
    parser.add_argument("--limit", type=int, default=100, help="rows at most (default 100)")
