"""Checks of arguments of public calls. An error names the argument, the right type and the remedy.

A value is checked in the call that brings it: what is stored or handed to an actor has been
checked. Nothing here knows a gateway, a journal or a clock.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.alike import did_you_mean

ID_CHARS: Final = 512
PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$"
"""Of an id, for those who cannot ask us: not blank, no control characters."""

"""Most characters of an id: ids of the platforms have a few dozen."""

FRAME_CHARS: Final = 4 << 20
"""Most characters of an id that a platform made, such as an event's; a frame has no more."""

TEXT_BYTES: Final = 65_536
"""Most bytes, in UTF-8, of a text that is sent. The platform closes the link of a client that sends
far more."""

URL_CHARS: Final = 8192
"""Most characters of an address."""

LARGEST_BYTES: Final = 1 << 31
"""Largest bound a caller may name, in bytes or entries."""

LONGEST_S: Final = 366 * 24 * 3600.0
"""Longest wait or expiry a caller may name, in seconds."""


def text(name: str, value: object, *, most: int, empty: bool = False, remedy: str = "") -> str:
    """Return ``value`` as a plain ``str``; an instance of a subclass is copied to one.

    Args:
        name: The argument, as the caller wrote it.
        value: What was handed in.
        most: Most characters.
        empty: An empty text is fine.
        remedy: What to do instead, if that is not plain.

    Raises:
        TypeError: Not a ``str``.
        ValueError: Empty, longer than ``most``, or not expressible in UTF-8.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {kind(value)}{_remedy(remedy, value)}")
    plain = str.__str__(value)
    if not plain and not empty:
        raise ValueError(f"{name} must not be empty{_then(remedy)}")
    if len(plain) > most:
        raise ValueError(f"{name} has {len(plain):,} characters, at most {most:,}{_then(remedy)}")
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} has half of a character (a lone surrogate) at {error.start}; "
            "decode the text it came from as UTF-8, or replace it"
        ) from None
    return plain


def message(name: str, value: object) -> str:
    """Return a text to be sent as a plain ``str``, up to :data:`TEXT_BYTES` in UTF-8.

    Raises:
        TypeError: Not a ``str``.
        ValueError: Empty, too long, or not expressible in UTF-8.
    """
    plain = text(name, value, most=sys.maxsize)
    size = len(plain.encode())
    if size > TEXT_BYTES:
        raise ValueError(f"{name} has {size:,} bytes, at most {TEXT_BYTES:,}; send it in parts")
    return plain


def web_address(name: str, value: object) -> str:
    """Return an address with ``http://`` or ``https://`` as a plain ``str``.

    Raises:
        TypeError: Not a ``str``.
        ValueError: Another scheme, no host, blanks, or too long.
    """
    plain = text(name, value, most=URL_CHARS, remedy="give the address of an uploaded image")
    scheme, _, rest = plain.partition("://")
    if scheme.lower() not in {"http", "https"} or not rest.strip("/"):
        raise ValueError(f"{name} must begin with http:// or https:// and name a host")
    if not plain.isprintable() or " " in plain:
        raise ValueError(f"{name} has blanks or characters that cannot be printed; percent-encode")
    return plain


def identifier(name: str, value: object, *, remedy: str = "") -> str:
    """Return an id as a plain ``str``; ids are text, numbers among them too.

    Raises:
        TypeError: Not a ``str``.
        ValueError: Blank, longer than :data:`ID_CHARS`, not UTF-8, or with control characters.
    """
    plain = text(name, value, most=ID_CHARS, remedy=remedy)
    if plain.isspace():
        raise ValueError(f"{name} must not be blank{_then(remedy)}")
    if not plain.isprintable():
        raise ValueError(f"{name} has characters that cannot be printed; an id has none")
    return plain


def account(value: object) -> str:
    """Return the name of an account as a plain ``str``.

    Raises:
        TypeError: Not a ``str``.
        ValueError: Empty, longer than :data:`ID_CHARS`, or not UTF-8.
    """
    return text("account", value, most=ID_CHARS, remedy="give the account's id of the settings")


def optional_identifier(name: str, value: object, *, remedy: str = "") -> str | None:
    """Return None, or what :func:`identifier` returns."""
    return None if value is None else identifier(name, value, remedy=remedy)


def texts(name: str, value: object) -> dict[str, str]:
    """Return a mapping of texts to texts, such as headers, as a plain ``dict``; None is empty.

    Raises:
        TypeError: Not a mapping, or something in it is no text.
        ValueError: A name is empty, or something is too long or not expressible in UTF-8.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of str to str, not {kind(value)}")
    return {
        text(f"a name in {name}", key, most=URL_CHARS): text(
            f"{name}[{str(key)[:40]!r}]", each, most=1 << 16, empty=True
        )
        for key, each in value.items()
    }


