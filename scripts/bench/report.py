"""Tables and goals: medians of rounds, ratios taken inside each round.

A goal is one of ``docs/performance.md``; it is shown as reached, or as missed by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from scripts.bench.harness import Figures, Load

ASYNCIO = "plain asyncio"
PICOWS = "picows"
THREADS = "threads"
THREADS_FAST = "threads, fast"
MEMORY = "gateway, memory"
FULL = "gateway, full"

NAME_WIDTH = 16
CELL_WIDTH = 10


@dataclass(frozen=True, kw_only=True)
class Series:
    """The rounds of one load: in each, the figures of every client that ran."""

    load: Load
    rounds: Sequence[dict[str, Figures]]

    def clients(self) -> list[str]:
        """Return the names in the order they ran first."""
        return list(dict.fromkeys(name for figures in self.rounds for name in figures))

    def median(self, client: str, value: Callable[[Figures], float]) -> float | None:
        """Return the median over the rounds; None if the client never ran."""
        values = [value(figures[client]) for figures in self.rounds if client in figures]
        return median(values) if values else None

    def ratio(self, client: str, to: str, value: Callable[[Figures], float]) -> float | None:
        """Return the median of the ratios within each round."""
        ratios = [
            value(figures[client]) / value(figures[to])
            for figures in self.rounds
            if client in figures and to in figures and value(figures[to])
        ]
        return median(ratios) if ratios else None


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One goal as this run shows it; ``most``: the value may not be above."""

    text: str
    value: float | None
    bound: float
    most: bool
    unit: str

    @property
    def met(self) -> bool | None:
        """Return whether it is reached; None where nothing was measured."""
        if self.value is None:
            return None
        return self.value <= self.bound if self.most else self.value >= self.bound

    def line(self) -> str:
        """Return the goal, the value and the verdict."""
        sign = "≤" if self.most else "≥"
        want = f"{self.text}: {sign} {self.bound:.3g}{self.unit}"
        if self.value is None:
            return f"  -       {want}: not measured"
        if self.met:
            return f"  reached {want}: {self.value:.3g}{self.unit}"
        by = self.value / self.bound if self.most else self.bound / max(self.value, 1e-9)
        return f"  MISSED  {want}: {self.value:.3g}{self.unit}, off by a factor of {by:.2f}"


def cpu_us(figures: Figures) -> float:
    """Return processor time per event."""
    return figures.cpu_us


def events_s(figures: Figures) -> float:
    """Return events a second, wall clock."""
    return figures.events_s


def p99_us(figures: Figures) -> float:
    """Return the 99th percentile from send to handler."""
    return figures.p99_us


def goals(series: Sequence[Series], sync_p50_us: float) -> list[Goal]:
    """Judge everything that was measured."""
    judged: list[Goal] = []
    for one in series:
        if one.load.idle_s:
            judged += _idle_goals(one)
        elif one.load.rate:
            judged += _paced_goals(one, sync_p50_us)
        else:
            judged += _full_speed_goals(one)
    return judged


def _full_speed_goals(one: Series) -> list[Goal]:
    who = _accounts(one.load)
    found = [
        Goal(
            text=f"CPU per event, memory, against {peer}, {who}",
            value=one.ratio(MEMORY, peer, cpu_us),
            bound=bound,
            most=True,
            unit="x",
        )
        for peer, bound in ((ASYNCIO, 1 / 3), (PICOWS, 1.0))
    ]
    if one.load.accounts == 100:
        found.append(
            Goal(
                text=f"events/s, durable, against {ASYNCIO}, {who}",
                value=one.ratio(FULL, ASYNCIO, events_s),
                bound=2.0,
                most=False,
                unit="x",
            )
        )
    return found if {MEMORY, FULL} & set(one.clients()) else []


def _paced_goals(one: Series, sync_p50_us: float) -> list[Goal]:
    bounds = {MEMORY: 1.0, FULL: 2.5 + 2 * sync_p50_us / 1e3}
    found: list[Goal] = []
    for client, bound in bounds.items():
        p99 = one.median(client, p99_us)
        if p99 is not None:
            text = f"p99 to handler at {one.load.rate}/s, {client}, {_accounts(one.load)}"
            found.append(Goal(text=text, value=p99 / 1e3, bound=bound, most=True, unit=" ms"))
    return found


def _idle_goals(one: Series) -> list[Goal]:
    found: list[Goal] = []
    for client in one.clients():
        if not client.startswith("gateway"):
            continue
        who = f"{client}, {_accounts(one.load)}"
        kb = one.median(client, lambda f: f.account_kb)
        found.append(
            Goal(
                text=f"resident per idle account, {who}", value=kb, bound=16, most=True, unit=" KB"
            )
        )
        if one.load.accounts >= 10_000:
            count = one.median(client, lambda f: f.threads)
            share = one.median(client, lambda f: 100 * f.cpu_share)
            found.append(Goal(text=f"threads, {who}", value=count, bound=30, most=True, unit=""))
            found.append(
                Goal(text=f"share of one core, {who}", value=share, bound=25, most=True, unit=" %")
            )
    return found


def _accounts(load: Load) -> str:
    return f"{load.accounts} account{'s' if load.accounts > 1 else ''}"


def table(one: Series) -> str:
    """Return the medians of one load, a line a client."""
    load = one.load
    if load.idle_s:
        kind = f"idle for {load.idle_s:g} s"
    elif load.rate:
        kind = f"{load.rate} events/s"
    else:
        kind = "full speed"
    title = (
        f"{_accounts(load)}, {kind}, {load.entries} a package; median of {len(one.rounds)} rounds"
    )
    columns = _columns(one)
    head = f"  {'client':{NAME_WIDTH}}" + "".join(f"{name:>{CELL_WIDTH}}" for name in columns)
    rows = (
        f"  {client:{NAME_WIDTH}}" + "".join(_cell(value(client)) for value in columns.values())
        for client in one.clients()
    )
    return "\n".join((title, head, *rows))


def _columns(one: Series) -> dict[str, Callable[[str], float | None]]:
    return {
        "CPU us/ev": lambda client: one.median(client, cpu_us),
        "x asyncio": lambda client: one.ratio(client, ASYNCIO, cpu_us),
        "x picows": lambda client: one.ratio(client, PICOWS, cpu_us),
        "events/s": lambda client: one.median(client, events_s),
        "p50 us": lambda client: one.median(client, lambda f: f.p50_us),
        "p99 us": lambda client: one.median(client, p99_us),
        "KB/acct": lambda client: one.median(client, lambda f: f.account_kb),
        "RSS MB": lambda client: one.median(client, lambda f: f.rss_kb / 1024),
        "threads": lambda client: one.median(client, lambda f: f.threads),
        "% core": lambda client: one.median(client, lambda f: 100 * f.cpu_share),
        "server us": lambda client: one.median(client, lambda f: f.server_us),
    }


def _cell(value: float | None) -> str:
    if not value:
        return f"{'-':>{CELL_WIDTH}}"
    if value >= 1000:
        return f"{value:>{CELL_WIDTH},.0f}"
    return f"{value:>{CELL_WIDTH}.{2 if value < 10 else 1}f}"
