"""The machine: the process, its disk, its settings; and what is done to all accounts at once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from actors.ports.journal import JournalError
from actors.values import AccountId
from gateway.config import effective
from gateway.errors import ShuttingDownError, UnknownAccountError
from gateway.host.accounts import AccountView
from gateway.journal.files.backups import FOLDER
from gateway.metrics import disk
from gateway.settings import Settings
from gateway.settings.addresses import is_loopback
from gateway.web import access, checks, codes, records
from gateway.web.context import Answer
from gateway.web.findings import Finding, Verdict
from gateway.web.pages import past
from gateway.web.pages.visit import Shown, Visit, moved
from gateway.web.request import Request

LISTED_ACCOUNTS: Final = 20
"""Accounts whose settings are shown."""

LONGEST_S: Final = 30.0
"""Seconds for all accounts; those that are left then are told as not tried."""

MIB: Final = 1 << 20

_MADE: Final = re.compile(r"[A-Za-z0-9.-]{1,80}")
_FDS: Final = ("/proc/self/fd", "/dev/fd")


def show(visit: Visit) -> Shown:
    """Show the process, its disk and its settings."""
    context = visit.context
    settings, reading = context.gateway.settings, context.reading
    kept = disk.look(settings)
    paused = sum(view.paused for view in context.gateway.accounts.views())
    total = len(context.gateway.accounts)
    found = _findings(settings)
    return Shown(
        template="machine.html",
        data={
            "pid": os.getpid(),
            "uptime_s": time.monotonic() - context.began_s,
            "durability": settings.durability,
            "data_dir": str(settings.data_dir),
            "journal_mib": kept.journal_bytes / MIB,
            "free_gib": None if kept.free_bytes is None else kept.free_bytes / (1 << 30),
            "backup_s": None
            if kept.backup_at_s is None
            else visit.now_ms / 1000 - kept.backup_at_s,
            "keeps": settings.durability != "memory",
            "descriptors": _descriptors(),
            "hung": context.gateway.hung,
            "storing": context.gateway.storing,
            "reading": past.standing(context),
            "reading_failure": None if reading is None else reading.state.failure,
            "wrong": [each for each in found if each.verdict is not Verdict.FINE],
            "fine": [each for each in found if each.verdict is Verdict.FINE],
            "accounts": total,
            "paused": paused,
            "settings": _settings(settings) if visit.may_act else None,
            "listed": LISTED_ACCOUNTS if total > LISTED_ACCOUNTS else 0,
            "made": _made(visit),
            "did": _did(visit.query),
        },
    )


def backup(visit: Visit) -> Answer:
    """Copy the journal while it is in use."""
    answer = records.journal_backup(visit.context, Request(body=b"{}"))
    return moved(f"/machine?{urlencode({'made': Path(answer.body['path']).name})}")


def sign_in_link(visit: Visit) -> Shown:
    """Make a link that signs a phone in, and show it this once."""
    made = access.make_link(visit.context, Request(body=b"{}"))
    url = f"{visit.base}{made.unmasked['path']}"
    return Shown(
        template="sign_in_link.html",
        data={
            "url": url,
            "svg": codes.svg(url),
            "left_s": made.body["expires_s"],
            "is_local": is_loopback(urlsplit(visit.base).hostname or ""),
        },
    )


def pause_all(visit: Visit) -> Answer:
    """Close the links of all accounts, and keep them away."""
    accounts = visit.context.gateway.accounts
    return _all(visit, "pause_all", accounts.pause, lambda view: not view.paused)


def resume_all(visit: Visit) -> Answer:
    """Connect all accounts that are paused."""
    accounts = visit.context.gateway.accounts
    return _all(visit, "resume_all", accounts.resume, lambda view: view.paused)


def _all(
    visit: Visit,
    verb: str,
    do: Callable[[AccountId], None],
    wanted: Callable[[AccountView], bool],
) -> Answer:
    context = visit.context
    names = [view.id for view in context.gateway.accounts.views() if wanted(view)]
    ends_s, done = time.monotonic() + LONGEST_S, 0
    for name in names:
        if time.monotonic() > ends_s or context.closing.is_set():
            break
        try:
            do(name)
        except UnknownAccountError:  # removed meanwhile
            done += 1
        except (JournalError, ShuttingDownError, TimeoutError):
            break
        else:
            done += 1
    context.log.info("control.performed", verb=verb, accounts=done)
    told = {"did": verb, "count": done, "left": len(names) - done}
    return moved(f"/machine?{urlencode(told)}")


def _did(query: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what the form before did, as its way here tells; None: there was none."""
    verb = query.get("did", "")
    if verb not in ("pause_all", "resume_all"):
        return None
    counts = (query.get(name, "") for name in ("count", "left"))
    done, left = (int(each) if re.fullmatch(r"[0-9]{1,7}", each) else 0 for each in counts)
    return {"verb": verb, "count": done, "left": left}


def _made(visit: Visit) -> str | None:
    """Return the path of the backup that was just made; None: there is none of that name."""
    name = visit.query.get("made", "")
    if not _MADE.fullmatch(name):
        return None
    path = Path(visit.context.gateway.settings.data_dir) / FOLDER / name
    return str(path) if path.is_file() else None


def _findings(settings: Settings) -> Sequence[Finding]:
    found = [Finding("configuration", Verdict.WARNING, note) for note in settings.notes]
    found += checks.of_machine()
    found += checks.of_links(settings)
    found += checks.of_descriptors(len(settings.accounts))
    if settings.durability != "memory":
        with contextlib.suppress(OSError):  # the alerts of the journal tell of a disk that is gone
            found += checks.of_directory(Path(settings.data_dir))
    return found


def _descriptors() -> tuple[int, int | None] | None:
    """Return how many descriptors are open, and how many may be; None: this system does not say."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  # not on Windows

    for folder in _FDS:
        with contextlib.suppress(OSError):
            used = sum(1 for _ in Path(folder).iterdir())
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            return used, None if soft in (-1, resource.RLIM_INFINITY) else soft
    return None


def _settings(settings: Settings) -> str:
    """Return the settings as a file would hold them, secrets masked."""
    import yaml  # noqa: PLC0415  # a third of the start-up time, only wanted here

    few = dataclasses.replace(settings, accounts=settings.accounts[:LISTED_ACCOUNTS])
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    told: str = yaml.dump(effective(few), Dumper=dumper, allow_unicode=True, sort_keys=False)
    return told
