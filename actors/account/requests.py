"""The requests of a recovery: one at a time, paced, asked again, and made smaller.

A request waits for the rate of its account and, if it reads a page, for that of the process.
How many entries a page may have is decided by :mod:`actors.policy.sizes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from actors.account.services import Account
from actors.messages import BeginRecovery, RecoveryInbox
from actors.policy.rates import TokenBucket
from actors.policy.sizes import broken
from actors.ports import Mailbox
from actors.values import Failure, Reply, Request

ATTEMPTS: Final = 3
"""Times a request is sent before the recovery fails."""

SINGLE: Final = 8
"""Limit of a request whose answer has one entry.

An answer that breaks the link halves the limit: such a request is left out after the fourth time.
"""


class Arm(Protocol):
    """Sets the one timer of a recovery: seconds to wait, and what to do then."""

    def __call__(self, delay_s: float, due: Callable[[], None]) -> None:
        """Do ``due`` in ``delay_s`` seconds, and not what was set before."""


class HistoryRequest(msgspec.Struct, frozen=True):
    """What is asked of the platform.

    Attributes:
        make: Returns the request with this ``mid`` and limit of entries.
        take: Takes the answer; False: it says nothing of use.
        subject: What it is about, for the limits that outlive the link.
        most: Limit of entries.
        cursor: Where the page begins.
        paged: It reads a page, which counts against the rate of the process.
    """

    make: Callable[[str, int], Request]
    take: Callable[[Reply], bool]
    subject: str
    most: int = SINGLE
    cursor: int | None = None
    paged: bool = False


class HistoryRequests:
    """Sends one request at a time over the recovery's link.

    A part of the recovery, without a mailbox: each method is called on the recovery's turn.

    Args:
        account: Whose history is read.
        order: The link and its session.
        mailbox: The recovery's own.
        rate: Requests a second of the account.
        arm: Sets the recovery's timer.
        failed: Called with the reason once a request has failed for good.
    """

    __slots__ = (
        "_account",
        "_arm",
        "_attempts",
        "_current",
        "_failed",
        "_limit",
        "_mailbox",
        "_mid",
        "_order",
        "_paid",
        "_rate",
    )

    def __init__(
        self,
        account: Account,
        order: BeginRecovery,
        mailbox: Mailbox[RecoveryInbox],
        rate: TokenBucket,
        *,
        arm: Arm,
        failed: Callable[[str], None],
    ) -> None:
        self._account = account
        self._order = order
        self._mailbox = mailbox
        self._rate = rate
        self._arm = arm
        self._failed = failed
        self._current: HistoryRequest | None = None
        self._limit = 1  # entries of the request under way
        self._attempts = 0
        self._mid: str | None = None
        self._paid = False  # the account's rate has allowed the next request

    @property
    def subject(self) -> str:
        """Return what the last request was about; empty before the first."""
        return "" if self._current is None else self._current.subject

    def ask(self, request: HistoryRequest) -> None:
        """Send a request as soon as the rates allow it."""
        self._current, self._attempts = request, 0
        self._send()

    def awaits(self, reply: Reply) -> bool:
        """Return True for the answer to the request under way."""
        return reply.mid == self._mid

    def answered(self, reply: Reply) -> None:
        """Hand over the awaited answer; ask again if it says nothing of use."""
        self._mid, request = None, self._current
        assert request is not None
        if not request.take(reply):
            self._ask_again("refused")

    def link_lost(self, failure: Failure | None) -> None:
        """Remember the size of an answer that broke the link."""
        request = self._current
        if (
            self._mid is not None
            and request is not None
            and failure is not None
            and broken(failure)
        ):
            sizes = self._account.carried.sizes
            sizes.broke(request.subject, self._limit, failure, place=request.cursor)

    def _send(self) -> None:
        services, request = self._account.services, self._current
        assert request is not None
        now = services.clock.monotonic()
        wait_s = 0.0 if self._paid else self._rate.take(now)
        self._paid = not wait_s
        if not wait_s and request.paged:
            wait_s = services.history_rate.take(now)
        if wait_s:
            self._arm(wait_s, self._send)
            return
        self._paid = False
        sizes = self._account.carried.sizes
        self._limit = sizes.allow(request.subject, request.most, place=request.cursor)
        if not self._limit:
            sizes.left_out(request.subject)
            self._failed("answer_breaks_link")
            return
        sent = request.make(services.new_mid(self._order.session), self._limit)
        self._mid = sent.mid
        self._order.calls.ask(sent, self._mailbox)
        self._arm(self._account.plan.recovery.reply_s, self._unanswered)

    def _unanswered(self) -> None:
        self._mid, request = None, self._current
        assert request is not None
        if request.paged:
            self._account.carried.sizes.silent(request.subject, self._limit)
        self._ask_again("unanswered")

    def _ask_again(self, reason: str) -> None:
        self._attempts += 1
        if self._attempts < ATTEMPTS:
            self._arm(self._account.plan.recovery.retry_s, self._send)
        else:
            self._failed(reason)
