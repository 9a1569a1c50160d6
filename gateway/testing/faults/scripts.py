"""Fault scripts: plain data (a list, a mapping, a YAML file) in, rules out.

Whatever is wrong is said at once, a line each, with its place and the nearest right name.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from gateway.alike import did_you_mean
from gateway.testing.faults.actions import Action
from gateway.testing.faults.presets import PRESETS, When
from gateway.testing.faults.rules import KINDS, Moment, Rule

__all__ = ["ScriptError", "load", "read", "script"]

_ACTIONS: Final[Mapping[str, type[Action]]] = {kind.__name__: kind for kind in KINDS}
_MOMENTS: Final = typing.get_args(Moment)


class ScriptError(ValueError):
    """A fault script cannot be used.

    Attributes:
        problems: One line each: where, what, and the nearest right name.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["the fault script cannot be used:", *self.problems]))


def script(source: object, *, name: str = "script") -> list[Rule]:
    """Read a script: rules and named faults, in order.

    Args:
        source: A list, or one entry alone. An entry is a rule
            (``{"on": "push", "do": {"type": "Duplicate", "times": 2}, "after": 5}``; an action
            without arguments may be its bare name) or a named fault
            (``{"fault": "refuse", "status": 503, "times": 2}``, or its bare name). A mapping
            with the one key ``faults`` holds the list.
        name: What problems name as their place.

    Raises:
        ScriptError: All that is wrong.
    """
    if isinstance(source, Mapping) and set(source) == {"faults"}:
        source = source["faults"]
    entries = source if isinstance(source, list | tuple) else [source]
    problems: list[str] = []
    rules: list[Rule] = []
    for index, entry in enumerate(entries):
        where = f"{name}[{index}]"
        before = len(problems)
        found = _entry(entry, where, problems)
        if len(problems) == before:
            rules += found
    if problems:
        raise ScriptError(problems)
    return rules


def read(path: str | Path) -> list[Rule]:
    """Read a script from a YAML (or JSON) file.

    Raises:
        ScriptError: It is no YAML, or something in it cannot be used.
        OSError: It cannot be read.
    """
    file = Path(path)
    try:
        source = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScriptError([f"{file}: no YAML: {' '.join(str(error).split())}"]) from None
    return script([] if source is None else source, name=str(file))


def load(data: object) -> list[Rule]:
    """Read rules from plain data as msgspec writes them; :func:`script` takes more and says more.

    Raises:
        msgspec.ValidationError: It is not a list of rules; says where.
    """
    return msgspec.convert(data, list[Rule])


def _entry(entry: object, where: str, problems: list[str]) -> list[Rule]:
    if isinstance(entry, Rule):
        return [entry]
    if isinstance(entry, str):
        entry = {"fault": entry}
    if not isinstance(entry, Mapping):
        problems.append(
            f"{where}: {type(entry).__name__} is no rule: write {{on: …, do: …}} or {{fault: …}}"
        )
        return []
    # YAML 1.1 reads a bare ``on`` as true
    keys = {"on" if key is True else str(key): value for key, value in entry.items()}
    if "fault" in keys:
        return _named(keys, where, problems)
    return _rule(keys, where, problems)


def _named(keys: dict[str, Any], where: str, problems: list[str]) -> list[Rule]:
    """Call the fault an entry names."""
    fault = str(keys.pop("fault"))
    preset = PRESETS.get(fault)
    if preset is None:
        problems.append(f"{where}.fault: there is no {fault!r}{did_you_mean(fault, PRESETS)}")
        return []
    known = _arguments(preset)
    if not _names(keys, known, where, problems):
        return []
    given: dict[str, Any] = {}
    for key, value in keys.items():
        try:
            given[key] = msgspec.convert(value, known[key])
        except msgspec.ValidationError as error:
            problems.append(f"{where}.{key}: {_plain(error)}")
    missing = [
        parameter.name
        for parameter in inspect.signature(preset).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is not parameter.VAR_KEYWORD
        and parameter.name not in keys
    ]
    problems += [f"{where}: {fault} needs {key!r}" for key in missing]
    if missing or len(given) < len(keys):
        return []
    try:
        return preset(**given)
    except ValueError as error:  # the combination could never fire
        problems.append(f"{where}: {error}")
        return []


@cache
def _arguments(preset: Callable[..., list[Rule]]) -> dict[str, Any]:
    """Return the arguments of a named fault and their types."""
    hints = typing.get_type_hints(preset)
    known = {name: hint for name, hint in hints.items() if name not in ("return", "when")}
    return known | (typing.get_type_hints(When) if "when" in hints else {})


def _rule(keys: dict[str, Any], where: str, problems: list[str]) -> list[Rule]:
    before = len(problems)
    _names(keys, Rule.__struct_fields__, where, problems)
    problems += [f"{where}: a rule needs {key!r}" for key in ("on", "do") if key not in keys]
    on = keys.get("on")
    if on is not None and on not in _MOMENTS:
        problems.append(f"{where}.on: there is no moment {on!r}{did_you_mean(str(on), _MOMENTS)}")
    if "do" in keys:
        keys["do"] = _action(keys["do"], f"{where}.do", problems)
    if len(problems) > before:
        return []
    try:
        return [msgspec.convert(keys, Rule)]
    except msgspec.ValidationError as error:
        problems.append(f"{where}: {_plain(error)}")
        return []


def _action(do: object, where: str, problems: list[str]) -> object:
    """Check the name of an action and its fields; give it as msgspec wants it."""
    if isinstance(do, Action):
        return msgspec.to_builtins(do)
    if isinstance(do, str):
        do = {"type": do}
    if not isinstance(do, Mapping) or "type" not in do:
        problems.append(f"{where}: an action is its name, or {{type: its name, …}}")
        return do
    kind = _ACTIONS.get(str(do["type"]))
    if kind is None:
        name = str(do["type"])
        problems.append(f"{where}.type: there is no action {name!r}{did_you_mean(name, _ACTIONS)}")
        return do
    _names(do, ("type", *kind.__struct_fields__), where, problems)
    return dict(do)


def _names(keys: Iterable[object], known: Iterable[str], where: str, problems: list[str]) -> bool:
    """Note every key that is not known; True: all are."""
    names = list(known)
    wrong = [str(key) for key in keys if key not in names]
    problems += [f"{where}: there is no key {key!r}{did_you_mean(key, names)}" for key in wrong]
    return not wrong


def _plain(error: msgspec.ValidationError) -> str:
    """Return what msgspec says, without the root it does not know."""
    return str(error).replace(" - at `$.", " - at `").replace(" - at `$`", "")
