"""The host's view of its accounts: their states, and the verbs to change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from actors.messages import StateChanged
from actors.policy.alerts import Alert
from actors.ports.journal import Tally
from actors.ports.platform import Reader
from actors.state import Cause, ConnectionState
from actors.values import AccountId, Failure
from gateway import arguments
from gateway.credentials.shapes import CredentialsShown
from gateway.errors import UnknownAccountError
from gateway.host.advice import Advice, advise
from gateway.host.credentials import CredentialDesk
from gateway.host.reloading import Reloaded
from gateway.host.takeover import TakeOverDesk
from gateway.host.undisturbed import Bell

_PLACES: Final = {state: place for place, state in enumerate(ConnectionState)}
"""Position of each state in a list: thousands of dicts would take twice the bytes."""


class AccountView:
    """One account, live. Reading never blocks; nothing here can change the account.

    Attributes:
        id: Its name.
        state: Where its connection stands now.
        since_ms: Our Unix time of the last change.
        attempt: Number of the attempt that is waited for or made; 0 when all is well.
        paused: A person paused it, perhaps in an earlier process, and has not resumed it since.
        enabled: It is switched on.
    """

    def __init__(
        self,
        account: AccountId,
        changed: Bell,
        tally: Callable[[AccountId], Tally],
        alerts: Callable[[AccountId], Sequence[Alert]],
        desk: CredentialDesk,
    ) -> None:
        self.id = account
        self._desk = desk
        self._tally = tally
        self._alerts = alerts
        self.state = ConnectionState.DISCONNECTED
        self.since_ms = 0
        self.generation = 0
        self._failure: Failure | None = None
        self._cause: Cause | None = None
        self._why: str | None = None
        self.attempt = 0
        self._delay_s: float | None = None
        self.paused = False
        self.enabled = True
        self._changes = 0
        self._entered = [0] * len(_PLACES)
        self._changed = changed

    @property
    def last_error(self) -> Failure | None:
        """Return the last failure; it stays after the account has recovered.

        Of an account that waits for a token it is why the last renewal failed.
        """
        seen = self._desk.seen(self.id) if self._waits_for_token else None
        return self._failure if seen is None or seen.failure is None else seen.failure

    @property
    def advice(self) -> Advice:
        """Return what its standing means, and which verb helps."""
        failure = self.last_error
        return advise(
            self.state,
            cause=self._cause,
            why=self._why,
            error_class=None if failure is None else failure.error_class,
            reason=None if failure is None else failure.reason,
            paused=self.paused,
            enabled=self.enabled,
        )

    @property
    def next_retry_s(self) -> float | None:
        """Return the delay before the attempt, as it was drawn.

        Of an account that waits for a token it is what is left until the next renewal. One that is
        FAILED has none.
        """
        if self.state is ConnectionState.FAILED:
            return None
        return self._desk.next_renewal_s(self.id) if self._waits_for_token else self._delay_s

    @property
    def counters(self) -> Tally:
        """Return what became of all events in the life of the journal; zeros before the start."""
        return self._tally(self.id)

    @property
    def dead_letters(self) -> int:
        """Return how many of its events wait for a person, parked ones, too."""
        tally = self._tally(self.id)
        return tally.dead + tally.parked

    @property
    def alerts(self) -> Sequence[Alert]:
        """Return what a person should look at now, the oldest first."""
        return self._alerts(self.id)

    @property
    def credentials(self) -> CredentialsShown:
        """Return how its credentials stand, without a secret."""
        return self._desk.show(self.id)

    def set_credentials(self, cookie: str) -> CredentialsShown:
        """Put a new login in place of the old one, once the platform gave a token for it.

        The account registers with it at once; a FAILED one is reset. Blocks while the platform
        is asked.

        Args:
            cookie: What a browser that is signed in sends: the ``Cookie`` header, a copied curl
                command, a JSON export or a cookies.txt.

        Raises:
            CredentialsRefusedError: It cannot be used; what was there stays. Says what is missing.
            JournalError: It could not be stored; what was there stays.
        """
        self._desk.replace(self.id, cookie)
        return self._desk.show(self.id)

    def __repr__(self) -> str:
        return f"<account {self.id!r} {self.state.value}>"

    def wait_for(self, state: ConnectionState, timeout: float) -> bool:
        """Wait until the account is in a state.

        Args:
            state: The state to wait for.
            timeout: Seconds at most.

        Returns:
            False if the time ran out. True if it is, or was meanwhile, in that state.

        Raises:
            TypeError: Not a ``ConnectionState``, or not a number of seconds.
            ValueError: ``timeout`` is negative or no number.
        """
        given: object = state  # callers without a type checker pass anything
        if not isinstance(given, ConnectionState):
            raise TypeError(
                f"state must be a ConnectionState, not {arguments.kind(given)}; "
                "use ConnectionState.CONNECTED"
            )
        timeout = arguments.wait_s("timeout", timeout)
        before = self._changes
        return self._changed.wait_for(
            lambda: self.state is state or self._entered[_PLACES[state]] > before, timeout
        )

    @property
    def _waits_for_token(self) -> bool:
        reconnecting = self.state is ConnectionState.RECONNECTING
        return reconnecting and self._cause is Cause.GRANT_AWAITED

    def retries(self, attempt: int, delay_s: float) -> None:
        """Take over when the next attempt is due; called by the kernel."""
        self.attempt, self._delay_s = attempt, delay_s

    def apply(self, change: StateChanged) -> None:
        """Take a change over; called by the kernel, in order."""
        self.state, self._cause, self._why = change.new, change.cause, change.why
        self.since_ms = change.at_ms
        self.generation = change.generation
        self._changes += 1
        self._entered[_PLACES[change.new]] = self._changes
        if change.failure is not None:
            self._failure = change.failure
        if change.new is ConnectionState.CONNECTED:
            self.attempt, self._delay_s = 0, None
        self._changed.ring()


class Accounts(Mapping[AccountId, AccountView]):
    """The accounts by name, with the verbs. All verbs are thread-safe and idempotent.

    Attributes:
        reader: Returns what reads an account's stored frames; None of one that is not there.
    """

    def __init__(
        self,
        *,
        add: Callable[[object], AccountView],
        verb: Callable[[str, AccountId], None],
        tally: Callable[[AccountId], Tally] = lambda _: Tally(),
        alerts: Callable[[AccountId], Sequence[Alert]] = lambda _: (),
        alerts_on: Callable[[], Sequence[Alert]] = tuple,
        letters: Callable[[], Mapping[AccountId, int]] = dict,
        to_review: Callable[[], Mapping[AccountId, int]] = dict,
        look: Callable[[], None] = lambda: None,
        desk: CredentialDesk,
        takeovers: TakeOverDesk,
        reload: Callable[[object], Reloaded] = lambda _: Reloaded(),
        reader: Callable[[AccountId], Reader | None] = lambda _: None,
    ) -> None:
        self.reader = reader
        self._look = look
        self._alerts_on = alerts_on
        self._letters = letters
        self._to_review = to_review
        self._reload = reload
        self._tally = tally
        self._alerts = alerts
        self._views: dict[AccountId, AccountView] = {}
        self._changed = Bell()
        self._add = add
        self._verb = verb
        self._desk = desk
        self._takeovers = takeovers

    def __getitem__(self, account: AccountId) -> AccountView:
        self._look()
        try:
            return self._views[account]
        except (KeyError, TypeError):
            name = arguments.account(account)
            if name in self._views:
                return self._views[name]
            raise UnknownAccountError(name, list(self._views)) from None

    def __contains__(self, account: object) -> bool:
        return isinstance(account, str) and account in self._views

    def __iter__(self) -> Iterator[AccountId]:
        return iter(list(self._views))

    def __len__(self) -> int:
        return len(self._views)

    def views(self) -> Iterable[AccountView]:
        """Return all accounts as they are now; takes no lock."""
        return self._views.copy().values()

    def states(self) -> list[tuple[AccountId, ConnectionState]]:
        """Return where the connection of each account stands; takes no lock."""
        return [(name, view.state) for name, view in self._views.copy().items()]

    def alerts_on(self) -> Sequence[Alert]:
        """Return all alerts that are on, not masked: to decide by, never to show."""
        return self._alerts_on()

    def letters(self) -> Mapping[AccountId, int]:
        """Return how many events wait for a person, of the accounts that have any."""
        return self._letters()

    def to_review(self) -> Mapping[AccountId, int]:
        """Return how many sends wait for a person, of the accounts that have any."""
        return self._to_review()

    def forget_states(self) -> None:
        """Tell that nothing is known any more: this is a child of the process that runs them."""
        for view in self._views.values():
            view.state = ConnectionState.DISCONNECTED

    def open_view(self, account: AccountId) -> AccountView:
        """Make an account visible; the façade calls it."""
        view = self._views[account] = AccountView(
            account, self._changed, self._tally, self._alerts, self._desk
        )
        return view

    def close_view(self, account: AccountId) -> None:
        """Make an account invisible; the façade calls it."""
        self._views.pop(account, None)

    def add(self, settings: object) -> AccountView:
        """Start one more account.

        Args:
            settings: An ``AccountSettings``.

        Raises:
            AccountExistsError: The id is taken.
        """
        return self._add(settings)

    def reload(self, settings: object = None) -> Reloaded:
        """Take the changed credentials of accounts over; other accounts keep their links.

        An account with other credentials registers with them, and a FAILED one tries again. Its
        link stays until there is a token for them. What else differs is told, and left.

        Args:
            settings: The new ``Settings``; None: the file of ``from_config`` is read again.

        Raises:
            ConfigError: All that is wrong with them, a line each; nothing is taken over.
            ShuttingDownError: The gateway is being stopped.
        """
        return self._reload(settings)

    def remove(self, account: AccountId) -> None:
        """Close an account's link and forget the account; its journal rows stay."""
        self._verb("remove", arguments.account(account))

    def pause(self, account: AccountId) -> None:
        """Close an account's link and keep it away until :meth:`resume`, restarts included."""
        self._verb("pause", arguments.account(account))

    def resume(self, account: AccountId) -> None:
        """Connect a paused account again."""
        self._verb("resume", arguments.account(account))

    def reset(self, account: AccountId) -> None:
        """Forget failures; a FAILED account tries again."""
        self._verb("reset", arguments.account(account))

    def take_over(self, account: AccountId, conversation: str, minutes: int) -> int | None:
        """Answer a conversation yourself; return until when (our Unix ms), None once handed back.

        Meanwhile only handlers with ``taken_over=True`` and sinks get what is said in it.

        Args:
            account: Whose.
            conversation: Its id.
            minutes: From now on, up to 10,080, whatever held before; 0 hands it back.
        """
        return self._takeovers.take(self[account].id, conversation, minutes)

    def taken_over(self, account: AccountId) -> Mapping[str, int]:
        """Return the conversations that a person answers now, and until when (our Unix ms)."""
        return self._takeovers.taken(self[account].id)
