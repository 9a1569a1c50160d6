"""The accounts of a gateway: added, switched on and off, and removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from actors.plan import AccountPlan
from actors.policy.alerts import Alert
from actors.ports import Clock
from actors.ports.commands import StorePaused
from actors.ports.journal import Journal, Tally
from actors.ports.platform import Reader
from actors.registry import AccountRegistry
from actors.runtime.takeovers import TakeOvers
from actors.system import System
from actors.values import AccountId
from gateway import arguments, logs
from gateway.config import check
from gateway.credentials.registry import Surroundings, succeed, unusable
from gateway.credentials.store import store_of
from gateway.errors import AccountExistsError, ConfigError, UnknownAccountError
from gateway.host import assembly, reloading
from gateway.host.access import JournalAccess
from gateway.host.accounts import Accounts, AccountView
from gateway.host.credentials import CredentialDesk
from gateway.host.life import Life
from gateway.host.masking import MaskedAlerts
from gateway.host.reloading import Reloaded
from gateway.host.takeover import TakeOverDesk
from gateway.host.undisturbed import undisturbed
from gateway.redaction import Redactor
from gateway.settings import AccountSettings, Settings

_VERBS: Final[Mapping[str, Callable[[AccountRegistry, AccountId], None]]] = {
    "pause": AccountRegistry.pause,
    "resume": AccountRegistry.resume,
    "reset": AccountRegistry.reset,
    "remove": AccountRegistry.remove,
}


_MADE_BY: Final = "gateway.config.from_mapping"


class Registry:
    """The accounts of one gateway, before it runs and while it does. Any thread.

    Args:
        settings: What all accounts share; its accounts are the first ones.
        life: Where the gateway stands.
        system: Gives the running system, or None.
        access: To the journal, which keeps who is paused.
        redactor: Learns the secrets of each account.
        clock: Time.
        log: A structlog logger.
        reread: Reads the settings again; None: nobody can.

    Attributes:
        lock: Held while an account comes or goes, and while the gateway starts or stops.
        accounts: As the host sees them.
        credentials: Of the accounts, for a person.
        takeovers: Conversations that a person answers himself.
        plans: Of the accounts there are.
        system: Gives the running system, or None.
        heard_of: All that ever were, those that were removed, too.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        life: Life,
        system: Callable[[], System | None],
        access: JournalAccess,
        redactor: Redactor,
        clock: Clock,
        log: Any,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        self._settings = settings
        self._life = life
        self._reread = reread
        self.system = system
        self._access = access
        self._redactor = redactor
        self._log = log
        self.lock = threading.RLock()
        self._around = Surroundings(
            store=store_of(settings), clock=clock, learn=self._learn, unsaved=self._note_unsaved
        )
        self._journal: Journal | None = None
        self.plans: dict[AccountId, AccountPlan] = {}
        self.heard_of: set[AccountId] = set()
        self._settings_of: dict[AccountId, AccountSettings] = {}
        self.credentials = CredentialDesk(self, self._reset_failed, log)
        self.takeovers = TakeOvers(
            auto_minutes=settings.takeover.auto_minutes, unix_ms=clock.unix_ms, log=log
        )
        self.accounts = Accounts(
            desk=self.credentials,
            add=self._add,
            reload=self._reload,
            verb=self._verb,
            tally=self._tally,
            alerts=self.alerts,
            alerts_on=self._alerts_on,
            letters=self._letters,
            to_review=self._to_review,
            takeovers=TakeOverDesk(self.takeovers, self.running),
            look=life.here,
            reader=self._reader,
        )
        for account in settings.accounts:
            self._register(account)

    def begin(self, system: System, journal: Journal, paused: frozenset[AccountId]) -> None:
        """Hand all accounts to a system that was just started.

        Args:
            system: Takes them.
            journal: Knows what became of their events.
            paused: A person paused these, in an earlier life.
        """
        self._journal = journal
        for name in paused & self.plans.keys():
            self.accounts[name].paused = True
            self._log.info("account.stays_paused", account=name)
        for name, plan in self.plans.items():
            connect = self.accounts[name].enabled and name not in paused
            system.accounts.add(plan, connect=connect)

    def running(self) -> System:
        """Return the running system.

        Raises:
            ShuttingDownError: Nothing runs, or not here; its class says why.
        """
        return self._life.running(self.system())

    @property
    def begun(self) -> bool:
        """Return whether the gateway was started, here or in the process this was forked from."""
        return self._life.begun

    @undisturbed
    def alerts(self, account: AccountId | None) -> Sequence[Alert]:
        """Return what a person should look at, of one account or of all, without our secrets."""
        system = self.system()
        if system is None:
            return ()
        self._life.here()
        return MaskedAlerts(system.services.alerts.on(account), self._redactor)

    def _alerts_on(self) -> Sequence[Alert]:
        system = self.system()
        return () if system is None else system.services.alerts.on()

    def _letters(self) -> dict[AccountId, int]:
        standings = {} if self._journal is None else self._journal.standings()
        counts = {name: each.dead + each.parked for name, each in standings.items()}
        return {name: count for name, count in counts.items() if count}

    def _to_review(self) -> dict[AccountId, int]:
        system = self.system()
        accounts = () if system is None else system.accounts.all()
        return {each.name: each.carried.to_review for each in accounts if each.carried.to_review}

    @undisturbed
    def _tally(self, account: AccountId) -> Tally:
        self._life.here()
        return Tally() if self._journal is None else self._journal.tally(account)

    def settings_of(self, account: AccountId) -> AccountSettings:
        """Return an account's settings."""
        return self._settings_of[account]

    def _reset_failed(self, account: AccountId) -> None:
        """Have an account try again whose credentials were replaced."""
        if self.system() is not None:
            self._verb("reset", account)

    def _reader(self, account: AccountId) -> Reader | None:
        plan = self.plans.get(account)
        return None if plan is None else plan.platform.reader(account, plan.user_id)

    def _learn(self, account: AccountId, secrets: Iterable[str]) -> None:
        self._redactor.learn(secrets, of=f"credentials/{account}")

    def _note_unsaved(self, account: AccountId, why: str | None) -> None:
        system = self.system()
        if system is None:
            return
        if why is None:
            system.services.alerts.end("credentials.unsaved", account=account)
        else:
            system.services.alerts.say(
                "credentials.unsaved",
                account=account,
                detail=why,
                next_step="free the disk or correct the directory; it is tried each minute, "
                "and until then new tokens live in memory only",
            )

    def _register(self, account: AccountSettings) -> AccountView:
        if account.id in self.plans:
            raise AccountExistsError(account.id)
        self.plans[account.id] = self._plan(account)
        self.heard_of.add(account.id)
        self._settings_of[account.id] = account
        view = self.accounts.open_view(account.id)
        view.enabled = account.enabled
        return view

    def _plan(self, account: AccountSettings) -> AccountPlan:
        try:
            return assembly.plan(account, self._settings, self._around)
        except ValueError as error:
            raise ConfigError([f"account {account.id!r}: {error}"]) from error

    @undisturbed
    def _reload(self, given: object) -> Reloaded:
        self._life.here()
        settings = self._read_again() if given is None else given
        if not isinstance(settings, Settings):
            what = arguments.kind(settings)
            raise TypeError(f"accounts.reload takes Settings, not {what}; use {_MADE_BY}")
        check(settings)
        with self.lock:
            system = self.running() if self._life.begun else None
            found = reloading.compare(self._settings, self._settings_of, settings)
            made = [(account, self._plan(account)) for account in found.taken]  # all, or none
            replaced: list[AccountId] = []
            refused: dict[AccountId, str] = {}
            for account, plan in made:
                why = unusable(plan.source)
                if why is not None:
                    refused[account.id] = why.detail
                    continue
                self._take_over(account, plan)
                if system is not None:
                    system.accounts.replace_credentials(plan)
                replaced.append(account.id)
        left = list(found.left)
        self._log.info("gateway.reloaded", replaced=len(replaced), left=left, refused=refused)
        return Reloaded(replaced=replaced, left=left, refused=refused)

    def _take_over(self, account: AccountSettings, plan: AccountPlan) -> None:
        """Put an account's new credentials in the place of those it has."""
        before = self.plans[account.id].source
        if type(plan.source) is not type(before):
            self.credentials.forget(account.id)  # a sign-in would end beside what it is for
        logs.teach(self._redactor, account, of=f"settings/{account.id}")
        succeed(plan.source, before)
        self.plans[account.id], self._settings_of[account.id] = plan, account

    def _read_again(self) -> Settings:
        if self._reread is None:
            raise ConfigError(["the settings came from no file; call accounts.reload(settings)"])
        return self._reread()

    @undisturbed
    def _add(self, settings: object) -> AccountView:
        if not isinstance(settings, AccountSettings):
            what = type(settings).__name__
            raise TypeError(f"accounts.add takes AccountSettings, not {what}; use {_MADE_BY}")
        self._life.here()
        notes = check(Settings(accounts=(settings,)), source="accounts.add")
        with self.lock:
            logs.teach(self._redactor, settings)
            view = self._register(settings)
            for note in notes:
                self._log.warning("config.noted", detail=note)
            system = self.system()
            if system is not None:
                system.accounts.add(self.plans[settings.id], connect=settings.enabled)
        return view

    @undisturbed
    def _verb(self, verb: str, account: AccountId) -> None:
        self._life.here()
        with self.lock:
            if account not in self.plans:
                if verb == "remove":
                    return
                raise UnknownAccountError(account, list(self.plans))
            if verb != "remove" or self.system() is not None:
                self._perform(self.running(), verb, account)
            if verb == "remove":
                del self.plans[account], self._settings_of[account]
                self.credentials.forget(account)
                self.accounts.close_view(account)

    def _perform(self, system: System, verb: str, account: AccountId) -> None:
        """Do it; an account that is switched off hears that it is switched on, or leaves.

        A pause is in the journal before its account hears of it, and a resume after.

        Raises:
            TimeoutError: The journal did not answer in 10 s; it may come true at the next start.
        """
        paused, view = verb == "pause", self.accounts[account]
        if verb != "reset" and paused != view.paused:
            self._access.do(StorePaused(account=account, paused=paused))
            view.paused = paused
        if verb == "resume":
            view.enabled = True
        if view.enabled or verb == "remove":
            _VERBS[verb](system.accounts, account)
