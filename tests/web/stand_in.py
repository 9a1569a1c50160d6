"""A gateway as far as the control API cares, for what the real one may not have yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from actors.state import ConnectionState
from actors.values import ErrorClass, Event, Failure, Phase, SendOutcome, SendResult
from gateway.accounts import Accounts
from gateway.config import from_mapping
from gateway.errors import OverloadedError
from gateway.logs import redactor_of
from gateway.sending import SendTicket

TOKEN = "the-token-of-the-control-api"
COOKIE = "cna=AbCdEf0123456789; unb=2201"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter, in whatever shape."""

    event_id: str
    account: str
    reason: str
    raw: bytes = b""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A send, in whatever shape."""

    outbox_id: str
    account: str
    state: str
    attempts: int = 0


class Letters:
    """Dead letters in memory."""

    def __init__(self) -> None:
        self.rows = {
            name: Letter(event_id=name, account="a", reason="handler_failed", raw=COOKIE.encode())
            for name in ("a:1", "a:x/y.PNM", "a:%20 说")
        }
        self.replayed: list[str] = []

    def list(self, account: str | None = None, limit: int = 100) -> list[Letter]:
        return [row for row in self.rows.values() if account in (None, row.account)][:limit]

    def show(self, event_id: str) -> Letter | None:
        return self.rows.get(event_id)

    def replay(self, event_id: str) -> bool:
        self.rows.pop(event_id)  # a KeyError is an answer, too
        self.replayed.append(event_id)
        return True

    def drop(self, event_id: str) -> bool:
        return self.rows.pop(event_id, None) is not None


class Outbox:
    """Sends in memory."""

    def __init__(self) -> None:
        self.rows = {
            "o1": Row(outbox_id="o1", account="a", state="queued"),
            "o2": Row(outbox_id="o2", account="a", state="accepted", attempts=1),
        }

    def get(self, outbox_id: str) -> Row | None:
        return self.rows.get(outbox_id)

    def list(
        self, account: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[Row]:
        rows = self.rows.values()
        return [
            row for row in rows if account in (None, row.account) and state in (None, row.state)
        ][:limit]

    def cancel(self, outbox_id: str) -> bool:
        if self.rows[outbox_id].state != "queued":
            return False
        self.rows[outbox_id] = Row(outbox_id=outbox_id, account="a", state="cancelled")
        return True


class Care:
    """Upkeep that notes what it was asked."""

    def __init__(self) -> None:
        self.pruned = 0

    def check(self) -> dict[str, Any]:
        return {"ok": True, "pending": 0}

    def backup(self, target: Any) -> dict[str, Any]:
        with Path(target).open("xb") as file:
            file.write(b"copy")
        return {"bytes": 4}

    def prune(self) -> dict[str, Any]:
        self.pruned += 1
        return {"deleted": 0}


class StandIn:
    """A gateway with everything; see :class:`gateway.web.ports.Controlled`."""

    def __init__(self, directory: Path, **http: Any) -> None:
        self.settings = from_mapping(
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
        self.verbs: list[tuple[str, str]] = []
        self.accounts = Accounts(add=self._none, verb=lambda *verb: self.verbs.append(verb))
        for account in self.settings.accounts:
            self.accounts.open_view(account.id)
        view = self.accounts["a"]
        view.state = ConnectionState.FAILED
        view.last_error = Failure(
            error_class=ErrorClass.AUTH, reason="refused", detail=COOKIE, phase=Phase.REGISTER
        )
        self.running = True
        self.redact: Callable[[Any], Any] = redactor_of(self.settings).value
        self.listener: Callable[[Event], None] | None = None
        self.tickets: list[SendTicket] = []
        self.sent: list[tuple[str, str, str | None]] = []
        self.result: SendResult | None = SendResult(outcome=SendOutcome.ACCEPTED, message_id="m1")
        self.full = False
        self.broken = False
        self.dead_letters = Letters()
        self.sends = Outbox()
        self.journal = Care()

    @staticmethod
    def _none(_settings: object) -> Any:
        raise NotImplementedError

    def send(
        self,
        account: str,
        conversation: str,
        text: str | None = None,
        *,
        to: str | None = None,
        image_url: str | None = None,
        width: int = 0,
        height: int = 0,
        expires_s: float | None = None,
    ) -> SendTicket:
        del to, image_url, width, height, expires_s
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
