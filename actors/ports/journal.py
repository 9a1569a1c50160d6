"""The port of the journal: its rows, its errors, its interface.

What it is told, and what it answers, is in :mod:`actors.ports.commands`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from actors.policy.alerts import Alert
from actors.ports.commands import JournalAnswer, JournalCommand, Past
from actors.ports.errors import GatewayError
from actors.values import AccountId, Delivery, Frame, Position, SendState


class SendRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A send as the journal has it.

    Attributes:
        delivery: What, to whom, until when.
        state: Where it stands.
        reason: The platform's or our own; ``needs_review``: only a person can tell.
        message_id: The platform's id of it.
        attempts: Those of which bytes may have left.
        first_attempt_ms: Our Unix time of the first of them.
        first_platform_ms: The platform's Unix time of it; None: it was not known.
        accepted_at_ms: When it came in, in our Unix time.
        ended_at_ms: When it ended; None while it is open.
    """

    delivery: Delivery
    state: SendState
    reason: str | None = None
    message_id: str | None = None
    attempts: int = 0
    first_attempt_ms: int | None = None
    first_platform_ms: int | None = None
    accepted_at_ms: int = 0
    ended_at_ms: int | None = None


class SendQuery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which sends; every condition that is given must hold.

    Attributes:
        outbox_id: That one.
        account: Of that account.
        conversation_id: Of that conversation.
        state: In that state.
        open_only: Not ended.
        among_last: Search only this many of the sends accepted last.
        reason: With this reason.
        before: Accepted before the send of this id.
        newest_first: Newest first; else in the order they were accepted.
        limit: Most sends to return.
    """

    outbox_id: str | None = None
    account: AccountId | None = None
    conversation_id: str | None = None
    state: SendState | None = None
    open_only: bool = False
    among_last: int | None = None
    reason: str | None = None
    before: str | None = None
    newest_first: bool = False
    limit: int = 100_000


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was stored and not settled.

    Attributes:
        frame: The frame it came in.
        event_id: Its identity as it was stored; empty: the journal does not say.
        raw_id: Which frame that is: equal ones are not one. The number that was drawn for its
            first event, as far as the journal knows.
        index: Which of the frame's events.
        lane_seq: Its number, kept for ever.
        received_at_ms: When it came.
        attempts: How often handlers failed.
        crashes: Attempts that were noted before they began and never ended.
        own: The account itself caused it; None: the journal does not say.
        replayed: A person put it back: handlers have seen it.
        late: A newer event of its lane was handed out before.
    """

    frame: Frame
    event_id: str = ""
    raw_id: int
    index: int
    lane_seq: int
    received_at_ms: int
    attempts: int
    crashes: int = 0
    own: bool | None = None
    replayed: bool = False
    late: bool = False


class PendingRows(list[Pending]):
    """A page of pending events; rows of one frame share the text of it.

    Attributes:
        more: The journal holds more behind them.
        through: Number up to which the journal was read.
        unreadable: Numbers of events whose frame cannot be read; they are not among the rows.
    """

    __slots__ = ("more", "through", "unreadable")

    def __init__(
        self, rows: Iterable[Pending] = (), *, more: bool = False, through: int = 0
    ) -> None:
        super().__init__(rows)
        self.more = more
        self.through = through
        self.unreadable: list[int] = []


class RecoveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account's recovery stands.

    Attributes:
        cursor: How far everything was read; None: never yet.
        held_from: Events from this number on wait for a recovery; None: no hold is open.
        first_ms: The first contact, in the platform's Unix time; None: not known.
    """

    cursor: Position | None = None
    held_from: int | None = None
    first_ms: int | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that waits for a person: dead or parked (``contract.md`` I9, I11).

    Attributes:
        event_id: Which.
        account: Whose.
        conversation_id: Its lane; None: it has none.
        lane_seq: Its number.
        status: ``dead``: it failed, or a handler refused it. ``parked``: nobody knows what its
            handlers did, or whether they had it.
        reason: Why; exception type and place, or a constant such as ``crash_loop``,
            ``handler_timed_out``, ``unknown_effect`` or ``stale``.
        attempts: How often handlers failed.
        at_ms: Our Unix time when it was put there.
        received_at_ms: Our Unix time when it came.
        frame: The frame it came in; None where it was not asked for.
        index: Which of the frame's events.
    """

    event_id: str
    account: AccountId
    conversation_id: str | None
    lane_seq: int
    status: str
    reason: str | None
    attempts: int
    at_ms: int
    received_at_ms: int
    frame: Frame | None = None
    index: int = 0


