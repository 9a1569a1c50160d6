"""Who listens to the alert registry hears each begin and each end, once and in order."""

from __future__ import annotations

from actors.policy.alerts import Alert, AlertChanged
from actors.runtime.alert_registry import AlertRegistry
from actors.runtime.log import SILENT
from actors.runtime.pool.manual import ManualClock


def test_each_change_is_heard_once_in_order() -> None:
    """Whatever began or ended it: a call, its time, or the journal."""
    clock = ManualClock()
    registry = AlertRegistry(clock, SILENT)
    heard: list[AlertChanged] = []
    registry.hear(heard.append)
    registry.say("a.b", account="x", detail="1", next_step="")
    registry.say("a.b", account="x", detail="2", next_step="")  # the same one
    registry.say("c.d", detail="", next_step="", for_s=5.0)
    clock.advance(5.0)
    registry.expire()
    registry.match([Alert(name="journal.filling")])
    registry.match([])
    registry.end("a.b", account="x")
    registry.end("a.b", account="x")
    assert [(each.alert.name, each.over) for each in heard] == [
        ("a.b", False),
        ("c.d", False),
        ("c.d", True),
        ("journal.filling", False),
        ("journal.filling", True),
        ("a.b", True),
    ]
    assert [each.alert.detail for each in heard if each.alert.name == "a.b"] == ["1", "2"]
    assert [each.alert.since_ms for each in heard if not each.over] == [
        clock.unix_ms() - 5000,
        clock.unix_ms() - 5000,
        clock.unix_ms(),
    ]
    assert heard[-1].at_ms - heard[-1].alert.since_ms == 5000
