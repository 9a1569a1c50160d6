"""The files that ``init`` writes: all of them or none, and nobody's is written over."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.cli import init_service
from gateway.cli.init_plan import CONFIG, GOOFISH, Answers
from gateway.commands import START, page
from gateway.config import document, from_mapping
from gateway.config.environment import is_text
from gateway.credentials import own_files
from gateway.errors import ConfigError
from gateway.journal.files.opening import sync_directory
from gateway.settings import Settings
from gateway.web.problems import Problem

ENDPOINTS: Final = ("mtop", "passport", "upload")

_OPTIONS: Final = {
    "accounts[0].id": "--account",
    "accounts[0].url": "--url",
    "http.listen": "--listen",
    "data_dir": "--data-dir",
    "notify.to[0]": "--bell-file",
}
"""What a person gave, by its place in the file."""


def text_of(answers: Answers) -> str:
    """Return the configuration. Its paths are absolute: a service starts in another folder."""
    credentials: dict[str, object] = {"kind": GOOFISH}
    if answers.endpoints is not None:
        credentials["endpoints"] = dict.fromkeys(ENDPOINTS, answers.endpoints)
    data_dir, listen, token = answers.told
    contained = answers.service == "compose"
    hosts = ["  hosts: [gateway]  # the name by which Prometheus asks"] if contained else []
    lines = [
        f"# Made by `{START} init`. No secret stands in this file.",
        f"# Every other key, with its default: {page('config/default.yaml')}",
        f"data_dir: {_quoted(data_dir)}",
        "http:",
        f"  listen: {_quoted(listen)}",
        f"  token: {json.dumps(f'${{file:{token}}}', ensure_ascii=False)}",
        *hosts,
        "accounts:",
        f"  - id: {_quoted(answers.account)}",
        f"    platform: {answers.platform}",
        f"    url: {_quoted(answers.url)}",
    ]
    if answers.platform == GOOFISH:
        lines += [
            '    headers: {Origin: "https://www.goofish.com"}',
            f"    credentials: {json.dumps(credentials)}",
        ]
    if answers.bell_file is not None:
        place = json.dumps(f"${{file:{answers.bell_file}}}", ensure_ascii=False)
        lines += ["notify:", f"  to: [{place}]"]
    events = _quoted(f"{data_dir}{'/' if contained else os.sep}events.jsonl")
    return "\n".join([*lines, "sinks:", f"  - {{kind: jsonl, path: {events}}}", ""])


def settings_of(answers: Answers) -> Settings:
    """Return the settings that the file will mean, as its reader understands them.

    Raises:
        ConfigError: All that is wrong with them, by the option that was given.
    """
    if "}" in str(answers.folder) or not is_text(str(answers.folder)):
        told = "has a } or bytes that are not UTF-8 in its path, which a reference cannot hold"
        raise ConfigError([f"--dir: {str(answers.folder)!r} {told}; choose another folder"])
    try:
        values: Any = document.parse(text_of(answers), source=CONFIG).value
        values["http"]["token"] = new_token()  # that of the file is not made yet
        if answers.bell is not None:
            values["notify"]["to"] = [answers.bell]
        return from_mapping(values, source=CONFIG, environment={})
    except ConfigError as error:
        raise ConfigError([_by_option(each) for each in error.problems]) from None


def _by_option(problem: str) -> str:
    for place, option in _OPTIONS.items():
        if problem.startswith(f"{CONFIG}: {place}"):
            return f"{option}{problem.removeprefix(f'{CONFIG}: {place}')}"
    return problem


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_hex(32)


def refuse_existing(answers: Answers) -> None:
    """Refuse to write over what is there.

    Raises:
        Problem: It is there; names it and what to do.
    """
    for path in (answers.config, answers.token, answers.bell_file, answers.service_file):
        if path is not None and os.path.lexists(path):
            raise _is_there(path)


def write(answers: Answers) -> None:
    """Write the files, readable by their owner alone; the configuration comes last.

    Raises:
        Problem: One of them is there, perhaps of another ``init`` at the same moment.
        OSError: They cannot be written.
    """
    refuse_existing(answers)
    made = _made(answers.folder)
    if answers.service == "unit":  # systemd makes no folder that it lets it write to
        answers.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = {answers.token: f"{new_token()}\n".encode()}
    if answers.bell_file is not None:
        files[answers.bell_file] = f"{answers.bell}\n".encode()
    if answers.service_file is not None:
        files[answers.service_file] = init_service.text_of(answers, init_service.runner()).encode()
    files[answers.config] = text_of(answers).encode()
    try:  # the configuration last: who sees it can use it
        _publish(files)
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):  # somebody else put something there
                folder.rmdir()
        raise
    sync_directory(answers.config)


def _made(folder: Path) -> list[Path]:
    """Make a folder; return those that were not there, the innermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _publish(files: Mapping[Path, bytes]) -> None:
    """Put files in place, each whole, and none of them if one is there already."""
    drafts = {path: path.with_name(f".{path.name}.{secrets.token_hex(4)}") for path in files}
    done: list[Path] = []
    try:
        for path, content in files.items():
            own_files.write(drafts[path], content)
        for path, content in files.items():
            _place(drafts[path], path, content)
            done.append(path)
    except BaseException:
        for path, draft in drafts.items():
            if path in done or _is_one(path, draft):
                path.unlink(missing_ok=True)
        raise
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _place(draft: Path, path: Path, content: bytes) -> None:
    """Give a file its name in one step, which fails if the name is taken.

    Raises:
        Problem: It is.
    """
    try:
        if os.name == "nt":
            draft.rename(path)
        else:
            path.hardlink_to(draft)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError:  # a file system without links
        _write(path, content)


def _write(path: Path, content: bytes) -> None:
    try:
        own_files.write(path, content)
    except FileExistsError:
        raise _is_there(path) from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _is_one(path: Path, draft: Path) -> bool:
    """Return whether a name is our draft's, too: we were interrupted just after it got it."""
    try:
        return path.samefile(draft)
    except OSError:
        return False


def _is_there(path: Path) -> Problem:
    return Problem(
        409,
        "exists",
        f"{path} is there already, and nothing was written",
        "use it as it is, move it away, or choose another folder with --dir",
    )


def _quoted(text: str) -> str:
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False)
