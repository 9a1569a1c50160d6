"""When the bell rings: seldom, in time, and once an occasion; 600 calls in a night help nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st

from actors.policy.alerts import Alert, Key, key_of
from gateway.notify.occasions import Bulletin, Told
from gateway.notify.rules import (
    FLAP_MS,
    HOUR_MS,
    MOST_KEPT,
    RESUME_MS,
    Ringing,
    Rules,
    matches,
)

BEGAN_MS = 1_700_000_000_000
SEED = 20261128
"""Of the random stories; a failure prints it with the story."""

NOON = 12 * 60.0
USUAL = Rules(at_once=("account.failed", "journal.unavailable"))


class Story:
    """Alerts that come and go, and what the bell says of them; time in seconds.

    The bell looks when an alert changes and when it said that it is due, as its thread does.
    """

    def __init__(
        self, rules: Rules = USUAL, *, minute: float = NOON, told: Iterable[Told] = ()
    ) -> None:
        self.rules = rules
        self.ringing = Ringing(rules, told, BEGAN_MS)
        self.now_ms = BEGAN_MS
        self.minute = minute
        self.on: dict[Key, Alert] = {}
        self.rung: list[tuple[float, Bulletin]] = []

    def until(self, at_s: float) -> None:
        """Let time pass."""
        end_ms = BEGAN_MS + round(at_s * 1000)
        while True:
            due_ms = self.ringing.due_ms(self.now_ms, self._minute())
            if due_ms is None or due_ms > end_ms:
                break
            assert due_ms > self.now_ms, "it would look again and again"
            self.now_ms = due_ms
            self._look()
        self.now_ms = end_ms
        self._look()

    def begins(self, name: str, account: str | None = None, lane: str | None = None) -> None:
        """Begin an alert."""
        alert = Alert(name=name, account=account, lane=lane, since_ms=self.now_ms, why="cause")
        self.on[key_of(alert)] = alert
        self._look()

    def ends(self, name: str, account: str | None = None, lane: str | None = None) -> None:
        """End it."""
        self.on.pop((name, account, lane), None)
        self._look()

    def said(self) -> list[tuple[float, list[str]]]:
        """Return when the bell rang, and of what."""
        return [(at, [f"{i.kind} {i.name}" for i in each.items]) for at, each in self.rung]

    def count(self, *kinds: str) -> int:
        """Return how many things of some kinds were told."""
        return sum(item.kind in kinds for _, each in self.rung for item in each.items)

    def _minute(self) -> float:
        return (self.minute + (self.now_ms - BEGAN_MS) / 60_000) % (24 * 60)

    def _look(self) -> None:
        bulletin = self.ringing.look(self.on.values(), self.now_ms, self._minute())
        if bulletin is not None:
            self.rung.append(((self.now_ms - BEGAN_MS) / 1000, bulletin))


def test_an_alert_of_30_s_does_not_ring() -> None:
    """O4: what mends itself is nobody's business."""
    story = Story()
    story.begins("link.failing", "a")
    story.until(30)
    story.ends("link.failing", "a")
    story.until(7200)
    assert story.said() == []


def test_what_lasts_is_told_after_the_wait_and_so_is_its_end() -> None:
    story = Story()
    story.begins("link.failing", "a")
    story.until(900)
    story.ends("link.failing", "a")
    story.until(7200)
    assert story.said() == [(150, ["on link.failing"]), (1050, ["over link.failing"])]
    (item,) = story.rung[1][1].items
    assert item.ended_ms is not None
    assert item.ended_ms - item.since_ms == 900_000
    assert (item.account, item.lane, item.why) == ("a", None, "cause")


def test_what_is_told_at_once_waits_for_nothing() -> None:
    story = Story()
    story.begins("account.failed", "a")
    assert story.said() == [(0, ["on account.failed"])]


