"""Completions of the command: what the parser says, and what a real shell makes of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import call

from gateway.cli.arguments import SHELLS
from gateway.cli.completions import FOLDER

ASK = """
source "$1"
shift
words=("$@")
COMP_WORDS=("${words[@]}")
COMP_CWORD=$(( ${#words[@]} - 1 ))
COMP_LINE="${words[*]}"
COMP_POINT=${#COMP_LINE}
function=$(complete -p "${words[0]}" | sed 's/.* -F \\([^ ]*\\).*/\\1/')
"$function" "${words[0]}" "${words[COMP_CWORD]}" "${words[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def asked(*words: str) -> list[str]:
    """Return what bash offers for the last word."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    done = subprocess.run(
        [bash, "--norc", "-c", ASK, "bash", FOLDER / "bash", "xianyu-gateway", *words],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_it_prints_what_lies_in_the_package(shell: str) -> None:
    code, out, err = call("completions", shell)
    assert (code, err) == (0, "")
    assert out == (FOLDER / shell).read_text("utf-8")
    assert "xianyu-gateway" in out


def test_it_needs_no_shtab() -> None:
    """Which only whoever changes the parser has."""
    code = "import sys; sys.modules['shtab'] = None; from gateway.cli import main; "
    done = subprocess.run(
        [sys.executable, "-c", code + "sys.exit(main(['completions', 'bash']))"],
        capture_output=True,
        timeout=20,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_files_are_what_the_parser_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab", reason="the extra dev is not installed")
    from scripts import draw_completions  # it needs shtab

    assert draw_completions.main(["--check"]) == 0
    monkeypatch.setattr(draw_completions, "FOLDER", tmp_path)
    assert draw_completions.main(["--check"]) == 1
    assert "run scripts/draw_completions.py" in capsys.readouterr().err
    assert draw_completions.main([]) == 0
    assert draw_completions.main(["--check"]) == 0


def test_a_real_bash_completes_commands_verbs_and_options() -> None:
    assert {"run", "accounts", "doctor"} <= set(asked(""))
    assert asked("acc") == ["accounts"]
    assert {"list", "pause", "credentials", "sign-in"} <= set(asked("accounts", ""))
    assert asked("accounts", "credentials", "s") == ["show", "set"]
    assert "--dial" in asked("doctor", "--")
    assert asked("completions", "z") == ["zsh"]


def test_a_file_is_completed_where_one_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert "gateway.yaml" in asked("check", "-c", "gate")


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_another_shell_can_read_its_file(shell: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell}")
    subprocess.run([found, "-n", FOLDER / shell], check=True, timeout=20)
