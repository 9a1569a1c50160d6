"""What the control API is given: a gateway, or a stopped one's journal. Only shapes.

What a gateway does not have is asked for with :func:`part_of`, which answers 501.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from actors.state import ConnectionState
from actors.values import AccountId, Event, Failure, SendResult
from gateway.settings import Settings
from gateway.web.problems import missing
from gateway.web.upkeep import FileCare


class Account(Protocol):
    """One account as it stands; ``counters`` and ``alerts`` may be there besides."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def state(self) -> ConnectionState:
        """Where its connection stands."""

    @property
    def since_ms(self) -> int:
        """Our Unix time of the last change."""

    @property
    def last_error(self) -> Failure | None:
        """The last failure."""

    @property
    def attempt(self) -> int:
        """Number of the attempt that is waited for."""

    @property
    def next_retry_s(self) -> float | None:
        """Delay before it."""


class Accounts(Protocol):
    """All of them, and the verbs."""

    def __getitem__(self, account: AccountId, /) -> Account: ...

    def __iter__(self) -> Iterator[AccountId]: ...

    def __len__(self) -> int: ...

    def pause(self, account: AccountId) -> None:
        """Close its link and keep it away."""

    def resume(self, account: AccountId) -> None:
        """Connect it again."""

    def reset(self, account: AccountId) -> None:
        """Forget its failures."""


class Ticket(Protocol):
    """A durable send."""

    @property
    def outbox_id(self) -> str:
        """Its id."""

    @property
    def done(self) -> bool:
        """Whether the outcome is known."""

    def result(self, timeout: float) -> SendResult:
        """Wait for it."""


class DeadLetters(Protocol):
    """Events that will not be tried again by themselves."""

    def list(self, account: str | None = None, limit: int = 100) -> Sequence[Any]:
        """Give the newest."""

    def show(self, event_id: str) -> Any:
        """Give one, whole; None or LookupError if there is none."""

    def replay(self, event_id: str) -> object:
        """Put it back into its lane; False, or an error that says so, if there is none."""

    def drop(self, event_id: str) -> object:
        """Forget it; False, or an error that says so, if there is none."""


class Sends(Protocol):
    """The outbox, of this life and earlier ones."""

    def get(self, outbox_id: str) -> Any:
        """Give one; None or LookupError if there is none."""

    def list(
        self, account: str | None = None, state: str | None = None, limit: int = 100
    ) -> Sequence[Any]:
        """Give the newest."""

    def cancel(self, outbox_id: str) -> object:
        """Take it back before it is sent; False, or an error that says so, if it is too late."""


class JournalCare(Protocol):
    """Upkeep of the journal file, while it is in use."""

    def check(self) -> Any:
        """Say how it is."""

    def backup(self, target: Any) -> Any:
        """Copy it."""

    def prune(self) -> Any:
        """Delete what is old and settled."""


class Controlled(Protocol):
    """What is controlled. ``dead_letters``, ``sends``, ``journal`` and ``alerts`` may be there."""

    @property
    def settings(self) -> Settings:
        """What it runs."""

    @property
    def accounts(self) -> Accounts:
        """Its accounts."""

    @property
    def running(self) -> bool:
        """Whether it was started and is not being stopped."""

    @property
    def redact(self) -> Callable[[Any], Any]:
        """Masks every secret it knows, at any depth."""

    def send(
        self,
        account: AccountId,
        conversation: str,
        text: str | None = None,
        *,
        to: str | None = None,
        image_url: str | None = None,
        width: int = 0,
        height: int = 0,
        expires_s: float | None = None,
    ) -> Ticket:
        """Accept a message for sending."""

    def tap(self, listener: Callable[[Event], None] | None) -> None:
        """Show each event to a listener before its handlers; None: to nobody any more."""


def dead_letters_of(gateway: Controlled) -> DeadLetters:
    """Give them.

    Raises:
        Problem: 501; this gateway has none.
    """
    letters: DeadLetters = part_of(gateway, "dead_letters", "dead letters")
    return letters


def sends_of(gateway: Controlled) -> Sends:
    """Give the outbox.

    Raises:
        Problem: 501; it can not be asked.
    """
    sends: Sends = part_of(gateway, "sends", "outbox that can be asked")
    return sends


def journal_of(gateway: Controlled) -> JournalCare:
    """Give the upkeep of the journal: the gateway's own, else that of its file.

    Raises:
        Problem: 501; there is none.
    """
    own: JournalCare | None = getattr(gateway, "journal", None)
    return own if own is not None else FileCare(gateway.settings)


def part_of(gateway: Controlled, name: str, what: str) -> Any:
    """Give an attribute that not every gateway has.

    Raises:
        Problem: 501; this one has not.
    """
    part = getattr(gateway, name, None)
    if part is None:
        raise missing(what)
    return part