def path(name: str, value: object) -> str | os.PathLike[str]:
    """Return ``value`` if it names a file; a number would be one that is open.

    Raises:
        TypeError: It does not.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be str or Path, not {kind(value)}")
    return value


def whole(name: str, value: object, *, least: int, most: int, remedy: str = "") -> int:
    """Return ``value`` as a plain ``int``; whatever counts as an index is one, ``bool`` is not.

    Raises:
        TypeError: Not a whole number.
        ValueError: Outside ``least`` to ``most``.
    """
    if type(value) is int:
        plain = value  # no stranger's code, in which a signal could be mistaken for its failure
    else:
        try:
            plain = operator.index(None if isinstance(value, bool) else value)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001  # a stranger's __index__
            raise TypeError(f"{name} must be int, not {kind(value)}{_then(remedy)}") from None
    if not least <= plain <= most:
        raise ValueError(f"{name} must be {least:,} to {most:,}{_then(remedy)}")
    return plain


def seconds(name: str, value: object, *, most: float = math.inf, remedy: str = "") -> float:
    """Return ``value`` as a plain ``float`` of seconds, 0 to ``most``.

    Raises:
        TypeError: Not a number.
        ValueError: Not a number of seconds from 0 to ``most``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be seconds (float), not {kind(value)}{_then(remedy)}")
    try:
        plain = float(value)
    except OverflowError:
        plain = math.inf
    if not 0.0 <= plain <= most:
        raise ValueError(f"{name} must be 0 to {most:,} seconds, not {plain}{_then(remedy)}")
    return plain


def wait_s(name: str, value: object) -> float:
    """Return how long to wait, in seconds; what is beyond :data:`LONGEST_S` is cut to it.

    Raises:
        TypeError: Not a number.
        ValueError: Negative, or not a number of seconds.
    """
    return min(LONGEST_S, seconds(name, value))


def flag(name: str, value: object) -> bool:
    """Return ``value`` if it is True or False.

    Raises:
        TypeError: Neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {kind(value)}")
    return value


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """Return ``value`` as a plain ``str`` if it is one of ``known``.

    Raises:
        TypeError: Not a ``str``.
        ValueError: Another word; names those there are, and the nearest.
    """
    names = tuple(known)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(names)}, not {kind(value)}")
    plain = str.__str__(value)
    if plain not in names:
        near = did_you_mean(plain, names)
        raise ValueError(f"{name} is {plain[:80]!r}, not one of {', '.join(names)}{near}")
    return plain


def function(name: str, value: object, *, takes: int) -> Callable[..., object]:
    """Return ``value`` if it can be called with ``takes`` positional arguments.

    Raises:
        TypeError: It is not callable, or takes another number of arguments.
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, not {kind(value)}: that is not callable")
    other = arity(value, takes)
    if other is not None:
        wanted = "one argument" if takes == 1 else f"{takes} arguments"
        raise TypeError(f"{name} must take {wanted}, but is {called(value)}{other}")
    return value


def arity(value: Callable[..., object], takes: int) -> inspect.Signature | None:
    """Return the signature of a function that cannot take this many arguments; else None."""
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):  # built in: it does not tell
        return None
    try:
        signature.bind(*([None] * takes))
    except TypeError:
        return signature
    return None


def called(value: object) -> str:
    """Return the name of a function for people, with its module; never its ``repr``."""
    while isinstance(value, functools.partial):
        value = value.func
    try:
        name = getattr(value, "__qualname__", None) or type(value).__qualname__
        module = getattr(value, "__module__", None)
    except BaseException:  # noqa: BLE001  # a stranger's __getattr__
        return type(value).__qualname__
    return f"{module}.{name}" if isinstance(module, str) else str(name)


def kind(value: object) -> str:
    """Return the name of a value's type; its content may be a secret."""
    return "None" if value is None else type(value).__name__


def _then(remedy: str) -> str:
    return f"; {remedy}" if remedy else ""


def _remedy(remedy: str, value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return "; decode it first: value.decode()"
    if isinstance(value, int) and not isinstance(value, bool):
        return _then(remedy) or "; quote it, or write str(value)"
    return _then(remedy)
