"""The typed shapes of a push (protocol 8, 9), with the wire's names.

Fields stand in the order of the wire: a decoder looks for the next one first.
"""

from __future__ import annotations

import msgspec

PACKAGES = frozenset({"/s/sync", "/s/para", "/s/vulcan", "/s/sync_failover"})
"""Paths known to carry packages of entries (protocol 8)."""

SYNC = "/s/sync"
PARA = "/s/para"
VULCAN = "/s/vulcan"


class Entry(msgspec.Struct, gc=False):
    """An entry whose ``data`` is a text, as it should be."""

    data: str


class Package(msgspec.Struct, kw_only=True, gc=False):
    """``syncPushPackage``; all numbers are 0 in an unsequenced one."""

    startSeq: int = 0  # noqa: N815 - the wire's name
    endSeq: int = 0  # noqa: N815 - the wire's name
    data: list[Entry]
    maxPts: int = 0  # noqa: N815 - the wire's name
    hasMore: int = 0  # noqa: N815 - the wire's name
    timestamp: int = 0


class Extra(msgspec.Struct, gc=False):
    """``syncExtraType`` (protocol 6.4)."""

    type: int = 0


class Body(msgspec.Struct, gc=False):
    """Body of a push that has a package."""

    syncPushPackage: Package  # noqa: N815 - the wire's name
    syncExtraType: Extra | None = None  # noqa: N815 - the wire's name


class PackagePush(msgspec.Struct, gc=False):
    """A push with a package; its headers stay as they came, to be echoed."""

    headers: msgspec.Raw
    lwp: str
    body: Body


class Headers(msgspec.Struct, gc=False):
    """Headers that can be echoed: without a ``mid`` there is nothing to acknowledge."""

    mid: str


decode_push = msgspec.json.Decoder(PackagePush).decode
decode_headers = msgspec.json.Decoder(Headers).decode
