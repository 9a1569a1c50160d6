"""Another module called ``websocket``: one clear error instead of an endless crash of the dial."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands import install
from gateway.testing import FakePlatform
from gateway.transport import library

ROOT = Path(__file__).resolve().parents[2]


def test_the_library_is_right_here() -> None:
    assert library.problem() is None


def asked(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program that lies beside whatever is in a folder."""
    script = folder / "shop.py"
    script.write_text(f"import sys\nsys.path.append({str(ROOT)!r})\n{code}")
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


@pytest.mark.parametrize("kind", ["script", "package", "hollow"])
def test_a_shadow_is_named_and_not_run(kind: str, tmp_path: Path) -> None:
    if kind == "script":
        where = tmp_path / "websocket.py"
        where.write_text("print('it ran')\n")
    elif kind == "hollow":  # has the file, and not what is in it
        where = tmp_path / "websocket" / "__init__.py"
        where.parent.mkdir()
        where.write_text("WebSocket = None\n")
        (where.parent / "_handshake.py").write_text("")
    else:
        where = tmp_path / "websocket" / "__init__.py"
        where.parent.mkdir()
        where.write_text("print('it ran')\nclass WebSocket: pass\n")
    with FakePlatform() as fake:
        fake.account("2201")
        file = fake.config_file(tmp_path)
        code = (
            "from gateway import ConfigError, Gateway, WebSocketClient\n"
            "try:\n    Gateway.from_config(sys.argv[1]).start()\n"
            "except ConfigError as error:\n    print(error)\n"
            f"client = WebSocketClient({fake.url!r})\n"
            "print(client.connect(), client.last_error.reason, client.last_error.detail)\n"
            "from gateway import cli\nprint(cli.main(['doctor']))\n"
        )
        done = asked(tmp_path, code, str(file))
    assert "it ran" not in done.stdout, done.stderr
    told = f"the package websocket-client (module websocket) is {where}, which is another module"
    first, second, *doctor, code_of_doctor = done.stdout.splitlines()
    assert first.startswith(told)
    assert "rename that file if it is yours" in first
    assert second.startswith(f"False websocket_shadowed {told}")
    assert any(line.startswith(f"FAIL  websocket: {told}") for line in doctor)
    assert code_of_doctor == "1"


def test_a_library_that_is_not_there_is_named(tmp_path: Path) -> None:
    code = (
        "sys.modules['websocket'] = None\n"
        "from gateway.transport import library\nprint(library.problem())\n"
    )
    told = asked(tmp_path, code).stdout
    assert f"(module websocket) is not installed; {install('websocket-client')}" in told
