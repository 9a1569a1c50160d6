"""Compare reloaded settings with those in use: what is taken over, what is left. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from actors.values import AccountId
from gateway.settings import AccountSettings, Settings

TAKEN: Final = ("credentials", "renewal")
"""Sections of an account that are taken over; all else takes a restart."""


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of settings that were read again.

    Attributes:
        replaced: Accounts whose credentials were replaced.
        left: What else differs from the settings that are in use; a restart takes it over.
        refused: Accounts whose new credentials cannot be used, with why; what was there stays.
    """

    replaced: Sequence[AccountId] = ()
    left: Sequence[str] = ()
    refused: Mapping[AccountId, str] = {}


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """How settings differ from those in use.

    Attributes:
        taken: Accounts in use, with the credentials of the new settings.
        left: What else differs, by its key.
    """

    taken: Sequence[AccountSettings]
    left: Sequence[str]


def compare(
    began: Settings, in_use: Mapping[AccountId, AccountSettings], given: Settings
) -> Differences:
    """Return how settings differ from those in use.

    Args:
        began: Those the gateway was made with.
        in_use: Of each account there is now, those that the host added among them.
        given: As they were read again.
    """
    taken, left = [], list(_shared(began, given))
    named = {each.id: each for each in given.accounts}
    known = {each.id for each in began.accounts}
    left += [
        f"account {name} {'was removed' if name in known else 'is new'}"
        for name in named
        if name not in in_use
    ]
    left += [f"account {name} is gone" for name in in_use if name in known - set(named)]
    for name, now in in_use.items():
        then = named.get(name, now)
        changed = [each for each in _keys(now) if getattr(now, each) != getattr(then, each)]
        left += [f"accounts[{name}].{each}" for each in changed if each not in TAKEN]
        if _is_another_user(now, then):
            left.append(f"accounts[{name}].credentials.user_id: that is another user's account")
        elif any(each in TAKEN for each in changed):
            parts = {each: getattr(then, each) for each in TAKEN}
            taken.append(dataclasses.replace(now, **parts))
    return Differences(taken=taken, left=left)


def _shared(began: Settings, given: Settings) -> Iterator[str]:
    for name in _keys(began):
        if name not in ("accounts", "notes") and getattr(began, name) != getattr(given, name):
            yield name


def _keys(record: Settings | AccountSettings) -> list[str]:
    return [each.name for each in dataclasses.fields(record)]


def _is_another_user(now: AccountSettings, then: AccountSettings) -> bool:
    """Return whether the settings name another user: its conversations are not this one's."""
    ids = now.credentials.user_id, then.credentials.user_id
    return None not in ids and ids[0] != ids[1]
