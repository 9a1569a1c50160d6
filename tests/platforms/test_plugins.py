"""Platforms and sinks of other packages: found by entry points, and refused in words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import sinks
from gateway.errors import ConfigError
from gateway.platforms import get, names
from gateway.settings import SinkSettings
from gateway.testing import conformance

Install = Callable[..., None]

MINE = """
from actors.ports import Identity
from gateway.platforms.plain import Plain, PlainSession

class Mine(Plain):
    name = "mine"

def broken():
    raise RuntimeError("no licence")

NOTHING = None
"""
MEMO = """
from pathlib import Path
from gateway.errors import SinkError
from gateway.events import to_json

class Memo:
    def __init__(self, *, path: str, prefix: str = ""):
        self._path, self._prefix, self._closed = Path(path), prefix, False

    def deliver(self, event):
        if self._closed:
            raise SinkError("memo", "is closed; the gateway is stopping")
        with self._path.open("ab") as file:
            file.write(self._prefix.encode() + to_json(event) + b"\\n")

    def close(self):
        self._closed = True

    @staticmethod
    def sample(folder):
        return {"path": str(folder / "memo")}

class Vague:
    def __init__(self, *, path):
        pass
"""


def test_a_platform_of_another_package_is_known(install: Install, tmp_path: Path) -> None:
    install("mychat", {"mychat": MINE}, platforms={"mine": "mychat:Mine"})
    assert {"goofish", "mine", "plain"} <= set(names())
    assert get("mine").name == "mine"
    with pytest.raises(ValueError, match="did you mean 'mine'"):
        get("mina")
    frames = tmp_path / "site" / "frames"
    frames.mkdir()
    (frames / "hi.txt").write_text("hi")
    for check in conformance.platform_checks("mine"):
        check()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"mine": "nowhere:Mine"}, r"of mychat 1.2 \(nowhere:Mine\) cannot be imported.*install"),
        ({"mine": "mychat:Nobody"}, "cannot be imported.*correct its entry point"),
        ({"mine": "mychat:NOTHING"}, "no class and no function"),
        ({"mine": "mychat:broken"}, "cannot be made.*no licence.*tell its author"),
        ({"mine": "mychat:Identity"}, "cannot be made"),
        ({"mine": "builtins:dict"}, "lacks name, addressed, session.*BasePlatform"),
    ],
)
def test_a_broken_one_says_which_and_what_to_do(
    install: Install, entry: dict[str, str], told: str
) -> None:
    install("mychat", {"mychat": MINE}, platforms=entry)
    with pytest.raises(ConfigError, match=told):
        get("mine")
    assert get("plain").name == "plain"


def test_the_name_of_a_built_in_one_is_refused(install: Install) -> None:
    """Silently the one or the other would be a guess about somebody's messages."""
    install("mychat", {"mychat": MINE}, platforms={"plain": "mychat:Mine"})
    assert names().count("plain") == 1
    with pytest.raises(ConfigError, match=r"'plain' of mychat 1.2 .*built-in.*another name"):
        get("plain")
    assert get("goofish").name == "goofish"


def test_two_packages_of_one_name_are_refused(install: Install) -> None:
    install("mychat", {"mychat": MINE}, platforms={"mine": "mychat:Mine"})
    install("other", {}, platforms={"mine": "mychat:Mine"})
    with pytest.raises(ConfigError, match=r"mychat 1.2 .*other 1.2 .*uninstall one"):
        get("mine")


def test_a_sink_of_another_package_is_known(install: Install, tmp_path: Path) -> None:
    install("mymemo", {"mymemo": MEMO}, sinks={"memo": "mymemo:Memo"})
    assert {"jsonl", "memo", "python"} <= set(sinks.kinds())
    path = {"path": str(tmp_path / "x")}
    assert sinks.check([SinkSettings(kind="memo", options=path)]) == ()
    (told,) = sinks.check([SinkSettings(kind="memo", options=path | {"prefx": "-"})])
    assert told.endswith("unknown key; did you mean 'prefix'?")
    for number, check in enumerate(conformance.sink_checks("memo")):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(folder)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"memo": "mymemo:Nobody"}, "of mymemo 1.2 .*cannot be imported"),
        ({"memo": "mymemo:Vague"}, "must annotate every parameter"),
    ],
)
def test_a_broken_sink_says_which_and_what_to_do(
    install: Install, entry: dict[str, str], told: str
) -> None:
    install("mymemo", {"mymemo": MEMO}, sinks=entry)
    with pytest.raises(ConfigError, match=rf"sink memo\.kind: .*{told}"):
        sinks.make(SinkSettings(kind="memo"))


def test_the_name_of_a_built_in_sink_is_refused(install: Install) -> None:
    install("mymemo", {"mymemo": MEMO}, sinks={"jsonl": "mymemo:Memo"})
    with pytest.raises(ConfigError, match=r"'jsonl' of mymemo 1\.2 .*built-in"):
        sinks.make(SinkSettings(kind="jsonl", options={"path": "x"}))


def test_nothing_is_looked_up_before_a_name_is_asked_for() -> None:
    """A host that imports the gateway has hundreds of packages."""
    code = (
        "import importlib.metadata as metadata\n"
        "def refuse(**_): raise AssertionError('looked up')\n"
        "metadata.entry_points = refuse\n"
        "import gateway\n"
        "from gateway import Gateway, Settings, WebSocketClient\n"
        "gw = Gateway(Settings())\n"
        "client = WebSocketClient('ws://127.0.0.1:9/')\n"
        "from gateway.platforms import get\n"
        "get('plain')\ntry:\n    get('nobody')\nexcept AssertionError:\n    print('asked')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout.strip() == "asked"
