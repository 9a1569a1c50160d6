"""The house itself: imports, public names, pages that must not go stale."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gateway

ROOT = Path(__file__).parents[2]


def python(code: str) -> str:
    """Run code in a fresh interpreter; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_starts_no_thread_and_loads_little() -> None:
    """A host that only imports must not pay or be changed."""
    code = (
        "import sys, threading, logging, signal\n"
        "before = signal.getsignal(signal.SIGINT)\n"
        "import gateway\n"
        "from gateway import Gateway, WebSocketClient, ChatMessage\n"
        "assert threading.active_count() == 1\n"
        "assert not logging.getLogger().handlers\n"
        "assert signal.getsignal(signal.SIGINT) is before\n"
    )
    python(code)


def test_import_opens_nothing() -> None:
    """No socket, no file to write, no database, no process: that is for ``start()``."""
    code = (
        "import sys\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+'):\n"
        "        seen.append((event, args[0]))\n"
        "    if event.split('.')[0] in ('socket', 'sqlite3', 'subprocess', 'signal', '_thread'):\n"
        "        seen.append((event, args))\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(hook)\n"
        "import gateway\n"
        "from gateway import ChatMessage, Gateway, Settings, WebSocketClient\n"
        "gw = Gateway(Settings())\n"
        "client = WebSocketClient('ws://127.0.0.1:9/')\n"
        "print(seen)\n"
    )
    assert python(code).strip() == "[]"


def test_the_kernel_knows_no_platform() -> None:
    """A second platform must not find the first one's name in an actor."""
    for path in (ROOT / "actors").rglob("*.py"):
        assert not re.search("goofish|闲鱼|dingtalk", path.read_text("utf-8"), re.IGNORECASE), path


def test_help_imports_no_platform_library() -> None:
    """``--help`` answers at once."""
    code = (
        "import sys\n"
        "from gateway.cli import parser\n"
        "parser().format_help()\n"
        "print([name for name in ('pykka', 'websocket', 'structlog', 'msgspec', 'yaml',"
        " 'gateway.platforms') if name in sys.modules])\n"
    )
    assert python(code).strip() == "[]"


def test_public_names_are_what_the_package_lists() -> None:
    """What is listed can be imported, and nothing is listed twice."""
    assert len(set(gateway.__all__)) == len(gateway.__all__)
    assert sorted(gateway.__all__) == dir(gateway)
    for name in gateway.__all__:
        assert getattr(gateway, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        gateway.__getattr__("nonsense")


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_readme_names_only_what_there_is(page: str) -> None:
    """A link or a command that is gone costs a newcomer the evening."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (ROOT / target).exists(), target
    for script in re.findall(r"python3 (scripts/\S+)", text):
        assert (ROOT / script).exists(), script
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(block, page, "exec")


def test_both_readmes_have_the_same_code() -> None:
    """The pages are one page in two languages."""

    def calls(page: str) -> list[str]:
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:python|yaml)?\n(.*?)```", text, re.DOTALL)
        return [
            line.split("#")[0].rstrip()
            for block in blocks
            if "flowchart" not in block
            for line in block.splitlines()
            if line.split("#")[0].strip()
        ]

    assert calls("README.md") == calls("README.zh-CN.md")


def test_example_configuration_is_valid() -> None:
    """It is the first file people copy."""
    from gateway.config import load

    text = (ROOT / "config" / "example.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r"\$\{(\w+)", text))
    values = {name: "http://127.0.0.1:1" if "PROXY" in name else "x1" for name in names}
    settings = load(ROOT / "config" / "example.yaml", environment=values)
    assert settings.accounts


def test_parts_that_the_bench_names_are_there() -> None:
    """It says "not measured" of what it does not find: a part that moved would be silence."""
    text = (ROOT / "scripts/bench/stages.py").read_text(encoding="utf-8")
    named = re.findall(r'_part\("([\w.]+)", "(\w+)"\)', text)
    assert len(named) > 3
    for module, name in named:
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
