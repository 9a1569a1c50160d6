"""What the bell says in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALERTS: Final[Mapping[str, tuple[str, str]]] = {
    "account.failed": (
        "The account gave up and stays offline.",
        "See why on the page or with `status`, mend it, then reset the account.",
    ),
    "accounts.crashing": (
        "Many accounts crashed within a minute; they reconnect slowly.",
        "It is no single account's fault: see `actor.died` in the log and report it.",
    ),
    "answer.overdue": (
        "Buyers wait for an answer.",
        "Answer them, or see why the bot did not.",
    ),
    "credentials.expiring": (
        "The token ends within the hour and could not be renewed.",
        "Look whether the network and the platform can be reached; it is tried again.",
    ),
    "credentials.needs_human": (
        "The platform asks for a person: the login cannot be renewed without one.",
        "Sign in again, or paste a new cookie.",
    ),
    "credentials.sign_in_due": (
        "The login ends within three days.",
        "Sign in again before it does.",
    ),
    "credentials.unsaved": (
        "New credentials cannot be stored; they live in memory only.",
        "Look at the disk and the mode of data_dir; it is tried each minute.",
    ),
    "gateway.crashing": (
        "A part that all accounts share keeps dying; the gateway is about to end.",
        "Restart the gateway, unless a service manager does; see the log for why.",
    ),
    "handler.pool_exhausted": (
        "Too many handlers hang; the gateway is about to end.",
        "Restart the gateway, unless a service manager does; see `handler.abandoned` in the log.",
    ),
    "history.oversized": (
        "A message of the history is too large; what lies behind it is not read again.",
        "Raise `limits` of the account if you expect such messages.",
    ),
    "journal.backup_late": (
        "The last backup of the journal is three days old.",
        "Look why the backups stopped: the timer, or the disk they go to.",
    ),
    "journal.commit_slow": (
        "The disk is slow: a commit takes longer than two seconds.",
        "Look at the disk; nothing is acknowledged until the commit holds.",
    ),
    "journal.filling": (
        "Room for the journal becomes scarce.",
        "Free space on the disk, or raise `journal.max_bytes`.",
    ),
    "journal.log_damaged": (
        "The disk gave back other bytes than were written; messages may be lost.",
        "See the log for the number and the copy; replace the disk if it happens again.",
    ),
    "journal.lost": (
        "A file of the journal was moved or deleted while it is in use.",
        "Put it back; nothing is acknowledged until then.",
    ),
    "journal.refused": (
        "The journal can never store something that was received; it is not acknowledged.",
        "Stop the gateway and run `journal check`; report it if that finds nothing.",
    ),
    "journal.rescued": (
        "A file of the journal had been moved or deleted; its content was saved.",
        "Find out who touches data_dir, and keep it away.",
    ),
    "journal.rows_set_aside": (
        "Some rows of the journal cannot be read; the rest works.",
        "Stop the gateway and run `journal repair`.",
    ),
    "journal.unavailable": (
        "The journal cannot store; all accounts are offline on purpose.",
        "Mend the disk; every account reconnects by itself.",
    ),
    "lane.backlogged": (
        "Many events of one conversation wait.",
        "See `handler.failed` and `handler.abandoned` in the log of the account.",
    ),
    "letters.filling": (
        "Dead letters take much of their room; at the bound nothing is stored any more.",
        "Replay or drop some.",
    ),
    "letters.waiting": (
        "Messages were not handled, so that customers may wait for an answer.",
        "See them with `dead-letters list`, then replay or drop each.",
    ),
    "link.failing": (
        "The connection failed ten times in a row for a reason that nobody expects.",
        "See the last error of the account; it is tried for ever.",
    ),
    "link.flapping": (
        "Connections die young; the account waits between them.",
        "Look whether the account is signed in elsewhere, and at the network.",
    ),
    "link.oversized": (
        "The platform sent several messages that are too large; they were not received.",
        "Raise `limits` of the account if you expect such messages.",
    ),
    "link.untrusted": (
        "The server's certificate is not trusted; no connection is opened.",
        "Look at the clock of the machine, at tls.ca_file and at proxies on the way.",
    ),
    "listener.behind": (
        "Your listeners are behind; calls of them are left out.",
        "See what they wait for.",
    ),
    "notify.failing": (
        "A target of these messages takes none.",
        "Run `notify test`, and correct its address.",
    ),
    "sink.failing": (
        "A sink takes no events; they wait, and more than a thousand are left out.",
        "See its error in the log; it is tried again by itself.",
    ),
}

PHRASES: Final[Mapping[str, str]] = {
    "all": "the gateway",
    "unknown": "The alert {name} is on.",
    "look": "See the page or run `status`.",
    "title_on": "{subject}: needs you",
    "title_over": "{subject}: is over",
    "title_many": "{count} matters need you",
    "title_news": "{count} news",
    "on": "{subject}: {what}",
    "still": "{subject}: still on for {lasted}: {what}",
    "over": "{subject}: is over, took {lasted}: {what}",
    "was": "{subject}: was on for {lasted}, and is over: {what}",
    "since": "since {moment}",
    "times": "{count} times",
    "do": "What to do: {step}",
    "more": "and {count} more: see the page",
    "last": "Too many messages: the next one comes after {moment}.",
    "test_title": "A test",
    "test": "This is a test of the bell. Nothing is wrong.",
    "days": "{count} d",
    "hours": "{count} h",
    "minutes": "{count} min",
    "seconds": "{count} s",
}
