"""``doctor``: is everything there that a gateway needs, and what to do if not. Changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from gateway.cli import show, speaking
from gateway.cli.checks import of_settings
from gateway.cli.control import http_control
from gateway.cli.dial_check import of_dials
from gateway.cli.journal_checks import of_running
from gateway.cli.speaking import ENGLISH, Tongue
from gateway.commands import command
from gateway.config import load
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.web.checks import of_machine
from gateway.web.findings import Finding, Verdict
from gateway.web.problems import Problem

_SIGNS = {Verdict.FINE: "ok  ", Verdict.WARNING: "warn", Verdict.WRONG: "FAIL"}


def main(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 if something is wrong, 0 with warnings."""
    if arguments.dial and arguments.config is None:
        raise ConfigError(["--dial: needs -c FILE, whose accounts say where to"])
    findings = list(of_machine())
    settings = None
    if arguments.config is not None:
        try:
            settings = load(arguments.config, secrets=False)
        except ConfigError as error:
            fix = f"correct {arguments.config}; {command('check -c FILE')} names what is wrong"
            findings.append(Finding("configuration", Verdict.WRONG, str(error), fix))
        else:
            findings.append(Finding("configuration", Verdict.FINE, arguments.config))
            findings += of_settings(settings)
    if arguments.config is None or settings is not None:
        findings += _running(arguments, settings)
    if arguments.dial and settings is not None:
        findings += of_dials(settings)
    wrong = any(each.verdict is Verdict.WRONG for each in findings)
    if arguments.json:
        show.as_json({"ok": not wrong, "findings": [each.plain() for each in findings]})
    else:
        tell(findings, speaking.of(arguments))
    return 1 if wrong else 0


def tell(findings: Iterable[Finding], tongue: Tongue = ENGLISH) -> None:
    """Print findings for a person."""
    for each in findings:
        first, *more = tongue.text(each.detail).splitlines()
        show.line(f"{tongue.label(_SIGNS[each.verdict])}  {tongue.label(each.name)}: {first}")
        for line in more:
            show.line(f"      {line}")
        if each.next_step:
            show.line(f"      → {tongue.text(each.next_step)}")


def _running(arguments: argparse.Namespace, settings: Settings | None) -> Iterator[Finding]:
    """Look whether a gateway answers, and what needs a person there; none is no fault."""
    name = "gateway"
    try:
        control = http_control(arguments, settings)
        if control is None:
            fix = "set http.listen, so that it can be asked while it runs"
            yield Finding(name, Verdict.WARNING, "http.listen is not set", fix)
            return
        control.hail()
        told = control.ask("GET", "v1", "status")
        detail = f"version {told['version']}, process {told['pid']}, answers at {control.url}"
        if told["troubled"]:
            fix = f"look at them: {command('accounts list')}"
            yield Finding(name, Verdict.WARNING, f"{detail}; {told['troubled']} in trouble", fix)
        else:
            yield Finding(name, Verdict.FINE, detail)
        yield from of_running(control)
    except Problem as problem:
        verdict = Verdict.FINE if problem.error == "not_running" else Verdict.WRONG
        fix = "" if verdict is Verdict.FINE else problem.next_step
        yield Finding(name, verdict, problem.detail, fix)
    except ConfigError as error:
        yield Finding(name, Verdict.WRONG, str(error), "correct what it names")
