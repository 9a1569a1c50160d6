"""Ids of events: stable over redelivery, different for different things.

A message is known by account and ``.PNM`` id (protocol 17.3). An entry about a message
must not take that message's identity; one without any id is known by its content.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec


class Arrival(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where and when an entry came in.

    Attributes:
        account: Our name of the account.
        user_id: Its id on the platform, to know its own messages.
        received_at_ms: Our Unix time.
        lane_seq: Its number in the journal.
        recovered: It was read from history.
        stamp: Server time of the package, or ours, and the place in it.
        transient: The package is unsequenced (``/s/para``): such entries carry nothing to
            tell a repetition by, and no duplicate rule may touch them (protocol 17.7).
    """

    account: str = ""
    user_id: str | None = None
    received_at_ms: int = 0
    lane_seq: int | None = None
    recovered: bool = False
    stamp: str = ""
    transient: bool = False


def of_message(arrival: Arrival, message_id: str) -> str:
    """Identify a message."""
    return f"{arrival.account}/{message_id}"


def about_message(arrival: Arrival, message_id: str, *what: object) -> str:
    """Identify something that happened to a message."""
    return f"{arrival.account}/{message_id}#" + ":".join(map(str, what))


def by_content(arrival: Arrival, *content: object, repeats: bool = False) -> str:
    """Identify an entry by what it holds.

    Args:
        arrival: Where it came in.
        content: What tells it from others, e.g. subtype, conversation, time, raw text.
        repeats: Equal content may honestly come again, so the place of arrival counts.
    """
    stamp = arrival.stamp if repeats or arrival.transient else ""
    hashed = blake2b(repr((content, stamp)).encode("utf-8", "backslashreplace"), digest_size=12)
    return f"{arrival.account}/~{hashed.hexdigest()}"
