"""The accounts of a process: adding, removing and restarting them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial

from actors.account.counts import AccountCounts
from actors.account.grant import look_after
from actors.account.services import Account, CarriedState, Peers, Services
from actors.account.supervisor import SupervisorActor
from actors.messages import (
    ActorDied,
    DeliveriesStored,
    ForgetCredentials,
    Pause,
    PutBack,
    ReplaceCredentials,
    Reset,
    RootInbox,
    SendDropped,
    Start,
    Stop,
    SupervisorCommand,
)
from actors.plan import AccountPlan
from actors.policy.windows import LONGEST_DELAY_S, RestartBudget
from actors.ports.commands import Past, ReplayEvent, StoreDelivery, StorePast
from actors.runtime.journal.answer import Answer
from actors.runtime.links.flow import Flow, GlobalFlow
from actors.values import AccountId, Delivery


class Root:
    """Hears when a supervisor or the dialing actor ends."""

    __slots__ = ("_hear",)

    def __init__(self, hear: Callable[[RootInbox], None]) -> None:
        self._hear = hear

    def tell(self, message: RootInbox) -> bool:
        """Pass it on."""
        self._hear(message)
        return True


class AccountRegistry:
    """Every account, those that are being taken down included. Any thread.

    Args:
        services: What all accounts share.
        pasts: What former lives left of each account.

    Attributes:
        running: Dead supervisors are brought back.
    """

    def __init__(self, services: Services, pasts: Mapping[AccountId, Past]) -> None:
        self._services = services
        self._pasts = dict(pasts)
        self._global_flow = GlobalFlow()
        self._left: set[AccountId] = set()
        self._leaving: dict[AccountId, Account | None] = {}
        self._accounts: dict[AccountId, Account] = {}
        self._budgets: dict[AccountId, RestartBudget] = {}
        self._lock = threading.RLock()
        self.running = False

    def __len__(self) -> int:
        return len(self._accounts)

    def __contains__(self, name: object) -> bool:
        return name in self._accounts

    def all(self) -> list[Account]:
        """Return the accounts there are now."""
        with self._lock:
            return list(self._accounts.values())

    # --- joining and leaving ----------------------------------------------------------

    def add(self, plan: AccountPlan, *, connect: bool = True) -> None:
        """Take an account in, and begin to connect it unless it is to wait for a resume.

        While one of its name is being taken down it waits: two would handle the same events.
        """
        account = Account(
            plan=plan,
            services=self._services,
            peers=Peers(),
            flow=Flow(
                plan.flow.high,
                plan.flow.low,
                high_bytes=plan.flow.high_bytes,
                monotonic=self._services.clock.monotonic,
                global_flow=self._global_flow,
            ),
            carried=CarriedState(self._pasts.pop(plan.account, None)),
            counts=self._services.counts.setdefault(plan.account, AccountCounts()),
        )
        look_after(account)
        with self._lock:
            self._accounts[plan.account] = account
            account.carried.connects = connect
            if connect:
                account.carried.unheard = (Start(),)
            if plan.account in self._leaving:
                self._leaving[plan.account] = account
            else:
                self._begin(account)

    def _begin(self, account: Account) -> None:
        """Start an account, one that joins anew once the journal has forgotten its past.

        By then the journal has also noted all that its former self has handled.
        """
        if account.name in self._left:
            forget = StorePast(account=account.name, past=None)
            self._services.writer.submit(forget, lambda _: self._restart_supervisor(account))
        else:
            self._start_supervisor(account)

    def _ended(self, account: Account) -> None:
        with self._lock:
            following = self._leaving.pop(account.name, None)
            if following is not None:
                self._begin(following)

    def remove(self, name: AccountId) -> None:
        """Stop an account for good; its state becomes CLOSED when the link is down.

        Events in a handler end and are settled; those behind them stay in the journal.
        """
        with self._lock:
            account = self._accounts.pop(name)
            began = self._leaving.get(name) is not account
            self._leaving[name] = None
            self._left.add(name)
        self._services.credentials.tell(ForgetCredentials(account=name))
        if began:
            self._command(account, Stop())

    # --- commands ---------------------------------------------------------------------

    def resume(self, name: AccountId) -> None:
        """Connect a paused account again."""
        self._command(self._accounts[name], Start())

    def pause(self, name: AccountId) -> None:
        """Close an account's link and keep it away."""
        self._command(self._accounts[name], Pause())

    def reset(self, name: AccountId) -> None:
        """Forget an account's failures and try again."""
        self._command(self._accounts[name], Reset())

    def replace_credentials(self, plan: AccountPlan) -> None:
        """Have an account register as another plan of it says, and forget its failures.

        The link stays until there is a token to replace it with, if a source gives the tokens.
        """
        self._command(self._accounts[plan.account], ReplaceCredentials(plan=plan))

    def _command(self, account: Account, command: SupervisorCommand) -> None:
        """Tell a supervisor; if it is between two lives, the next one hears it."""
        with self._lock:
            if not account.peers.supervisor.tell(command):
                account.carried.unheard = (*account.carried.unheard, command)

    def send(self, delivery: Delivery, timeout_s: float, refused: Callable[[str], None]) -> None:
        """Put a message into the outbox; return once it is durable.

        Args:
            delivery: The message.
            timeout_s: How long to wait for the journal.
            refused: Called with a reason if it cannot be stored, even if the caller waits no more.

        Raises:
            KeyError: There is no such account.
            OverloadedError: Too much waits for the journal; it was not accepted.
            CommandRefusedError: It cannot be stored.
            TimeoutError: The journal did not answer in time; it may be stored yet.
        """
        outbox = self._accounts[delivery.account].peers.outbox
        store, stored = StoreDelivery(delivery=delivery), DeliveriesStored(deliveries=(delivery,))
        self._services.writer.call(store, timeout_s, lambda _: outbox.tell(stored), refused)

    def tell_outbox(self, name: AccountId, message: SendDropped) -> None:
        """Leave a message with an account's outbox, if there is one."""
        account = self._accounts.get(name)
        if account is not None:
            account.peers.outbox.tell(message)

    def replay(self, name: AccountId, event_id: str, timeout_s: float) -> bool:
        """Make a dead or parked event pending again, at the end of its lane.

        Args:
            name: Whose it is.
            event_id: Which.
            timeout_s: How long to wait for the journal.

        Returns:
            Whether there was such an event.

        Raises:
            CommandRefusedError: The journal cannot note it.
            TimeoutError: There is no answer in time, or the account's decoder died meanwhile.
        """
        account = self._accounts.get(name)
        if account is not None:  # its decoder numbers all that comes into its lanes
            answer = Answer[bool]()
            account.peers.decoder.tell(PutBack(event_id=event_id, answered=answer.give))
            return answer.take(timeout_s)
        writer = self._services.writer
        command = ReplayEvent(event_id=event_id, lane_seq=next(writer.numbers()))
        return bool(writer.call(command, timeout_s))

    @staticmethod
    def new_outbox_id() -> str:
        """Return an id that is unique for ever."""
        return uuid.uuid4().hex

    # --- supervisors ------------------------------------------------------------------

    def _start_supervisor(self, account: Account) -> None:
        with self._lock:
            SupervisorActor.play(
                account.peers.supervisor,
                self._services.pool,
                account,
                root=Root(partial(self._hear, account)),
            )

    def _hear(self, account: Account, message: RootInbox) -> None:
        """Bring back a supervisor that died; let go an account that ended."""
        if isinstance(message, ActorDied):
            self._revive(account, message)
        else:
            self._ended(account)

    def _revive(self, account: Account, died: ActorDied) -> None:
        """Start a dead supervisor again, after a pause."""
        if not self.running:
            return
        services = self._services
        budget = self._budgets.setdefault(account.name, RestartBudget(limit=5, window_s=60.0))
        delay_s = budget.restart(services.clock.monotonic()) or LONGEST_DELAY_S
        services.log.error(
            "actor.died",
            account=account.name,
            actor=died.name,
            error=died.error,
            restart_in_s=delay_s,
        )
        services.timers.call_after(delay_s, partial(self._restart_supervisor, account))

    def _restart_supervisor(self, account: Account) -> None:
        if self.running:
            self._start_supervisor(account)
