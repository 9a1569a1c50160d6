"""When an account's history is read again, and when its link counts as a zombie.

Part of the connection, alive as long as a registration: one timer, no mailbox. The reading
itself is :mod:`actors.account.recovery`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import msgspec

from actors.account.services import Account
from actors.messages import BeginRecovery, CatchUpDue, MentionsRead, RecoveryEnded
from actors.policy.recovery import continuous
from actors.ports import History, Session
from actors.ports.journal import Journal
from actors.runtime.links.calls import Calls
from actors.runtime.pool.alarm import Alarm
from actors.values import Generation, Position, Reply, SignalKind

RETRY_S = 60.0
"""If there are no probes, a failed recovery is repeated after this pause."""

READY_WAIT_S = 3.0
"""How long after a registration the platform may take to say that it is ready."""

SETTLE_S = 2.0
"""If the platform is ahead, the missing push may still be on its way for this long."""

REFRESH_S = 86_400.0
"""A lasting link is read again at the first probe after this time. Otherwise the cursor would fall
behind what the journal remembers, and handled messages would look missing."""

MENTIONS_LIMIT = 256
"""Most mentioned messages that are looked up at once; beyond, history is read without looking."""


class _Stage(enum.Enum):
    """What the timer is for."""

    READY = enum.auto()
    IDLE = enum.auto()
    ASKED = enum.auto()
    SETTLING = enum.auto()
    RUNNING = enum.auto()
    SUSPECT = enum.auto()


class CatchUp:
    """Begins a recovery after a registration, on signals, and when the platform is ahead.

    Every method is called on the connection's turn.
    """

    __slots__ = (
        "_account", "_again", "_ahead", "_alarm", "_asked_at", "_calls", "_cut", "_failed",
        "_generation", "_history", "_mentions", "_point", "_position", "_probe_at", "_pushed_at",
        "_refresh_at", "_session", "_stage",
    )  # fmt: skip

    def __init__(
        self,
        account: Account,
        generation: Generation,
        calls: Calls,
        session: Session,
        history: History,
    ) -> None:
        self._account = account
        self._generation = generation
        self._calls = calls
        self._session = session
        self._history = history
        self._stage = _Stage.READY
        self._position: Position | None = None
        self._point = 0
        self._ahead: Position | None = None
        self._asked_at = self._pushed_at = self._probe_at = self._refresh_at = 0.0
        self._cut = self._failed = False
        self._again: str | None = None
        self._mentions: list[str] = []
        self._alarm = Alarm[CatchUpDue](account.services.timers, account.peers.connection)
        self._arm(min(READY_WAIT_S, account.plan.recovery.reply_s))

    def close(self) -> None:
        """Leave no timer behind."""
        self._alarm.clear()

    # --- what is heard ----------------------------------------------------------------

    def signalled(self, kind: SignalKind) -> None:
        """Take what the platform says about its stream."""
        if kind is SignalKind.READY:
            if self._stage is _Stage.READY:
                self._begin("registered")
            return
        self._cut = True
        if self._stage is _Stage.READY:
            self._begin("registered")
        elif self._stage is _Stage.RUNNING:
            self._again = kind.value
        else:
            self._begin(kind.value)

    def stored(self, point: int) -> None:
        """Note that pushes came, and how far the stream is in the journal with them."""
        self._pushed_at = self._account.services.clock.monotonic()
        self._point = max(self._point, point)

    def mentioned(self, event_ids: Sequence[str]) -> None:
        """Look later whether these messages came; they are often just behind."""
        if len(self._mentions) < MENTIONS_LIMIT:
            self._mentions += event_ids
        if self._stage is _Stage.IDLE:
            self._stage, self._ahead = _Stage.SETTLING, None
            self._arm(self._settle_s())

    def mentions_read(self, message: MentionsRead) -> None:
        """Read history again if a message is spoken of that never came."""
        if message.unknown and self._stage is _Stage.RUNNING:
            self._again = "unknown_marker"
        elif message.unknown:
            self._cut = True
            self._begin("unknown_marker")

    def answered(self, reply: Reply) -> None:
        """Take the answer to the probe."""
        if self._stage is not _Stage.ASKED:
            return
        state = self._history.state(reply)
        position = None if state is None else self._history.position(state)
        if position is None or self._has(position):
            self._rest()
        else:
            self._stage, self._ahead = _Stage.SETTLING, position
            self._arm(self._settle_s())

    def ended(self, ended: RecoveryEnded) -> None:
        """Take the end of a recovery."""
        if self._stage is not _Stage.RUNNING:
            return
        self._failed = not ended.outcome.recovered
        if ended.position is not None:
            self._position = ended.position
            self._plan_refresh()
        self._plan_probe()
        again, self._again = self._again, None
        quiet = self._pushed_at < self._asked_at
        if again is not None:
            self._cut = True
            self._begin(again)
        elif ended.outcome.reason == "probe" and ended.foreign and quiet:
            now = self._account.services.clock.monotonic()
            self._stage = _Stage.SUSPECT
            self._arm(max(0.0, self._asked_at + self._account.plan.recovery.zombie_s - now))
        else:
            self._rest()

    def begin_again(self) -> None:
        """The recovery died: run it again."""
        if self._stage is _Stage.RUNNING:
            self._cut = True
            self._begin("restarted")

    # --- when the timer is due --------------------------------------------------------

    def look(self) -> None:
        """Do what is due."""
        stage = self._stage
        if stage is _Stage.READY:
            self._begin("registered")
        elif stage is _Stage.IDLE and (self._failed or self._position is None):
            self._cut = True
            self._begin("retried")
        elif stage is _Stage.IDLE and self._account.services.clock.monotonic() >= self._refresh_at:
            self._cut = True
            self._begin("refreshed")
        elif stage is _Stage.IDLE:
            services = self._account.services
            self._stage, self._asked_at = _Stage.ASKED, services.clock.monotonic()
            self._plan_probe()
            self._arm(self._account.plan.recovery.reply_s)
            probe = self._history.get_state(services.new_mid(self._session))
            self._calls.ask(probe, self._account.peers.connection)
        elif stage is _Stage.SETTLING:
            self._settled()
        elif stage is not _Stage.RUNNING:  # no answer, which the heartbeat judges; or no zombie
            self._rest()

    def is_zombie(self) -> bool:
        """Say, when the timer is due, whether the link proved to be one.

        Foreign messages were found in history, and nothing at all was pushed meanwhile.
        """
        return self._stage is _Stage.SUSPECT and self._pushed_at < self._asked_at

    def _settled(self) -> None:
        ahead, self._ahead = self._ahead, None
        mentions, self._mentions = self._mentions, []
        if mentions:
            self._look_up(mentions)
        if ahead is not None and not self._has(ahead):
            self._begin("probe")
        else:
            self._rest()

    def _look_up(self, event_ids: list[str]) -> None:
        account, generation, asked = self._account, self._generation, set(event_ids)

        def unknown(journal: Journal) -> int:
            return len(asked) - len(journal.known(account.name, list(asked)))

        account.services.writer.fetch(
            unknown,
            lambda count: account.peers.connection.tell(
                MentionsRead(generation=generation, unknown=count)
            ),
        )

    # --- small things -----------------------------------------------------------------

    def _begin(self, reason: str) -> None:
        self.close()
        self._stage = _Stage.RUNNING
        forced, self._cut = self._cut, False
        if reason != "probe":
            self._asked_at = 0.0
        self._account.peers.supervisor.tell(
            BeginRecovery(
                generation=self._generation,
                calls=self._calls,
                session=self._session,
                history=self._history,
                reason=reason,
                forced=forced,
            )
        )

    def _has(self, state: Position) -> bool:
        """Return whether all up to there is stored: read again, or pushed since."""
        position = self._position
        if position is not None and self._point > position.point:
            position = msgspec.structs.replace(position, point=self._point)
        return continuous(position, state)

    def _plan_probe(self) -> None:
        services, interval_s = self._account.services, self._account.plan.recovery.probe_s
        if self._failed and not interval_s:
            interval_s = RETRY_S
        self._probe_at = services.clock.monotonic() + (
            interval_s * (0.8 + 0.4 * services.dice.random()) if interval_s else math.inf
        )

    def _plan_refresh(self) -> None:
        services, horizon_s = self._account.services, self._account.plan.tries.horizon_s
        pause_s = REFRESH_S if horizon_s is None else min(REFRESH_S, horizon_s / 2)
        self._refresh_at = services.clock.monotonic() + pause_s * (
            0.8 + 0.2 * services.dice.random()
        )

    def _rest(self) -> None:
        """Wait for the next probe."""
        self.close()
        self._stage = _Stage.IDLE
        if self._mentions:
            self._stage, self._ahead = _Stage.SETTLING, None
            self._arm(self._settle_s())
        elif self._probe_at < math.inf:
            self._arm(max(0.0, self._probe_at - self._account.services.clock.monotonic()))

    def _settle_s(self) -> float:
        return min(SETTLE_S, self._account.plan.recovery.zombie_s / 2)

    def _arm(self, delay_s: float) -> None:
        self._alarm.set(delay_s, CatchUpDue(generation=self._generation))
