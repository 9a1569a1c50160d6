"""Where the platform's HTTP services are, and what a browser says to them. Pure.

Cookies know the platform by its own names. A request goes to the configured endpoint, which is
the platform itself or a loopback server that plays it; the cookies of the request and of its
answer are those of the platform's URL (:data:`MTOP`, :data:`PASSPORT`, :data:`UPLOAD`).
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import msgspec

from gateway.platforms.goofish.requests import BROWSER

MTOP = "https://h5api.m.goofish.com"
PASSPORT = "https://passport.goofish.com"
UPLOAD = "https://stream-upload.goofish.com"
SITE = "https://www.goofish.com"
DOMAIN = "goofish.com"
"""The platform's own domain; cookies of other domains are not ours to keep."""

FORM = "application/x-www-form-urlencoded"
_PRINTABLE = re.compile(r"[!-~]+").fullmatch
_CHROME = re.compile(r"Chrome/(\d{1,4})\.").search
_SYSTEMS = {
    "Windows": ("Windows", "Win32"),
    "Macintosh": ("macOS", "MacIntel"),
    "Linux": ("Linux", "Linux x86_64"),
}


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs: scheme, host and port. https, or http to a loopback host.

    Attributes:
        mtop: The gateway of the signed calls.
        passport: Sign-in and renewal.
        upload: Images.

    Raises:
        ValueError: One cannot be used; the text begins with its key.
    """

    mtop: str = MTOP
    passport: str = PASSPORT
    upload: str = UPLOAD

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        for key in self.__struct_fields__:
            told = _problem(getattr(self, key))
            if told:
                raise ValueError(f"{key}: {told}")


def is_loopback(host: str) -> bool:
    """Return True if a host can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def browser_headers(
    user_agent: str | None, *, accept: str, referer: str = f"{SITE}/", site: str = "same-site"
) -> dict[str, str]:
    """Return what a browser sends along with a script's request.

    Args:
        user_agent: None: the one the messages use.
        accept: The types the script takes.
        referer: The page.
        site: How the page stands to the service: ``same-site`` or ``same-origin``.
    """
    agent = user_agent or BROWSER
    return {
        "accept": accept,
        "accept-language": "zh-CN,zh;q=0.9",
        "origin": "/".join(referer.split("/")[:3]),
        "referer": referer,
        "user-agent": agent,
        **_client_hints(agent),
        "sec-fetch-site": site,
        "sec-fetch-mode": "cors",
        "sec-fetch-dest": "empty",
    }


def with_cookie(headers: dict[str, str], cookie: str) -> dict[str, str]:
    """Return headers with the cookies; none at all are no header."""
    return {**headers, "cookie": cookie} if cookie else headers


def platform_of(user_agent: str) -> str:
    """Return what ``navigator.platform`` says in such a browser."""
    return _system(user_agent)[1]


def _client_hints(agent: str) -> dict[str, str]:
    """Return the ``sec-ch-ua`` headers that fit; browsers of another make send none."""
    chrome = _CHROME(agent)
    if chrome is None:
        return {}
    brand = "Microsoft Edge" if " Edg/" in agent else "Google Chrome"
    version = chrome[1]
    brands = f'"Not(A:Brand";v="99", "{brand}";v="{version}", "Chromium";v="{version}"'
    return {
        "sec-ch-ua": brands,
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": f'"{_system(agent)[0]}"',
    }


def _system(agent: str) -> tuple[str, str]:
    found = (names for word, names in _SYSTEMS.items() if word in agent)
    return next(found, _SYSTEMS["Windows"])


def _problem(url: str) -> str | None:
    """Return why a base URL cannot be used."""
    parts = _parts(url)
    if parts is None or not parts.hostname or parts.scheme not in ("http", "https"):
        told = "is no base URL"
    elif parts.username is not None:
        told = "name and password do not belong there"
    elif parts.path or "?" in url or "#" in url:
        told = "ends with the host or its port, without a path"
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        told = "http goes to a loopback host only"
    else:
        return None
    return f"{told}; write https://host or, to a loopback host, http://127.0.0.1:port"


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if _PRINTABLE(url) and parts.port != 0 else None
    except ValueError:
        return None
