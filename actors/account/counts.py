"""What the actors of an account did in this process, for the metrics."""

from __future__ import annotations

from actors.state import Cause, ConnectionState
from actors.values import Disposition


class AccountCounts:
    """Counters of one account; they never fall, and outlive the account and its actors.

    Each has one owner, which adds once a batch; any thread reads, without a lock.

    Attributes:
        received: New events that were pushed and stored. Owner: who carries the journal's answers.
        duplicates: Pushed copies of what the journal had. Same owner.
        recovered: New events that were read from history. Same owner.
        done: Events that were handled. Same owner.
        ended: Events that ended otherwise, by value of how; None: none yet. Same owner.
        connects: Links whose registration was confirmed. Owner: the supervisor.
        recovered_whole: Recoveries that left no gap. Same owner.
        recovered_in_part: Those that may have left one. Same owner.
        lost: Confirmed links that ended, by value of the cause; None: none yet. Same owner.
    """

    __slots__ = (
        "connects",
        "done",
        "duplicates",
        "ended",
        "lost",
        "received",
        "recovered",
        "recovered_in_part",
        "recovered_whole",
    )

    def __init__(self) -> None:
        self.received = self.duplicates = self.recovered = self.done = 0
        self.connects = self.recovered_whole = self.recovered_in_part = 0
        self.ended: dict[str, int] | None = None
        self.lost: dict[str, int] | None = None

    def settle(self, disposition: Disposition, events: int = 1) -> None:
        """Count events that ended alike; one that is tried again has not ended."""
        if disposition is Disposition.DONE:
            self.done += events
        elif disposition is not Disposition.RETRY and events:
            ended = self.ended or {}
            ended[disposition.value] = ended.get(disposition.value, 0) + events
            self.ended = ended

    def recover(self, *, whole: bool) -> None:
        """Count a recovery that ended."""
        self.recovered_whole += whole
        self.recovered_in_part += not whole

    def move(self, old: ConnectionState, cause: Cause, new: ConnectionState) -> None:
        """Count a link that was confirmed, or one that ended."""
        if new is ConnectionState.CONNECTED:
            self.connects += 1
        elif old is ConnectionState.CONNECTED:
            lost = self.lost or {}
            lost[cause.value] = lost.get(cause.value, 0) + 1
            self.lost = lost
