"""Logging: the launcher's set-up, and the polite default for embedding programs.

Only the launcher calls :func:`configure`. Library code calls :func:`get_logger`, which
follows a host that configured structlog, and otherwise speaks to the standard library's
logger ``gateway``, silent unless the host gave that one a handler. Either way secrets are
masked before anything is rendered, and nothing that goes wrong in the host's logging comes back
(:class:`GuardedLog`). ``docs/logs.md`` lists the events.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from types import ModuleType
from typing import Any, Literal, Protocol, TextIO, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from gateway import arguments, escaping
from gateway.redaction import Redactor, cookie_values, is_secret_name
from gateway.settings import AccountSettings, Credentials, HttpSettings, Settings
from gateway.settings.record import secret_names

Level = Literal["debug", "info", "warning", "error"]
StandardLog: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"

_STRANGERS_LEVEL = logging.WARNING
_LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}
_PARTS = re.compile(r"[/?&=@:#,;]")
_HOST = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}").fullmatch
_LONG_PART = 8
"""Characters; a shorter part of a URL that is a secret as a whole may be an ordinary word."""

_STDLIB = logging.getLogger("gateway")
_STDLIB.addHandler(logging.NullHandler())


# --- who may know ---------------------------------------------------------------------


def redactor_of(settings: Settings) -> Redactor:
    """Make the redactor that knows every secret of these settings."""
    redactor = Redactor(public=_public(*settings.accounts))
    redactor.learn(_secrets(settings))
    return redactor


def redactor_of_link(*, url: str, headers: Mapping[str, str], proxy: str | None) -> Redactor:
    """Make the redactor of a single link: what its headers and its URLs carry."""
    return Redactor([*_url_secrets(url), *_url_secrets(proxy or ""), *_named_secrets(headers)])


def teach(redactor: Redactor, account: AccountSettings, *, of: str | None = None) -> None:
    """Let a redactor know the secrets of an account that came later; ``of`` as it takes it."""
    redactor.learn(_account_secrets(account), public=_public(account), of=of)


def _public(*accounts: AccountSettings) -> Iterator[str]:
    """Yield what also stands in cookies and must stay readable."""
    for account in accounts:
        yield account.id
        if account.credentials.user_id:
            yield account.credentials.user_id


def _secrets(settings: Settings) -> Iterator[str]:
    for key in secret_names(HttpSettings):
        value = getattr(settings.http, key)
        if value:
            yield value
    for account in settings.accounts:
        yield from _account_secrets(account)
    for sink in settings.sinks:
        yield from _named_secrets(sink.options)
    for url in (*settings.notify.urls().values(), settings.notify.heartbeat.url or ""):
        yield from _whole_url_secrets(url)


def _account_secrets(account: AccountSettings) -> Iterator[str]:
    credentials = account.credentials
    for key in secret_names(Credentials):
        value = getattr(credentials, key)
        if value:
            yield value
    yield from cookie_values(credentials.cookie or "")
    yield from _url_secrets(account.url)
    yield from _url_secrets(account.proxy or "")
    yield from _named_secrets(account.headers)


def _named_secrets(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _named_secrets(value)
        elif isinstance(value, str) and is_secret_name(name):
            yield value
            yield value.rpartition(" ")[2]  # Bearer …
            if "cookie" in name.lower():
                yield from cookie_values(value)
        elif isinstance(value, str) and "://" in value:
            yield from _url_secrets(value)


def _whole_url_secrets(url: str) -> Iterator[str]:
    """Yield a URL that is a secret as a whole, and each part that may be repeated without it."""
    yield url
    rest = url.partition("://")[2]  # of these URLs no library splits each
    userinfo, _, _ = rest.rpartition("@")
    password = userinfo.partition(":")[2]
    yield from filter(None, (userinfo, password, unquote(password)))
    for part in _PARTS.split(rest):
        if len(part) >= _LONG_PART and any(map(str.isdigit, part)) and not _HOST(part):
            yield part


def _url_secrets(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    userinfo, _, _ = parts.netloc.rpartition("@")
    if userinfo:
        yield userinfo
        yield unquote(userinfo.partition(":")[2])
    for name, value in parse_qsl(parts.query):
        if is_secret_name(name):
            yield value


# --- loggers --------------------------------------------------------------------------


def get_logger(redactor: Redactor | None = None, **bound: Any) -> GuardedLog:
    """Return library code its logger.

    For a traceback say ``error(…, exc_info=True)``: in a host with its own structlog,
    ``exception()`` may let the standard library add one that nobody masked.

    Args:
        redactor: Masks before anything else; None knows no values, only telling names.
        bound: Fields of every line.

    Returns:
        A logger that never touches stdout or stderr unless the host said so.
    """
    redactor = redactor or Redactor()
    if structlog.is_configured():
        chain = list(structlog.get_config()["processors"])
        return GuardedLog(structlog.wrap_logger(None, processors=[redactor, *chain], **bound))
    return _over(_STDLIB, redactor, **bound)


def _over(log: StandardLog, redactor: Redactor, **bound: Any) -> GuardedLog:
    """Return a logger whose lines a logger of the standard library gets as text."""
    return GuardedLog(
        structlog.wrap_logger(
            log,
            processors=[_by_level, redactor, _as_text],
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
            **bound,
        )
    )


def logger_for(log: Any, redactor: Redactor) -> GuardedLog:
    """Return the logger to use: the host's own, behind the redactor, or the default one.

    Args:
        log: A structlog logger, or whatever takes an event and its fields as one does; a logger
            of the standard library, which gets each line as a text; None: the default one.
        redactor: Masks before anything else.

    Raises:
        TypeError: It is none of these.
    """
    if log is None:
        return get_logger(redactor)
    if isinstance(log, GuardedLog):
        return log
    if isinstance(log, logging.Logger | logging.LoggerAdapter):
        return _over(log, redactor)
    wrong = isinstance(log, type | ModuleType)
    if wrong or not _takes_lines(log):
        what = getattr(log, "__name__", "a class") if wrong else arguments.kind(log)
        raise TypeError(
            f"log must be a logger, of structlog or logging, not {what}; "
            'write log=structlog.get_logger() or log=logging.getLogger("shop")'
        )
    return GuardedLog(log, redactor)


def _takes_lines(log: object) -> bool:
    """Return whether it looks like a logger; one that lacks a level loses the lines of that."""
    try:
        return callable(getattr(log, "warning", None))
    except Exception:  # noqa: BLE001  # a proxy in the host's trouble: a line would be lost, no more
        return True


class GuardedLog:
    """A logger that never raises: the only way from inside to the host's logging.

    Whatever a logger, processor, handler or stream of the host raises costs the line, which is
    counted; ``SystemExit`` and its like, too. A line that is logged while the same thread is
    logging (a handler that calls the gateway) is dropped and counted. Only the main thread's
    ``KeyboardInterrupt`` goes on: it is a person's.

    Args:
        log: A logger of structlog's form.
        redactor: Masks before anything else; None: the logger does so itself.
    """

    __slots__ = ("_bound", "_log", "_lost", "_redactor")

    def __init__(self, log: Any, redactor: Redactor | None = None) -> None:
        self._log = log
        self._redactor = redactor
        self._lost = [0]
        self._bound: dict[str, Any] = {}

    @property
    def lost(self) -> int:
        """The number of lines that could not be logged, about."""
        return self._lost[0]

    def bind(self, **fields: Any) -> GuardedLog:
        """Return one whose lines have these fields, too."""
        bound = copy.copy(self)  # not the log's own bind(): not every log has one
        bound._bound = self._bound | fields  # noqa: SLF001  # one of ours
        return bound

    def debug(self, event: str, **fields: Any) -> None:
        """Log a detail."""
        self._say("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log a change."""
        self._say("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log what is tried again or was refused."""
        self._say("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log what a person must read."""
        self._say("error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Log it with the traceback of what is being handled."""
        self._say("error", event, {"exc_info": True, **fields})

    def _say(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if getattr(_here, "logging", False):
            self._lost[0] += 1
            return
        _here.logging = True
        try:
            fields = self._bound | fields
            if self._redactor is not None:
                fields = dict(self._redactor(None, "", {"event": event, **fields}))
                event = fields.pop("event")
            getattr(self._log, level)(event, **fields)
        except BaseException as error:  # strangers' code, on every thread there is
            self._lost[0] += 1
            if isinstance(error, KeyboardInterrupt) and (
                threading.current_thread() is threading.main_thread()
            ):
                raise
        finally:
            _here.logging = False


_here = threading.local()


def _by_level(
    logger: StandardLog, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop what the logger's level leaves out; structlog's own filter knows no adapters."""
    if not logger.isEnabledFor(_LEVELS[method]):
        raise structlog.DropEvent
    return event


def _as_text(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """Render for the standard library: the event, then ``name=value``.

    Without ``exc_info=False`` its ``exception()`` would add the traceback again, unmasked.
    """
    exception = event.pop("exception", None)
    fields = (f"{name}={value!r}" for name, value in event.items() if name != "event")
    line = " ".join([str(event.get("event")), *fields])
    return (f"{line}\n{exception}" if exception else line,), {"exc_info": False}


class Stream(Protocol):
    """As much of a text stream as is needed."""

    def write(self, text: str, /) -> object:
        """Append a text."""

    def flush(self) -> None:
        """Hand on what was written."""

    def isatty(self) -> bool:
        """Return whether a person reads it on a terminal."""


def configure(
    level: Level = "info",
    format: Literal["console", "json"] = "console",  # noqa: A002 the name of the setting
    *,
    settings: Settings | None = None,
    stream: Stream | None = None,
) -> Redactor:
    """Set up logging for the whole process; the launcher's business alone.

    Lines of other libraries (WARNING and above) come out in the same form, as
    ``library.logged``. Calling it again replaces what it did before.

    Args:
        level: What is below it costs nothing.
        format: For a person or for a program.
        settings: Whose secrets are masked.
        stream: Where to; None: stderr, as it is now. A service or ``pythonw`` may have none:
            then the lines go nowhere.

    Returns:
        The redactor in use, to be taught accounts that come later.
    """
    if stream is None:
        given: TextIO | None = sys.stderr  # None without a console, which typeshed leaves out
        stream = given
    redactor = redactor_of(settings or Settings())
    structlog.configure(
        processors=[
            redactor,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _renderer(format, stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_Lines(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    unconfigure_strangers()
    root.addHandler(_Forward(_STRANGERS_LEVEL))
    return redactor


def unconfigure_strangers() -> None:
    """Stop forwarding what other libraries log."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Forward)]:
        root.removeHandler(handler)


@contextlib.contextmanager
def overhearing(first: str, *others: str) -> Iterator[list[str]]:
    """Keep what loggers of other libraries are told on this thread while a block runs.

    Nobody else hears it. What the first one is told at WARNING and above is in the list.
    """
    said: list[str] = []
    here = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != here:
            return True
        if record.name == first and record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False

    loggers = [logging.getLogger(name) for name in (first, *others)]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        yield said
    finally:
        for logger in loggers:
            logger.removeFilter(keep)


def _renderer(form: str, stream: Stream | None) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(serializer=escaping.dumps)
    try:
        colors = stream is not None and stream.isatty()
    except (OSError, ValueError):  # closed
        colors = False
    colors = colors and "NO_COLOR" not in os.environ
    return structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=24)


class _Lines:
    """Writes whole lines; a closed or full stream costs the line, never the caller.

    It is its own factory: all loggers of a process share the one lock.
    """

    def __init__(self, stream: Stream | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, *_: Any) -> _Lines:
        return self

    def msg(self, line: str) -> None:
        """Write a line."""
        stream = self._stream
        if stream is None:
            return
        with contextlib.suppress(OSError, ValueError), self._lock:  # nobody is left to tell
            try:
                stream.write(line + "\n")
            except UnicodeEncodeError:
                stream.write(line.encode("ascii", "backslashreplace").decode() + "\n")
            stream.flush()

    debug = info = warning = error = critical = exception = fatal = log = msg


class _Forward(logging.Handler):
    """Hands what other libraries log to structlog, where it is masked and rendered."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 a stranger's bad format must not cost the line
            message = str(record.msg)
        log = GuardedLog(structlog.get_logger())
        (log.error if record.levelno >= logging.ERROR else log.warning)(
            "library.logged",
            library=record.name,
            message=message,
            exc_info=record.exc_info,
        )


class RedactingFilter(logging.Filter):
    """Masks records of the standard library; for hosts that let other libraries log.

    Attach it to the handlers, not the loggers: a filter of a logger does not see what
    its children log.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record; it always passes."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 as above
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self._redactor.text(message), None
        if record.exc_info and record.exc_info[1] is not None:
            kind, error, trace = record.exc_info
            if kind is not None:
                record.exc_text = self._redactor.exception((kind, error, trace))
            record.exc_info = None
        return True
