"""The list of metrics: names, kinds, help, and every value a label may have. Only data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from actors.runtime.counts import PHASES, RESULTS
from actors.state import TRANSITIONS, ConnectionState
from actors.values import SendOutcome

Kind: TypeAlias = Literal["counter", "gauge", "histogram", "info"]

PREFIX: Final = "xianyu_gateway_"

ALERTS: Final = (
    "account.failed", "accounts.crashing", "answer.overdue", "credentials.expiring",
    "credentials.needs_human", "credentials.sign_in_due", "credentials.unsaved", "gateway.crashing",
    "handler.pool_exhausted", "history.oversized", "journal.backup_late", "journal.commit_slow",
    "journal.filling", "journal.log_damaged", "journal.lost", "journal.refused", "journal.rescued",
    "journal.rows_set_aside", "journal.unavailable", "lane.backlogged", "letters.filling",
    "letters.waiting", "link.failing", "link.flapping", "link.oversized", "link.untrusted",
    "listener.behind", "notify.failing", "sink.failing",
)  # fmt: skip
"""Names of all alerts, as ``docs/limits.md`` has them."""

CAUSES: Final = tuple(
    cause.value for before, cause, *_ in TRANSITIONS if before is ConnectionState.CONNECTED
)
"""Why a confirmed link ends."""

RUNG: Final = ("ok", "failed", "left_out")
"""As :data:`gateway.notify.bell.RESULTS` has them; a test compares."""

CODES: Final = ("2xx", "3xx", "4xx", "5xx")
"""Classes of HTTP status."""


class Family(NamedTuple):
    """One metric.

    Attributes:
        name: Without the prefix, and without what its kind adds (``_total``, ``_info``).
        kind: What it is.
        told: Its help, a sentence without a full stop.
        labels: All values of each label; they are shown, zeros too. None: any account's name.
    """

    name: str
    kind: Kind
    told: str
    labels: Mapping[str, tuple[str, ...] | None] = {}

    @property
    def shown(self) -> str:
        """Return the name as a scrape shows it."""
        suffix = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        return f"{PREFIX}{self.name}{suffix}"


def _c(name: str, told: str, **labels: tuple[str, ...] | None) -> Family:
    return Family(name, "counter", told, labels)


def _g(name: str, told: str, **labels: tuple[str, ...] | None) -> Family:
    return Family(name, "gauge", told, labels)


def _h(name: str, told: str, **labels: tuple[str, ...] | None) -> Family:
    return Family(name, "histogram", told, labels)


_STATES: Final = tuple(each.value for each in ConnectionState)
_OUTCOMES: Final = tuple(each.value for each in SendOutcome)
_LETTERS: Final = ("dead", "parked")

FAMILIES: Final = (
    Family("build", "info", "Version, Python, and whether the readers are compiled or plain"),
    _g("ready", "1 while work is taken and the journal stores"),
    _g("accounts", "Accounts by state of their connection", state=_STATES),
    _g("alerts", "Alerts that are on, by name", alert=ALERTS),
    _c("frames_read", "WebSocket messages read"),
    _c("read_bytes", "Bytes read from links"),
    _c("written_bytes", "Bytes of links that the system took"),
    _c("events_received", "New events that were pushed and stored"),
    _c("events_duplicate", "Pushed copies of stored events"),
    _c("events_recovered", "New events that were read from history"),
    _c("events_settled", "Events that ended", outcome=("done", "ignored", "expired")),
    _c("events_dead_lettered", "Events that were given up for a person", status=_LETTERS),
    _g("events_pending", "Events in the journal that have not ended"),
    _g("oldest_pending_seconds", "Age of the oldest pending event; looked for once a minute"),
    _g("dead_letters", "Events that wait for a person", status=_LETTERS),
    _h("event_wait_seconds", "Time from the read of an event to its handler"),
    _h("handler_seconds", "Time an event spends in its handlers and sinks"),
    _g("handler_threads", "Handler threads by state", state=("running", "idle", "hung")),
    _c("sends_ended", "Sends that ended, by outcome", outcome=_OUTCOMES),
    _g("sends_waiting", "Accepted sends without an outcome"),
    _g("sends_to_review", "Sends whose outcome only a person can tell"),
    _h("send_seconds", "Time from accepting a send to its outcome"),
    _c("dials", "Dials that ended, by result", result=RESULTS),
    _h(
        "dial_phase_seconds",
        "Time of the phases of dials that succeeded",
        phase=tuple(each.value for each in PHASES),
    ),
    _c("links_lost", "Confirmed links that ended, by cause", cause=CAUSES),
    _c("recoveries", "Reads of history that ended", result=("complete", "incomplete")),
    _c("token_calls", "Calls for a token, by the verdict of their renewal", verdict=RESULTS),
    _g("token_expires_in_seconds", "Time until the first token ends; absent without tokens"),
    _c("journal_commits", "Transactions that held"),
    _c("journal_rows", "Events, settlements and sends in them"),
    _c("journal_commit_failures", "Transactions that did not hold"),
    _h("journal_commit_seconds", "Time of transactions that held; none in memory"),
    _g("journal_waiting", "Commands that wait for a transaction"),
    _g("journal_bytes", "Size of the journal file and its log"),
    _g("journal_free_bytes", "Free space on its disk"),
    _g("journal_backup_age_seconds", "Age of the newest file in backups; absent without one"),
    _c("notifications", "Tries to deliver messages of the bell, by result", result=RUNG),
)
"""What :class:`gateway.metrics.collector.Collector` shows."""

_ANY: Final = None

ACCOUNT_FAMILIES: Final = (
    _g("account_up", "1 while the account is connected", account=_ANY),
    _c("account_events_received", "New events that were pushed and stored", account=_ANY),
    _c("account_events_settled", "Events that ended without a person", account=_ANY),
    _g("account_events_pending", "Events in the journal that have not ended", account=_ANY),
    _g("account_dead_letters", "Events that wait for a person", account=_ANY),
    _c("account_connects", "Registrations that were confirmed", account=_ANY),
    _g("account_last_event_timestamp_seconds", "Time of the last push; 0: none", account=_ANY),
)
"""What there is of each account."""

HTTP_REQUESTS: Final = "http_requests"
"""Its routes are those of :mod:`gateway.web.routes`, which shows it."""


def http_requests(routes: tuple[str, ...]) -> Family:
    """Return the family of requests to the control API."""
    told = "Requests to the HTTP API, by route and class of status"
    return _c(HTTP_REQUESTS, told, route=routes, code=CODES)
