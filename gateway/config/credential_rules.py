"""Rules of credentials: which keys each kind takes, and what a value of one must be. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gateway.alike import did_you_mean
from gateway.commands import page
from gateway.config import pasted
from gateway.config.document import key_path
from gateway.config.findings import Finding, of_address
from gateway.config.problems import shown
from gateway.settings import AccountSettings, Credentials, addresses
from gateway.settings.paths import HOMELESS, is_homeless

KINDS = {
    "static": ("token", "device_id", "cookie"),
    "goofish": ("device_id", "cookie", "upgrade_cookie", "endpoints"),
    "file": ("path",),
    "env": ("variables",),
    "python": ("call",),
    "http": ("url", "bearer"),
}
"""Which keys beside ``user_id`` each kind of credentials takes."""

NEEDED = {
    "file": ("path", "the JSON file that holds user_id, device_id, token"),
    "env": ("variables", "which environment variable holds the token: {token: NAME}"),
    "python": ("call", "module:function"),
    "http": ("url", "where to ask"),
}
SHARED = ("kind", "upgrade_cookie", "endpoints")
"""Keys of the credentials that may stand under ``defaults``."""

_GIVEN = frozenset({"user_id", "device_id", "token", "cookie"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CALL = re.compile(r"[\w.]+:\w+")


def is_unknown(credentials: Credentials, path: str, is_wrong: Callable[[str], bool]) -> bool:
    """Return whether nobody knows of which kind credentials are meant to be."""
    places = [path]
    if credentials.kind == Credentials().kind:
        places.append("defaults")
    sections = [f"{place}.credentials" for place in places]
    return any(is_wrong(section) or is_wrong(f"{section}.kind") for section in sections)


def findings(account: AccountSettings, path: str) -> Iterator[Finding]:
    """Yield what the kind of credentials lacks, or has no use for."""
    credentials = account.credentials
    if credentials.kind == "static":  # a cookie of kind goofish is pasted in any form
        yield from pasted.findings(credentials, path)
    kind = credentials.kind
    default, foreign = Credentials(), False
    for key in sorted({key for keys in KINDS.values() for key in keys}):
        given = getattr(credentials, key) != getattr(default, key)
        if given and key not in KINDS[kind] and key not in SHARED:
            fits = " or ".join(each for each, keys in KINDS.items() if key in keys)
            yield f"{path}.{key}", f"is not read with kind: {kind}; it belongs to kind: {fits}"
            foreign = kind == default.kind  # perhaps no kind was given at all
    if kind in NEEDED and not getattr(credentials, NEEDED[kind][0]):
        key, what = NEEDED[kind]
        yield f"{path}.{key}", f"is missing; {what}"
    if is_homeless(credentials.path):
        yield f"{path}.path", HOMELESS
    if kind == "env" and credentials.variables:
        yield from _variables(credentials, path)
    call = credentials.call or ""
    # What is not printable is told of every text.
    if kind == "python" and call.isprintable() and call and not _CALL.fullmatch(call):
        yield f"{path}.call", f"expected module:function, got {shown(call)}"
    if kind == "http" and credentials.url:
        yield from of_address(addresses.parse_http, credentials.url, f"{path}.url")
    if kind == "goofish" and account.platform != "goofish":
        told = f"goofish signs in to the platform goofish, not to {account.platform}"
        others = sorted(KINDS.keys() - {"goofish"})
        yield f"{path}.kind", f"{told}; use {', '.join(others)}"
    if kind == "goofish":
        for key in ("mtop", "passport", "upload"):
            where = f"{path}.endpoints.{key}"
            yield from of_address(addresses.parse_http, getattr(credentials.endpoints, key), where)
    if account.platform == "goofish" and account.enabled and not foreign:
        yield from _goofish(credentials, path)


def _variables(credentials: Credentials, path: str) -> Iterator[Finding]:
    for key, name in credentials.variables.items():
        where = key_path(f"{path}.variables", key)
        if key not in _GIVEN:
            told = did_you_mean(key, _GIVEN) or f"; known are {', '.join(sorted(_GIVEN))}"
            yield where, f"is not known{told}"
        elif not _VARIABLE.fullmatch(name):  # perhaps a secret: it is not repeated
            yield where, "is no name of a variable; write the name alone, without ${…}: A_TOKEN"
    if "token" not in credentials.variables and credentials.variables.keys() <= _GIVEN:
        yield f"{path}.variables.token", "is missing; it names the variable that holds the token"


def _goofish(credentials: Credentials, path: str) -> Iterator[Finding]:
    if credentials.kind == "static" and not credentials.token:
        told = "is missing" if credentials.user_id else "is missing, and so is user_id"
        told = f"{told}; with kind: goofish the gateway asks for tokens itself"
        yield f"{path}.token", f"{told}, see {page('README.md')}, section `A real account`"
    elif credentials.kind == "static" and not credentials.user_id:
        yield f"{path}.user_id", "is missing; it is the value of the cookie unb"
    elif credentials.user_id and pasted.users_of(credentials.cookie) - {credentials.user_id}:
        told = "its unb is another user than user_id"
        yield f"{path}.cookie", f"{told}; copy both while logged in as the same one"
