"""``decode``: captured payloads or frames in, events as JSON lines out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway import escaping
from gateway.errors import ConfigError
from gateway.platforms.goofish.decoding import decode_any

UNDECODABLE = 1


def main(arguments: argparse.Namespace) -> int:
    """Print one line an entry, in its order; 1 if any was undecodable."""
    source = arguments.file
    try:
        text = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise ConfigError([f"{source}: cannot be read: {error.strerror}"]) from None
    code = 0
    for line in decode_any(text.decode("utf-8", errors="surrogateescape")):
        if line.get("kind") == "undecodable":
            code = UNDECODABLE
        sys.stdout.write(escaping.dumps(line) + "\n")
    return code
