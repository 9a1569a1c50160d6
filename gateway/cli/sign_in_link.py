"""``sign-in-link``: a link, and its code for a phone, that signs in whoever opens it first."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import Final
from urllib.parse import urlsplit

from gateway.cli import show
from gateway.cli.control import open_control
from gateway.cli.sign_in import drawing
from gateway.cli.whom import base_of, url_of
from gateway.commands import extra
from gateway.config import load
from gateway.errors import ConfigError
from gateway.settings.addresses import authority, is_loopback
from gateway.settings.listen import PREFIX, Port, parse_listen
from gateway.web.problems import Problem

# Of documents (RFC 5737, RFC 3849): a route leads there, and nothing is sent.
_FAR: Final = {
    "0.0.0.0": (socket.AF_INET, "192.0.2.1"),  # noqa: S104  # compared, not listened on
    "::": (socket.AF_INET6, "2001:db8::1"),
}


def main(arguments: argparse.Namespace) -> int:
    """Print a link."""
    base = _base(arguments)
    body = {"role": "viewer" if arguments.viewer else "owner"}
    with open_control(arguments) as control:
        try:
            made = control.ask("POST", "v1", "sign-in-links", body=body)
        except Problem as problem:
            if problem.error != "no_token":
                raise
            return _needless(base, json=arguments.json)
    url = f"{base}{made['path']}"
    if arguments.json:
        show.as_json({"url": url, "role": made["role"], "expires_s": made["expires_s"]})
        return 0
    minutes = made["expires_s"] / 60
    show.line(f"signs in, as {made['role']}, whoever opens it first; {minutes:.0f} min, once:")
    show.line(url)
    drawn = drawing(url)
    if drawn is None:
        show.line(f"(to see it as a QR code here: {extra('qr')})")
    else:
        sys.stdout.write(drawn)
    if is_loopback(urlsplit(base).hostname or ""):
        show.line("it opens on this machine only; --base URL names an address others reach")
    return 0


def _needless(base: str, *, json: bool) -> int:
    if json:
        show.as_json({"url": f"{base}/", "role": None, "expires_s": None})
    else:
        show.line("http.token is not set, so no sign-in is needed; open:")
        show.line(f"{base}/")
    return 0


def _base(arguments: argparse.Namespace) -> str:
    """Return the address a browser asks at, without a slash at its end.

    Raises:
        ConfigError: It is none, or there is none.
    """
    if arguments.base is not None:
        return base_of(arguments.base)
    listen = None
    if arguments.url is None and arguments.config is not None:
        listen = load(arguments.config, secrets=False).http.listen
    parsed = None if listen is None else parse_listen(listen)
    if isinstance(parsed, Port):
        return f"http://{authority(_reached(parsed.host.strip('[]')), parsed.port)}"
    url = listen or url_of(arguments.url, os.environ)
    if url.startswith(PREFIX):
        told = "is needed: no browser opens a socket of the file system; name your proxy's address"
        raise ConfigError([f"--base: {told}"])
    return base_of(url)


def _reached(host: str) -> str:
    """Return a host by which others reach us: of "any address", that of the way out."""
    family, far = _FAR.get(host, (None, ""))
    if family is None:
        return host
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((far, 9))
            return str(asked.getsockname()[0])
    except OSError:  # no way leads out
        return "127.0.0.1" if family == socket.AF_INET else "::1"
