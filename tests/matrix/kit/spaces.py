"""Two network namespaces and a wire between them that can be spoiled. Needs root, ip, nft, tc.

All traffic stays inside; the machine's own network is not touched. The names carry this
process's id, so that what a killed run left behind is found and taken away by the next one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from contextlib import ExitStack
from typing import Final, Literal, Self

INSTALL: Final = "apt-get install -y iproute2 nftables"
NEAR, SICK_HOST, WELL_HOST = "10.77.0.1", "10.77.0.2", "10.77.0.3"
"""The gateway's address, and two of the platform's; faults strike the first of these."""

_PREFIX: Final = "xgw"
_PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
_numbers = itertools.count()

Way = Literal["up", "down", "both"]
"""``up``: gateway to platform."""

_CHAIN: Final = """
table inet fault {
  counter struck { }
  chain arriving { type filter hook input priority 0; policy accept; }
}
"""


def why_not() -> str | None:
    """Return why there can be no namespaces here; None if there can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root for network namespaces"
    missing = [tool for tool in ("ip", "nft", "tc") if shutil.which(tool, path=_PATH) is None]
    if missing:
        return f"needs {' and '.join(missing)}: {INSTALL}"
    try:
        with Spaces() as spaces:
            spaces.lose(1)
            spaces.slow_down(64)
    except subprocess.CalledProcessError as error:
        return f"this kernel has no namespaces, nft or tbf: {error.stderr.strip()}"
    return None


def names() -> list[str]:
    """Return the namespaces of this suite that are there, of whichever run."""
    listed = _run("ip", "netns", "list").splitlines()
    return [line.split()[0] for line in listed if line.startswith(f"{_PREFIX}-")]


def add(name: str) -> None:
    """Make a namespace."""
    _run("ip", "netns", "add", name)


def sweep() -> None:
    """Take away what runs that were killed left behind."""
    for name in names():
        pid = name.split("-")[1]
        if not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110  # a name, not a path of ours
            _run("ip", "netns", "del", name)


class Spaces:
    """Use as a context manager: both namespaces are gone afterwards, whatever happens."""

    def __init__(self) -> None:
        stem = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.near, self.far = f"{stem}-g", f"{stem}-p"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for name in (self.near, self.far):
                add(name)
                undo.callback(_delete, name)
            # Made inside and moved to the other inside: it never is in the machine's own.
            self._ip(self.near, f"link add near type veth peer name far netns {self.far}")
            self._ip(self.near, f"addr add {NEAR}/24 dev near")
            for host in (SICK_HOST, WELL_HOST):
                self._ip(self.far, f"addr add {host}/24 dev far")
            for name, device in ((self.near, "near"), (self.far, "far")):
                self._ip(name, "link set lo up")
                self._ip(name, f"link set {device} up")
            self._open = undo.pop_all()
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def within(self, name: str) -> list[str]:
        """Return the words that start a command in a namespace."""
        return [_tool("ip"), "netns", "exec", name]

    # --- the wire to SICK_HOST ------------------------------------------------------------

    def swallow(self, way: Way = "both") -> None:
        """Drop every packet; neither end hears of it."""
        self._strike("drop", way)

    def swallow_syns(self) -> None:
        """Drop what opens a connection; those that are there go on."""
        self._strike("tcp flags & (syn | ack) == syn", "up", "drop")

    def refuse(self) -> None:
        """Answer what opens a connection with a reset."""
        self._strike("tcp flags & (syn | ack) == syn", "up", "reject with tcp reset")

    def reset(self) -> None:
        """Answer every packet of ours with a reset, as a router that lost its table."""
        self._strike("meta l4proto tcp", "up", "reject with tcp reset")

    def lose(self, percent: int, way: Way = "both") -> None:
        """Drop packets at random."""
        self._strike(f"numgen random mod 100 < {percent}", way, "drop")

    def slow_down(self, kbit_s: int) -> None:
        """Let so much through each way, of all addresses."""
        for name, device in ((self.near, "near"), (self.far, "far")):
            rate = f"tbf rate {kbit_s}kbit burst 2kb latency 2s"
            _run(*self.within(name), _tool("tc"), *f"qdisc add dev {device} root {rate}".split())

    def struck(self) -> int:
        """Return how many packets a rule struck since the last :meth:`heal`."""
        total = 0
        for name in (self.near, self.far):
            words = self._nft(name, "list counter inet fault struck").split()
            total += int(words[words.index("packets") + 1])
        return total

    def heal(self) -> None:
        """Take every fault away."""
        for name, device in ((self.near, "near"), (self.far, "far")):
            with contextlib.suppress(subprocess.CalledProcessError):  # there was none
                self._nft(name, "delete table inet fault")
            self._nft(name, _CHAIN)
            with contextlib.suppress(subprocess.CalledProcessError):
                _run(*self.within(name), _tool("tc"), "qdisc", "del", "dev", device, "root")

    def _strike(self, match: str, way: Way, verdict: str = "") -> None:
        """Drop where it arrives: to the sender's own kernel a dropped packet looks sent."""
        ends = {
            "up": (self.far, f"ip daddr {SICK_HOST}"),
            "down": (self.near, f"ip saddr {SICK_HOST}"),
        }
        for each in ("up", "down") if way == "both" else (way,):
            name, whose = ends[each]
            words = f"{match} counter name struck {verdict}"
            if not verdict:
                words = f"counter name struck {match}"
            self._nft(name, f"add rule inet fault arriving {whose} {words}")

    def _ip(self, name: str, words: str) -> None:
        _run("ip", "-n", name, *words.split())

    def _nft(self, name: str, script: str) -> str:
        return _run(*self.within(name), _tool("nft"), "-f", "-", stdin=script)


def _delete(name: str) -> None:
    """Take a namespace away; its end of the wire, and with it the other, go too."""
    _run("ip", "netns", "del", name)


def _tool(name: str) -> str:
    return shutil.which(name, path=_PATH) or name


def _run(tool: str, *words: str, stdin: str = "") -> str:
    command = [_tool(tool), *words]
    done = subprocess.run(
        command, input=stdin, text=True, capture_output=True, check=True, timeout=20.0
    )
    return done.stdout
