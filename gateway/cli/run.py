"""``run``: the accounts of a configuration file, until a signal."""

from __future__ import annotations

import argparse
import gc
import sys
import threading

from gateway import logs, sinks, web
from gateway.app import Gateway
from gateway.config import load
from gateway.errors import ConfigError

SWITCH_INTERVAL_S = 0.0005
"""The interpreter's turn; shorter than its default, so that a busy handler delays no reader."""

FREEZE_AFTER_S = 60.0
"""Seconds after which what is alive is left to itself by the collector of cycles: it stops every
thread to look at it, for 20 ms with 100 accounts, and most of it lives as long as the process."""


def main(arguments: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; logs go to stderr."""
    settings = load(arguments.config)
    problems = sinks.check(settings.sinks, source=arguments.config)
    if problems:
        raise ConfigError(problems)
    logs.configure(
        settings.log.level, "json" if arguments.json else settings.log.format, settings=settings
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gateway = Gateway(settings)
    freeze = threading.Timer(FREEZE_AFTER_S, gc.freeze)
    freeze.daemon = True
    freeze.start()
    try:
        with web.serving(gateway):
            return gateway.run_forever()
    finally:
        freeze.cancel()