def test_what_begins_together_is_one_message() -> None:
    """A platform that goes away takes a thousand accounts with it."""
    story = Story()
    for number in range(50):
        story.begins("account.failed", f"a{number}")
    story.until(300)
    assert [len(each.items) for _, each in story.rung] == [1, 49]
    assert [at for at, _ in story.rung] == [0, 30]

    story = Story()
    story.begins("link.failing", "a")
    story.until(20)
    story.begins("link.failing", "b")
    story.until(600)
    assert story.said() == [(150, ["on link.failing", "on link.failing"])]


def test_sixty_flaps_in_an_hour_ring_at_most_twice() -> None:
    """O4, for an alert that is told at once, and for one that waits."""
    for name in ("account.failed", "link.failing"):
        for share in (0.02, 0.5, 0.98):
            story = Story()
            for number in range(60):
                story.until(60 * number)
                story.begins(name, "a")
                story.until(60 * (number + share))
                story.ends(name, "a")
            story.until(3600)
            rung = story.count("on", "still", "was")
            assert 1 <= rung <= 2, (name, share, story.said())
            story.until(3 * 3600)
            assert story.count("on", "was") == rung
            assert story.count("over") == rung


def test_what_comes_back_soon_is_told_once_more_and_then_no_more() -> None:
    """It is over only after an hour without it."""
    story = Story()
    for number in range(12):
        story.begins("account.failed", "a")
        story.until(600 * number + 60)
        story.ends("account.failed", "a")
        story.until(600 * (number + 1))
    story.until(6 * 3600)
    assert story.said() == [
        (0, ["on account.failed"]),
        (210, ["over account.failed"]),
        (600, ["on account.failed"]),
        (6660 + 3600 + 30, ["over account.failed"]),
    ]
    story.begins("account.failed", "a")
    assert story.count("on") == 3  # another occasion


def test_an_alert_that_ended_and_began_between_two_looks_began_twice() -> None:
    story = Story()
    story.begins("link.failing", "a")
    story.until(100)
    story.begins("link.failing", "a")
    story.until(200)
    assert story.said() == []
    story.until(260)
    ((_, bulletin),) = story.rung
    assert bulletin.items[0].times == 2


def test_quiet_hours_end_with_one_message() -> None:
    """Also what was on and is over; only what is worth waking somebody for rings."""
    rules = msgspec.structs.replace(USUAL, quiet=(23 * 60, 8 * 60), but=("account.failed",))
    story = Story(rules, minute=23 * 60)
    story.begins("link.failing", "a")
    story.until(3600)
    story.ends("link.failing", "a")
    story.begins("journal.unavailable")
    story.begins("account.failed", "b")
    assert story.said() == [(3600, ["on account.failed"])]
    story.until(9 * 3600 - 1)
    assert len(story.rung) == 1
    story.until(10 * 3600)
    assert story.said()[1:] == [(9 * 3600, ["was link.failing", "on journal.unavailable"])]


def test_quiet_hours_within_a_day() -> None:
    rules = msgspec.structs.replace(USUAL, quiet=(12 * 60, 14 * 60))
    story = Story(rules, minute=11 * 60)
    story.begins("account.failed", "a")
    story.until(3600)
    story.begins("account.failed", "b")
    story.until(4 * 3600)
    assert story.said() == [(0, ["on account.failed"]), (3 * 3600, ["on account.failed"])]


def test_there_are_so_many_messages_an_hour_and_the_next_tells_the_rest() -> None:
    rules = msgspec.structs.replace(USUAL, per_hour=3, group_ms=0)
    story = Story(rules)
    for number in range(10):
        story.begins("account.failed", f"a{number}")
        story.until(60 * (number + 1))
    assert [len(each.items) for _, each in story.rung] == [1, 1, 1]
    assert [each.last for _, each in story.rung] == [None, None, BEGAN_MS + HOUR_MS]
    story.until(3600)
    assert [len(each.items) for _, each in story.rung] == [1, 1, 1, 7]


def test_what_is_still_on_is_told_again() -> None:
    story = Story()
    story.begins("account.failed", "a")
    story.until(25 * 3600)
    assert story.said() == [
        (0, ["on account.failed"]),
        (12 * 3600 + 30, ["still account.failed"]),
        (24 * 3600 + 60, ["still account.failed"]),
    ]
    story = Story(msgspec.structs.replace(USUAL, again_ms=None))
    story.begins("account.failed", "a")
    story.until(100 * 3600)
    assert story.said() == [(0, ["on account.failed"])]


