"""``scripts/run_gateway.py`` in a checkout of its own, as somebody runs it who has Python only."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from commands import free_port
from terminal import Terminal

from gateway.cli import init_plan
from gateway.testing import FakePlatform, FakeWeb
from scripts import environment, run_gateway
from scripts.test import PYTHONS, others

ROOT = Path(__file__).parents[2]
LIMIT_S = 50
POSIX = pytest.mark.skipif(os.name == "nt", reason="the environment of this test is a shell script")
PIP = """#!/bin/sh
case "$*" in
"-m pip install"*) echo "pip says this"; exit 0;;
esac
exec {python} "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose ``.venv`` is there, but nothing was installed by the script yet."""
    root = tmp_path / "checkout"
    for name in ("setup.cfg", "setup.py", "pyproject.toml"):
        root.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__*"))
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.format(python=sys.executable))
    python.chmod(0o755)
    return root


def command(checkout: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(checkout / "scripts" / "run_gateway.py"), *arguments]


def run(checkout: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it without ``uv``, with the packages of the checkout that is tested."""
    return subprocess.run(
        command(checkout, *arguments),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=cwd,
        env=bare(),
        check=False,
    )


def bare() -> dict[str, str]:
    return {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


@POSIX
def test_a_file_beside_the_caller_is_checked(checkout: Path, tmp_path: Path) -> None:
    """Paths are the caller's; what the set-up says does not mix with what a program reads."""
    (tmp_path / "my.yaml").write_text("data_dir: here\n")
    (tmp_path / "yaml.py").write_text("raise SystemExit('a stranger of that name was imported')\n")

    for said in ("installing .[http] with pip", ""):
        done = run(checkout, "check", "-c", "my.yaml", "--json", cwd=tmp_path)

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data_dir"] == str(tmp_path / "here")
        assert said in done.stderr
        assert ("pip says this" in done.stderr) == bool(said), "the second time it is there"


@POSIX
def test_a_path_in_chinese_and_a_locale_that_has_none(checkout: Path, tmp_path: Path) -> None:
    """As a service is started, or a job of cron, whose locale is POSIX."""
    (tmp_path / "my.yaml").write_text("data_dir: here\n")
    there = tmp_path / "店 铺"
    checkout.rename(there)
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for said in ("pip says this", ""):
        done = subprocess.run(
            command(there, "check", "-c", "my.yaml"),
            capture_output=True,
            timeout=LIMIT_S,
            cwd=tmp_path,
            env=bare() | ascii_only,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (b"pip says this" in done.stderr) == bool(said), "the second time it is there"


@POSIX
def test_exit_codes_and_every_command_pass_through(checkout: Path, tmp_path: Path) -> None:
    assert "dead-letters" in run(checkout, "--help", cwd=tmp_path).stdout
    assert run(checkout, "--version", cwd=tmp_path).stdout.startswith("xianyu-gateway ")
    assert run(checkout, "status", cwd=tmp_path).returncode == 1, "no gateway runs"
    for arguments in ([], ["--json"], ["-c", "none.yaml"], ["frobnicate"]):
        done = run(checkout, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), arguments
    assert "none.yaml" in run(checkout, "-c", "none.yaml", cwd=tmp_path).stderr


@POSIX
def test_without_anything_it_says_what_init_would_do(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, cwd=tmp_path)
    assert "run_gateway.py init asks for what one needs" in done.stderr
    assert "installing" not in done.stderr, "nobody has said yes"
    (tmp_path / run_gateway._CONFIG).touch()
    assert "run_gateway.py -c gateway.yaml" in run(checkout, cwd=tmp_path).stderr
    assert run_gateway._CONFIG == init_plan.CONFIG


@POSIX
@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_it_asks_whether_to_do_it_now(
    checkout: Path, tmp_path: Path, answer: str
) -> None:
    with closing(Terminal(*command(checkout), cwd=tmp_path, env=bare())) as terminal:
        terminal.wait_for("[y/N] ")
        terminal.types(f"{answer}\n")
        if answer == "y":
            terminal.wait_for("[shop-a]: ")
            terminal.types("\x04")
        assert terminal.ended() == (130 if answer == "y" else 2), terminal.said


@POSIX
def test_what_init_prints_runs_a_gateway_that_answers(checkout: Path, tmp_path: Path) -> None:
    """The way of the README: ``init``, then what it said; only the answers come by options."""
    (tmp_path / "python3").symlink_to(sys.executable)
    path = bare() | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    listen = f"127.0.0.1:{free_port()}"
    with FakePlatform() as fake, FakeWeb(fake) as web:
        shop = fake.account("2201")
        (tmp_path / "cookie").write_text(web.seller(shop).sign_in(), "utf-8")
        options = ("--cookie-file", str(tmp_path / "cookie"), "--url", fake.url)
        more = ("--listen", listen, "--endpoints", web.url, "--yes", "--json")
        done = run(checkout, "init", *options, *more, cwd=checkout)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)["next"]["run"]
        assert told == "python3 scripts/run_gateway.py -c gateway.yaml"
        with subprocess.Popen(
            shlex.split(told), stderr=subprocess.PIPE, cwd=checkout, env=path, text=True
        ) as process:
            try:
                shop.wait_registered(30.0)
                health = run(checkout, "health", "--url", f"http://{listen}", cwd=checkout)
                status = run(checkout, "status", "-c", "gateway.yaml", cwd=checkout)
                process.send_signal(signal.SIGTERM)
                _, errors = process.communicate(timeout=LIMIT_S)
            finally:
                process.kill()
        shop.wait_gone()
        web.check()
    assert process.returncode == 0, errors
    assert (health.returncode, health.stdout) == (0, "alive\n"), health.stderr
    assert status.returncode == 0, status.stderr


@POSIX
def test_sigterm_to_the_script_stops_the_gateway_in_order(checkout: Path, tmp_path: Path) -> None:
    """A service manager knows the script's process only."""
    with FakePlatform() as fake:
        shop = fake.account("2201")
        fake.config_file(tmp_path)
        with subprocess.Popen(
            command(checkout, "-c", "gateway.yaml", "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=bare(),
            text=True,
        ) as process:
            try:
                shop.wait_registered(30.0)
                process.send_signal(signal.SIGTERM)
                out, errors = process.communicate(timeout=LIMIT_S)
            finally:
                process.kill()
        shop.wait_gone()
    assert process.returncode == 0, errors
    assert out == ""
    assert '"gateway.stopped"' in errors.splitlines()[-1]


def test_what_another_extra_brought_is_not_installed_again() -> None:
    """Reinstalling beside a running gateway costs half a minute, and the network."""
    extras = (ROOT / "setup.cfg").read_text("utf-8").partition("[options.extras_require]")[2]
    sections = dict(re.findall(r"^(\w+) =\n((?:    .*\n)+)", extras, re.MULTILINE))

    def brings(extra: str) -> set[str]:
        direct = set(re.findall(r"xianyu-gateway\[(\w+)\]", sections[extra]))
        return direct.union(*map(brings, direct))

    for part, wholes in environment._HOLD.items():
        for whole in wholes:
            assert not part or part in brings(whole)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_runs_in_a_fresh_clone(tmp_path: Path) -> None:
    """Nothing but Python: it makes its own environment, with the extra for control."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")
    clone = tmp_path / "clone"
    subprocess.run([git, "clone", "-q", str(ROOT), str(clone)], check=True, timeout=60)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL")}
    done = subprocess.run(
        command(clone, "doctor", "--json"),
        capture_output=True,
        text=True,
        timeout=500,
        cwd=tmp_path,
        env=clean,
        check=False,
    )
    if "check the network" in done.stderr:
        pytest.skip("the packages cannot be fetched here")
    findings = {each["name"]: each for each in json.loads(done.stdout)["findings"]}
    assert findings["http"]["verdict"] == "ok", done.stderr


@POSIX
def test_the_newest_release_of_each_other_python_is_tested(tmp_path: Path) -> None:
    """``scripts/test.py --pythons``; the names are sorted as numbers, 3.12.10 after 3.12.9."""
    for release in ("3.10.1", "3.11.2", "3.12.9", "3.12.10", "3.13.0"):
        python = tmp_path / ".pyenv" / "versions" / release / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {version: Path(path).parts[-3] for version, path in others(tmp_path).items()}
    wanted = {"3.11": "3.11.2", "3.12": "3.12.10", "3.13": "3.13.0"}
    wanted.pop(own, None)
    assert found == wanted
    classified = re.findall(r"Python :: (3\.\d+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert list(PYTHONS) == classified
