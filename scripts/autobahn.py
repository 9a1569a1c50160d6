#!/usr/bin/env python3
"""Drive our WebSocket through the Autobahn conformance suite and write docs/autobahn*.md.

The fuzzing server is Python 2.7 only; where there is none the run is skipped and says so.

    python scripts/autobahn.py            # FrameWire over a plain socket
    python scripts/autobahn.py --client   # gateway.WebSocketClient, the whole gateway below it

Exit code 0: nothing failed, or skipped. 1: a case failed or ended with a wrong close code.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from actors.policy import liveness  # noqa: E402 - runs from a bare clone
from actors.ports import Beaten, Incoming, PeerClosed, Pinged, Wire, WireBroken  # noqa: E402 - the same
from actors.sections import LimitSettings  # noqa: E402
from actors.values import Failure, Frame  # noqa: E402 - runs from a bare clone
from gateway.transport.dialer import WebSocketDialer  # noqa: E402 - the same
from scripts.autobahn_zh import chinese  # noqa: E402 - the same

SUITE = "autobahntestsuite==25.10.1"
CACHE = ROOT / "var" / "autobahn"
PAGE = ROOT / "docs" / "autobahn.md"
TWIN = ROOT / "docs" / "autobahn.zh-CN.md"
AGENT = "xianyu-gateway"
CASES = 301
QUIET_S = 3600.0
"""Heartbeat interval of the client's cases."""

FINE = ("OK", "NON-STRICT", "INFORMATIONAL")
GROUPS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "close handshake",
    "9": "large and chopped messages",
    "10": "automatic fragmentation",
}

RunCase: TypeAlias = Callable[[str], None]
"""Connects to a URL and echoes every message until the peer is done."""


# --- what is tested -------------------------------------------------------------------


def wire_messages(url: str, *, echo: bool) -> list[Frame]:
    """Hold one connection with the dialer and FrameWire; give what came.

    Args:
        url: Of the fuzzing server.
        echo: Send every message back.
    """
    # Case 9 sends messages of 16 MiB, above our default limit.
    dialed = WebSocketDialer(
        url=url,
        headers={},
        limits=LimitSettings(
            max_frame_bytes=32 << 20, max_message_bytes=32 << 20, max_fragments=1 << 20
        ),
    ).dial({}, None, deadline_s=10, stretch=lambda _phase: 1.0)
    if isinstance(dialed, Failure):
        raise SystemExit(f"autobahn: {dialed.detail}")
    messages: list[Frame] = []
    with dialed.sock as sock:
        sock.settimeout(60)
        data = b""
        while True:
            for item in dialed.wire.feed(data):
                if isinstance(item, str | bytes):
                    messages.append(item)
                    if not echo:
                        continue
                sock.sendall(answer(dialed.wire, item))
                if isinstance(item, WireBroken):
                    return messages
            try:
                data = sock.recv(65536)
            except ConnectionResetError:
                return messages
            if not data:
                return messages


def answer(wire: Wire, item: Incoming) -> bytes:
    """Return what an echo client sends back."""
    match item:
        case str() | bytes():
            return wire.encode([item])
        case Pinged(payload):
            return wire.pong(payload)
        case PeerClosed(code):
            return wire.close(code or 1000)
        case WireBroken(code):
            return wire.close(code)
        case Beaten():
            return b""


def wire_case(url: str) -> None:
    """Run a case with FrameWire alone."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire_messages(url, echo=True)


def client_case(url: str) -> None:
    """Run a case through ``gateway.WebSocketClient``, without its heartbeat.

    The fuzzing server answers a ping even in the middle of a frame it has half written
    (cases 6.4.3 and 6.4.4), and the text is then rightly refused.
    """
    from gateway import WebSocketClient  # noqa: PLC0415 - the other way needs none of it

    client = WebSocketClient(
        url, max_message_bytes=32 << 20, max_fragments=1 << 20, heartbeat_interval_s=QUIET_S
    )
    with mock.patch.object(liveness, "FIRST_BEAT_S", QUIET_S):
        connected = client.connect()
    try:
        if not connected:
            raise SystemExit(f"autobahn: WebSocketClient cannot connect to {url}")
        while (message := client.receive(timeout=60)) is not None:
            client.send(message)
    finally:
        client.disconnect()


# --- the suite ------------------------------------------------------------------------


def python27() -> str | None:
    """Find a Python 2.7 that runs, in pyenv or on the path (a shim there may lead nowhere)."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        str(path) for path in sorted(root.glob("versions/2.7.*/bin/python"), reverse=True)
    ]
    candidates += [path for path in [shutil.which("python2.7")] if path]
    for python in candidates:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                [python, "-c", "import ssl"], check=True, capture_output=True, timeout=30
            )
            return python
    return None


def install(python: str, base: Path) -> dict[str, str]:
    """Install the suite into ``base`` unless it is there; give the environment to run it."""
    environment = {**os.environ, "PYTHONUSERBASE": str(base)}
    environment.pop("PYTHONPATH", None)
    if not (base / "bin" / "wstest").exists():
        print(f"installing {SUITE} into {base} (half a minute, once)", flush=True)
        command = [python, "-m", "pip", "install", "--quiet", "--user", SUITE]
        subprocess.run(command, check=True, env=environment, timeout=600, stderr=subprocess.DEVNULL)
    return environment


