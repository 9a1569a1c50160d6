"""What pages refer to: style, script, icons; browsers keep them, for a hash is in the name."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

STATIC: Final = Path(__file__).with_name("static")

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

VENDORED: Final = {
    "htmx.min.js": (
        "htmx 2.0.11",
        "0BSD",
        "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    ),
}
"""Files of others: what they are, their licence, and the SHA-256 of what was published."""


class Asset(NamedTuple):
    """A file.

    Attributes:
        url: Its address.
        body: As it is.
        packed: The same, gzipped; None: that is no smaller.
    """

    url: str
    content_type: str
    body: bytes
    packed: bytes | None


class Assets:
    """All files, in memory.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        found = [_read(path) for path in sorted(folder.iterdir()) if path.suffix in TYPES]
        self._by_name = dict(found)
        self._by_url = {each.url: each for _, each in found}

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: There is none of this name.
        """
        return self._by_name[name].url

    def get(self, url: str) -> Asset | None:
        """Return the file of an address; None: there is none."""
        return self._by_url.get(url)


def _read(path: Path) -> tuple[str, Asset]:
    body = path.read_bytes()
    mark = hashlib.sha256(body).hexdigest()[:12]
    packed = gzip.compress(body, 9, mtime=0)
    return path.name, Asset(
        url=f"/assets/{mark}/{path.name}",
        content_type=TYPES[path.suffix],
        body=body,
        packed=packed if len(packed) < len(body) else None,
    )
