"""The unit or the compose file of ``init``: the shipped one, with the paths that were asked for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.cli.init_plan import INSIDE_CONFIG, Answers
from gateway.commands import page, shipped
from gateway.errors import ConfigError

_HOMES: Final = ("/home", "/root", "/run/user")
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108  # nothing is written there


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Who runs it, and by what.

    Attributes:
        user: Name of the user whose files they are.
        ids: ``uid:gid`` of that one.
        program: The command of this installation, absolute.
        python_path: Where its packages lie if nothing is installed.
    """

    user: str
    ids: str
    program: Sequence[str]
    python_path: str | None


def runner() -> Runner:
    """Return this user and this installation.

    Raises:
        ConfigError: This system has neither systemd nor users as containers know them.
    """
    if sys.platform == "win32":
        told = f"is for Linux; for a service of Windows see {page('docs/deploy.md')}"
        raise ConfigError([f"--unit, --compose: {told}"])
    import pwd  # noqa: PLC0415  # not on Windows

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    script = Path(sys.executable).with_name("xianyu-gateway")
    installed = script.exists()
    return Runner(
        user=user,
        ids=f"{os.getuid()}:{os.getgid()}",
        program=[str(script)] if installed else [sys.executable, "-m", "gateway"],
        python_path=None if installed else str(Path(__file__).parents[2]),
    )


def text_of(answers: Answers, by: Runner) -> str:
    """Return the file that was asked for.

    Raises:
        ConfigError: A path holds what the file cannot say.
    """
    if not str(answers.folder).isprintable() or not str(answers.data_dir).isprintable():
        told = "a path with line breaks or control characters cannot stand in such a file"
        raise ConfigError([f"--dir, --data-dir: {told}; choose another folder"])
    return _unit(answers, by) if answers.service == "unit" else _compose(answers, by)


def _unit(answers: Answers, by: Runner) -> str:
    template = Path(shipped("deploy/systemd/xianyu-gateway.service")).read_text("utf-8")
    parts = [str(answers.folder), str(answers.data_dir), by.program[0], sys.base_prefix]
    at_home = any(_is_within(each, _HOMES) for each in (*parts, by.python_path or ""))
    temporary = any(_is_within(each, _TEMPORARY) for each in parts)
    start = [*by.program, "run", "-c", str(answers.config)]
    new: dict[str, list[str]] = {
        "ExecStart": ["ExecStart=" + " ".join(_word(each).replace("$", "$$") for each in start)],
        "EnvironmentFile": [f"EnvironmentFile=-{_path(answers.folder / 'secrets.env')}"],
        "DynamicUser": [f"User={by.user}"],
        "StateDirectory": [f"ReadWritePaths={_word(str(answers.data_dir))}"],
        "StateDirectoryMode": [],
        "WorkingDirectory": [f"WorkingDirectory={_path(answers.folder)}"],
    }
    if by.python_path is not None:
        new["ExecStart"].insert(0, f"Environment={_word('PYTHONPATH=' + by.python_path)}")
    if at_home:
        new["ProtectHome"] = ["ProtectHome=read-only"]
    if temporary:
        new["PrivateTmp"] = []
    lines = [f"# Made by init. Copy it to /etc/systemd/system; see {page('docs/deploy.md')}."]
    for line in template.splitlines():
        if not line.startswith("#") or "[Service]" in lines:
            lines += new.get(line.partition("=")[0], [line])
    return "\n".join([*lines, ""])


def _compose(answers: Answers, by: Runner) -> str:
    template = Path(shipped("deploy/compose.yaml")).read_text("utf-8")
    root = Path(shipped("deploy")).parent
    lines = [f"# Made by init: docker compose up -d; see {page('docs/deploy.md')}."]
    building = (root / "setup.py").exists()
    for line in template[template.index("name: ") :].splitlines():
        lines += _adapted(line, answers, by, root, building=building)
    return "\n".join([*lines, ""])


def _adapted(
    line: str, answers: Answers, by: Runner, root: Path, *, building: bool
) -> Iterator[str]:
    """Yield a line of the compose file as it must be here."""
    indent, said = line[: len(line) - len(line.lstrip())], line.strip()
    if said in {"build:", "context: ..", "dockerfile: deploy/docker/Dockerfile"} and not building:
        return
    own = "./compose/gateway.yaml", "./compose/http.token", "./compose/metrics.token"
    if said == "context: ..":
        yield f"{indent}context: {_yaml(str(root))}"
    elif said == 'user: "10001:10001"':
        yield f"{indent}user: {_yaml(by.ids)}"
    elif said == '- "127.0.0.1:8760:8760"':
        yield f"{indent}- {_yaml(answers.listen + ':8760')}"
    elif any(each in said for each in (*own, "./compose/grafana.password")):
        yield line.replace("./compose/", "./")
    elif said.startswith("- ./"):
        source, _, target = said.removeprefix("- ./").partition(":")
        yield f"{indent}- {_yaml(f'{root}/deploy/{source}:{target}')}"
    else:
        yield line


def next_of(answers: Answers) -> list[str]:
    """Return the commands that start it."""
    file = answers.service_file
    assert file is not None, "it was asked for"
    if answers.service == "compose":
        return [f"docker compose -f {_shell(file)} up -d"]
    return [
        f"sudo cp {_shell(file)} /etc/systemd/system/",
        "sudo systemctl daemon-reload",
        "sudo systemctl enable --now xianyu-gateway",
    ]


def sign_in_of(answers: Answers) -> list[str]:
    """Return the command that signs an account in within the container."""
    assert answers.service_file is not None, "it was asked for"
    inside = f"python -m gateway accounts sign-in {_shell(answers.account)} --qr"
    file = _shell(answers.service_file)
    return [f"docker compose -f {file} exec gateway {inside} -c {INSIDE_CONFIG}"]


def _is_within(path: str, folders: Sequence[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in folders)


def _word(text: str) -> str:
    """Return a word of a list in a unit."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    plain = all(each.isalnum() or each in "/._-=:@+," for each in text)
    return escaped if plain else f'"{escaped}"'


def _path(path: Path) -> str:
    """Return a path that is the whole value of a key in a unit."""
    return str(path).replace("%", "%%")


def _yaml(text: str) -> str:
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)


def _shell(what: str | Path) -> str:
    import shlex  # noqa: PLC0415  # of this module's end only

    return shlex.quote(str(what))
