"""Ends a child process that a handler, listener or sink forked on a thread of the gateway.

The child has a copy of that one thread. When the code that forked returns there, the thread would
go on with the work of its parent: call handlers again, write to sinks again.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

from actors.runtime.pool.error_location import error_location

ENDED: Final = 70
"""Exit code of a child that is ended here."""

_here = threading.local()


def forked() -> None:
    """Remember, in a child, that the calling thread is a copy. Takes no lock."""
    _here.copy = True


def end_copy(error: BaseException | None = None) -> None:
    """End the process if the calling thread is a copy of one of its parent's. Takes no lock.

    Args:
        error: What the code that forked raised there; of a ``SystemExit`` the code is taken.
    """
    if not getattr(_here, "copy", False):
        return
    if isinstance(error, SystemExit):
        os._exit(_code(error.code))
    ended = "returned" if error is None else f"raised {error_location(error)}"
    told = (
        f"gateway: a handler, listener or sink forked and {ended} in the child, which ends here; "
        "end it with os._exit(), or use subprocess\n"
    )
    with contextlib.suppress(OSError):
        os.write(2, told.encode(errors="backslashreplace"))
    os._exit(ENDED)


def _code(given: object) -> int:
    """Return the exit code that ``sys.exit`` makes of what it is given."""
    if given is None:
        return 0
    return int(given) & 0xFF if isinstance(given, int) else 1
