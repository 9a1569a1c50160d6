"""Dates of HTTP headers, read as leniently as RFC 6265 wants it (5.1.1). Pure; never raises."""

from __future__ import annotations

import datetime as dt
import re

_LONGEST = 64
_EARLIEST_YEAR = 1601
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)", re.ASCII).match
_DAY = re.compile(r"(\d{1,2})(?:\D|$)", re.ASCII).match
_YEAR = re.compile(r"(\d{2,4})(?:\D|$)", re.ASCII).match
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def date_ms(text: str) -> int | None:
    """Return the Unix time of a date in milliseconds; None if it is none."""
    if len(text) > _LONGEST:
        return None
    clock: re.Match[str] | None = None
    day = month = year = None
    for part in _DELIMITERS.split(text):
        if clock is None and (found := _TIME(part)):
            clock = found
        elif day is None and (found := _DAY(part)):
            day = int(found[1])
        elif month is None and part[:3].lower() in _MONTHS:
            month = _MONTHS.index(part[:3].lower()) + 1
        elif year is None and (found := _YEAR(part)):
            year = _full_year(int(found[1]))
    if clock is None or day is None or month is None or year is None or year < _EARLIEST_YEAR:
        return None
    hour, minute, second = map(int, clock.groups())
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        days = dt.date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000


def _full_year(year: int) -> int:
    """Return a year of two digits as one of this or the last century."""
    if year > 99:
        return year
    return year + (1900 if year >= 70 else 2000)
