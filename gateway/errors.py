"""Every error this package raises to its host, and nothing else.

A `GatewayError` is safe to print: it names what, where and the next step, and carries
neither a secret nor a payload. Errors that never leave the kernel live with the kernel.

    GatewayError
    ├── ConfigError            the settings cannot be used; all that is wrong at once
    ├── UnknownAccountError    no account of that name
    ├── AccountExistsError     the name is taken
    ├── OverloadedError        a bound is reached; nothing was accepted       (retryable)
    ├── UnknownSendError       no send of that id in the journal
    ├── KeyReusedError         the idempotency_key stands for another send
    ├── SendStateError         the send is not in a state that allows it
    ├── ShuttingDownError      the gateway stops or has stopped; nothing was accepted
    │   ├── NotStartedError    start() was not called yet
    │   └── ForkedError        this is a child of the process in which it runs
    ├── CredentialsRefusedError  new credentials were not taken; the old ones stay
    ├── JournalError           the journal cannot be opened, or could not do it
    ├── UnknownLetterError     the event is neither a dead letter nor parked
    ├── EventSettledError      no handler is being called with the event on this thread
    │   └── EventCopiedError   it is a copy of the event that the handler was given
    ├── NoAddresseeError       the event does not tell who could be answered
    ├── SinkError              a sink cannot be opened or written to         (retryable)
    └── UploadError            an image was not uploaded; nothing is sent    (it says)
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.ports import errors, journal
from gateway.alike import did_you_mean, there_are

GatewayError = errors.GatewayError
JournalError = journal.JournalError
OverloadedError = errors.OverloadedError


class ConfigError(GatewayError, ValueError):
    """Raised when settings cannot be used; a ``ValueError``, too.

    Attributes:
        problems: One line each: where, what is wrong, what would be right.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class CredentialsRefusedError(GatewayError):
    """Raised when new credentials are not taken; what was there stays.

    Attributes:
        reason: Constant in snake_case, e.g. ``wrong_account``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(detail)


class UnknownAccountError(GatewayError, KeyError):
    """Raised when no account has the name; a ``KeyError``, too, as ``accounts`` is a mapping.

    Attributes:
        account: The name that was asked for.
    """

    def __init__(self, account: str, known: Iterable[str] | None = None) -> None:
        super().__init__(account)
        self.account = account
        names = None if known is None else sorted(known)
        self._which = "" if names is None else did_you_mean(account, names) or there_are(names)

    def __str__(self) -> str:
        return f"no account {self.account!r}{self._which}"


class AccountExistsError(GatewayError):
    """Raised when an account is added under a name that is taken.

    Attributes:
        account: The name.
    """

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account

    def __str__(self) -> str:
        return f"account {self.account!r} exists; remove it first or choose another id"


class UnknownSendError(GatewayError):
    """Raised when the journal has no send of that id.

    Attributes:
        outbox_id: The id that was asked for.
    """

    def __init__(self, outbox_id: str) -> None:
        super().__init__(outbox_id)
        self.outbox_id = outbox_id

    def __str__(self) -> str:
        return (
            f"no send {self.outbox_id!r}; take the id from the ticket or from sends.list(), "
            "ended sends are kept as long as the journal's retention says"
        )


class KeyReusedError(GatewayError):
    """Raised when a key stands for a send already, and that is another one; nothing was accepted.

    Attributes:
        outbox_id: The send it stands for.
        differs: What of the two differs, e.g. ``content``.
    """

    def __init__(self, key: str, outbox_id: str, differs: str) -> None:
        super().__init__(key, outbox_id, differs)
        self.outbox_id = outbox_id
        self.differs = differs
        self._key = key

    def __str__(self) -> str:
        return (
            f"idempotency_key {self._key!r} stands for send {self.outbox_id}, whose "
            f"{self.differs} differs; a message of its own needs a key of its own"
        )


class SendStateError(GatewayError):
    """Raised when the state of a send does not allow the call.

    Attributes:
        outbox_id: The send.
        state: Where it stands.
    """

    def __init__(self, outbox_id: str, state: str, wanted: str) -> None:
        super().__init__(outbox_id, state, wanted)
        self.outbox_id = outbox_id
        self.state = state
        self._wanted = wanted

    def __str__(self) -> str:
        return f"send {self.outbox_id!r} is {self.state}; {self._wanted}"


class ShuttingDownError(GatewayError):
    """Raised when the gateway is stopping, or has stopped, and accepts nothing more."""

    def __str__(self) -> str:
        return "the gateway is stopping or has stopped; nothing was accepted; make a new Gateway"


class NotStartedError(ShuttingDownError):
    """Raised when the gateway was not started yet."""

    def __str__(self) -> str:
        return "the gateway was not started; call start() before, or use it in `with gateway:`"


class ForkedError(ShuttingDownError):
    """Raised in a process that was forked from the one the gateway runs in.

    Attributes:
        pid: The process it runs in.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"the gateway runs in process {self.pid}; this is a child forked from it and has none "
            "of its threads. Use it there, or make one with a data_dir of its own after the fork "
            '(multiprocessing: set_start_method("spawn"))'
        )