def free_port() -> int:
    """Return a loopback port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def fuzzing_server(python: str, base: Path, out: Path) -> Iterator[str]:
    """Run the fuzzing server; give its URL once it answers."""
    environment = install(python, base)
    url = f"ws://127.0.0.1:{free_port()}"
    spec = {
        "url": url,
        "outdir": str(out / "reports"),
        "cases": ["*"],
        "exclude-cases": ["12.*", "13.*"],
        "exclude-agent-cases": {},
    }
    spec_file = out / "fuzz.json"
    spec_file.write_text(json.dumps(spec), encoding="utf-8")
    command = [python, str(base / "bin" / "wstest"), "-m", "fuzzingserver", "-s", str(spec_file)]
    with (
        (out / "server.log").open("wb") as log,
        subprocess.Popen(command, cwd=out, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            wait_for(url)
            yield url
        finally:
            server.kill()


def wait_for(url: str) -> None:
    """Return once the port accepts.

    Raises:
        SystemExit: It did not within 20 seconds.
    """
    host, port = url.removeprefix("ws://").split(":")
    pause = threading.Event()  # never set; a foreign process tells nobody when it listens
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        pause.wait(0.1)
    raise SystemExit(f"autobahn: the fuzzing server does not answer at {url}")


def run_suite(url: str, run_case: RunCase) -> int:
    """Run every case; give their number."""
    (number_of_cases,) = wire_messages(f"{url}/getCaseCount", echo=False)
    count = int(number_of_cases)
    for number in range(1, count + 1):
        run_case(f"{url}/runCase?case={number}&agent={AGENT}")
        if number % 25 == 0 or number == count:
            print(f"{number}/{count}", flush=True)
    wire_messages(f"{url}/updateReports?agent={AGENT}", echo=False)
    return count


# --- the result -----------------------------------------------------------------------


def table(results: dict[str, dict[str, Any]]) -> str:
    """Draw the result by group, as Markdown."""
    rows = ["| Group | Cases | OK | Non-strict | Informational | Failed | Close code wrong |"]
    rows.append("|---|---|---|---|---|---|---|")
    totals: Counter[str] = Counter()
    for group, name in GROUPS.items():
        chosen = [r for case, r in results.items() if case.split(".")[0] == group]
        count = Counter(r["behavior"] for r in chosen)
        count["failed"] = sum(r["behavior"] not in FINE for r in chosen)
        count["close"] = sum(r["behaviorClose"] not in FINE for r in chosen)
        count["cases"] = len(chosen)
        totals += count
        rows.append(_row(f"{group} {name}", count))
    rows.append(_row("**all**", totals))
    return "\n".join(rows)


def _row(title: str, count: Counter[str]) -> str:
    keys = ("cases", "OK", "NON-STRICT", "INFORMATIONAL", "failed", "close")
    return f"| {title} | " + " | ".join(str(count[key]) for key in keys) + " |"


def faults(results: dict[str, dict[str, Any]]) -> list[str]:
    """Name the cases that failed or closed with a wrong code."""
    return [
        f"{case}: {result['behavior']}, close {result['behaviorClose']}"
        for case, result in results.items()
        if result["behavior"] not in FINE or result["behaviorClose"] not in FINE
    ]


def remarks(results: dict[str, dict[str, Any]]) -> str:
    """Name what is neither plain OK nor failed."""
    others: dict[str, list[str]] = {}
    for case, result in results.items():
        if result["behavior"] in FINE[1:]:
            others.setdefault(result["behavior"].lower(), []).append(case)
    lines = [f"- {kind}: {', '.join(cases)}" for kind, cases in others.items()]
    return "\n".join(lines) or "- every case is plain OK"


def section(title: str, command: str, results: dict[str, dict[str, Any]]) -> str:
    """Write one run as Markdown."""
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    verdict = faults(results)
    bad = "\n".join(f"- **failed** {line}" for line in verdict)
    return (
        f"## {title}\n\nRun on {today} with `{command}`: {len(results)} cases, "
        f"{len(verdict)} failed or closed with a wrong code.\n\n"
        f"{table(results)}\n\n{remarks(results)}\n{bad}"
    ).rstrip()


def write_page(title: str, text: str) -> None:
    """Put a section into the page; the one of the other client stays."""
    head = (
        "# Autobahn conformance\n\n[简体中文](autobahn.zh-CN.md)\n\n"
        "All uncompressed cases of the Autobahn WebSocket suite "
        f"(`{SUITE}`, fuzzing server on loopback under Python 2.7).\n"
        "Groups 12 and 13 test compression, which this client never negotiates.\n"
        "This page is written by `scripts/autobahn.py`."
    )
    sections: dict[str, str] = {}
    if PAGE.exists():
        for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
            sections[part.splitlines()[0]] = f"## {part.strip()}"
    sections[title] = text
    page = "\n\n".join([head, *sections.values()]) + "\n"
    PAGE.write_text(page, encoding="utf-8")
    TWIN.write_text(chinese(page), encoding="utf-8")


def main() -> int:
    """Run, print, write, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--client", action="store_true", help="test gateway.WebSocketClient")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the suite is installed")
    options = parser.parse_args()
    python = python27()
    if python is None:
        print(
            "autobahn: skipped; the suite needs Python 2.7 (pyenv install 2.7.18) and there is none"
        )
        return 0
    title, run_case, command = (
        ("WebSocketClient", client_case, "python scripts/autobahn.py --client")
        if options.client
        else ("FrameWire", wire_case, "python scripts/autobahn.py")
    )
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        with fuzzing_server(python, options.cache.resolve(), out) as url:
            count = run_suite(url, run_case)
        report = json.loads((out / "reports" / "index.json").read_text(encoding="utf-8"))
    results: dict[str, dict[str, Any]] = report[AGENT]
    text = section(title, command, results)
    print(text)
    write_page(title, text)
    if count < CASES or len(results) < count:
        print(f"autobahn: {len(results)} of {count} cases have a result, expected {CASES}")
        return 1
    return 1 if faults(results) else 0


if __name__ == "__main__":
    sys.exit(main())
