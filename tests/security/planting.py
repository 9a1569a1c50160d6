"""Settings with a secret in every place that may hold one, found by walking the model.

A new key is planted by itself; one that is public must be named in :data:`PUBLIC`.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from actors.sections import hints_of
from gateway.settings import Record, Settings, SinkSettings

PLANTED = "hunter2"
"""In every planted value; must be in no output."""

PUBLIC = frozenset({
    "accounts[].id", "accounts[].platform", "accounts[].user_agent", "accounts[].tls.ca_file",
    "accounts[].credentials.user_id", "accounts[].tls.server_name", "data_dir", "http.listen",
    "http.hosts[]", "credentials.key_file", "log.file",
    "accounts[].credentials.endpoints.mtop", "accounts[].credentials.endpoints.passport",
    "accounts[].credentials.endpoints.upload",
    "notify.at_once[]", "notify.quiet.from_", "notify.quiet.to", "notify.quiet.but[]",
    "notify.link",
    "notes[]", "sinks[].kind", "sinks[].options",
})  # fmt: skip
"""Texts that may be shown: names, addresses and paths."""

OF_OTHER_KINDS = frozenset(
    f"accounts[].credentials.{key}" for key in ("path", "variables", "call", "url", "bearer")
)
"""No account has these together with a token."""

FORMS: Mapping[str, Any] = {
    "notify.to[]": f"json://{PLANTED}-user:{PLANTED}-bell@127.0.0.1:1/{PLANTED}-path-1",
    "notify.also[].alerts[]": "journal.*",
    "notify.also[].to[]": f"tgram://123456789:{PLANTED}-of-a-bot-2/12345",
    "notify.heartbeat.url": f"https://127.0.0.1:1/{PLANTED}-push-3?key={PLANTED}-key-4",
    "accounts[].url": f"wss://h/p?access_token={PLANTED}-url&sid={PLANTED}-sid",
    "accounts[].proxy": f"socks5://{PLANTED}-user:{PLANTED}%20proxy@127.0.0.1:1",
    "accounts[].headers": {
        "Authorization": f"Bearer {PLANTED}-bearer",
        "X-Api-Key": f"{PLANTED}-api-key",
        "X-Auth": f"{PLANTED}-auth",
        "Proxy-Authorization": f"Basic {PLANTED}-basic",
    },
    "accounts[].credentials.cookie": (
        f"unb=2201; cookie2={PLANTED}-part; _m_h5_tk={PLANTED}tk_17000; other={PLANTED}-other"
    ),
}
"""Where a bare word would not be accepted."""

SINK = {
    "url": f"https://u:{PLANTED}-sink@h/?token={PLANTED}-sink-query",
    "token": f"{PLANTED}-sink-token",
    "headers": {"X-Token": f"{PLANTED}-sink-header"},
}


def planted_tree() -> dict[str, Any]:
    """Return what a file would hold, with a secret in every place that may hold one."""
    tree = _tree(Settings, "")
    account = tree["accounts"][0]
    account |= {"id": "shop-a", "credentials": {**account["credentials"], "user_id": "2201"}}
    return {**tree, "sinks": [{"kind": "webhook", **SINK}]}


def planted_values(value: Any) -> Iterator[str]:
    """Yield every text with a secret in a tree, whole."""
    match value:
        case str() if PLANTED in value:
            yield value
        case Mapping():
            for inner in value.values():
                yield from planted_values(inner)
        case list():
            for inner in value:
                yield from planted_values(inner)
        case _:
            pass


def _tree(cls: type[Record], path: str) -> dict[str, Any]:
    tree = {}
    for key in dataclasses.fields(cls):
        where = f"{path}.{key.name}" if path else key.name
        value = _value(hints_of(cls)[key.name], where)
        if value is not None:
            tree[key.name] = value
    return tree


def _value(hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        present = [part for part in typing.get_args(hint) if part is not types.NoneType]
        return _value(present[0], where)
    if typing.get_origin(hint) is tuple:
        inner = _value(typing.get_args(hint)[0], f"{where}[]")
        return [inner] if inner and typing.get_args(hint)[0] is not SinkSettings else None
    if isinstance(hint, type) and issubclass(hint, Record):
        return _tree(hint, where) or None
    if where in PUBLIC | OF_OTHER_KINDS or where.removesuffix(".kind") in PUBLIC:
        return None
    if where in FORMS:
        return FORMS[where]
    assert typing.get_origin(hint) is not Mapping, f"say in FORMS what {where} may hold"
    return f"{PLANTED}-{where}" if hint is str else None


class Heap:
    """The objects of ours that a test makes, and those that our modules hold.

    What earlier tests left alive is not looked at: another test's heap may be a thousand accounts.
    """

    def __init__(self) -> None:
        gc.collect()
        held = {id(value) for value in _held()}
        self._before = {id(value): value for value in _ours() if id(value) not in held}

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield type and ``repr`` and ``str`` of every living object, and what it holds."""
        seen = set(self._before)
        for value in _ours():
            if id(value) not in seen:
                seen.add(id(value))
                kind = f"{type(value).__module__}.{type(value).__qualname__}"
                yield kind, f"{value!r} {value!s}"


def _held() -> Iterator[object]:
    """Yield what our modules hold by a name, and what a container of theirs does."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"actors", "gateway"}:
            for value in list(vars(module).values()):
                yield value
                yield from gc.get_referents(value)


def _ours() -> Iterator[object]:
    for tracked in gc.get_objects():
        if _is_ours(tracked):
            yield tracked
            yield from filter(_is_ours, gc.get_referents(tracked))


def _is_ours(value: object) -> bool:
    module = getattr(type(value), "__module__", "")
    # Not isinstance(): it asks a weak proxy for the class of what may be gone.
    if issubclass(type(value), type) or not isinstance(module, str):
        return False
    ours = module.partition(".")[0] in {"actors", "gateway"}
    return ours and not module.startswith("gateway.testing")