class UnknownLetterError(GatewayError):
    """Raised when an event is neither a dead letter nor parked.

    Attributes:
        event_id: Identity that was asked for.
    """

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id = event_id

    def __str__(self) -> str:
        return (
            f"event {self.event_id!r} is neither a dead letter nor parked; "
            "it was replayed, dropped, or never was one: list them"
        )


class EventSettledError(GatewayError):
    """Raised when an event is answered outside the call of its handler.

    Its handler has returned, or another thread is in it: what is answered there might come
    after the event is settled, and be lost.

    Attributes:
        event_id: Identity of the event.
    """

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id = event_id

    def __str__(self) -> str:
        return (
            f"no handler is being called with event {self.event_id!r} on this thread; reply in "
            "the handler itself before it returns, or use send() from anywhere, at any time: "
            "gw.send(account, conversation, text, to=…)"
        )


class EventCopiedError(EventSettledError, TypeError):
    """Raised when a copy of an event is answered, which would be lost. A ``TypeError``, too."""

    def __str__(self) -> str:
        return (
            f"this is a copy of event {self.event_id!r}; reply on the event that the handler "
            "was given, or use send(): gw.send(account, conversation, text, to=…)"
        )


class NoAddresseeError(GatewayError, ValueError):
    """Raised when an event names no addressee of an answer; a ``ValueError``, too.

    Attributes:
        event_id: Identity of the event.
    """

    def __init__(self, event_id: str, why: str) -> None:
        super().__init__(event_id, why)
        self.event_id = event_id
        self._why = why

    def __str__(self) -> str:
        return (
            f"event {self.event_id!r} cannot be answered: {self._why}; use send() and say whom: "
            "gw.send(account, conversation, text, to=…)"
        )


class SinkError(GatewayError):
    """Raised when a sink cannot be opened or written to.

    Attributes:
        sink: Kind of the sink, e.g. ``jsonl``.
        detail: What failed, where, and the next step.
    """

    retryable = True

    def __init__(self, sink: str, detail: str) -> None:
        super().__init__(sink, detail)
        self.sink = sink
        self.detail = detail

    def __str__(self) -> str:
        return f"sink {self.sink}: {self.detail}"


class UploadError(GatewayError):
    """Raised when an image was not uploaded; nothing is sent, and nothing is in the outbox.

    Attributes:
        reason: Constant in snake_case, e.g. ``file_missing`` or ``login_over``.
        detail: What is wrong, and the next step.
        retryable: The same call may succeed later: the network failed, say.
    """

    def __init__(self, reason: str, detail: str, *, retryable: bool = False) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.retryable = retryable

    def __str__(self) -> str:
        return f"the image was not uploaded, and nothing is sent: {self.detail}"
