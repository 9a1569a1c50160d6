"""Routes of the journal, in use or not: dead letters, outbox, upkeep."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from actors.values import SendState
from gateway.arguments import ID_CHARS, PRINTABLE
from gateway.commands import command
from gateway.errors import SendStateError, UnknownLetterError, UnknownSendError
from gateway.host.dead_letters import told
from gateway.journal.files import backups
from gateway.platforms import registry
from gateway.web import shapes
from gateway.web.context import Answer, Context
from gateway.web.problems import Problem, bad_request, not_found
from gateway.web.request import Request
from gateway.web.stopped import StoppedGateway

MOST_NAME_BYTES = 200
"""File systems take 255, and SQLite adds the names of its own files to it."""

_FILE_NAME = re.compile(r"(?!\.)[^/\\:*?\"<>|\x00-\x1f\x7f-\x9f]+")

_LETTERS = f"list them: GET /v1/dead-letters, or {command('dead-letters list')}"
_SENDS = f"list them: GET /v1/outbox, or {command('outbox list')}"


def dead_letters_list(context: Context, request: Request) -> Answer:
    """Return dead letters, of ``account`` if it is named."""
    letters, account = context.gateway.dead_letters, request.text("account")
    rows = letters.list(account=account, limit=request.limit())
    if not rows:  # one that was removed may have left some
        context.must_know(account)
    return Answer(body={"dead_letters": [shapes.plain(row) for row in rows]})


def dead_letters_show(context: Context, request: Request) -> Answer:
    """Return one dead letter with its frame and, as far as it can be read, its sender and text."""
    with _by_id(context, request.name):
        letter = context.gateway.dead_letters.show(request.name)
    accounts = context.gateway.settings.accounts
    mine = [each.platform for each in accounts if each.id == letter.account]
    platforms = mine or sorted(registry.names(), key=lambda name: name == "plain")
    return Answer(body=shapes.plain(letter) | told(letter.frame, letter.index, platforms))


def dead_letters_replay(context: Context, request: Request) -> Answer:
    """Put a dead letter back into its lane, at its end, with all its tries."""
    with _by_id(context, request.name):
        context.gateway.dead_letters.replay(request.name)
    context.log.info("control.performed", verb="replay", event_id=request.name)
    return Answer(body={"done": "replayed", "event_id": request.name})


def dead_letters_drop(context: Context, request: Request) -> Answer:
    """Forget a dead letter."""
    with _by_id(context, request.name):
        context.gateway.dead_letters.drop(request.name)
    context.log.info("control.performed", verb="drop", event_id=request.name)
    return Answer(body={"done": "dropped", "event_id": request.name})


def outbox_list(context: Context, request: Request) -> Answer:
    """Return sends, of ``account`` and in ``state`` if they are named."""
    sends = context.gateway.sends
    state = request.choice("state", (each.value for each in SendState))
    account = request.text("account")
    rows = sends.list(account=account, state=state, limit=request.limit())
    if not rows:  # one that was removed may have left some
        context.must_know(account)
    return Answer(body={"sends": [shapes.plain(row) for row in rows]})


def outbox_show(context: Context, request: Request) -> Answer:
    """Return one send."""
    with _by_id(context, request.name):
        send = context.gateway.sends.get(request.name)
        if send is None:
            raise UnknownSendError(request.name)
    return Answer(body=shapes.plain(send))


def outbox_cancel(context: Context, request: Request) -> Answer:
    """Take a send back before it leaves; 409 if it is too late."""
    with _by_id(context, request.name):
        context.gateway.sends.cancel(request.name)
    context.log.info("control.performed", verb="cancel", outbox_id=request.name)
    return Answer(body={"done": "cancelled", "outbox_id": request.name})


class ResolveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``POST /v1/outbox/<id>/resolve`` takes: what a person saw in the conversation.

    Attributes:
        outcome: ``accepted``: it arrived; ``refused``: it did not.
        message_id: The platform's id of it, if it is known.
    """

    outcome: Literal["accepted", "refused"]
    message_id: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS, pattern=PRINTABLE)] | None
    ) = None


