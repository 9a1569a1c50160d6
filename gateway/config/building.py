"""A whole configuration from plain values: environment, defaults, types, rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors.sections import hints_of
from gateway.config import rules
from gateway.config.document import key_path
from gateway.config.environment import no_files, substitute
from gateway.config.problems import Problems, shown
from gateway.config.tree import Partial, Reader, merged
from gateway.redaction import is_secret_name, mask_url
from gateway.settings import AccountSettings, Settings, SinkSettings

_LISTS = ("accounts", "sinks", "defaults")
_NOT_IN_FILES = "notes"


def build(values: object, problems: Problems) -> Settings:
    """Make settings; what is wrong is noted.

    Args:
        values: What the file holds, references replaced.
        problems: Takes everything that is wrong.

    Returns:
        What could be made of it; not to be used if there are problems.
    """
    reader = Reader(problems)
    hints: dict[str, Any] = dict(hints_of(Settings))
    del hints[_NOT_IN_FILES]
    given = {} if values is None else values
    if not isinstance(given, Mapping):
        problems.add("", f"expected a mapping (key: value), got {shown(given, secret=True)}")
        return Settings()
    plain = {key: value for key, value in given.items() if key not in _LISTS}
    partial = reader.keys({**hints, "defaults": None}, plain, "")
    partial["accounts"] = _accounts(reader, given, problems)
    partial["sinks"] = _sinks(given, problems)
    settings = reader.make(Settings, partial, "")
    for path, text in rules.findings(settings, problems.is_wrong):
        problems.add_new(path, text)
    return settings


def substituted(
    value: Any,
    environment: Mapping[str, str],
    problems: Problems,
    path: str = "",
    *,
    read: Callable[[str], str] = no_files,
) -> Any:
    """Return values with every ``${NAME}`` in them replaced; what cannot be is noted."""
    match value:
        case str():
            try:
                return substitute(value, environment, read)
            except ValueError as error:
                problems.add(path, str(error))
                return value
        case Mapping():
            return {
                key: substituted(inner, environment, problems, key_path(path, str(key)), read=read)
                for key, inner in value.items()
            }
        case list() | tuple():
            return [
                substituted(inner, environment, problems, key_path(path, index), read=read)
                for index, inner in enumerate(value)
            ]
        case _:
            return value


def _accounts(
    reader: Reader, given: Mapping[str, Any], problems: Problems
) -> tuple[AccountSettings, ...]:
    hints = hints_of(AccountSettings)
    defaults = given.get("defaults")
    under = reader.keys(hints, defaults, "defaults")
    for path, text in rules.default_findings(defaults):
        problems.add_new(path, text)
    accounts = []
    for index, value in enumerate(_list(given, "accounts", problems)):
        path = key_path("accounts", index)
        own: Partial = reader.keys(hints, value, path)
        accounts.append(reader.make(AccountSettings, merged(under, own), path))
    return tuple(accounts)


def _sinks(given: Mapping[str, Any], problems: Problems) -> tuple[SinkSettings, ...]:
    sinks = []
    for index, value in enumerate(_list(given, "sinks", problems)):
        path = key_path("sinks", index)
        kind = value.get("kind") if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping) or not isinstance(kind, str):
            problems.add(path, "expected a mapping with a kind, e.g. {kind: jsonl, path: …}")
            continue
        options = {str(key): inner for key, inner in value.items() if key != "kind"}
        problems.literal_secrets |= any(_tells(key, inner) for key, inner in options.items())
        sinks.append(SinkSettings(kind=str(kind), options=options))
    return tuple(sinks)


def _tells(name: str, value: Any) -> bool:
    # A text of the environment is another class.
    return type(value) is str and (is_secret_name(name) or mask_url(value) != value)


def _list(given: Mapping[str, Any], key: str, problems: Problems) -> list[Any]:
    value = given.get(key)
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        problems.add(key, f"expected a list (- …), got {shown(value, secret=True)}")
        return []
    return list(value)
