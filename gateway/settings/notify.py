"""The settings of the bell: who is told of alerts, when, and in which language.

Only data. A key that Python reserves has a ``_`` behind it here, and none in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from actors.sections import Record, Wait, Within
from gateway.settings.record import Masked, Secret
from gateway.words import Language

Group: TypeAlias = Annotated[float, Within(0.0, 3600.0)]
PerHour: TypeAlias = Annotated[int, Within(1, 3600)]
Hours: TypeAlias = Annotated[float, Within(1.0, 8760.0)]
Minutes: TypeAlias = Annotated[float, Within(1.0, 10_080.0)]
Every: TypeAlias = Annotated[float, Within(10.0, 86_400.0)]

AT_ONCE: Final = ("account.failed", "journal.unavailable", "gateway.crashing")
BUT: Final = ("account.failed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietSettings(Record):
    """Hours in which nobody is woken, by the clock of this machine.

    Attributes:
        from_: ``HH:MM``; None: there are none. In a file ``from``.
        to: ``HH:MM``, perhaps of the next day; what waited is then told as one message.
        but: Alerts that are told all the same; ``journal.*`` takes all of a kind.
    """

    from_: str | None = None
    to: str | None = None
    but: tuple[str, ...] = BUT


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlsoSettings(Masked):
    """Others who are told of some alerts.

    Attributes:
        alerts: Which; ``journal.*`` takes all of a kind.
        to: URLs of apprise.
    """

    alerts: tuple[str, ...]
    to: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HeartbeatUrlSettings(Masked):
    """A service that raises an alarm when it hears nothing: a dead man's switch.

    Attributes:
        url: Asked by GET while the gateway is alive; https, or http to this machine. None: none is.
        every_s: Between two requests.
    """

    url: Secret | None = None
    every_s: Every = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NotifySettings(Masked):
    """Who is told of alerts (extra ``[notify]``).

    Attributes:
        to: URLs of apprise; each is a secret as a whole. Empty: nobody is told.
        also: Others, who are told of some alerts.
        language: None: ``language`` of the gateway.
        after_s: What ends sooner is not told.
        at_once: Alerts that are told without that wait; ``journal.*`` takes all of a kind.
        quiet: Hours in which only some alerts are told.
        group_s: What is to be told within this time is one message.
        per_hour: Messages in an hour at most; the next one tells all that came meanwhile.
        again_h: Hours after which an alert that is still on is told once more; None: never.
        over: Tell when what was told is over.
        unanswered_min: Minutes a buyer may wait for an answer before the alert ``answer.overdue``,
            which is for the log and the status, too; None: nobody looks.
        link: Address of the gateway's page, put under each message.
        heartbeat: A dead man's switch.
    """

    to: tuple[Secret, ...] = ()
    also: tuple[AlsoSettings, ...] = ()
    language: Language | None = None
    after_s: Wait = 120.0
    at_once: tuple[str, ...] = AT_ONCE
    quiet: QuietSettings = QuietSettings()
    group_s: Group = 30.0
    per_hour: PerHour = 12
    again_h: Hours | None = 12.0
    over: bool = True
    unanswered_min: Minutes | None = None
    link: str | None = None
    heartbeat: HeartbeatUrlSettings = HeartbeatUrlSettings()

    def urls(self) -> dict[str, str]:
        """Return every URL of apprise by its place, as a file has it."""
        found = {f"notify.to[{at}]": url for at, url in enumerate(self.to)}
        for nth, each in enumerate(self.also):
            found |= {f"notify.also[{nth}].to[{at}]": url for at, url in enumerate(each.to)}
        return found
