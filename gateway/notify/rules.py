"""When people are told of alerts: waits, groups, quiet hours, flapping, repetition. Pure.

What is told is a matter of occasions; see :mod:`gateway.notify.occasions`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from actors.policy.alerts import Alert, Key, key_of
from gateway.notify.occasions import Bulletin, Item, Kind, Occasion, Told

DAY_MIN: Final = 24 * 60

HOUR_MS: Final = 3_600_000

MINUTE_MS: Final = 60_000

CALM_MS: Final = 60_000
"""An occasion is not over before it has been off for this long, or for ``after_s`` if that is
longer."""

FLAP_MS: Final = HOUR_MS
"""What begins again within this time after its end flaps: it is told once more, and then it is not
over before it has been off for this long."""

FLAPS: Final = 3
"""From this begin on, an alert that comes and goes has waited since its first begin."""

RESUME_MS: Final = 15 * 60_000
"""What an earlier life told is not over before it has been off for this long: some alerts need
minutes to be on again after a restart."""

MOST_KEPT: Final = 2000
"""Occasions that a later life is told of, the newest."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the bell in milliseconds; see :class:`gateway.settings.NotifySettings`.

    Attributes:
        quiet: Minutes of the day when quiet hours begin and end; None: there are none.
        again_ms: None: never.
    """

    after_ms: int = 120_000
    at_once: Sequence[str] = ()
    quiet: tuple[int, int] | None = None
    but: Sequence[str] = ()
    group_ms: int = 30_000
    per_hour: int = 12
    again_ms: int | None = 12 * HOUR_MS
    over: bool = True

    @property
    def calm_ms(self) -> int:
        """Return how long an occasion is off until it is over."""
        return max(CALM_MS, self.after_ms)


class Ringing:
    """Decides what is told when.

    Args:
        rules: The settings.
        told: What earlier lives told, and nobody knows the end of.
        now_ms: Our Unix time.
    """

    def __init__(self, rules: Rules, told: Iterable[Told] = (), now_ms: int = 0) -> None:
        self._rules = rules
        self._occasions: dict[Key, Occasion] = {}
        self._sent: list[int] = []
        for each in told:
            occasion = Occasion(min(each.since_ms, now_ms))
            occasion.off_ms, occasion.told_ms = now_ms, min(each.told_ms, now_ms)
            occasion.times, occasion.flapping, occasion.resumed = each.times, each.flapping, True
            self._occasions[each.name, each.account, each.lane] = occasion

    def told(self, but: Collection[Key] = ()) -> list[Told]:
        """Return what a later life must know, the newest; ``but``: these were not delivered."""
        found = [
            Told(
                name=name,
                account=account,
                lane=lane,
                since_ms=each.since_ms,
                told_ms=each.told_ms,
                times=each.times,
                flapping=each.flapping,
            )
            for (name, account, lane), each in self._occasions.items()
            if each.told_ms is not None and (name, account, lane) not in but
        ]
        return sorted(found, key=lambda each: each.told_ms)[-MOST_KEPT:]

    def look(self, on: Iterable[Alert], now_ms: int, minute: float) -> Bulletin | None:
        """Return what is to be told now; None: nothing is.

        Args:
            on: All alerts that are on.
            now_ms: Our Unix time.
            minute: Minutes since the local midnight.
        """
        self._note(on, now_ms)
        waiting = self._waiting(now_ms)
        ready = [each for each in waiting if self._may_be_told(each[2], minute)]
        if not ready or now_ms < self._sent_until(now_ms) or now_ms < self._due(ready, now_ms):
            return None
        for key, kind, _ in ready:
            self._tell(self._occasions[key], kind, now_ms)
        self._sent.append(now_ms)
        items = sorted((item for _, _, item in ready), key=lambda item: item.since_ms)
        full = len(self._sent) >= self._rules.per_hour
        return Bulletin(items=items, last=self._sent[0] + HOUR_MS if full else None)

    def due_ms(self, now_ms: int, minute: float) -> int | None:
        """Return when to look again though no alert changes; None: there is no need to."""
        waiting = self._waiting(now_ms)
        ready = [each for each in waiting if self._may_be_told(each[2], minute)]
        dues = [self._ripens_ms(key, each) for key, each in self._occasions.items()]
        found = [due for due in dues if due is not None and due > now_ms]
        if ready:
            found.append(max(self._due(ready, now_ms), self._sent_until(now_ms)))
        if len(ready) < len(waiting) and self._rules.quiet is not None:
            left_min = (self._rules.quiet[1] - minute) % DAY_MIN
            found.append(now_ms + max(1, round(left_min * MINUTE_MS)))
        return min(found, default=None)

    # --- inside ---

    def _note(self, on: Iterable[Alert], now_ms: int) -> None:
        """Take over which alerts are on."""
        there = {key_of(alert): alert for alert in on}
        for key, alert in there.items():
            occasion = self._occasions.get(key)
            since_ms = min(alert.since_ms, now_ms)
            if occasion is None:
                occasion = self._occasions[key] = Occasion(since_ms)
            elif occasion.off_ms is not None or occasion.seen_ms != alert.since_ms:
                occasion.begins_again(max(since_ms, occasion.begun_ms))
            occasion.seen_ms, occasion.why = alert.since_ms, alert.why
        for key, occasion in list(self._occasions.items()):
            if key not in there and occasion.off_ms is None:
                occasion.off_ms = now_ms
            self._mend(occasion, now_ms)
            if self._forgotten(occasion, now_ms):
                del self._occasions[key]
            elif self._ends_untold(occasion, now_ms):
                occasion.close()
        self._sent = [at for at in self._sent if now_ms - HOUR_MS < at <= now_ms]

    def _mend(self, occasion: Occasion, now_ms: int) -> None:
        """Pull back what lies in the future: the machine's clock was set back."""
        occasion.since_ms = min(occasion.since_ms, now_ms)
        occasion.begun_ms = min(occasion.begun_ms, now_ms)
        for name in ("off_ms", "told_ms", "ripe_ms"):
            at_ms = getattr(occasion, name)
            if at_ms is not None and at_ms > now_ms:
                setattr(occasion, name, now_ms)

    def _forgotten(self, occasion: Occasion, now_ms: int) -> bool:
        if occasion.off_ms is None:
            return False
        off_for_ms = now_ms - occasion.off_ms
        if occasion.closed:
            return off_for_ms >= FLAP_MS
        untold = occasion.told_ms is None and occasion.ripe_ms is None
        return untold and off_for_ms >= self._calm_ms(occasion)

    def _ends_untold(self, occasion: Occasion, now_ms: int) -> bool:
        """Return whether it is over, and ends are not told."""
        if self._rules.over or occasion.off_ms is None or occasion.told_ms is None:
            return False
        return now_ms - occasion.off_ms >= self._calm_ms(occasion)

    def _calm_ms(self, occasion: Occasion) -> int:
        least = FLAP_MS if occasion.flapping else self._rules.calm_ms
        return max(least, RESUME_MS) if occasion.resumed else least

    def _ripens_ms(self, key: Key, occasion: Occasion) -> int | None:
        """Return when there is something to tell of it, if it stays as it is; None: never."""
        rules = self._rules
        if occasion.off_ms is not None:
            return None if occasion.closed else occasion.off_ms + self._calm_ms(occasion)
        if occasion.told_ms is not None:
            return None if rules.again_ms is None else occasion.told_ms + rules.again_ms
        if matches(key[0], rules.at_once):
            return occasion.begun_ms
        waits_from = occasion.since_ms if occasion.times >= FLAPS else occasion.begun_ms
        return waits_from + rules.after_ms

    def _waiting(self, now_ms: int) -> list[tuple[Key, Kind, Item]]:
        """Return what there is to tell, told or not yet allowed; notes since when."""
        found: list[tuple[Key, Kind, Item]] = []
        for key, occasion in self._occasions.items():
            ripens_ms = self._ripens_ms(key, occasion)
            if ripens_ms is None or ripens_ms > now_ms:
                continue
            kind = self._kind(occasion)
            if occasion.ripe_ms is None:
                occasion.ripe_ms = ripens_ms
            found.append((key, kind, occasion.item(kind, key)))
        return found

    def _kind(self, occasion: Occasion) -> Kind:
        if occasion.off_ms is None:
            return "on" if occasion.told_ms is None else "still"
        return "was" if occasion.told_ms is None else "over"

    def _may_be_told(self, item: Item, minute: float) -> bool:
        quiet = self._rules.quiet
        if quiet is None or matches(item.name, self._rules.but):
            return True
        begin, end = quiet
        inside = begin <= minute < end if begin < end else not end <= minute < begin
        return not inside

    def _sent_until(self, now_ms: int) -> int:
        """Return until when no further message is allowed."""
        full = len(self._sent) >= self._rules.per_hour
        return self._sent[0] + HOUR_MS if full else now_ms

    def _due(self, ready: Sequence[tuple[Key, Kind, Item]], now_ms: int) -> int:
        """Return when these are told: once their group is whole, or at once."""
        group_ms = self._rules.group_ms
        ripe = [self._occasions[key].ripe_ms or now_ms for key, _, _ in ready]
        due_ms = min(ripe) + group_ms
        if any(kind == "on" and matches(key[0], self._rules.at_once) for key, kind, _ in ready):
            last_ms = self._sent[-1] if self._sent else now_ms - group_ms
            due_ms = min(due_ms, last_ms + group_ms)
        return due_ms

    def _tell(self, occasion: Occasion, kind: Kind, now_ms: int) -> None:
        if kind in {"on", "still"}:
            occasion.told_ms, occasion.ripe_ms = now_ms, None
        else:
            occasion.close()


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Return whether one of some patterns, such as ``journal.*``, takes the name of an alert."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
