"""``accounts sign-in``: a code to scan with the phone, and what became of it."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from typing import Any, Final

from gateway import escaping
from gateway.cli import INTERRUPTED, NEGATIVE, show
from gateway.cli.control import Control, open_control
from gateway.commands import extra
from gateway.credentials.shapes import SIGN_IN_ENDS
from gateway.web import codes
from gateway.web.problems import Problem

TURN_S: Final = 25.0
"""Seconds one request waits for a change."""

BUSY_S: Final = 1.0
"""Seconds until the next look while all places for those who wait are taken."""

BORDER: Final = 2
"""Light squares around a code: half of the standard's, so that it fits into 24 lines."""

# The theme of a terminal changes its 16 colours, and not these: black on white.
_INK, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_HALVES: Final = {
    (False, False): " ",
    (False, True): "▄",
    (True, False): "▀",
    (True, True): "█",
}


def main(arguments: argparse.Namespace) -> int:
    """Sign one account in; 0 if it is."""
    if arguments.cancel:
        return _cancel(arguments)
    for name in ("SIGTERM", "SIGHUP"):  # as Ctrl-C: nobody sees the code any more
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    teller = _Teller(arguments.account, draw=arguments.qr, json=arguments.json)
    with open_control(arguments, file_too=True) as control:
        path = ("v1", "accounts", arguments.account, "sign-in")
        found = control.ask("POST", *path)
        interrupted = False
        try:
            while True:
                try:
                    teller(found)
                    if found["state"] in SIGN_IN_ENDS:
                        break
                    found = _next(control, path, found["number"])
                except KeyboardInterrupt:
                    interrupted = True
                    found = control.ask("DELETE", *path)
        finally:
            if found["state"] not in SIGN_IN_ENDS:  # nobody would see its code
                with contextlib.suppress(Problem):
                    control.ask("DELETE", *path)
    if found["state"] == "done":
        return 0
    return INTERRUPTED if interrupted else NEGATIVE


def _cancel(arguments: argparse.Namespace) -> int:
    with open_control(arguments, file_too=True) as control:
        found = control.ask("DELETE", "v1", "accounts", arguments.account, "sign-in")
    if arguments.json:
        show.as_json(found)
    else:
        show.line(f"{arguments.account}: {found['state']}")
    return 0


def _next(control: Control, path: tuple[str, ...], seen: int) -> dict[str, Any]:
    """Return where it stands once that has changed, or after a while."""
    query = {"seen": seen, "wait_s": TURN_S}
    try:
        found: dict[str, Any] = control.ask("GET", *path, query=query, wait_s=TURN_S)
    except Problem as problem:
        if problem.error != "busy":
            raise
        threading.Event().wait(BUSY_S)
        found = control.ask("GET", *path)
    return found


class _Teller:
    """Prints each change once."""

    def __init__(self, account: str, *, draw: bool, json: bool) -> None:
        self._account = account
        self._draw = draw
        self._json = json
        self._told = 0

    def __call__(self, found: dict[str, Any]) -> None:
        if found["number"] == self._told:
            return
        self._told = found["number"]
        if self._json:
            sys.stdout.write(escaping.dumps(found) + "\n")
            sys.stdout.flush()
            return
        match found["state"]:
            case "starting" if found["code"]:
                show.line("that code has expired; here comes another")
            case "starting":
                show.line("asking the platform for a code")
            case "waiting":
                self._code(found)
            case "scanned":
                show.line("scanned; confirm on your phone")
            case "verifying":
                show.line(
                    f"the platform wants to know who you are; do what it asks: {_check(found)}"
                )
                show.line(f"I keep waiting{_left(found)}")
            case "checking":
                show.line("signed in; asking for a token, so that it is proven")
            case "done":
                show.line(f"{self._account} is signed in, user {found['user_id']}")
                if found["detail"]:
                    show.line(f"but no token yet: {found['detail']}")
            case state:
                show.line(f"{self._account} is not signed in ({state}): {found['detail'] or ''}")

    def _code(self, found: dict[str, Any]) -> None:
        link = found["link"] or ""
        drawn = drawing(link) if self._draw else None
        if drawn is None:
            show.line("make a QR code of this line, on your own machine; show it to nobody else:")
            show.line(link)
            show.line(
                f"(--qr draws it here; {extra('qr')})" if self._draw else "(--qr draws it here)"
            )
        else:
            sys.stdout.write(drawn)
        show.line(
            f"scan the code with the 闲鱼 app of {self._account}{_left(found)}; Ctrl-C cancels"
        )


def drawing(text: str) -> str | None:
    """Return a code in half blocks, black on white on any terminal; None: segno is missing."""
    rows = codes.squares(text, border=BORDER)
    if rows is None:
        return None
    light = [False] * len(rows[0])
    pairs = zip(rows[::2], [*rows[1::2], light], strict=False)
    lines = ("".join(_HALVES[pair] for pair in zip(*two, strict=True)) for two in pairs)
    return "".join(f"{_INK}{line}{_PLAIN}\n" for line in lines)


def _left(found: dict[str, Any]) -> str:
    left_s = found["left_s"]
    return "" if left_s is None else f", {left_s / 60:.0f} min are left"


def _check(found: dict[str, Any]) -> str:
    return found["check_link"] or "in the 闲鱼 app"
