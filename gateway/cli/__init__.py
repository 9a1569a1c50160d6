"""The command line: parses, then hands over to the one module that does the work.

Imports nothing but argparse until a command is chosen, so that ``--help`` answers at once.
Exit codes: 0 fine, 1 a negative answer (refused, not found, not running, undecodable), 2
usage or configuration, 70 internal failure, 130 after Ctrl-C, 141 when nobody reads on.
"""

from __future__ import annotations

import sys

try:
    import argparse
    import contextlib
    import importlib
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from gateway.cli import streams
    from gateway.cli.arguments import add_control, add_init, number
    from gateway.commands import START
except KeyboardInterrupt:  # before main() could hear it; a script that pip made imports it bare
    sys.exit(130)

NEGATIVE = 1
USAGE = 2
INTERNAL_FAILURE = 70
INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell shows of a program that SIGPIPE ended."""

_FILES = frozenset({"config", "file", "token_file", "cookie_file"})

DESCRIPTION = (
    "Message gateway for chat platforms (Goofish / 闲鱼 first): many accounts in one "
    "process, nothing lost, answered once."
)


class _Parser(argparse.ArgumentParser):
    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse itself would pass over a failure to write it."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Say it and exit; a word too many may be a secret that was pasted as an argument."""
        told, colon, words = message.partition("unrecognized arguments: ")
        if colon:
            message = f"{told}{colon}{' '.join(map(_cut, words.split()))}"
        super().error(message)


def _cut(word: str) -> str:
    name, equals, _ = word.partition("=")
    return f"{name[:16]}…" if equals or len(word) > 16 else word


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Say it, with the interpreter: what a report of a fault must name."""
        from gateway import __version__  # noqa: PLC0415  # not for --help

        python = ".".join(map(str, sys.version_info[:3]))
        sys.stdout.write(f"xianyu-gateway {__version__} (Python {python}, {sys.platform})\n")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = _Parser(prog=START, description=DESCRIPTION)
    top.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    add_init(commands)
    demo = commands.add_parser("demo", help="three accounts against the bundled fake platform")
    demo.add_argument("--seconds", type=number(0, 86_400), help="end by itself, with a summary")
    demo.add_argument("--seed", type=int, default=1, help="what the buyers do (default 1)")
    told = "of the page, on 127.0.0.1 (default 8760; a free one if that is taken)"
    demo.add_argument("--port", type=number(0, 65_535, whole=True), help=told)
    told = "only what is printed"
    demo.add_argument("--no-page", dest="page", action="store_false", help=told)
    demo.add_argument(
        "--json", action="store_true", help="the summary as one JSON object; without the page"
    )

    run = commands.add_parser("run", help="run the accounts of a configuration file")
    run.add_argument("-c", "--config", required=True, metavar="FILE")
    run.add_argument("--json", action="store_true", help="logs as JSON lines")
    told = "copy even a large journal before a new version of its schema"
    run.add_argument("--backup-first", action="store_true", help=told)

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
    """Run a command; what goes wrong is said on stderr, never raised.

    Args:
        argv: Arguments without the program's name; None takes the process's.

    Returns:
        The exit code.
    """
    streams.prepare()
    try:
        code = _main(argv)
        streams.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = PIPE_CLOSED
    except OSError as error:
        with contextlib.suppress(OSError):
            _say(f"{error.filename}: {error.strerror}" if error.filename else error)
        code = INTERNAL_FAILURE
    except Exception:  # noqa: BLE001  # a fault of ours; what it is must be seen
        import traceback  # noqa: PLC0415  # not for what works

        traceback.print_exc()
        code = INTERNAL_FAILURE
    streams.abandon()
    return code


def _main(argv: Sequence[str] | None) -> int:
    top = parser()
    try:
        arguments = top.parse_args(argv)
        _refuse_bad_bytes(top, arguments)
    except SystemExit as stopped:  # after --help, or after what is wrong was said
        return int(stopped.code or 0)
    module = importlib.import_module(f"gateway.cli.{arguments.command.replace('-', '_')}")
    from actors.ports.journal import JournalError  # noqa: PLC0415  # not for --help
    from gateway.errors import ConfigError, GatewayError  # noqa: PLC0415  # the same
    from gateway.web.problems import Problem  # noqa: PLC0415  # the same

    try:
        return int(module.main(arguments))
    except ConfigError as error:
        print(_spoken(error, arguments), file=sys.stderr)  # noqa: T201  # the command line prints
        return USAGE
    except Problem as problem:
        _say(_spoken(problem, arguments))
        return _code(problem.status)
    except (GatewayError, JournalError) as error:
        _say(_spoken(error, arguments))
        return INTERNAL_FAILURE


def _spoken(error: object, arguments: argparse.Namespace) -> str:
    """Return what went wrong in the language of whoever reads it."""
    from gateway.cli import speaking  # noqa: PLC0415  # not for --help

    return speaking.of(arguments).text(str(error))


def _say(error: object) -> None:
    print(f"xianyu-gateway: {error}", file=sys.stderr)  # noqa: T201  # the same


def _refuse_bad_bytes(top: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse arguments that are no text; a file may have any name."""
    for name, value in vars(arguments).items():
        if isinstance(value, str) and name not in _FILES:
            try:
                value.encode()
            except UnicodeEncodeError:
                top.error(f"argument {name}: its bytes are not UTF-8; use a terminal that is")


def _code(status: int) -> int:
    """Return the exit code of a refusal."""
    if status >= 500:
        return INTERNAL_FAILURE if status == 500 else NEGATIVE
    return USAGE if status in {400, 401, 403, 405, 413, 415} else NEGATIVE
