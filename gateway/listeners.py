"""Checks of the host's functions, when they are registered and when they are called.

Handlers, listeners and sinks are called on threads, and a plain call must run them.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, Final, TypeVar

from actors.runtime.pool.error_location import error_location
from gateway import arguments

WORDS: Final = 200
"""Most characters of an exception's text that are shown."""

LATER_REMEDY: Final = (
    "write a plain def, and run what is async on an event loop of your own: "
    "asyncio.run(…) or asyncio.run_coroutine_threadsafe(…, loop).result()"
)
"""What to write instead of a function that a call only makes, and does not run."""


ListenerT = TypeVar("ListenerT", bound=Callable[..., object])


def kept(into: list[ListenerT], given: ListenerT) -> ListenerT:
    """Add a listener of one argument to those there are; return it, as a decorator does.

    Raises:
        TypeError: It is no function of one argument that a plain call runs.
    """
    listener("the listener", given, takes=1)
    into.append(given)
    return given


def listener(name: str, value: object, *, takes: int) -> Callable[..., object]:
    """Return ``value`` if a plain call with ``takes`` arguments runs it.

    Of a coroutine function or a generator a call makes an object, and its body never runs. What
    does not show here, :func:`ran` finds at the call.

    Raises:
        TypeError: It is not callable, takes another number of arguments, or would never run.
    """
    if isinstance(value, type) and arguments.arity(value, takes) is not None:
        raise TypeError(
            f"{name} must be a function, not a class; pass an object: {arguments.called(value)}()"
        )
    found = arguments.function(name, value, takes=takes)
    later = _runs_later(found) or _only_makes(found)
    if later:
        raise TypeError(
            f"{name} {arguments.called(found)} {later}; its body would never run: {LATER_REMEDY}"
        )
    return found


def ran(value: object, left: object) -> None:
    """Check what a call of a listener returned: work that is yet to be done is a failure.

    Args:
        value: What was called.
        left: What it returned.

    Raises:
        TypeError: It returned a coroutine, another awaitable, or a generator.
    """
    if not (inspect.isawaitable(left) or inspect.isgenerator(left) or inspect.isasyncgen(left)):
        return
    if inspect.iscoroutine(left) or inspect.isgenerator(left):
        left.close()  # or Python warns that nobody awaited it
    told = f"{arguments.called(value)} returned a {arguments.kind(left)}, which nobody runs"
    raise TypeError(f"{told}: {LATER_REMEDY}")


def told(error: BaseException, mask: Callable[[str], str]) -> str:
    """Return what an exception says, for a log and a person: type, place and masked words."""
    try:
        words = " ".join(mask(str(error)).split())
    except BaseException:  # noqa: BLE001  # a stranger's __str__, which may call sys.exit, too
        words = ""
    where = error_location(error)
    if not words:
        return where
    return f"{where}: {words if len(words) <= WORDS else words[: WORDS - 1] + '…'}"


_LATER: Final = (
    (inspect.iscoroutinefunction, "is an async def"),
    (inspect.isasyncgenfunction, "is an async generator"),
    (inspect.isgeneratorfunction, "is a generator: it has a yield"),
)


def _runs_later(value: object) -> str | None:
    """Return what makes a call of ``value`` only the begin of something; None: nothing does."""
    while isinstance(value, functools.partial):
        value = value.func
    candidates = [value]
    if not isinstance(value, FunctionType | MethodType | type):
        candidates.append(inspect.getattr_static(type(value), "__call__", None))
    for each in candidates:
        found: Any = each.__func__ if isinstance(each, staticmethod | classmethod) else each
        for is_later, told in _LATER:
            if is_later(found):
                return told
    return None


def _only_makes(value: object) -> str | None:
    """Return which coroutine function or generator a function calls, if it does nothing else.

    Such a one, ``lambda event: answer(event)`` say, hands what the call makes to nobody who could
    run it. Whatever does anything else may run it. Names are looked up in the code and not
    followed where they could run something.
    """
    bound: object = None
    while isinstance(value, functools.partial | MethodType):
        if isinstance(value, functools.partial):
            value = value.func
        else:
            bound, value = value.__self__, value.__func__
    if not isinstance(value, FunctionType):
        return None
    named = _sole_call(value.__code__)
    found = None if named is None else _named(value, bound, *named)
    later = _runs_later(found)
    return None if later is None else f"only calls {arguments.called(found)}, which {later}"


_BEFORE: Final = frozenset({"RESUME", "NOP", "PUSH_NULL", "COPY_FREE_VARS", "PRECALL", "KW_NAMES"})
_CALLS: Final = frozenset({"CALL", "CALL_FUNCTION_EX", "CALL_KW"})
_AFTER: Final = frozenset({"POP_TOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP"})


def _sole_call(code: CodeType) -> tuple[str, list[str]] | None:
    """Return the name that code calls, and the attributes read from it; None: it does more.

    It loads names and constants, calls once, and drops or returns what that gives: what is
    called was loaded first. Of an operation that is not known here, nothing is known.
    """
    base, attributes, arguments_begun, called = "", list[str](), False, False
    for step in dis.get_instructions(code):
        if called:
            if step.opname not in _AFTER:
                return None
        elif step.opname in _CALLS:
            called = True
        elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"}:
            if not arguments_begun:
                attributes.append(step.argval)
        elif step.opname.startswith("LOAD_"):
            if base:
                arguments_begun = True
            elif isinstance(step.argval, str) and step.opname != "LOAD_CONST":
                base = step.argval
            elif isinstance(step.argval, tuple) and step.opname.startswith("LOAD_FAST"):
                base, arguments_begun = str(step.argval[0]), True  # two loads in one
            else:
                return None
        elif step.opname not in _BEFORE:
            return None
    return (base, attributes) if called and base else None


def _named(function: FunctionType, bound: object, base: str, attributes: list[str]) -> object:
    """Return what a dotted name in a function's code stands for; None: that is not known."""
    code = function.__code__
    known = dict(zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True))
    found: object = None
    if bound is not None and code.co_argcount and base == code.co_varnames[0]:
        found = bound
    elif base in known:
        found = known[base]
    elif base not in code.co_varnames and base not in code.co_cellvars:
        found = function.__globals__.get(base, getattr(builtins, base, None))
    for attribute in attributes:
        found = inspect.getattr_static(found, attribute, None)
    return found


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # it is bound later
        return None
