"""The actors of one account, as its supervisor starts and stops them."""

from __future__ import annotations

from typing import Any

import pykka

from actors.account.connection import ConnectionActor
from actors.account.decoder import DecoderActor
from actors.account.dispatcher import DispatcherActor
from actors.account.heartbeat import HeartbeatActor
from actors.account.outbox import OutboxActor
from actors.account.recovery import RecoveryActor
from actors.account.services import Account
from actors.messages import ActorDied, BeginRecovery
from actors.policy.rates import TokenBucket
from actors.policy.windows import RestartBudget
from actors.runtime.pool.pool import Pool
from actors.state import ConnectionState
from actors.values import Generation

CHILDREN = ("decoder", "dispatcher", "outbox", "heartbeat", "connection")
"""In the order they are started; they are stopped in reverse."""

_ACTORS: dict[str, type[DecoderActor | DispatcherActor | OutboxActor | HeartbeatActor]] = {
    "decoder": DecoderActor,
    "dispatcher": DispatcherActor,
    "outbox": OutboxActor,
    "heartbeat": HeartbeatActor,
}


class Children:
    """The actors that a supervisor started and did not stop, and how often each has died.

    A part of the supervisor, without a mailbox: each method is called on the supervisor's turn.

    Attributes:
        refs: The actors, by name.
    """

    __slots__ = ("_account", "_budgets", "_history_rate", "_peers", "_pool", "refs")

    def __init__(self, pool: Pool, account: Account) -> None:
        self._pool = pool
        self._account = account
        self._peers = account.peers
        self._budgets: dict[str, RestartBudget] = {}
        self._history_rate: TokenBucket | None = None
        self.refs: dict[str, pykka.ActorRef[Any]] = {}

    def start(self, name: str, state: ConnectionState, generation: Generation) -> None:
        """Start one; a connection goes on from this state and this attempt."""
        pool, account, role = self._pool, self._account, getattr(self._peers, name)
        self.refs[name] = (
            ConnectionActor.play(role, pool, account, state=state, generation=generation)
            if name == "connection"
            else _ACTORS[name].play(role, pool, account)
        )

    def start_all(self, state: ConnectionState, generation: Generation) -> None:
        """Start them, wanted or not: what was acknowledged is handled without a link, too.

        If any runs, nothing is done: one that is missing is restarted by ``RestartDue``.
        """
        if not self.refs:
            for name in CHILDREN:
                self.start(name, state, generation)

    def stop(self, *, but: str | None = None) -> None:
        """Stop them, in reverse order."""
        for name in ("recovery", *reversed(CHILDREN)):
            if name != but:
                self._stop(name)

    def lose(self, died: ActorDied) -> bool:
        """Forget one that died; False: this one is of a former life."""
        child = self.refs.get(died.name)
        if child is None or child.actor_urn != died.urn:
            return False
        del self.refs[died.name]
        if died.name == "recovery":
            self._peers.recovery.ref = None
        return True

    def restart_in_s(self, name: str) -> float | None:
        """Count a death; return the seconds until the restart, or None if there were too many."""
        budget = self._budgets.setdefault(name, RestartBudget(limit=5, window_s=60.0))
        return budget.restart(self._account.services.clock.monotonic())

    def begin_recovery(self, order: BeginRecovery) -> None:
        """Start the actor that reads history; one that still runs for another link ends."""
        self.end_recovery()
        plan = self._account.plan.recovery
        if self._history_rate is None:  # outlives the actor, or each reconnect were a burst
            self._history_rate = TokenBucket(rate_per_s=plan.rate_per_s, burst=plan.burst)
        self.refs["recovery"] = RecoveryActor.play(
            self._peers.recovery, self._pool, self._account, order, self._history_rate
        )

    def end_recovery(self) -> None:
        """Stop the actor that reads history."""
        self._peers.recovery.ref = None
        self._stop("recovery")

    def _stop(self, name: str) -> None:
        child = self.refs.pop(name, None)
        if child is not None and child.is_alive():
            child.stop(block=False)
