"""Which gateway a command addresses, and with which token; each with the place where it was set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from gateway.config.rules import is_bearer
from gateway.errors import ConfigError
from gateway.settings.addresses import AddressError, split
from gateway.settings.listen import PREFIX, SocketFile, parse_listen, resolved_listen

URL: Final = "XIANYU_GATEWAY_URL"
TOKEN: Final = "XIANYU_GATEWAY_TOKEN"  # noqa: S105  # the variable's name
DEFAULT_URL: Final = "http://127.0.0.1:8760"

_MOST_TOKEN_BYTES: Final = 1 << 16
_EXAMPLE: Final = "http://host:port"
_EXAMPLES: Final = f"{_EXAMPLE}, or unix:PATH"


class Said(NamedTuple):
    """A value and its source: an option, a variable or a file."""

    value: str
    source: str


def url_of(given: str | None, environment: Mapping[str, str]) -> str:
    """Return the address that is meant, checked.

    Args:
        given: ``--url``; None: not given.
        environment: Variables by name.

    Raises:
        ConfigError: It is none; names where it was said, and shows no name, password or query.
    """
    url = environment.get(URL) or DEFAULT_URL if given is None else given
    told = f"there is a character in it that no address has; write {_EXAMPLES}"
    if url.startswith(PREFIX):
        if isinstance(parse_listen(url), SocketFile) and url.isprintable():
            return resolved_listen(url)
        told = f"is no path of a socket; write {_EXAMPLES}"
        raise ConfigError([f"{URL if given is None else '--url'}: {told}"])
    try:
        split(url, {"http", "https"}, _EXAMPLES)
        if url.isprintable():
            return url
    except AddressError as error:
        told = error.in_file
    raise ConfigError([f"{URL if given is None else '--url'}: {told}"])


def base_of(url: str) -> str:
    """Return the address of a page, checked, without a name, a password and a slash at its end.

    Args:
        url: ``http://…`` or ``https://…``, as ``--base`` has it.

    Raises:
        ConfigError: It is none.
    """
    try:
        parts = split(url, {"http", "https"}, _EXAMPLE)
    except AddressError as error:
        raise ConfigError([f"--base: {error.in_file}"]) from None
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def token_of(file: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the token that is given, checked; None if none is.

    Args:
        file: ``--token-file``; None: not given.
        environment: Variables by name.

    Raises:
        ConfigError: It cannot be read or sent; names where it was said, never what it is.
    """
    if file is None:
        said = Said(environment.get(TOKEN, "").strip(), TOKEN)
    else:
        said = Said(_read(file).strip(), f"--token-file: {file}")
        if not said.value:
            raise ConfigError([f"{said.source} is empty; write http.token of the gateway into it"])
    if not is_bearer(said.value):
        told = "holds blanks or letters that no header can carry; copy http.token again"
        raise ConfigError([f"{said.source} {told}"])
    return said.value or None


def _read(file: str) -> str:
    """Read a file of one token as editors write it: Notepad puts a byte order mark before it."""
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(_MOST_TOKEN_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"--token-file: {file} cannot be read: {error.strerror}"]) from error
    except ValueError as error:  # it has a NUL
        raise ConfigError([f"--token-file: {file!r:.200} is no name of a file"]) from error
    if len(data) > _MOST_TOKEN_BYTES:
        raise ConfigError([f"--token-file: {file} is too long for a token; is it the right file?"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        told = "is not UTF-8; save it as UTF-8, with nothing but the token in it"
        raise ConfigError([f"--token-file: {file} {told}"]) from None
