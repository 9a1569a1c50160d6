"""Benchmark: what a person and a scraper wait for, with 10,000 accounts.

``python scripts/bench_page.py``: a real gateway with so many accounts, served over loopback, all
of them at rest; with ``--worst`` each of them needs a person. Nothing is dialled. Each address is
asked one after the other; the exit code is 1 if a median or a size is above its goal.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actors.runtime.log import SILENT
from actors.state import ConnectionState
from gateway import Gateway
from gateway.config import from_mapping
from gateway.web import serve
from gateway.web.application import Application

ASK_S: Final = 60.0
START_S: Final = 300.0
KIB: Final = 1024


class Goal(NamedTuple):
    """What an address may cost.

    Attributes:
        most_ms: Its median.
        most_bytes: As it is sent, gzipped; None: nobody minds.
    """

    path: str
    most_ms: float
    most_bytes: int | None = None


GOALS: Final = (
    Goal("/", 100, 40 * KIB),
    Goal("/v1/status", 10),
    Goal("/metrics", 50),
)


@contextmanager
def many(folder: Path, accounts: int, *, failed: bool) -> Iterator[Gateway]:
    """Yield a gateway that runs; its accounts are switched off, or have no login and gave up."""
    login = {"kind": "goofish"} if failed else {"kind": "static"}
    config: dict[str, Any] = {
        "data_dir": str(folder),
        "durability": "normal",
        "http": {"listen": "127.0.0.1:0"},
        "accounts": [
            {
                "id": f"account-{number}",
                "platform": "goofish" if failed else "plain",
                "url": "ws://127.0.0.1:9",
                "enabled": failed,
                "credentials": login,
            }
            for number in range(accounts)
        ],
    }
    gateway = Gateway(from_mapping(config), log=SILENT)
    try:
        gateway.start()
        if failed:
            for view in gateway.accounts.values():
                if not view.wait_for(ConnectionState.FAILED, START_S):
                    raise SystemExit(f"bench_page.py: {view!r} did not give up")
        yield gateway
    finally:
        gateway.stop(60.0)


def ask(address: str, path: str) -> tuple[float, int, bytes]:
    """Return how long an answer took, in milliseconds, its size as sent, and its body."""
    connection = HTTPConnection(address, timeout=ASK_S)
    try:
        connection.connect()
        began = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        took_ms = (time.perf_counter() - began) * 1e3
        if answer.status != 200:
            raise SystemExit(f"bench_page.py: {path} answers {answer.status}: {body[:200]!r}")
        packed = answer.getheader("Content-Encoding") == "gzip"
        return took_ms, len(body), gzip.decompress(body) if packed else body
    finally:
        connection.close()


def profiled(path: str) -> Callable[[], None]:
    """Note where the application spends its time on an address; return what prints it."""
    profile, call = cProfile.Profile(), Application.__call__

    def within(self: Application, environ: Any, start_response: Any) -> Any:
        if environ.get("PATH_INFO") != path:
            return call(self, environ, start_response)
        return profile.runcall(call, self, environ, start_response)

    setattr(Application, "__call__", within)  # noqa: B010  # mypy takes no assignment
    return lambda: print_profile(profile)


def print_profile(profile: cProfile.Profile) -> None:
    """Print the calls that took longest, themselves and what they called."""
    pstats.Stats(profile).sort_stats("cumulative").print_stats(35)


def main() -> int:
    """Ask, print, and compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--asks", type=int, default=50, help="of each address")
    parser.add_argument("--worst", action="store_true", help="each account needs a person")
    parser.add_argument("--profile", action="store_true", help="of /; one ask at a time is slower")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where the journal goes")
    options = parser.parse_args()
    tell = profiled("/") if options.profile else None
    good = measured(Path(options.dir), options.accounts, options.asks, failed=options.worst)
    if tell is not None:
        tell()
    return 0 if all(good) else 1


def measured(directory: Path, accounts: int, asks: int, *, failed: bool) -> list[bool]:
    """Ask for each address, and print what it took; return which goals are reached."""
    print(f"{accounts} accounts {'that need a person' if failed else 'at rest'}")
    with (
        tempfile.TemporaryDirectory(dir=directory) as folder,
        many(Path(folder), accounts, failed=failed) as gateway,
    ):
        served = serve(gateway)
        assert served is not None, "the settings say where"
        try:
            address = served.url.removeprefix("http://")
            found = []
            for goal in GOALS:
                ask(address, goal.path)  # what is made once is made
                found.append(told(goal, [ask(address, goal.path) for _ in range(asks)]))
            return found
        finally:
            served.stop()


def told(goal: Goal, found: list[tuple[float, int, bytes]]) -> bool:
    """Print a line; return whether the goal is reached."""
    times = sorted(took for took, _, _ in found)
    p50, p95 = statistics.median(times), times[max(0, round(len(times) * 0.95) - 1)]
    size = max(sent for _, sent, _ in found)
    good = p50 <= goal.most_ms and (goal.most_bytes is None or size <= goal.most_bytes)
    room = "" if goal.most_bytes is None else f" (goal {goal.most_bytes / KIB:.0f})"
    print(
        f"{goal.path:<11} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms (goal {goal.most_ms:.0f})  "
        f"{size / KIB:6.1f} KiB{room} of {len(found[0][2]) / KIB:.1f}  "
        f"{'reached' if good else 'missed'}"
    )
    return good


if __name__ == "__main__":
    sys.exit(main())
