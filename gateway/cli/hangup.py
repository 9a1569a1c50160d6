"""SIGHUP: ``run`` reads its configuration again, or stops if its terminal was closed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, Final

from gateway.host.gateway import Gateway

END_S: Final = 5.0
"""Seconds to wait at the end for a reload under way."""

NAME: Final = "gateway/reload"
"""Name of the thread that reads it: the main thread must stay free for the signal to stop."""


@contextlib.contextmanager
def reloading(gateway: Gateway, log: Any) -> Iterator[None]:
    """Reload on SIGHUP while a block runs; where there is no such signal, do nothing."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted: SimpleQueue[bool] = SimpleQueue()  # a signal handler may put into it
    terminal = sys.stderr.isatty()

    def hung_up(_signum: int, _frame: object) -> None:
        if terminal and not sys.stderr.isatty():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            wanted.put(True)

    thread = threading.Thread(target=_serve, args=(gateway, wanted, log), name=NAME, daemon=True)
    thread.start()
    before = signal.signal(hangup, hung_up)
    try:
        yield
    finally:
        signal.signal(hangup, before)
        wanted.put(False)
        thread.join(END_S)


def _serve(gateway: Gateway, wanted: SimpleQueue[bool], log: Any) -> None:
    while wanted.get():
        try:
            gateway.accounts.reload()
        except Exception as error:  # noqa: BLE001  # the next signal must be heard, too
            log.error("gateway.reload_failed", detail=str(error))  # noqa: TRY400  # it is a person's