class Tally(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of everything an account received, over the life of its journal.

    The accounting identity (``contract.md`` I12): ``received`` is the sum of the others.

    Attributes:
        received: Events the platform sent, copies included.
        duplicates: Copies of what was known.
        done: Handled.
        dead: Dead letters.
        ignored: No handler wanted them, or a person dropped them.
        parked: It is unknown what their handlers did, or whether they ran.
        expired: Too old to be handled.
        pending: Stored and not ended.
    """

    received: int = 0
    duplicates: int = 0
    done: int = 0
    dead: int = 0
    ignored: int = 0
    parked: int = 0
    expired: int = 0
    pending: int = 0

    @property
    def balanced(self) -> bool:
        """Return whether nothing was lost and nothing counted twice; anything else is a bug."""
        ended = self.done + self.dead + self.ignored + self.parked + self.expired
        return self.received == self.duplicates + ended + self.pending and self.pending >= 0


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What of an account waits in the journal.

    Attributes:
        pending: Events that have not ended.
        dead: Dead letters.
        parked: Parked events.
    """

    pending: int
    dead: int
    parked: int


class JournalError(GatewayError):
    """The journal could not carry out a command, and kept nothing of it."""


class CommandRefusedError(JournalError):
    """Raised when the journal can never keep a command, or was closed before its turn.

    Attributes:
        reason: Why; no payload. :data:`CLOSED` if it was closed.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return "the journal did not take it; its log line journal.* says why"


class JournalFullError(JournalError):
    """The journal has no room for more messages. Settlements and marks are still accepted."""


class Journal(Protocol):
    """Where messages live. All methods on one thread at a time (the writer's)."""

    durable: bool
    """False: commits cost nothing, so the writer needs no thread."""

    def numbers(self) -> Iterator[int]:
        """Return the source of ``lane_seq``: unique, growing, safe to draw from any thread."""

    def commit(self, commands: Sequence[JournalCommand]) -> Sequence[JournalAnswer]:
        """Do all commands in one transaction; on return they survive a power cut.

        A transaction of bare settlements (no replies) need only survive a kill: after a power
        cut its events are pending again.

        With none it is the writer's word that it is idle, and time for house-keeping.

        Returns:
            One answer a command, in order. To the word: anything if there is more to keep.

        Raises:
            JournalError: Nothing was done; names file, cause and next step.
        """

    def pending(
        self, account: AccountId, after: int, limit: int, *, lane: str | None = None
    ) -> PendingRows:
        """Return unsettled events with ``lane_seq`` above ``after``, in its order.

        A page holds each frame once, and all that is pending of it: read in parts, a frame of
        many events would be decoded as often.

        Args:
            account: Whose.
            after: A ``lane_seq``.
            limit: The page ends with the frame that reaches this many events, or a mebibyte
                of frames.
            lane: Only of this conversation, empty for events of none; a journal that is
                not durable may give others, too. None: of all.
        """

    def recovery(self, account: AccountId) -> RecoveryRecord:
        """Return the account's cursor and its hold."""

    def known(self, account: AccountId, event_ids: Sequence[str]) -> Mapping[str, bool]:
        """Return which of these events are stored; True: it may have reached a handler."""

    def sends(self, query: SendQuery) -> Sequence[SendRecord]:
        """Return sends in the order they were accepted."""

    def letters(
        self,
        account: AccountId | None,
        limit: int,
        *,
        before: tuple[int, int] | None = None,
        frames: int = 0,
    ) -> Sequence[Letter]:
        """Return dead and parked events, the newest first, of one account or of all.

        Args:
            account: Whose; None: of all.
            limit: How many at most.
            before: Only those behind the one of this ``at_ms`` and ``lane_seq``.
            frames: Give frames of at most so many characters or bytes, too.
        """

    def letter(self, event_id: str) -> Letter | None:
        """Return one of them with its frame; None if it is not among them."""

    def note(self, account: AccountId, conversation_id: str, key: str) -> str | None:
        """Return what handlers noted last; an empty ``conversation_id`` is the account itself."""

    def tally(self, account: AccountId) -> Tally:
        """Return an account's counters as of the last commit. Any thread."""

    def standings(self) -> Mapping[AccountId, Standing]:
        """Return what waits, by account. Any thread, beside a commit.

        No commit waits for it, so a number may be one commit older than its neighbour.
        """

    def oldest_ms(self) -> int | None:
        """Return our Unix time when the oldest pending event came; None: none is known.

        As of the last look, a minute ago at most. Any thread.
        """

    def concerns(self) -> Sequence[Alert]:
        """Return what a person should look at, the same object until it changes. Any thread."""

    def pasts(self) -> Mapping[AccountId, Past]:
        """Return what former lives left of each account that failed and was not stable since."""

    def paused(self) -> Collection[AccountId]:
        """Return the accounts that a person paused and nobody resumed since."""

    def kept_texts(self, prefix: str) -> Mapping[str, str]:
        """Return the texts that are kept under names that begin so, by name."""

    def close(self) -> None:
        """Flush, checkpoint and release the file. Idempotent."""
