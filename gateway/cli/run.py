"""``run``: the accounts of a configuration file, until a signal."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from functools import partial
from typing import Literal

from gateway import logs, web
from gateway.cli import hangup, heap
from gateway.cli.managed import Managed
from gateway.cli.paths import loaded
from gateway.errors import ConfigError, SinkError
from gateway.host import assembly
from gateway.host.gateway import Gateway
from gateway.log_file import LogFile
from gateway.service_manager import service_manager
from gateway.settings import Settings

SWITCH_INTERVAL_S = 0.0005
"""Switch interval of the interpreter; shorter than the default, so that a busy handler delays no
reader."""

SETTLE_AFTER_S = 60.0
"""Seconds after which the start should be over (:func:`gateway.cli.heap.settle`)."""


def main(arguments: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; SIGHUP reloads; logs go to stderr or ``log.file``."""
    read = partial(loaded, arguments.config, parts=False)
    settings = read()
    form: Literal["console", "json"] = "json" if arguments.json else settings.log.format
    file = _log_file(settings)
    logs.configure(settings.log.level, form, settings=settings, stream=file)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        log = logs.logger_for(None, logs.redactor_of(settings))
        opened = partial(assembly.journal, log=log, backup_first=arguments.backup_first)
        gateway = Gateway(settings, journal=opened, reread=read)
    except SinkError as error:  # as wrong as a key that is misspelt
        raise ConfigError([str(error)]) from error
    settle = threading.Timer(SETTLE_AFTER_S, heap.settle)
    settle.daemon = True
    settle.start()
    try:
        with web.serving(gateway, log=log), hangup.reloading(gateway, log):
            manager = service_manager(
                os.environ,
                os.getpid(),
                unheard=lambda reason: log.warning("service_manager.unheard", reason=reason),
            )
            return gateway.run_forever(None if manager is None else Managed(manager, gateway))
    finally:
        settle.cancel()


def _log_file(settings: Settings) -> LogFile | None:
    """Open the file of the log; whoever logs at the very end needs it, so nobody closes it."""
    log = settings.log
    if log.file is None:
        return None
    return LogFile(log.file, most_bytes=log.file_bytes, count=log.file_count)
