"""Reconciles sends without an answer: looks for them in the platform's history.

What the findings mean is decided in :mod:`actors.policy.outbox`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from actors.account.services import Account
from actors.messages import ClaimsRead, LinkOpened
from actors.policy.outbox import Outbox
from actors.policy.sends import MOST_CLAIMED, Look, PageRead, Step
from actors.policy.sizes import broken
from actors.ports import Session
from actors.ports.journal import Journal, SendQuery
from actors.runtime.links.calls import Calls
from actors.values import Delivery, Event, Failure, Reply, SendState

CLAIMS_AMONG: Final = 20_000
"""Sends that are searched for those that were confirmed lately."""

PAGE_LIMIT: Final = 50
"""Messages a page of history is asked for."""

ECHOES: Final = 64
"""Own messages that wait until the journal has said which are of earlier sends."""

_LOOK: Final = "look/"
"""Before the id of a send: key of its page in ``CarriedState.sizes``."""


class Reconcile:
    """Asks for pages of history, one at a time, and reads them.

    A part of the outbox, without a mailbox: each method is called on the outbox's turn.

    Args:
        account: Whose sends.
        do: Does the steps that follow from what was found.
    """

    __slots__ = (
        "_account", "_calls", "_claimed", "_do", "_echoes", "_look", "_looked", "_mid", "_services",
        "_session",
    )  # fmt: skip

    def __init__(self, account: Account, do: Callable[[Sequence[Step]], None]) -> None:
        self._account = account
        self._services = account.services
        self._do = do
        self._calls: Calls | None = None
        self._session: Session | None = None
        self._mid: str | None = None
        self._looked: tuple[str, int, int | None] = "", 0, None
        self._claimed = False  # what earlier lives sent is told apart
        self._look: Look | None = None
        self._echoes: list[Event] = []

    def link_up(self, opened: LinkOpened) -> None:
        """Ask over this link from now on."""
        self._calls, self._session = opened.calls, opened.session
        self._mid = None

    def link_down(self, failure: Failure | None) -> None:
        """Ask nothing; a page whose answer broke the link is asked for in smaller parts."""
        if self._mid is not None and failure is not None and broken(failure):
            of, asked, place = self._looked
            self._account.carried.sizes.broke(of, asked, failure, place=place)
        self._calls = self._session = self._mid = None

    def forget(self) -> None:
        """Take the page that was asked for no more: it is for another send."""
        self._mid = None

    def awaits(self, mid: str) -> bool:
        """Return True for the id of the page that was asked for."""
        return mid == self._mid

    def ask(self, box: Outbox, look: Look) -> None:
        """Ask for a page of history."""
        calls, session = self._calls, self._session
        history = None if session is None else session.history
        if calls is None or session is None or history is None:
            return
        if not self._claimed:
            self._look = look
            self._read_claims()
            return
        lane, sizes = look.delivery.conversation_id, self._account.carried.sizes
        of, now = _LOOK + look.delivery.outbox_id, self._services.clock.monotonic()
        limit = sizes.allow(of, PAGE_LIMIT, place=look.cursor)
        if not limit:  # it broke the link with a single message; the send stays in doubt
            self.read(box, None, now)
            return
        self._looked = of, limit, look.cursor
        request = history.list_messages(self._services.new_mid(session), lane, look.cursor, limit)
        self._mid = request.mid
        if not calls.ask(request, self._account.peers.outbox):
            self.read(box, None, now)

    def read(self, box: Outbox, reply: Reply | None, now: float) -> None:
        """Read a page, or take note that there is none."""
        self._mid = None
        session, delivery = self._session, box.looked_for
        read = None
        if session is not None and reply is not None and delivery is not None:
            read = _read_page(session, reply, delivery, self._services.clock.unix_ms())
        steps, look = box.page(read, now)
        self._do(steps)
        if look is not None:
            self.ask(box, look)

    def seen(self, box: Outbox, events: Sequence[Event]) -> None:
        """Compare what the account said with the sends in doubt."""
        session = self._session
        if session is None:
            return
        for event in events:
            send = box.unresolved(event.conversation_id)
            if send is None or event.occurred_at_ms is None or event.recovered:
                continue  # what a recovery found is found by a look, too
            message_id = session.echoed(event, send.delivery)
            if message_id is None:
                continue
            if self._claimed:
                self._do(box.seen(send, message_id, event.occurred_at_ms))
            elif len(self._echoes) < ECHOES:  # beyond, history tells
                self._echoes.append(event)
                if len(self._echoes) == 1:
                    self._read_claims()

    def take_claims(self, box: Outbox | None, read: ClaimsRead) -> None:
        """Go on with what had to wait; without an answer the look comes again by itself."""
        look, self._look = self._look, None
        echoes, self._echoes = self._echoes, []
        if read.claimed is None or box is None:
            return
        self._claimed = True
        box.claim(read.claimed)
        self.seen(box, echoes)
        if look is not None and box.looked_for is look.delivery:
            self.ask(box, look)

    def _read_claims(self) -> None:
        """Ask the journal what was confirmed in earlier lives."""
        outbox = self._account.peers.outbox
        self._services.writer.fetch(partial(_read_claims, self._account.name), outbox.tell)


def _read_page(session: Session, reply: Reply, delivery: Delivery, now_ms: int) -> PageRead | None:
    """Return what a page of history tells about a send; None: it is a refusal."""
    history = session.history
    page = None if history is None else history.messages(reply, received_at_ms=now_ms)
    if page is None:
        return None
    times = [event.occurred_at_ms for event in page.events]
    return PageRead(
        matches=[
            (message_id, event.occurred_at_ms or 0)
            for event in page.events
            if (message_id := session.echoed(event, delivery)) is not None
        ],
        oldest_ms=min((time for time in times if time is not None), default=None),
        next_cursor=page.next_cursor,
        intact=None not in times,
    )


def _read_claims(account: str, journal: Journal) -> ClaimsRead:
    """Read which messages are known to be sends that were confirmed.

    Those of earlier lives count, too: else an equal text of yesterday's process is taken for
    the one in doubt. It is a long search, hence only made when something is in doubt. The last
    ones are taken whatever our clock says: it may have been set since.

    Args:
        account: Whose they are.
        journal: Asked on the writer's thread.
    """
    query = SendQuery(
        account=account,
        state=SendState.ACCEPTED,
        among_last=CLAIMS_AMONG,
        newest_first=True,
        limit=MOST_CLAIMED,
    )
    try:
        records = journal.sends(query)
    except Exception:  # noqa: BLE001  # the caller must get an answer
        return ClaimsRead(claimed=None)
    ids = [each.message_id for each in reversed(records) if each.message_id is not None]
    return ClaimsRead(claimed=ids)
