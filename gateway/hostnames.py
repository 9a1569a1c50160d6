"""What is a host name, for those who check settings and those who dial. Pure."""

from __future__ import annotations

import re

_NAME_MAX = 253
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}").fullmatch


def ascii_host(host: str) -> str | None:
    """Give a host name in ASCII, as DNS, SNI and SOCKS5 want it; None if it is none."""
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = name.removesuffix(".").split(".")
    return name if len(name) <= _NAME_MAX and all(map(_LABEL, labels)) else None
