"""Reads what the kernel counts. Any thread; waits for nobody who handles an event.

Counters are plain attributes of their owners, which go on adding meanwhile: numbers of one
reading may be one batch apart.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import gateway
from actors.account.counts import AccountCounts
from actors.policy.histogram import Histogram
from actors.ports.journal import Standing
from actors.runtime.journal.writer import WriterCounters
from actors.state import ConnectionState
from actors.system import System
from actors.values import AccountId
from gateway.compiled import not_compiled
from gateway.metrics import disk
from gateway.settings import Settings

Reading: TypeAlias = "float | Histogram | Mapping[str, float | Histogram] | None"
"""Of a family: a number; by label value, if it has a label; None: there is none now."""

_EMPTY: Final = Histogram()
_NOTHING: Final = Standing(0, 0, 0)
_NO_COMMITS: Final = WriterCounters(
    commits=0, rows=0, failures=0, refused=0, waiting=0, last_commit_s=0.0, slow=0
)


class Source(NamedTuple):
    """A gateway, as far as its metrics go.

    Attributes:
        system: What runs; None before the start and after the stop.
        states: Where the connection of each account stands.
        storing: Whether work is taken and can be stored.
        rung: Messages of the bell by what became of them.
        settings: Name the journal, and how accounts are shown.
    """

    system: Callable[[], System | None]
    states: Callable[[], Sequence[tuple[AccountId, ConnectionState]]]
    storing: Callable[[], bool]
    rung: Callable[[], Mapping[str, int]]
    settings: Settings


class AccountRow(NamedTuple):
    """One account, in the order of :data:`gateway.metrics.families.ACCOUNT_FAMILIES`."""

    account: AccountId
    up: int
    received: int
    settled: int
    pending: int
    letters: int
    connects: int
    last_event_s: float


def build() -> dict[str, str]:
    """Return what this is a build of."""
    return {
        "version": gateway.__version__,
        "python": platform.python_version(),
        "readers": "plain" if not_compiled() else "compiled",
    }


def read(source: Source, system: System | None) -> dict[str, Reading]:
    """Return the readings of :data:`gateway.metrics.families.FAMILIES`, but for ``build``.

    Args:
        source: Whose.
        system: What runs or ran last; None: nothing did yet, and there are zeros.
    """
    found = _of_disk(source, system) | _of_accounts(source, system)
    found["ready"] = int(source.storing())
    found["notifications"] = source.rung()
    if system is not None:
        found |= _of_parts(system) | _of_journal(system)
    return found


def accounts(source: Source, system: System | None) -> list[AccountRow]:
    """Return a row for each account there is now."""
    states = source.states()
    if system is None:
        return [AccountRow(name, 0, 0, 0, 0, 0, 0, 0.0) for name, _ in states]
    counts, standings = system.services.counts, system.services.writer.standings()
    carried = {each.name: each.carried for each in system.accounts.all()}
    rows = []
    for name, state in states:
        count, standing = counts.get(name), standings.get(name, _NOTHING)
        at_ms = carried[name].pushed_at_ms if name in carried else 0
        rows.append(
            AccountRow(
                name,
                int(state is ConnectionState.CONNECTED),
                0 if count is None else count.received,
                0 if count is None else _settled(count),
                standing.pending,
                standing.dead + standing.parked,
                0 if count is None else count.connects,
                at_ms / 1000,
            )
        )
    return rows


def _settled(count: AccountCounts) -> int:
    ended = count.ended
    if ended is None:
        return count.done
    return count.done + ended.get("ignored", 0) + ended.get("expired", 0)


def _of_accounts(source: Source, system: System | None) -> dict[str, Reading]:
    counts = [] if system is None else list(system.services.counts.copy().values())
    ended: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for count in counts:
        for disposition, events in count.ended.copy().items() if count.ended else ():
            ended[disposition] += events
        for cause, links in count.lost.copy().items() if count.lost else ():
            lost[cause] += links
    ended["done"] = sum([count.done for count in counts])
    return {
        "accounts": Counter([state.value for _, state in source.states()]),
        "events_received": sum([count.received for count in counts]),
        "events_duplicate": sum([count.duplicates for count in counts]),
        "events_recovered": sum([count.recovered for count in counts]),
        "events_settled": ended,
        "events_dead_lettered": ended,
        "links_lost": lost,
        "recoveries": {
            "complete": sum([count.recovered_whole for count in counts]),
            "incomplete": sum([count.recovered_in_part for count in counts]),
        },
    }


def _of_parts(system: System) -> dict[str, Reading]:
    services = system.services
    poller, handlers, sends = services.poller, services.handlers, services.sends
    running, idle, hung = handlers.threads
    now = services.clock.monotonic()
    seen = services.seen.copy().values()
    tokens = [each.good_until_s - now for each in seen if each.good_until_s is not None]
    return {
        "alerts": Counter(services.alerts.names()),
        "frames_read": poller.frames,
        "read_bytes": poller.read_bytes,
        "written_bytes": poller.written_bytes,
        "event_wait_seconds": handlers.waited,
        "handler_seconds": handlers.took,
        "handler_threads": {"running": running, "idle": idle, "hung": hung},
        "sends_ended": {outcome.value: count for outcome, count in sends.outcomes.items()},
        "sends_waiting": len(sends),
        "sends_to_review": sum([each.carried.to_review for each in system.accounts.all()]),
        "send_seconds": sends.took,
        "dials": services.dials.ended,
        "dial_phase_seconds": {phase.value: took for phase, took in services.dials.took.items()},
        "token_calls": services.tokens.calls,
        "token_expires_in_seconds": max(0.0, min(tokens)) if tokens else None,
    }


def _of_journal(system: System) -> dict[str, Reading]:
    writer, clock = system.services.writer, system.services.clock
    standings = writer.standings().values()
    oldest_ms, counters = writer.oldest_ms(), writer.counters
    pending = sum([each.pending for each in standings])
    waits = pending and oldest_ms is not None
    return {
        "events_pending": pending,
        "oldest_pending_seconds": max(0, clock.unix_ms() - (oldest_ms or 0)) / 1000 if waits else 0,
        "dead_letters": {
            "dead": sum([each.dead for each in standings]),
            "parked": sum([each.parked for each in standings]),
        },
        "journal_commits": counters.commits,
        "journal_rows": counters.rows,
        "journal_commit_failures": counters.failures,
        "journal_commit_seconds": writer.took,
        "journal_waiting": counters.waiting,
    }


def _of_disk(source: Source, system: System | None) -> dict[str, Reading]:
    found = disk.look(source.settings)
    age_s = None
    if found.backup_at_s is not None and system is not None:
        age_s = max(0.0, system.services.clock.unix_ms() / 1000 - found.backup_at_s)
    return {
        "journal_bytes": found.journal_bytes,
        "journal_free_bytes": found.free_bytes,
        "journal_backup_age_seconds": age_s,
        "token_expires_in_seconds": None,
    }


def values_of(reading: Reading, labels: Iterable[str]) -> list[tuple[str, float | Histogram]]:
    """Return a value for each value of the label; what was not counted is 0."""
    found = reading if isinstance(reading, Mapping) else {}
    return [(label, found.get(label, 0)) for label in labels]
