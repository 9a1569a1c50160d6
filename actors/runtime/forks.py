"""A child that a handler, a listener or a sink forks on a thread of ours.

The child has a copy of that one thread. When the code that forked returns there, the thread would
go on with the work of its parent: call handlers again, write to sinks again.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

ENDED: Final = 70
"""Exit code of a child that is ended here."""

_TOLD: Final = (
    b"gateway: a handler, listener or sink forked and returned in the child, which ends here; "
    b"end it with os._exit(), or use subprocess\n"
)

_here = threading.local()


def forked() -> None:
    """Remember, in a child, that the calling thread is a copy. Takes no lock."""
    _here.copy = True


def end_copy() -> None:
    """End the process if the calling thread is a copy of one of its parent's."""
    if getattr(_here, "copy", False):
        with contextlib.suppress(OSError):
            os.write(2, _TOLD)
        os._exit(ENDED)
