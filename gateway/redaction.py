"""Redaction: masks secrets in texts and values before they are shown.

Knows nothing of loggers and of settings: it is given the secret values and finds them,
and whatever stands under a telling name, wherever it is put. Pure but for the set of
known values.
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

MASK = "***"
SHORTEST_SECRET = 6
"""Characters; a shorter value cannot be told from ordinary words and is masked by name only."""

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


class Redactor:
    """Masks known secret values and everything under a secret name.

    Any thread may use it while another teaches it. Finding costs the same for ten
    values as for a million: the text is cut into all its pieces of six characters, and
    each is looked up among the middles of the known values. (Middles, because all tokens
    of a platform begin alike.)
    """

    def __init__(self, secrets: Iterable[str] = (), *, public: Iterable[str] = ()) -> None:
        """Start with some values.

        Args:
            secrets: Values to hide wherever they stand.
            public: Values never to hide, e.g. user ids that also stand in a cookie.
        """
        self._lock = threading.Lock()
        self._public = frozenset(public)
        self._by_piece: dict[str, frozenset[str]] = {}
        self._uses: Counter[str] = Counter()  # by how many secrets a form is used
        self._owned: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self.learn(secrets)

    def learn(
        self, secrets: Iterable[str], *, public: Iterable[str] = (), of: str | None = None
    ) -> None:
        """Hide more values from now on, e.g. those of an account that was added.

        Args:
            secrets: Values to hide wherever they stand.
            public: Values never to hide.
            of: Whose values they are: all of them now. The ones it had before stay hidden until
                it has others again; older ones are forgotten. None: they are hidden for ever.
        """
        with self._lock:
            self._public |= frozenset(public)
            hidden = frozenset(secrets) - self._public
            gone: frozenset[str] = frozenset()
            if of is not None:
                now, before = self._owned.get(of, (frozenset(), frozenset()))
                if hidden == now:
                    return
                self._owned[of] = hidden, now
                hidden, gone = hidden - now - before, before - hidden - now
            for secret in hidden:
                self._hide(secret)
            for secret in gone:
                self._show(secret)

    # Readers take no lock: a piece is looked up, or found missing, in one step.

    def _hide(self, secret: str) -> None:
        for form in _forms(secret):
            self._uses[form] += 1
            piece = _piece(form)
            self._by_piece[piece] = self._by_piece.get(piece, frozenset()) | {form}

    def _show(self, secret: str) -> None:
        for form in _forms(secret):
            self._uses[form] -= 1
            if self._uses[form]:
                continue
            del self._uses[form]
            piece = _piece(form)
            left = self._by_piece.get(piece, frozenset()) - {form}
            if left:
                self._by_piece[piece] = left
            else:
                self._by_piece.pop(piece, None)

    def text(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        if len(text) < SHORTEST_SECRET:
            return text
        text = self._without_values(text)
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

    def _without_values(self, text: str) -> str:
        by_piece = self._by_piece
        pieces = {text[at : at + SHORTEST_SECRET] for at in range(len(text) - SHORTEST_SECRET + 1)}
        if by_piece.keys().isdisjoint(pieces):
            return text
        found = {form for piece in pieces for form in by_piece.get(piece, ()) if form in text}
        for form in sorted(found, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text

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


def _piece(form: str) -> str:
    at = (len(form) - SHORTEST_SECRET) // 2
    return form[at : at + SHORTEST_SECRET]


def _forms(secret: str) -> set[str]:
    """Return a secret as it looks in a text, a repr, JSON, JSON in JSON, a URL, a Basic header."""
    in_json = json.dumps(secret)[1:-1]
    forms = {
        secret,
        repr(secret)[1:-1],
        repr(f"\"'{secret}")[4:-1],  # beside both quotes its own single ones are escaped
        in_json,
        json.dumps(in_json)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        unquote(secret),
    }
    if ":" in secret:
        forms.add(base64.b64encode(secret.encode()).decode())
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


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