def test_ends_need_not_be_told() -> None:
    story = Story(msgspec.structs.replace(USUAL, over=False))
    story.begins("account.failed", "a")
    story.until(60)
    story.ends("account.failed", "a")
    story.until(7200)
    assert story.said() == [(0, ["on account.failed"])]
    assert story.ringing.told() == []


def test_a_restart_does_not_ring_again() -> None:
    """What was told is known, and it is over only if it does not come back for a while."""
    before = Story()
    before.begins("account.failed", "a")
    before.begins("account.failed", "b")
    before.until(60)
    told = before.ringing.told()
    assert [each.account for each in told] == ["a", "b"]
    assert before.ringing.told(but={("account.failed", "a", None)}) == told[1:]

    story = Story(told=told)
    story.until(120)
    story.begins("account.failed", "a")
    story.until(RESUME_MS / 1000 + 60)
    assert story.said() == [(RESUME_MS / 1000 + 30, ["over account.failed"])]
    assert story.rung[0][1].items[0].account == "b"
    story.ends("account.failed", "a")
    story.until(RESUME_MS / 1000 + 300)
    assert story.count("over") == 2
    assert story.count("on", "still") == 0


def test_only_the_newest_are_kept() -> None:
    story = Story(msgspec.structs.replace(USUAL, group_ms=0))
    for number in range(MOST_KEPT + 5):
        alert = Alert(name="account.failed", account=f"a{number}", since_ms=story.now_ms)
        story.on[key_of(alert)] = alert
    story.until(1)
    assert len(story.ringing.told()) == MOST_KEPT


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    """By a day: what waited waits once more, and no longer."""
    story = Story()
    story.begins("link.failing", "a")
    story.begins("account.failed", "b")
    story.ends("account.failed", "b")
    story.until(130)
    story.now_ms -= 24 * HOUR_MS
    for minute in range(8):  # the thread looks each minute, for this reason
        story.until(-24 * 3600 + 130 + 60 * minute)
    assert story.count("on") == 2
    assert story.count("over") == 1
    assert story.ringing.due_ms(story.now_ms, NOON) is not None


def test_patterns_take_a_name_or_all_of_a_kind() -> None:
    assert matches("journal.lost", ("account.failed", "journal.*"))
    assert not matches("journals.lost", ("journal.*", "account.failed"))
    assert not matches("journal.lost", ())


# --- whatever happens -----------------------------------------------------------------

NAMES = ("account.failed", "link.failing", "journal.filling")
STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 900.0),
        st.sampled_from(NAMES),
        st.sampled_from(["a", "b", None]),
        st.booleans(),
    ),
    max_size=60,
)
RULES = st.builds(
    Rules,
    after_ms=st.sampled_from([0, 1000, 120_000]),
    at_once=st.sampled_from([(), ("account.*",)]),
    quiet=st.sampled_from([None, (0, 8 * 60), (23 * 60, 7 * 60)]),
    but=st.sampled_from([(), ("account.failed",)]),
    group_ms=st.sampled_from([0, 30_000]),
    per_hour=st.sampled_from([1, 3, 12]),
    again_ms=st.sampled_from([None, HOUR_MS, 12 * HOUR_MS]),
    over=st.booleans(),
)


def played(
    rules: Rules, steps: Sequence[tuple[float, str, str | None, bool]], minute: float
) -> Story:
    note(f"seed {SEED}")
    story = Story(rules, minute=minute)
    at_s = 0.0
    for gap_s, name, account, on in steps:
        at_s += gap_s
        story.until(at_s)
        (story.begins if on else story.ends)(name, account)
    return story


