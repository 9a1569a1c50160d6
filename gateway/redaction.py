"""Redaction: masks secrets in texts and values before they are shown.

Knows nothing of loggers and of settings: it is given the secret values
(:mod:`gateway.known_secrets`) and finds them, and whatever stands under a telling name,
wherever it is put. Pure but for the set of known values.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

from gateway.known_secrets import MASK, SHORTEST_SECRET, KnownSecrets

_DEEPEST = 8
_HARMLESS = frozenset({"", "None", "null", "true", "false", "True", "False", MASK})

_SECRET_WORDS = frozenset({
    "accesskey",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "secrets",
    "sid",
    "sign",
    "signature",
    "tk",
    "token",
    "tokens",
})  # fmt: skip
_BEFORE_KEY = frozenset({"access", "api", "app", "private", "session"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_USERINFO = re.compile(r"(?<=://)[^\s/?#@'\"]+(?:@[^\s/?#@'\"]+)*@(?=[^\s/?#@])")
# The value ends where it would end in a query, a cookie, a repr or a shell.
_ASSIGNED = re.compile(r"(?<![\w-])([\w-]{2,64})=(?!=)(\"[^\"]*\"|'[^']*'|[^\s&;,'\"(){}<>\[\]]+)")
_QUOTED = re.compile(
    r"(\\*[\"'])([\w-]{2,64})\1(\s*:\s*)(?:b?(\\*[\"'])(.*?)(?<!\\)\4|(\[[^\]]*\]))", re.DOTALL
)
_HEADER = re.compile(
    r"(?<![\w.\"'-])((?:set-|proxy-)?(?:cookie|authorization))(:[ \t]*)(?![\"'\[{])([^\r\n]+)",
    re.IGNORECASE,
)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@functools.lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether what stands under ``name`` is a secret whatever its value.

    Names are read as words: ``x-access-token``, ``accessToken`` and ``_m_h5_tk`` are
    secret, and so is ``X-Api-Key``; ``signal``, ``tokenizer`` and ``key`` are not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or any(
        second == "key" and first in _BEFORE_KEY for first, second in itertools.pairwise(words)
    )


def cookie_values(cookie: str) -> list[str]:
    """Return the values of a ``Cookie`` header, and what stands before ``_`` in a ``…tk``.

    The latter is what goes into signatures (``protocol.md`` 3).
    """
    values = []
    for part in cookie.split(";"):
        name, _, value = part.strip().partition("=")
        values.append(value.strip())
        if is_secret_name(name) and "_" in value:
            values.append(value.partition("_")[0].strip())
    return [value for value in values if value]


def mask_url(url: str) -> str:
    """Return a URL without its user, password and secret query values."""
    return _ASSIGNED.sub(_assigned, _USERINFO.sub(f"{MASK}@", url))


class Redactor(KnownSecrets):
    """Masks known secret values and everything under a secret name."""

    def text(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        if len(text) < SHORTEST_SECRET:
            return text
        text = self.without_values(text)
        if "://" in text and "@" in text:
            text = _USERINFO.sub(f"{MASK}@", text)
        if "=" in text:
            text = _ASSIGNED.sub(_assigned, text)
        if ":" in text:
            text = _HEADER.sub(rf"\1\2{MASK}", text)
            if '"' in text or "'" in text:
                text = _QUOTED.sub(_quoted, text)
        return text

    def value(self, value: Any, *, name: str = "", depth: int = 0) -> Any:
        """Return a value with every secret in it masked, at any depth.

        Containers are copied only as far as they are read; an object that is neither a
        container nor text is kept unless its ``repr`` holds a secret.

        Args:
            value: Anything.
            name: The key it stands under.
            depth: How deep it stands; what is too deep is shown as text.
        """
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if name and is_secret_name(name):
            return MASK if value else value
        match value:
            case str():
                return self.text(value)
            case Mapping() if depth < _DEEPEST:
                return {
                    self.value(key, depth=depth + 1): self.value(
                        inner, name=key if isinstance(key, str) else "", depth=depth + 1
                    )
                    for key, inner in value.items()
                }
            case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
                return [self.value(inner, depth=depth + 1) for inner in value]
            case _:
                return self._object(value)

    def exception(self, exc_info: ExcInfo) -> str:
        """Return a traceback as text, masked."""
        try:
            return self.text("".join(traceback.format_exception(*exc_info)).rstrip())
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001  # a stranger's class may make anything of its notes
            return "<an exception that cannot be shown>"

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Be a structlog processor: mask the event, its exception included."""
        exc_info = _exc_info(event.pop("exc_info", None))
        if exc_info is not None:
            event["exception"] = self.exception(exc_info)
        # Nearly every line is clean: one look at all its texts together says so.
        texts = "\n".join([value for value in event.values() if type(value) is str])
        clean = self.text(texts) == texts
        for name, value in event.items():
            if not (clean and type(value) is str) or is_secret_name(name):
                event[name] = self.value(value, name=name)
        return event

    def _object(self, value: Any) -> Any:
        try:
            # Renderers use either; bytes look the same in both but for what is not ASCII.
            shown = repr(value)
            both = f"{shown}\n{_plain(value)}"
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 a stranger's __repr__ must not cost the log line
            return f"<{type(value).__name__}>"
        return value if self.text(both) == both else self.text(shown)


def _plain(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def _assigned(match: re.Match[str]) -> str:
    name, value = match.group(1, 2)
    hide = is_secret_name(name) and value not in _HARMLESS
    return f"{name}={MASK}" if hide else match.group()


def _quoted(match: re.Match[str]) -> str:
    quotes, name, colon, marks, value = match.group(1, 2, 3, 4, 5)
    if not is_secret_name(name) or value in _HARMLESS:
        return match.group()
    marks = marks or quotes
    return f"{quotes}{name}{quotes}{colon}{marks}{MASK}{marks}"


def _exc_info(given: Any) -> ExcInfo | None:
    """Read what structlog and logging accept as ``exc_info``."""
    match given:
        case BaseException():
            return (type(given), given, given.__traceback__)
        case (type() as kind, BaseException() as error, trace):
            return (kind, error, trace)
        case None | False | (None, None, None):
            return None
        case _:  # True: the one being handled right now
            return _exc_info(sys.exc_info())
