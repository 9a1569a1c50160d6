"""What commands print, in the language of the operator; JSON and logs stay English.

The sentences are made in English wherever they belong, and translated here, at the very end.
"""

from __future__ import annotations

import argparse
import os

from gateway.words import Language, spoken


class Tongue:
    """Says things in one language.

    Args:
        language: Which.
    """

    def __init__(self, language: Language) -> None:
        self.language = language

    def label(self, english: str) -> str:
        """Return a heading, a state or the name of a finding."""
        if self.language == "en":
            return english
        from gateway.words import labels  # noqa: PLC0415  # not for English

        return labels.CHINESE.get(english, english)

    def text(self, english: str) -> str:
        """Return sentences; what has no translation stays English."""
        if self.language == "en":
            return english
        from gateway.words.chinese import CATALOGUE  # noqa: PLC0415  # not for English

        return CATALOGUE.text(english)


ENGLISH = Tongue("en")


def of(arguments: argparse.Namespace) -> Tongue:
    """Return how to speak to whoever gave these arguments.

    English for a program (``--json``), and in ``init``, whose questions are. Else as ``language``
    of the configuration says, be that right or wrong otherwise; else as the environment does.
    """
    if getattr(arguments, "json", False) or arguments.command == "init":
        return ENGLISH
    config = getattr(arguments, "config", None)
    chosen: Language | None = None
    if config is not None:
        from gateway.config.spoken import language_in  # noqa: PLC0415  # not for --help

        chosen = language_in(config, os.environ)
    return Tongue(spoken(chosen, environment=os.environ))
