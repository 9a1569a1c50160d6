"""What ``init`` asks, and what its options answer. Nothing is written here."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.cli import init_service, logins
from gateway.cli.credentials import LARGEST_CHARS, pasted
from gateway.cli.init_files import settings_of
from gateway.cli.init_plan import GOOFISH, GOOFISH_URL, Answers
from gateway.cli.paths import unusable
from gateway.errors import ConfigError
from gateway.escaping import clean
from gateway.web.problems import Problem

ACCOUNT: Final = "shop-a"
LISTEN: Final = "127.0.0.1:8760"
DATA: Final = ("var", "gateway")

_ANY_URL: Final = "wss://host/path"
"""Stands for the address of a plain platform until it is given."""


def refuse_together(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        ConfigError: Says which, and what to do.
    """
    plain, told = arguments.platform != GOOFISH, []
    if plain and arguments.url is None and arguments.yes:
        told.append("--url: is missing; --platform plain has no address of its own")
    if plain and arguments.cookie_file is not None:
        told.append("--cookie-file: --platform plain does not sign in; leave it out")
    if arguments.compose and arguments.cookie_file is not None:
        told.append("--cookie-file: with --compose it is not at hand yet; sign in once it runs")
    if arguments.compose and arguments.data_dir is not None:
        told.append("--data-dir: with --compose the data lies in a volume; leave it out")
    if arguments.compose and (arguments.listen or "").startswith("unix:"):
        told.append("--listen: with --compose name the port of the host, e.g. 127.0.0.1:8760")
    if arguments.compose and arguments.bell_file is not None:
        told.append("--bell-file: with --compose write notify.to into gateway.yaml yourself")
    given = [arguments.cookie_file, arguments.bell_file].count("-")
    if given > 1:
        told.append("--bell-file: standard input is that of --cookie-file; name a file")
    elif not arguments.yes and given:
        told.append("- takes standard input, so nothing can be asked; add --yes")
    elif not arguments.yes and not sys.stdin.isatty():
        told.append("standard input is no terminal, so nothing can be asked; add --yes")
    if told:
        raise ConfigError(told)


def of_options(arguments: argparse.Namespace) -> Answers:
    """Return what the options say, and the defaults of what they leave open.

    Raises:
        ConfigError: Something cannot be used; names the option.
    """
    folder = _path("--dir", arguments.dir)
    if folder.exists() and not folder.is_dir():
        raise ConfigError([f"--dir: {folder} is no folder; name one, or one that is to be made"])
    data = arguments.data_dir
    plain = arguments.platform != GOOFISH
    answers = Answers(
        folder=folder,
        account=ACCOUNT if arguments.account is None else arguments.account,
        platform=arguments.platform,
        url=arguments.url or (_ANY_URL if plain else GOOFISH_URL),
        listen=LISTEN if arguments.listen is None else arguments.listen,
        data_dir=folder.joinpath(*DATA) if data is None else _path("--data-dir", data),
        endpoints=None if plain else arguments.endpoints,
        service="unit" if arguments.unit else "compose" if arguments.compose else None,
        bell=None if arguments.bell_file is None else _bell(arguments.bell_file),
    )
    if answers.service is not None:
        init_service.text_of(answers, init_service.runner())
    refuse_unusable(answers)
    return answers


def refuse_unusable(answers: Answers) -> None:
    """Refuse what no gateway could run.

    Raises:
        ConfigError: All that is wrong, by option.
    """
    settings_of(answers)
    for option, folder in (("--dir", answers.folder), ("--data-dir", answers.data_dir)):
        why = unusable(folder)
        if why:
            raise ConfigError([f"{option}: {why}; choose a folder this user may write"])


def cookie_of(arguments: argparse.Namespace, answers: Answers) -> str | None:
    """Return the cookie that an option names; None: none does.

    Raises:
        Problem: It is of no account; says what it lacks.
    """
    if arguments.cookie_file is None:
        return None
    return _looked_at(pasted(arguments.cookie_file, option="--cookie-file"), answers)


def asked(arguments: argparse.Namespace, answers: Answers) -> tuple[Answers, str | None]:
    """Ask for everything that no option says; a wrong answer is asked for again.

    Raises:
        EOFError: Nobody answers any more.
    """
    if arguments.account is None:
        told = f"account, as you call it [{answers.account}]: "
        answers = _ask(told, answers, lambda said: replace(answers, account=said))
    if arguments.platform != GOOFISH and arguments.url is None:
        told = "its address, ws://… or wss://…: "
        answers = _ask(told, answers, lambda said: replace(answers, url=said), needed=True)
    cookie = None
    if answers.service != "compose" and answers.platform == GOOFISH and not arguments.cookie_file:
        cookie = _sign_in(answers)
    if arguments.listen is None:
        told = f"status and control at host:port [{answers.listen}]: "
        answers = _ask(told, answers, lambda said: replace(answers, listen=said))
    if arguments.data_dir is None and answers.service != "compose":
        told = f"folder of the messages [{answers.data_dir}]: "
        answers = _ask(
            told, answers, lambda said: replace(answers, data_dir=_path("--data-dir", said))
        )
    if arguments.bell_file is None and answers.service != "compose":
        told = "whom to tell of trouble, a URL of apprise such as ntfy://… (not shown) [nobody]: "
        answers = _ask(told, answers, lambda said: replace(answers, bell=said), ask=_hidden)
    return answers, cookie


def _ask(
    told: str,
    before: Answers,
    given: Callable[[str], Answers],
    *,
    needed: bool = False,
    ask: Callable[[str], str] | None = None,
) -> Answers:
    """Ask until the answer can be used; an empty one leaves what is there."""
    while True:
        said = (ask or _line)(told)
        if not said and needed:
            continue
        if not said:
            return before
        try:
            answers = given(said)
            refuse_unusable(answers)
        except ConfigError as error:
            _say(str(error))
        else:
            return answers


def _sign_in(answers: Answers) -> str | None:
    """Ask how the account signs in; return a cookie if one was pasted."""
    _say("it signs in by 1 a cookie that you paste now, 2 a code that you scan later, 3 later")
    while True:
        said = _line("1, 2 or 3 [2]: ") or "2"
        if said in {"2", "3"}:
            return None
        if said == "1":
            try:
                return _looked_at(pasted(None, option="--cookie-file"), answers)
            except Problem as problem:
                _say(str(problem))


def _looked_at(cookie: str, answers: Answers) -> str:
    (account,) = settings_of(answers).accounts
    if len(cookie) > LARGEST_CHARS:
        told = f"that is more than {LARGEST_CHARS} characters and no cookie"
    else:
        told = (logins.refused(account, cookie) or "").rstrip(".")
    if told:
        fix = "give one that is whole, or none: it can be pasted or scanned later"
        raise Problem(422, "cookie_unusable", f"{told}; nothing was written", fix)
    return cookie


def _line(told: str) -> str:
    sys.stderr.write(told)  # standard output is for the result
    sys.stderr.flush()
    return input().strip()


def _hidden(told: str) -> str:
    return getpass.getpass(told, stream=sys.stderr).strip()


def _bell(file: str) -> str:
    """Return the URL in a file, as an editor writes it.

    Raises:
        Problem: It cannot be read.
    """
    return pasted(file, option="--bell-file").removeprefix("\ufeff").strip()


def _say(told: str) -> None:
    sys.stderr.write("\n".join(map(clean, told.split("\n"))) + "\n")


def _path(option: str, given: str) -> Path:
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError:
        told = "begins with ~ and nobody of that name has a home here; write the path in full"
        raise ConfigError([f"{option}: {given!r} {told}"]) from None
