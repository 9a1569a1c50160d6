"""``accounts credentials``: how they stand, a new login, a renewal now."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any, Final

from gateway.cli import show
from gateway.cli.control import Control, open_control
from gateway.web.problems import Problem

LARGEST_CHARS: Final = 64 * 1024
PROMPT_CHARS: Final = 1023 if sys.platform == "darwin" else 4095
"""Most characters of a line that a terminal hands on; the rest is lost without a word."""

RENEWAL_S: Final = 45.0
"""Longest wait for a renewal."""

_LINES: Final = (
    "kind",
    "state",
    "user_id",
    "version",
    "expires_in_s",
    "login_ends_in_s",
    "next_renewal_in_s",
    "reason",
    "detail",
    "calls_last_hour",
    "calls_last_day",
)


def main(arguments: argparse.Namespace) -> int:
    """Show, replace or renew the credentials of one account."""
    with open_control(arguments, file_too=arguments.verb != "renew") as control:
        account = arguments.account
        if arguments.verb == "show":
            return _show(_credentials(control, account), json=arguments.json)
        if arguments.verb == "set":
            done = put(control, account, pasted(arguments.file, option="--file"))
            if arguments.json:
                show.as_json(done)
            else:
                show.line(told_of(account, done))
            return 0 if done["proven"] else 1
        before = _credentials(control, account)["version"]
        verb = ("v1", "accounts", account, "credentials", "renew")
        done = control.ask("POST", *verb, query={"wait_s": RENEWAL_S}, wait_s=RENEWAL_S)
        return _renewed(account, before, done["login"], json=arguments.json)


def _credentials(control: Control, account: str) -> dict[str, Any]:
    found: dict[str, Any] = control.ask("GET", "v1", "accounts", account, "credentials")
    return found


def put(control: Control, account: str, cookie: str) -> dict[str, Any]:
    """Put a pasted cookie in the place of an account's login; return what became of it.

    Raises:
        Problem: It is refused, and what was kept stays.
    """
    path = ("v1", "accounts", account, "credentials")
    done: dict[str, Any] = control.ask("PUT", *path, body={"cookie": cookie}, wait_s=RENEWAL_S)
    return done


def pasted(file: str | None, *, option: str) -> str:
    """Return what was pasted: of a file, of stdin, or at a prompt that does not show it.

    Args:
        file: Its name; ``-`` is stdin; None asks, if there is a terminal.
        option: That names a file, for messages.

    Raises:
        Problem: It cannot be read, is not UTF-8, or the terminal cut it.
    """
    try:
        read = _read(file, option)
    except UnicodeError:
        told = "what was pasted holds bytes that are not UTF-8"
        raise Problem(400, "not_text", told, "copy it again, as text") from None
    # What a locale could not read stands as half a letter, which nothing can send.
    return read.encode("utf-8", "replace").decode()


def _read(file: str | None, option: str) -> str:
    if file is not None and file != "-":
        try:
            with Path(file).open(encoding="utf-8", errors="replace") as opened:
                return opened.read(LARGEST_CHARS + 1)
        except OSError as error:
            raise Problem(
                400, "no_file", f"{file} cannot be read ({error.strerror})", "name a file"
            ) from None
    if file == "-" or not sys.stdin.isatty():
        return sys.stdin.read(LARGEST_CHARS + 1)
    try:
        typed = getpass.getpass("cookie (it is not shown): ", stream=sys.stderr)
    except EOFError:
        typed = ""
    if len(typed) >= PROMPT_CHARS:
        told = f"a terminal takes {PROMPT_CHARS} characters of a line; what was pasted is cut"
        raise Problem(400, "cut", told, f"put it into a file and name it with {option}")
    return typed


def _show(found: dict[str, Any], *, json: bool) -> int:
    if json:
        show.as_json(found)
        return 0
    for name in _LINES:
        if found.get(name) not in (None, ""):
            show.line(f"{name:18} {found[name]}")
    for cookie in found["kept"]:
        left_s = cookie["expires_in_s"]
        until = "with the session" if left_s is None else f"in {left_s / 86_400:.1f} days"
        show.line(f"cookie {cookie['name']:24} ends {until}")
    for name in ("missing", "hints"):
        if found[name]:
            show.line(f"{name:18} {', '.join(found[name])}")
    return 0


def told_of(account: str, done: dict[str, Any]) -> str:
    """Return what became of a new login, in a sentence."""
    if not done["proven"]:
        return f"{account} has a new login that could not be proven: {done['doubt']}"
    user_id = done["login"]["user_id"]
    return f"{account} has a new login, user {user_id}; the platform gave a token"


def _unchanged(found: dict[str, Any]) -> str:
    """Return why nothing is new although nothing failed."""
    if found["state"] == "ready":
        return f"{found['kind']} gives the same token as before; change it there"
    return str(found["state"])


def _renewed(account: str, before: int, found: dict[str, Any], *, json: bool) -> int:
    done = found["version"] > before
    if json:
        show.as_json(found)
    elif done:
        show.line(f"{account} has a new token, good for {found['expires_in_s'] / 3600:.1f} h")
    else:
        show.line(f"{account} was not renewed: {found['detail'] or _unchanged(found)}")
    return 0 if done else 1
