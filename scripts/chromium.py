"""Debian's Chromium, driven by playwright (extra ``[browser]``): where it is, and how it starts."""

from __future__ import annotations

import shutil
from importlib import metadata
from typing import Final

REMEDY: Final = "apt-get install --no-install-recommends chromium fonts-wqy-microhei"

ARGUMENTS: Final = (
    "--no-sandbox",  # it refuses to start as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SIZES: Final = {"phone": (390, 844), "wide": (1280, 800)}
"""Width and height of what people look at pages with, in CSS pixels."""


def program() -> tuple[str | None, str]:
    """Return the path of the browser, or why there is none and what to do."""
    for library in ("playwright", "axe-playwright-python"):
        try:
            metadata.version(library)
        except metadata.PackageNotFoundError:
            return None, f"{library} is not installed; run: pip install -e '.[browser]'"
    found = shutil.which("chromium")
    return found, "" if found else f"chromium is not installed; run as root: {REMEDY}"
