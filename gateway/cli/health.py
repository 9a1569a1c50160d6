"""``health``: is it alive? Reads no configuration and imports little: it runs twice a minute."""

from __future__ import annotations

import argparse
import http.client
import os
import sys
from typing import Final

from gateway.cli import NEGATIVE, USAGE
from gateway.cli.exchange import opener

DEFAULT_URL: Final = "http://127.0.0.1:8760"
"""As :mod:`gateway.cli.whom` has it, which reads configurations; a test compares."""

ANSWER_S: Final = 5.0


def main(arguments: argparse.Namespace) -> int:
    """Print what it says; 1 if it is not alive, or nobody answers."""
    url = arguments.url or os.environ.get("XIANYU_GATEWAY_URL") or DEFAULT_URL
    if not url.startswith(("http://", "https://", "unix:")):
        sys.stderr.write("the address is none; write http://host:port, or unix:PATH\n")
        return USAGE
    try:
        opened, path = opener(url)
        connection = opened(ANSWER_S)
        try:
            connection.request("GET", path.rstrip("/") + "/livez")
            answer = connection.getresponse()
            alive, said = answer.status == http.HTTPStatus.OK, answer.read(1024)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        sys.stderr.write(f"no answer at {url}: {error}\n")
        return NEGATIVE
    if arguments.json:
        sys.stdout.write('{"alive": true}\n' if alive else '{"alive": false}\n')
    else:
        told = f"not alive: {said.decode('utf-8', 'replace')}"
        sys.stdout.write("alive\n" if alive else f"{told}\n")
    return 0 if alive else NEGATIVE
