"""Ten thousand accounts as far as metrics see them: no thread, no actor, no socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.account.counts import AccountCounts
from actors.account.services import Account, Observer, Peers
from actors.identity import CredentialsSeen
from actors.policy.gate import ConnectGate
from actors.runtime.clock import SystemClock
from actors.runtime.links.flow import Flow, GlobalFlow
from actors.runtime.log import SILENT
from actors.state import Cause, ConnectionState
from actors.system import System
from actors.values import DONE, Disposition
from gateway.config import from_mapping
from gateway.host import assembly
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.metrics.reading import Source
from gateway.settings import Settings

STATES = tuple(ConnectionState)


def settings_of(folder: Path, per_account: str = "auto") -> Settings:
    """Return settings with one account, of which all others are copies."""
    account = {"id": "account-0", "platform": "plain", "url": "ws://127.0.0.1:9"}
    mapping = {"data_dir": str(folder), "accounts": [account]}
    return from_mapping({**mapping, "metrics": {"per_account": per_account}})


@contextmanager
def crowd(folder: Path, accounts: int, *, per_account: str = "auto") -> Iterator[Source]:
    """Return what a collector reads of so many accounts, each of which has done something."""
    settings, clock = settings_of(folder, per_account), SystemClock()
    journal = SqliteJournal(folder / assembly.JOURNAL_FILE, clock=clock)
    system = System(
        journal=journal,
        handle=lambda _: DONE,
        observer=Observer(),
        log=SILENT,
        gate=ConnectGate(rate_per_s=1.0, burst=1, max_in_flight=1),
        clock=clock,
    )
    services, plan = system.services, assembly.plan(settings.accounts[0], settings)
    names = [f"account-{number}" for number in range(accounts)]
    for number, name in enumerate(names):
        counts = services.counts[name] = AccountCounts()
        counts.received = counts.done = number
        counts.settle(Disposition.DEAD)
        counts.move(STATES[0], Cause.REGISTERED, ConnectionState.CONNECTED)
        counts.move(ConnectionState.CONNECTED, Cause.LINK_LOST, ConnectionState.RECONNECTING)
        services.seen[name] = CredentialsSeen(state="ready", good_until_s=clock.monotonic() + 900)
        services.alerts.say("letters.waiting", account=name, detail="one", next_step="look")
        system.accounts._accounts[name] = Account(  # noqa: SLF001  # without its actors
            plan=plan,
            services=services,
            peers=Peers(),
            flow=Flow(2, 1, monotonic=clock.monotonic, global_flow=GlobalFlow()),
            counts=counts,
        )
    changes = {(name, "stored"): number + 2 for number, name in enumerate(names)}
    changes |= {(name, "done"): number for number, name in enumerate(names)}
    changes |= {(name, "dead"): 1 for name in names}
    journal._counts.apply(changes)  # noqa: SLF001  # without its rows
    states = [(name, STATES[number % len(STATES)]) for number, name in enumerate(names)]
    try:
        yield Source(
            system=lambda: system,
            states=lambda: states,
            storing=lambda: True,
            rung=dict,
            settings=settings,
        )
    finally:
        services.poller.stop(1.0)
        journal.close()
