"""The location of an exception, safe to log: its type and where it was raised."""

from __future__ import annotations


def error_location(error: BaseException) -> str:
    """Return ``Type at folder/file.py:12``, the innermost frame.

    The text of an exception is left out: it may hold a cookie or a customer's words. Never raises:
    what a stranger's class makes of its name or traceback may.
    """
    try:
        return _location(error)
    except BaseException:  # noqa: BLE001  # a stranger's code
        return "exception"


def _location(error: BaseException) -> str:
    traceback = error.__traceback__
    if traceback is None:
        return type(error).__name__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    parts = traceback.tb_frame.f_code.co_filename.replace("\\", "/").rsplit("/", 2)
    return f"{type(error).__name__} at {'/'.join(parts[-2:])}:{traceback.tb_lineno}"
