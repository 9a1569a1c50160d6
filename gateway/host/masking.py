"""What the kernel tells, as it may be shown: a server may repeat a secret of ours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from msgspec import structs

from actors.messages import StateChanged
from actors.policy.alerts import Alert
from actors.values import Failure
from gateway.redaction import Redactor
from gateway.words import of_verdict


def masked_failure(failure: Failure, redactor: Redactor) -> Failure:
    """Return a failure without our secrets."""
    detail, said = redactor.text(failure.detail), redactor.text(failure.close_reason)
    if (detail, said) == (failure.detail, failure.close_reason):
        return failure
    return structs.replace(failure, detail=detail, close_reason=said)


def masked_change(change: StateChanged, redactor: Redactor) -> StateChanged:
    """Return a change whose failure tells no secret of ours."""
    if change.failure is None:
        return change
    failure = masked_failure(change.failure, redactor)
    return change if failure is change.failure else structs.replace(change, failure=failure)


def masked_alert(alert: Alert, redactor: Redactor) -> Alert:
    """Return an alert whose words tell no secret of ours, with the step that helps."""
    said = of_verdict(alert.name, alert.why, "en")
    step = alert.next_step if said is None else said[1]
    return structs.replace(alert, detail=redactor.text(alert.detail), next_step=step)


class MaskedAlerts(Sequence[Alert]):
    """Alerts that are masked as they are looked at: there may be thousands, and few are shown.

    Args:
        alerts: As they are.
        redactor: Masks.
    """

    def __init__(self, alerts: Sequence[Alert], redactor: Redactor) -> None:
        self._alerts = alerts
        self._redactor = redactor

    def __len__(self) -> int:
        return len(self._alerts)

    @overload
    def __getitem__(self, place: int) -> Alert: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Alert]: ...
    def __getitem__(self, place: int | slice) -> Alert | Sequence[Alert]:
        if isinstance(place, slice):
            return MaskedAlerts(self._alerts[place], self._redactor)
        return masked_alert(self._alerts[place], self._redactor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __repr__(self) -> str:
        return repr(list(self))
