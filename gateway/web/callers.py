"""Who asks, and what a route needs. Only data."""

from __future__ import annotations

import enum
from typing import Final

import msgspec


class Role(enum.Enum):
    """What somebody may do.

    Attributes:
        OWNER: Everything.
        VIEWER: Look; at what buyers wrote only if ``http.viewer_chats`` is true.
    """

    OWNER = "owner"
    VIEWER = "viewer"


class Need(enum.Enum):
    """What a route needs of its caller.

    Attributes:
        LOOK: Any role.
        READ: A role that may see what buyers wrote.
        ACT: The owner.
    """

    LOOK = "look"
    READ = "read"
    ACT = "act"


class Caller(msgspec.Struct, frozen=True):
    """Who asks. Its ``repr`` shows no cookie.

    Attributes:
        role: What they may do.
        who: As logs name them: ``token``, ``viewer_token``, ``metrics_token``, ``local`` (no token
            is set), or ``session`` and the start of its id.
        fresh: Value of the cookie that is to be set in place of an older one; None: none is.
    """

    role: Role
    who: str
    fresh: str | None = None

    def __repr__(self) -> str:
        """Show who it is."""
        return f"Caller({self.role.value}, {self.who})"

    __str__ = __repr__


LOCAL: Final = Caller(Role.OWNER, "local")
"""Anybody, where no token is set: whoever reaches it is of this machine."""
