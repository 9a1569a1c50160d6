"""Rules that no type expresses: over several keys, URLs, names. Pure.

Each rule gives the place and what is wrong; one that concerns a pair of keys gives the
record they stand in.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterator

from actors.sections import ORDERED
from gateway.commands import page
from gateway.config import notifying, pasted, texts
from gateway.config.document import key_path
from gateway.config.problems import shown
from gateway.errors import did_you_mean
from gateway.settings import (
    AccountSettings,
    Credentials,
    HttpSettings,
    Record,
    Settings,
    addresses,
)
from gateway.settings.listen import MOST_PATH_BYTES, is_of_this_machine, parse_listen
from gateway.settings.paths import is_homeless

Finding = tuple[str, str]


_HOMELESS = "begins with ~ and nobody of that name has a home here; write the path in full, or ./~…"
_SECTIONS = [key.name for key in dataclasses.fields(AccountSettings)]
_LONGEST_ID = 64
_LONGEST_ADDRESS = 80
_BLANKS = frozenset({"Cc", "Zs"})

SHORTEST_TOKEN = 16
"""Fewest characters of ``http.token``: whoever guesses it reads every message and sends in your
name."""

SHARED = ("kind", "upgrade_cookie", "endpoints")
"""Keys of the credentials that may stand under ``defaults``."""

_HANDSHAKE_HEADERS = re.compile(r"connection|upgrade|sec-websocket-.*", re.IGNORECASE)


def findings(
    settings: Settings, is_wrong: Callable[[str], bool] = lambda _: False
) -> Iterator[Finding]:
    """Yield everything that is wrong with settings whose types are right.

    Args:
        settings: What could be made of the file.
        is_wrong: Whether a key could not be read: what would follow from it is not told.
    """
    yield from _http(settings.http)
    if is_homeless(settings.data_dir):
        yield "data_dir", _HOMELESS
    yield from _key_file(settings.credentials.key_file)
    if settings.log.file == "":
        yield "log.file", "is empty; name a file, or leave it out: then the lines go to stderr"
    if is_homeless(settings.log.file):
        yield "log.file", _HOMELESS
    yield from notifying.findings(settings.notify)
    yield from _ids(settings.accounts)
    for index, account in enumerate(settings.accounts):
        yield from _account(account, key_path("accounts", index), is_wrong)
    # Last: what says more of a key comes first.
    yield from texts.unfit(settings)


def default_findings(given: object) -> Iterator[Finding]:
    """Yield what must not stand under ``defaults``, as read from the file."""
    if not isinstance(given, dict):
        return
    if "id" in given:
        yield "defaults.id", "belongs to one account; give each account its own"
    credentials = given.get("credentials")
    for key in credentials if isinstance(credentials, dict) else ():
        if key not in SHARED:
            where = key_path("defaults.credentials", key)
            yield where, "belongs to one account; a shared one would mix two accounts up"


def warnings(settings: Settings) -> Iterator[Finding]:
    """Yield what is allowed and hardly meant."""
    if not settings.accounts:
        yield "accounts", f"there is none yet; add one, see {page('config/example.yaml')}"
    users: dict[tuple[str, str], str] = {}
    for index, account in enumerate(settings.accounts):
        path = key_path("accounts", index)
        if not account.tls.verify:
            yield f"{path}.tls.verify", "is off: anybody on the way can read and write"
        user_id, cookie = account.credentials.user_id, account.credentials.cookie
        # Of kind goofish it may be pasted in any form; its account says what is wrong with it.
        kept = account.platform == "goofish" and account.credentials.kind == "static"
        if kept and cookie and not pasted.users_of(cookie):
            told = "there is no unb in it, so it is not of a user who is logged in"
            yield f"{path}.credentials.cookie", f"{told}; copy it from a page after the login"
        if user_id:
            first = users.setdefault((account.platform, user_id), path)
            if first != path:
                yield (
                    f"{path}.credentials.user_id",
                    f"is that of {first}, too; two links of one user throw each other out",
                )


def _http(http: HttpSettings) -> Iterator[Finding]:
    yield from _token("http.token", http.token or "")
    yield from _token("http.metrics_token", http.metrics_token or "")
    if http.metrics_token and not http.token:
        told = "protects nothing while anybody may ask without http.token"
        yield "http.metrics_token", f"{told}; set that, too"
    elif http.metrics_token and http.metrics_token == http.token:
        told = "is http.token, which opens everything"
        yield "http.metrics_token", f"{told}; take another"
    if http.listen is None:
        return
    parsed = parse_listen(http.listen)
    if parsed is None:
        told = f"expected host:port, e.g. 127.0.0.1:8760, or unix:PATH (≤ {MOST_PATH_BYTES} bytes)"
        yield "http.listen", f"{told}, got {shown(http.listen)}"
    elif not http.token and not is_of_this_machine(parsed):
        listen = http.listen[-_LONGEST_ADDRESS:]
        told = f"is missing, and {listen} can be reached from other machines"
        yield "http.token", f"{told}; set a token of your own or listen on 127.0.0.1"


def _token(key: str, token: str) -> Iterator[Finding]:
    if token and len(token) < SHORTEST_TOKEN:
        told = f"has {len(token)} characters and can be guessed; at least {SHORTEST_TOKEN}"
        yield key, f"{told}, e.g. of: python3 -c 'import secrets; print(secrets.token_hex())'"
    elif not is_bearer(token):
        yield key, "holds blanks or letters that no header can carry; use a-z, A-Z, 0-9"


def is_bearer(token: str) -> bool:
    """Return whether a token can stand in a header: visible ASCII."""
    return all("!" <= each <= "~" for each in token)


def _key_file(path: str | None) -> Iterator[Finding]:
    if path == "":
        told = "is empty, and nothing would be sealed"
        yield "credentials.key_file", f"{told}; name the file of the key, or leave it out"
    if is_homeless(path):
        yield "credentials.key_file", _HOMELESS


def _ids(accounts: tuple[AccountSettings, ...]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, account in enumerate(accounts):
        where = f"accounts[{index}].id"
        if account.id in first:
            told = f"{shown(account.id)} is the id of accounts[{first[account.id]}] already"
            yield where, f"{told}; each account needs its own"
        first.setdefault(account.id, index)
        if not 0 < len(account.id) <= _LONGEST_ID or _is_blank(account.id):
            yield where, f"expected 1 to {_LONGEST_ID} characters without spaces"
        elif unseen := pasted.unseen_in(account.id):
            told = f"there is a character in it that nobody sees ({unseen})"
            yield where, f"{told}; it stands in logs, so write it without"


def _is_blank(text: str) -> bool:
    """Return whether there is a space in a text, of any width, or a control character."""
    return " " in text or (
        not text.isprintable() and any(unicodedata.category(each) in _BLANKS for each in text)
    )


def _account(
    account: AccountSettings, path: str, is_wrong: Callable[[str], bool]
) -> Iterator[Finding]:
    if is_homeless(account.tls.ca_file):
        yield f"{path}.tls.ca_file", _HOMELESS
    yield from _address(addresses.parse_target, account.url, f"{path}.url")
    if account.proxy is not None:
        yield from _address(addresses.parse_proxy, account.proxy, f"{path}.proxy")
    yield from _headers(account, path)
    if not _is_unknown(account.credentials, path, is_wrong):
        yield from _credentials(account, f"{path}.credentials")
    for name in _SECTIONS:
        record: Record = getattr(account, name)
        for low, high in ORDERED.get(type(record), ()):
            if getattr(record, low) > getattr(record, high):
                yield (
                    f"{path}.{name}",
                    f"{low} ({getattr(record, low):g}) is above {high} ({getattr(record, high):g})",
                )


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
_GIVEN = frozenset({"user_id", "device_id", "token", "cookie"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CALL = re.compile(r"[\w.]+:\w+")


def _is_unknown(credentials: Credentials, path: str, is_wrong: Callable[[str], bool]) -> bool:
    """Return whether nobody knows of which kind credentials are meant to be."""
    places = [path]
    if credentials.kind == Credentials().kind:
        places.append("defaults")
    sections = [f"{place}.credentials" for place in places]
    return any(is_wrong(section) or is_wrong(f"{section}.kind") for section in sections)


def _credentials(account: AccountSettings, path: str) -> Iterator[Finding]:
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
        yield f"{path}.path", _HOMELESS
    if kind == "env" and credentials.variables:
        yield from _variables(credentials, path)
    call = credentials.call or ""
    # What is not printable is told of every text.
    if kind == "python" and call.isprintable() and call and not _CALL.fullmatch(call):
        yield f"{path}.call", f"expected module:function, got {shown(call)}"
    if kind == "http" and credentials.url:
        yield from _address(addresses.parse_http, credentials.url, f"{path}.url")
    if kind == "goofish" and account.platform != "goofish":
        told = f"goofish signs in to the platform goofish, not to {account.platform}"
        others = sorted(KINDS.keys() - {"goofish"})
        yield f"{path}.kind", f"{told}; use {', '.join(others)}"
    if kind == "goofish":
        for key in ("mtop", "passport", "upload"):
            where = f"{path}.endpoints.{key}"
            yield from _address(addresses.parse_http, getattr(credentials.endpoints, key), where)
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


def _address(parse: Callable[[str], object], address: str, path: str) -> Iterator[Finding]:
    try:
        parse(address)
    except addresses.AddressError as error:
        yield path, error.in_file
    except UnicodeError:  # half of a letter; that is told of every text
        return


def _headers(account: AccountSettings, path: str) -> Iterator[Finding]:
    if pasted.BREAK.search(account.user_agent or ""):
        yield f"{path}.user_agent", "holds a line break; write it on one line"
    for name, value in account.headers.items():
        where = key_path(f"{path}.headers", name)
        if not addresses.is_header_name(name):
            yield where, "is no name of a header"
        elif _HANDSHAKE_HEADERS.fullmatch(name):
            yield where, "is written by the handshake itself; leave it out"
        elif name.lower() == "cookie":
            yield where, "belongs into credentials.cookie of the account"
        elif pasted.BREAK.search(value):
            yield where, "holds a line break; write it on one line"
