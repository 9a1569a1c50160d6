"""Rules of the section ``notify`` that no type expresses: hours, patterns, addresses. Pure.

No text here repeats a URL of apprise: it is a secret as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.alike import did_you_mean
from gateway.config.document import key_path
from gateway.config.findings import Finding, of_address
from gateway.config.problems import shown
from gateway.settings import NotifySettings, addresses
from gateway.settings.notify import QuietSettings
from gateway.words.en import ALERTS

MOST_TARGETS: Final = 16
"""URLs of apprise in all; each takes its turn on the one thread of the bell."""

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]").fullmatch
_KNOWN: Final = frozenset({"*", *ALERTS, *(f"{name.partition('.')[0]}.*" for name in ALERTS)})
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.").match


def findings(notify: NotifySettings) -> Iterator[Finding]:
    """Yield everything that is wrong with the section, whose types are right."""
    for where, url in notify.urls().items():
        if not _SCHEME(url):
            yield (
                where,
                "is no URL of apprise; write scheme://…, as its wiki has it",
            )
    if len(notify.urls()) > MOST_TARGETS:
        yield (
            "notify.to",
            f"has more than {MOST_TARGETS} URLs with those of notify.also",
        )
    for nth, each in enumerate(notify.also):
        where = f"notify.also[{nth}]"
        for name in ("alerts", "to"):
            if not getattr(each, name):
                yield f"{where}.{name}", "is empty, so that nobody is told; fill it or leave it out"
        yield from _patterns(each.alerts, f"{where}.alerts")
    yield from _patterns(notify.at_once, "notify.at_once")
    yield from _quiet(notify.quiet)
    if notify.link is not None:
        yield from of_address(_parse_link, notify.link, "notify.link")
    if notify.heartbeat.url is not None:
        yield from of_address(addresses.parse_http, notify.heartbeat.url, "notify.heartbeat.url")


def minute_of(time: str) -> int:
    """Return the minute of the day of ``HH:MM``."""
    return int(time[:2]) * 60 + int(time[3:])


def _patterns(patterns: Sequence[str], path: str) -> Iterator[Finding]:
    for index, pattern in enumerate(patterns):
        if pattern not in _KNOWN:
            near = did_you_mean(pattern, sorted(_KNOWN))
            told = f"expected the name of an alert or all of a kind, got {shown(pattern)}{near}"
            yield key_path(path, index), f"{told}; write e.g. account.failed or journal.*"


def _quiet(quiet: QuietSettings) -> Iterator[Finding]:
    yield from _patterns(quiet.but, "notify.quiet.but")
    times = {"from": quiet.from_, "to": quiet.to}
    wrong = [name for name, time in times.items() if time is not None and not _TIME(time)]
    for name in wrong:
        told = f"expected HH:MM in quotes, from 00:00 to 23:59, got {shown(times[name])}"
        yield f"notify.quiet.{name}", told
    missing = [name for name, time in times.items() if time is None]
    if len(missing) == 1:
        yield f"notify.quiet.{missing[0]}", "is missing; quiet hours need both from and to"
    if not wrong and not missing and quiet.from_ == quiet.to:
        yield "notify.quiet.to", "is the same as from, so that it is never or always quiet"


def _parse_link(url: str) -> object:
    return addresses.split(url, ("http", "https"), "https://host/")
