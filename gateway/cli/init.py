"""``init``: asks what a configuration needs, writes it, looks at it, and says what to type next.

No secret goes into the configuration: the token of the control has a file of its own, and a
cookie is stored as ``accounts credentials set`` does on a stopped gateway.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli import (
    INTERRUPTED,
    credentials,
    doctor,
    init_answers,
    init_files,
    init_service,
    show,
)
from gateway.cli.checks import of_settings
from gateway.cli.control import FileControl
from gateway.cli.init_plan import GOOFISH, Answers
from gateway.cli.paths import loaded
from gateway.commands import runnable, start
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.settings.listen import SocketFile, parse_listen
from gateway.web.checks import of_machine
from gateway.web.findings import Finding, Verdict
from gateway.web.problems import Problem
from gateway.web.stopped import StoppedGateway


def main(arguments: argparse.Namespace) -> int:
    """Make a configuration; 1 if something about it is wrong, or its login is not proven."""
    try:
        answers, cookie = _answered(arguments)
    except (EOFError, KeyboardInterrupt):
        sys.stderr.write("\nnothing was written\n")
        return INTERRUPTED
    init_files.write(answers)
    if not arguments.json:
        show.line(f"{answers.config} is written, and {answers.token}, which you alone may read")
        if answers.service_file is not None:
            show.line(f"{answers.service_file} is written")
    findings, settings = _looked_at(answers)
    if not arguments.json:
        doctor.tell(findings)
    login = None
    if cookie is not None and settings is not None:
        try:
            login = _signed_in(answers, settings, cookie, json=arguments.json)
        except KeyboardInterrupt:
            told = runnable(*_to_paste(answers))
            sys.stderr.write(f"\nthe files stay; the cookie may not be kept: {told}\n")
            return INTERRUPTED
    _say_next(arguments, answers, findings, login)
    wrong = any(each.verdict is Verdict.WRONG for each in findings)
    unproven = cookie is not None and not (login and login.get("proven"))
    return 1 if wrong or unproven else 0


def _answered(arguments: argparse.Namespace) -> tuple[Answers, str | None]:
    """Return all that is needed; whatever is wrong is said before anything is written."""
    init_answers.refuse_together(arguments)
    answers = init_answers.of_options(arguments)
    init_files.refuse_existing(answers)
    cookie = init_answers.cookie_of(arguments, answers)
    if arguments.yes:
        return answers, cookie
    answers, typed = init_answers.asked(arguments, answers)
    return answers, cookie or typed


def _looked_at(answers: Answers) -> tuple[list[Finding], Settings | None]:
    """Look at what was written as ``check`` and ``doctor`` do; nobody runs it yet."""
    if answers.service == "compose":
        told = f"{answers.config} names paths of the container, which are looked at there"
        return [Finding("configuration", Verdict.FINE, told), *_port(answers)], None
    findings = [*of_machine()]
    try:
        settings = loaded(str(answers.config))
    except ConfigError as error:
        fix = "correct what it names"
        findings.append(Finding("configuration", Verdict.WRONG, str(error), fix))
        return findings, None
    findings.append(Finding("configuration", Verdict.FINE, str(answers.config)))
    if answers.service == "unit" and init_service.runner().ids.startswith("0:"):
        told = f"{answers.service_file} runs it as root, whose files these are"
        fix = "better: a user of its own, who runs init and owns the files"
        findings.append(Finding("unit", Verdict.WARNING, told, fix))
    findings += [*of_settings(settings), *_port(answers)]
    return findings, settings


def _port(answers: Answers) -> Iterator[Finding]:
    """See whether the gateway could listen there now."""
    parsed = parse_listen(answers.listen)
    assert parsed is not None, "the settings were looked at"
    if isinstance(parsed, SocketFile):
        yield Finding("http.listen", Verdict.FINE, f"{answers.listen}, for its owner and group")
        return
    host, port = parsed.host.strip("[]"), parsed.port
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as sock:
            if os.name == "posix":  # as a server does, whose last connections may linger
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
    except OSError as error:
        told = f"nothing can listen at {answers.listen} now ({error.strerror or error})"
        fix = f"end the program that listens there, or change http.listen in {answers.config}"
        yield Finding("http.listen", Verdict.WARNING, told, fix)
    else:
        yield Finding("http.listen", Verdict.FINE, f"{answers.listen} is free")


def _signed_in(answers: Answers, settings: Settings, cookie: str, *, json: bool) -> dict[str, Any]:
    """Prove and store a login, as ``accounts credentials set`` does; return what became of it."""
    stopped = StoppedGateway(settings)
    try:
        done = credentials.put(FileControl(stopped), answers.account, cookie)
    except Problem as problem:
        if not json:
            show.line(f"the cookie is not kept: {problem}")
        return {
            "proven": False,
            "error": problem.error,
            "detail": problem.detail,
            "next_step": problem.next_step,
        }
    finally:
        stopped.close()
    if not json:
        show.line(credentials.told_of(answers.account, done))
    return done


def _say_next(
    arguments: argparse.Namespace,
    answers: Answers,
    findings: list[Finding],
    login: dict[str, Any] | None,
) -> None:
    """Say what to type now."""
    config = _from_here(answers.config)
    file, sign_in = answers.service_file, []
    service = [] if file is None else init_service.next_of(answers)
    if answers.service == "compose" and answers.platform == GOOFISH:
        sign_in = init_service.sign_in_of(answers)
    elif answers.platform == GOOFISH and not (login and login.get("done")):
        scan = _of_account(answers, "accounts", "sign-in", "ACCOUNT", "--qr", "-c", config)
        sign_in = [runnable(*scan), runnable(*_to_paste(answers))]
    bell = None if answers.bell is None else runnable("notify", "test", "-c", config)
    if arguments.json:
        wrong = any(each.verdict is Verdict.WRONG for each in findings)
        show.as_json(
            {
                "config": str(answers.config),
                "token_file": str(answers.token),
                "data_dir": str(answers.data_dir),
                "account": answers.account,
                "doctor": {"ok": not wrong, "findings": [each.plain() for each in findings]},
                "login": login,
                "service": None if file is None else str(file),
                "next": {
                    "run": start(config),
                    "sign_in": sign_in,
                    "service": service,
                    "bell": bell,
                },
            }
        )
        return
    if sign_in:
        show.line("sign it in, before or while it runs; by a code to scan, or by a cookie:")
        for each in sign_in:
            show.line(f"  {each}")
    if bell is not None:
        show.line("try whom it tells of trouble:")
        show.line(f"  {bell}")
    show.line("start it:")
    for each in service or [start(config)]:
        show.line(f"  {each}")


def _to_paste(answers: Answers) -> tuple[str, ...]:
    config = _from_here(answers.config)
    return _of_account(answers, "accounts", "credentials", "set", "ACCOUNT", "-c", config)


def _of_account(answers: Answers, *words: str) -> tuple[str, ...]:
    """Return the words with the account in its place; last, if it looks like an option."""
    if answers.account.startswith("-"):
        return *(each for each in words if each != "ACCOUNT"), "--", answers.account
    return tuple(answers.account if each == "ACCOUNT" else each for each in words)


def _from_here(path: Path) -> str:
    """Return a path as it is shortest from the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