def outbox_resolve(context: Context, request: Request) -> Answer:
    """End an UNKNOWN send as a person decided; 409 if it is not UNKNOWN."""
    body = request.json(ResolveBody)
    with _by_id(context, request.name):
        ended = context.gateway.sends.resolve(request.name, body.outcome, body.message_id)
    context.log.info("control.performed", verb="resolve", outbox_id=request.name)
    done = {"done": "resolved", "outbox_id": request.name, "send": shapes.plain(ended)}
    return Answer(body=done)


def journal_check(context: Context, _request: Request) -> Answer:
    """Read the journal from end to end, beside the writer, and say how it stands."""
    return Answer(body=shapes.plain(context.journal.check()))


class BackupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``POST /v1/journal/backup`` takes.

    Attributes:
        name: A file name in ``backups/`` of the data_dir; None: one by its time.
        keep: Delete all but so many of those that have their name by their time.
    """

    name: (
        Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{_FILE_NAME.pattern}$"})]
        | None
    ) = None
    keep: Annotated[int, msgspec.Meta(ge=1, le=backups.MOST_KEPT)] | None = None


def journal_backup(context: Context, request: Request) -> Answer:
    """Copy the journal while it is in use; never over an existing file."""
    journal, body = context.journal, request.json(BackupBody)
    if body.name is not None and body.keep is not None:
        told = "keep deletes older backups with a name by their time, so name cannot be given, too"
        raise bad_request(told, "leave one of them out")
    name = body.name or backups.name_at(time.time_ns() // 1_000_000, series=body.keep is not None)
    if not _FILE_NAME.fullmatch(name) or len(name.encode()) > MOST_NAME_BYTES:
        told = f"name must be a file name of at most {MOST_NAME_BYTES} bytes, without a folder"
        raise bad_request(told, "it goes to backups/ of the data_dir; move it afterwards")
    folder = Path(context.gateway.settings.data_dir) / backups.FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / name
    try:
        report = journal.backup(target, series=body.keep is not None)
    except FileExistsError:
        told = f"{target} is there already"
        fix = "give another name" if body.name else "ask again in a second"
        raise Problem(409, "exists", told, fix) from None
    context.log.info("control.performed", verb="backup", path=str(target))
    done = {"done": "backed up", "path": str(target), "report": shapes.plain(report)}
    if body.keep is not None:
        done["deleted"] = _without_older(target, body.keep)
    return Answer(body=done)


def _without_older(target: Path, keep: int) -> list[str]:
    try:
        return backups.drop_old(target, keep)
    except OSError as error:
        told = f"{target} is made, but {error.filename} cannot be deleted ({error.strerror})"
        fix = f"change the owner or mode of {target.parent}"
        raise Problem(409, "not_deleted", told, fix) from error


def journal_prune(context: Context, _request: Request) -> Answer:
    """Delete what is settled and older than its retention."""
    report = context.journal.prune()
    context.log.info("control.performed", verb="prune")
    return Answer(body={"done": "pruned", "report": shapes.plain(report)})


@contextlib.contextmanager
def _by_id(context: Context, name: str) -> Iterator[None]:
    """Turn the journal's errors about an id into problems.

    A gateway that runs has always been heard by the names of its errors: ``unknown_letter``,
    ``unknown_send``, ``send_state``.

    Raises:
        Problem: 404; there is none. 409; it is too late.
    """
    try:
        yield
    except (UnknownLetterError, UnknownSendError, SendStateError) as error:
        if not isinstance(context.gateway, StoppedGateway):
            raise
        if isinstance(error, UnknownLetterError):
            raise not_found("dead letter", name, _LETTERS) from None
        if isinstance(error, UnknownSendError):
            raise not_found("send", name, _SENDS) from None
        told = f"{error}"
        fix = f"look at its state: {command('outbox show ID')}"
        raise Problem(409, "too_late", told, fix) from None