@seed(SEED)
@settings(max_examples=300)
@given(RULES, STEPS, st.integers(0, 24 * 60 - 1))
def test_whatever_happens_the_bell_keeps_its_rules(
    rules: Rules, steps: list[tuple[float, str, str | None, bool]], minute: int
) -> None:
    """Bounded by the hour, twice an occasion, quiet in quiet hours, an end only for what was on."""
    story = played(rules, steps, float(minute))
    last_s = (story.now_ms - BEGAN_MS) / 1000
    for key in list(story.on):
        story.ends(*key)
    story.until(last_s + 60 * 3600)
    times = [round(at * 1000) for at, _ in story.rung]
    for at_ms in times:
        assert sum(at_ms <= other < at_ms + HOUR_MS for other in times) <= rules.per_hour
    on: dict[Key, list[int]] = {}
    open_: set[Key] = set()
    for at, bulletin in story.rung:
        clock = (minute + at / 60) % (24 * 60)
        assert len({item.key for item in bulletin.items}) == len(bulletin.items)
        for item in bulletin.items:
            if rules.quiet is not None and not matches(item.name, rules.but):
                begin, end = rules.quiet
                inside = begin <= clock < end if begin < end else not end <= clock < begin
                assert not inside
            match item.kind:
                case "on":
                    assert item.key not in open_ or not rules.over
                    assert item.ended_ms is None
                    on.setdefault(item.key, []).append(round(at * 1000))
                    open_.add(item.key)
                case "still":
                    assert item.key in open_
                case "over":
                    assert item.key in open_
                    open_.discard(item.key)
                case "was":
                    assert item.key not in open_ or not rules.over
    for rings in on.values():
        for at_ms in rings:
            assert sum(at_ms <= other < at_ms + HOUR_MS for other in rings) <= 2
    assert not open_ or not rules.over  # each end of what was told is told
    assert story.ringing.due_ms(story.now_ms, NOON) is None  # and then it is at rest
    assert not story.ringing.told()


@seed(SEED)
@settings(max_examples=25)
@given(RULES, STEPS, st.integers(0, 24 * 60 - 1))
def test_who_looks_when_due_misses_nothing_of_who_looks_each_second(
    rules: Rules, steps: list[tuple[float, str, str | None, bool]], minute: int
) -> None:
    """The thread of the bell sleeps meanwhile."""
    whole = [(round(gap_s), name, account, on) for gap_s, name, account, on in steps[:15]]
    story = played(rules, whole, float(minute))
    eager = Story(rules, minute=float(minute))
    at_s = 0
    for gap_s, name, account, on in whole:
        for second in range(at_s, at_s + gap_s):
            eager.until(second)
        at_s += gap_s
        eager.until(at_s)
        (eager.begins if on else eager.ends)(name, account)
    assert [each.items for _, each in story.rung] == [each.items for _, each in eager.rung]


@pytest.mark.parametrize("gap_s", [1.0, 59.0, 61.0, 119.0, 121.0, 600.0, 3599.0])
def test_however_it_flaps_it_rings_twice_an_hour_at_most(gap_s: float) -> None:
    story = Story(msgspec.structs.replace(USUAL, again_ms=None))
    at_s = 0.0
    while at_s < 3 * 3600:
        story.begins("account.failed", "a")
        at_s += gap_s
        story.until(at_s)
        story.ends("account.failed", "a")
        at_s += gap_s
        story.until(at_s)
    rings = [at for at, each in story.rung for item in each.items if item.kind == "on"]
    for at in rings:
        assert sum(at <= other < at + FLAP_MS / 1000 for other in rings) <= 2


def test_an_end_that_was_none_is_forgotten() -> None:
    """It was over in quiet hours and came back before they ended; its true end waits anew."""
    rules = msgspec.structs.replace(USUAL, quiet=(12 * 60, 14 * 60))
    story = Story(rules, minute=11 * 60)
    story.begins("account.failed", "a")
    story.until(3540)
    story.ends("account.failed", "a")
    story.until(5400)
    story.begins("account.failed", "a")
    story.until(4 * 3600)
    story.ends("account.failed", "a")
    story.until(5 * 3600)
    assert story.said()[1:] == [(4 * 3600 + 150, ["over account.failed"])]
