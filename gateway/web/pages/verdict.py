"""What needs a person, and the whole in one sentence: pure decisions over what stands.

The words are :mod:`gateway.web.pages.words`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from actors.policy import alerts
from actors.policy.alerts import Alert
from actors.state import ConnectionState
from actors.values import AccountId
from gateway.host.advice import Action, Advice
from gateway.words import GAVE_UP

Level = Literal["needs_you", "working", "well", "resting"]
"""Worst first."""

REVIEW: Final = "review"
LETTERS: Final = "letters"

_LOGINS: Final = frozenset({"credentials.needs_human", "credentials.sign_in_due"})
"""Alerts that a new login ends."""

TOLD: Final = frozenset({GAVE_UP, "credentials.needs_human"})
"""Alerts that say of an account what its own row says."""

_OVERDUE: Final = "answer.overdue"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a glance.

    Attributes:
        since_ms: Our Unix time of its last change.
        dead_letters: Its dead letters and parked events.
        to_review: Its sends that only a person can end.
    """

    id: AccountId
    state: ConnectionState
    since_ms: int
    advice: Advice
    dead_letters: int = 0
    to_review: int = 0


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """Something that needs a person.

    Attributes:
        kind: ``account``, ``alert``, ``review`` or ``letters``.
        key: Of its words: of an account its advice, of an alert its name, else the kind.
        why: Of an alert.
        detail: Of an alert: its sentence with numbers.
        count: How many, of sends and letters.
        verb: What a button does: ``sign_in``, ``reset``, ``resume``, ``waiting``, ``chats``,
            ``machine``, ``account``.
    """

    kind: str
    key: str
    account: AccountId | None
    since_ms: int
    verb: str
    why: str = ""
    detail: str = ""
    count: int = 1


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The whole in one sentence.

    Attributes:
        key: Of its words.
        count: In them.
        account: The one it is about; None: several, or the gateway.
    """

    level: Level
    key: str
    count: int = 0
    account: AccountId | None = None


def matters(standings: Sequence[Standing], on: Sequence[Alert]) -> list[Matter]:
    """Return what needs a person, the worst first.

    Args:
        standings: Accounts that are in trouble, or for which something waits.
        on: All alerts that are on.
    """
    found = [each for standing in standings for each in _of_account(standing)]
    spoken = {each.account for each in found if each.kind == "account"}
    letters = {each.account for each in found if each.kind == LETTERS}
    for alert in on:
        of_account = alert.name in TOLD and alert.account in spoken
        of_letters = alert.name == alerts.LETTERS_WAITING and alert.account in letters
        if not (of_account or of_letters):
            found.append(_of_alert(alert))
    return sorted(found, key=lambda each: (_place(each), each.since_ms))


def _of_account(standing: Standing) -> list[Matter]:
    found = []
    action = standing.advice.action
    failed = standing.state is ConnectionState.FAILED
    if failed or action is Action.SIGN_IN:
        found.append(
            Matter(
                kind="account",
                key=standing.advice.key,
                account=standing.id,
                since_ms=standing.since_ms,
                verb="account" if action is None else action.value,
            )
        )
    for kind, count in ((REVIEW, standing.to_review), (LETTERS, standing.dead_letters)):
        if count:
            found.append(
                Matter(
                    kind=kind, key=kind, account=standing.id, since_ms=0, verb="waiting",
                    count=count,
                )
            )  # fmt: skip
    return found


def _of_alert(alert: Alert) -> Matter:
    if alert.name in _LOGINS and alert.account is not None:
        verb = Action.SIGN_IN.value
    elif alert.name == _OVERDUE:
        verb = "chats"
    elif alert.name == alerts.LETTERS_WAITING:
        verb = "waiting"
    else:
        verb = "machine" if alert.account is None else "account"
    return Matter(
        kind="alert",
        key=alert.name,
        account=alert.account,
        since_ms=alert.since_ms,
        verb=verb,
        why=alert.why,
        detail=alert.detail,
    )


def _place(matter: Matter) -> int:
    """Return how urgent it is: the whole gateway, then who is offline, then what waits."""
    if matter.kind == "alert":
        return 0 if matter.account is None else 3
    return 1 if matter.kind == "account" else 2


def verdict(
    found: Sequence[Matter],
    states: Mapping[ConnectionState, int],
    *,
    resting: int,
    changing: AccountId | None,
) -> Verdict:
    """Return the sentence that is true of all.

    Args:
        found: What needs a person.
        states: How many accounts stand where.
        resting: How many of them are paused, or not enabled.
        changing: One of those that are not online and need nobody; None: there is none.
    """
    total = sum(states.values())
    online = states.get(ConnectionState.CONNECTED, 0)
    if found:
        accounts = {each.account for each in found}
        only = next(iter(accounts)) if len(accounts) == 1 else None
        key = "needs_one" if only is not None else "needs_some"
        return Verdict(level="needs_you", key=key, count=len(found), account=only)
    busy = total - online - resting
    if busy > 0:
        key = "works_one" if busy == 1 else "works_some"
        return Verdict(level="working", key=key, count=busy, account=changing)
    if not online:
        return Verdict(level="resting", key="all_rest" if resting else "no_accounts", count=resting)
    return Verdict(level="well", key="well_some_rest" if resting else "well", count=online)
