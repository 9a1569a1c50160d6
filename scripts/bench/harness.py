"""One run: a feed server, a client, and the proof that nothing was lost between them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from scripts.bench.feed import CONVERSATIONS

ROOT = Path(__file__).resolve().parents[2]
CONNECT_DEADLINE_S = 180.0
RUN_DEADLINE_S = 60.0


class RunError(Exception):
    """A run that proves nothing: something was lost, came twice, or a process failed."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """Somebody who is fed.

    Attributes:
        name: As the tables show it.
        module: Runs as ``python -m``.
        options: Added to its spec.
        share: Part of the events a slow client gets, so that a round stays short.
        needs: Modules it cannot run without, and the pip command that adds them.
    """

    name: str
    module: str
    options: dict[str, Any]
    share: float = 1.0
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is fed.

    Attributes:
        accounts: Connections.
        events: Messages over all of them; rounded down to full conversations.
        rate: Messages a second over all accounts; 0: as fast as the window allows.
        entries: Messages in one package.
        window: Pushes of one connection that may be unacknowledged.
        idle_s: Instead of feeding, measure this long.
    """

    accounts: int
    events: int = 0
    rate: int = 0
    entries: int = 1
    window: int = 512
    idle_s: float = 0.0

    def spec(self, share: float) -> dict[str, Any]:
        """Return what server and client are told."""
        each = max(int(self.events * (1 if self.rate else share)) // self.accounts, 1)
        conversations = min(CONVERSATIONS, each)
        return {
            "accounts": self.accounts,
            "conversations": conversations,
            "per_conversation": each // conversations,
            "rate": self.rate,
            "timed": bool(self.rate),
            "entries": self.entries,
            "window": self.window,
        }


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one run gave; ``cpu_us`` is user and system time of the client per event."""

    events: int
    cpu_us: float
    events_s: float
    cpu_share: float
    p50_us: float
    p99_us: float
    max_us: float
    account_kb: float
    rss_kb: int
    threads: int
    server_us: float


class Child:
    """A process that speaks JSON lines."""

    def __init__(self, module: str, spec: dict[str, Any], core: int | None) -> None:
        self.name = module
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(spec)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._errors.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def tell(self, word: str) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def hear(self, key: str, deadline_s: float = RUN_DEADLINE_S) -> dict[str, Any]:
        """Wait for the next line.

        Raises:
            RunError: It has no ``key``, did not come in time, or the process ended.
        """
        try:
            line = self._lines.get(timeout=deadline_s)
        except queue.Empty:
            line = {}
        if line is not None and key in line:
            return line
        self._errors.seek(0)
        tail = self._errors.read()[-1500:]
        raise RunError(f"{self.name} said {line} where {key!r} was due; its errors: {tail or '-'}")

    def wait(self) -> None:
        """Wait for its end."""
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            raise RunError(f"{self.name} did not end within 60 s of its report") from None


def cores(*, pin: bool) -> tuple[int | None, int | None]:
    """Return a core for the server and one for the client, if there are two and pinning works."""
    if not pin or not hasattr(os, "sched_setaffinity"):
        return None, None
    own = sorted(os.sched_getaffinity(0))
    return (own[-1], own[0]) if len(own) > 1 else (None, None)


def run(client: Client, load: Load, *, directory: str, pin: bool) -> Figures:
    """Do one run and check all of it.

    Raises:
        RunError: A message or an acknowledgement is missing, doubled or out of order.
    """
    spec = load.spec(client.share)
    server_core, client_core = cores(pin=pin and not load.rate and not load.idle_s)
    with Child("scripts.bench.feed_server", spec, server_core) as server:
        spec |= {"port": server.hear("port")["port"], "dir": directory} | client.options
        with Child(client.module, spec, client_core) as fed:
            fed.hear("ready", CONNECT_DEADLINE_S)
            server.hear("greeted")
            if load.idle_s:
                threading.Event().wait(load.idle_s)
            else:
                server.tell("go")
                handled_or_failed(fed, server)
            fed.tell("report")
            report = fed.hear("cpu_s")
            fed.wait()
        server.tell("end")
        verdict = server.hear("acks")
    if load.idle_s:
        return figures(report, {"server_us": 0.0}, load.accounts, seconds=report["wall_s"])
    check(client, spec, report, verdict)
    ended_ns = max(report["finished_ns"], verdict["acked_ns"])
    return figures(report, verdict, load.accounts, seconds=(ended_ns - verdict["go_ns"]) / 1e9)


def handled_or_failed(fed: Child, server: Child) -> None:
    """Wait until all is handled and acknowledged."""
    started_s = time.monotonic()
    fed.hear("handled")
    server.hear("acked", max(RUN_DEADLINE_S - (time.monotonic() - started_s), 1.0))


def check(
    client: Client, spec: dict[str, Any], report: dict[str, Any], verdict: dict[str, Any]
) -> None:
    """Refuse a run in which anything was lost, doubled or reordered."""
    due = spec["accounts"] * spec["conversations"] * spec["per_conversation"]
    if report["events"] != due or report["wrong"]:
        raise RunError(
            f"{client.name} handled {report['events']} of {due} events, "
            f"{report['wrong']} lost, doubled or out of order"
        )
    if verdict["wrong_acks"] or verdict["acks"] < verdict["frames"]:
        raise RunError(
            f"{client.name} acknowledged {verdict['acks']} of {verdict['frames']} pushes, "
            f"{verdict['wrong_acks']} wrong or missing"
        )


def figures(
    report: dict[str, Any], verdict: dict[str, Any], accounts: int, *, seconds: float
) -> Figures:
    """Turn the two reports of a run into figures."""
    events = report["events"]
    return Figures(
        events=events,
        cpu_us=1e6 * report["cpu_s"] / events if events else 0.0,
        events_s=events / seconds,
        cpu_share=report["cpu_s"] / seconds,
        p50_us=report["p50_us"],
        p99_us=report["p99_us"],
        max_us=report["max_us"],
        account_kb=(max(report["ready_kb"], 0) - report["base_kb"]) / accounts,
        rss_kb=report["rss_kb"],
        threads=report["threads"],
        server_us=verdict["server_us"],
    )
