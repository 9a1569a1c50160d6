"""The command line: parses, then hands over to the one module that does the work.

Imports nothing but argparse until a command is chosen, so that ``--help`` answers at once.
Exit codes: 0 fine, 1 a negative answer (refused, not found, not running, undecodable), 2
usage or configuration, 70 internal failure.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from gateway.cli.arguments import add_control
from gateway.commands import START

NEGATIVE = 1
USAGE = 2
INTERNAL_FAILURE = 70

DESCRIPTION = (
    "Message gateway for chat platforms (Goofish / 闲鱼 first): many accounts in one "
    "process, nothing lost, answered once."
)


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = argparse.ArgumentParser(prog=START, description=DESCRIPTION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="three accounts against the bundled fake platform")
    demo.add_argument("--seconds", type=float, help="end by itself, with a summary")
    demo.add_argument("--seed", type=int, default=1, help="what the buyers do (default 1)")
    demo.add_argument("--json", action="store_true", help="the summary as one JSON object")

    run = commands.add_parser("run", help="run the accounts of a configuration file")
    run.add_argument("-c", "--config", required=True, metavar="FILE")
    run.add_argument("--json", action="store_true", help="logs as JSON lines")

    check = commands.add_parser("check", help="validate a configuration and show what it means")
    check.add_argument("-c", "--config", required=True, metavar="FILE")
    check.add_argument("--json", action="store_true", help="the settings as one JSON object")

    decode = commands.add_parser(
        "decode", help="captured payloads or frames in, events as JSON lines out"
    )
    decode.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is stdin")
    add_control(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments without the program's name; None takes the process's.

    Returns:
        The exit code.
    """
    arguments = parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    module = importlib.import_module(f"gateway.cli.{arguments.command.replace('-', '_')}")
    from actors.storage import JournalError  # noqa: PLC0415  # not for --help
    from gateway.errors import ConfigError, GatewayError  # noqa: PLC0415  # the same
    from gateway.web.problems import Problem  # noqa: PLC0415  # the same

    try:
        return int(module.main(arguments))
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the command line prints
        return USAGE
    except Problem as problem:
        print(f"xianyu-gateway: {problem}", file=sys.stderr)  # noqa: T201  # the same
        return _code(problem.status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (GatewayError, JournalError, OSError) as error:
        print(f"xianyu-gateway: {error}", file=sys.stderr)  # noqa: T201  # the same
        return INTERNAL_FAILURE


def _code(status: int) -> int:
    """Give the exit code of a refusal."""
    if status >= 500:
        return INTERNAL_FAILURE if status == 500 else NEGATIVE
    return USAGE if status in {400, 401, 403, 405, 413, 415} else NEGATIVE
