"""A gateway as far as the control API cares, that does at once what it is asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from actors.ports.commands import DropEvent, JournalCommand, MarkDelivery, ReplayEvent
from actors.ports.journal import Letter, SendQuery, SendRecord
from actors.runtime.takeovers import TakeOvers
from actors.state import ConnectionState
from actors.values import (
    Content,
    Delivery,
    ErrorClass,
    Event,
    Failure,
    Phase,
    SendOutcome,
    SendResult,
    SendState,
)
from gateway.config import from_mapping
from gateway.errors import OverloadedError
from gateway.host.access import StoppedJournal
from gateway.host.accounts import Accounts
from gateway.host.credentials import CredentialDesk
from gateway.host.sends import SendTicket
from gateway.host.takeover import TakeOverDesk
from gateway.settings import Settings
from gateway.web.stopped import StoppedGateway
from gateway.web.upkeep import FileCare

TOKEN = "the-token-of-the-control-api"
COOKIE = "cna=AbCdEf0123456789; unb=2201"


def letter(event_id: str, reason: str = "handler_failed") -> Letter:
    """Make a dead letter whose frame holds a secret."""
    return Letter(
        event_id=event_id,
        account="a",
        conversation_id="c",
        lane_seq=1,
        status="dead",
        reason=reason,
        attempts=3,
        at_ms=2,
        received_at_ms=1,
        frame=COOKIE.encode(),
    )


def send(outbox_id: str, state: SendState, attempts: int = 0) -> SendRecord:
    """Make a send."""
    return SendRecord(
        delivery=Delivery(
            outbox_id=outbox_id,
            uuid=f"u-{outbox_id}",
            account="a",
            conversation_id="c",
            to="77001",
            content=Content(text="hi"),
            expires_at_ms=9,
        ),
        state=state,
        attempts=attempts,
        accepted_at_ms=1,
        ended_at_ms=None if state is SendState.QUEUED else 2,
    )


class Shelf:
    """As much of a journal as is asked for letters and sends, in memory."""

    def __init__(self) -> None:
        names = ("a:1", "a:x/y.PNM", "a:%20 说")
        self.rows = {name: letter(name) for name in names}
        self.replayed: list[str] = []
        self.sent = {
            "o1": send("o1", SendState.QUEUED),
            "o2": send("o2", SendState.ACCEPTED, attempts=1),
            "o3": send("o3", SendState.UNKNOWN, attempts=1),
        }

    def numbers(self) -> Iterator[int]:
        return itertools.count(2)

    def letters(self, account: str | None, limit: int) -> list[Letter]:
        return [row for row in self.rows.values() if account in (None, row.account)][:limit]

    def letter(self, event_id: str) -> Letter | None:
        return self.rows.get(event_id)

    def sends(self, query: SendQuery) -> list[SendRecord]:
        return [
            row
            for row in self.sent.values()
            if query.outbox_id in (None, row.delivery.outbox_id)
            and query.account in (None, row.delivery.account)
            and query.state in (None, row.state)
        ][: query.limit]

    def commit(self, commands: Sequence[JournalCommand]) -> list[bool]:
        return [self._do(each) for each in commands]

    def _do(self, command: JournalCommand) -> bool:
        match command:
            case ReplayEvent():
                found = self.rows.pop(command.event_id, None) is not None
                self.replayed += [command.event_id] * found
                return found
            case DropEvent():
                return self.rows.pop(command.event_id, None) is not None
            case MarkDelivery():
                row, result = self.sent[command.outbox_id], command.result
                assert result is not None
                wanted = SendState.UNKNOWN if command.by_hand else SendState.QUEUED
                if row.state is not wanted:
                    return False
                self.sent[command.outbox_id] = send(
                    command.outbox_id, SendState(result.outcome.value)
                )
                return True
            case _:
                raise NotImplementedError


class Care(FileCare):
    """Upkeep that notes what it was asked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pruned = 0

    def check(self) -> dict[str, Any]:
        return {"ok": True, "pending": 0}

    def backup(self, target: Any, *, series: bool = False) -> dict[str, Any]:
        with Path(target).open("xb") as file:
            file.write(b"copy")
        return {"bytes": 4, "series": series}

    def prune(self) -> dict[str, Any]:
        self.pruned += 1
        return {"deleted": 0}


class StandIn(StoppedGateway):
    """A gateway that runs as far as anybody sees, on a journal that is a shelf."""

    def __init__(self, directory: Path, **http: Any) -> None:
        super().__init__(
            from_mapping(
                {
                    "data_dir": str(directory),
                    "http": {"listen": "127.0.0.1:0", "token": TOKEN, **http},
                    "accounts": [
                        {
                            "id": name,
                            "platform": "plain",
                            "url": "ws://127.0.0.1:9/",
                            "credentials": {"cookie": COOKIE},
                        }
                        for name in ("a", "b/c店")
                    ],
                }
            )
        )
        self.verbs: list[tuple[str, str]] = []
        self._accounts = Accounts(
            desk=cast("CredentialDesk", None),
            takeovers=TakeOverDesk(TakeOvers(unix_ms=lambda: 1_000_000), bool),
            add=self._none,
            verb=lambda *verb: self.verbs.append(verb),
        )
        for account in self.settings.accounts:
            self.accounts.open_view(account.id)
        view = self.accounts["a"]
        view.state = ConnectionState.FAILED
        view._failure = Failure(
            error_class=ErrorClass.AUTH, reason="refused", detail=COOKIE, phase=Phase.REGISTER
        )
        self.running = self.storing = True
        self.listener: Callable[[Event], None] | None = None
        self.tickets: list[SendTicket] = []
        self.sent: list[tuple[str, str, str | None]] = []
        self.result: SendResult | None = SendResult(outcome=SendOutcome.ACCEPTED, message_id="m1")
        self.full = False
        self.broken = False
        self.shelf = Shelf()
        self._care = Care(self.settings)

    @property
    def accounts(self) -> Accounts:
        return self._accounts

    @property
    def journal(self) -> Care:
        return self._care

    def _open(self, *, make: bool = False) -> StoppedJournal:
        del make
        shelf: Any = self.shelf
        return StoppedJournal(shelf)

    @staticmethod
    def _none(_settings: object) -> Any:
        raise NotImplementedError

    def send(
        self, account: str, conversation: str, text: str | None = None, **_: Any
    ) -> SendTicket:
        view = self.accounts[account]
        if self.full:
            raise OverloadedError(f"outbox of {view.id}", 1000)
        if self.broken:
            raise RuntimeError(f"secret: {COOKIE}")
        self.sent.append((account, conversation, text))
        ticket = SendTicket(f"o{len(self.tickets)}")
        self.tickets.append(ticket)
        if self.result is not None:
            ticket.end(self.result)
        return ticket

    def tap(self, listener: Callable[[Event], None] | None) -> None:
        self.listener = listener
