"""Charts: one path, whatever the values are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from gateway.web.pages.charts import MOST_PARTS, Part, bars, timeline

DAY = 86_400_000


def test_a_bar_is_as_high_as_its_value() -> None:
    assert bars([0, 1, 2], height=10) == "M4 10v-5h3v5zM8 10v-10h3v10z"
    assert bars([0, 0], height=10) == ""
    assert bars([], height=10) == ""


def test_a_small_value_is_seen_beside_a_large_one() -> None:
    assert "v-1h3v1z" in bars([1, 1_000_000], height=24)


def test_a_day_has_the_states_it_had() -> None:
    half = DAY // 2
    found = timeline([(half, "reconnecting")], since_ms=0, until_ms=DAY, before="connected")
    assert found == [Part(0, 144, "connected"), Part(144, 144, "reconnecting")]


def test_what_nobody_knows_is_left_out() -> None:
    half = DAY // 2
    found = timeline([(half, "connected")], since_ms=0, until_ms=DAY, before=None)
    assert found == [Part(144, 144, "connected")]
    assert timeline([], since_ms=0, until_ms=DAY, before=None) == []
    gap = timeline([(half, "connected")], since_ms=0, until_ms=half, before=None)
    assert gap == [Part(MOST_PARTS - 1, 1, "connected")] or gap == []


def test_a_short_loss_is_not_hidden() -> None:
    second = 1_000
    moves = [(DAY // 2, "reconnecting"), (DAY // 2 + second, "connected")]
    found = timeline(moves, since_ms=0, until_ms=DAY, before="connected")
    assert Part(144, 1, "reconnecting") in found


def test_two_known_parts_with_a_gap_stay_two() -> None:
    moves = [(DAY // 4, "connected")]
    found = timeline(moves, since_ms=0, until_ms=DAY, before="strange")
    assert [each.state for each in found] == ["strange", "connected"]


STATES = ["connected", "reconnecting", "failed", "disconnected", "connecting", "closed", "strange"]


@given(
    moves=some.lists(some.tuples(some.integers(-DAY, 2 * DAY), some.sampled_from(STATES))),
    before=some.sampled_from([None, *STATES]),
)
def test_parts_lie_in_a_row_and_within_the_day(
    moves: list[tuple[int, str]], before: str | None
) -> None:
    found = timeline(sorted(moves), since_ms=0, until_ms=DAY, before=before)
    ends = 0
    for part in found:
        assert part.begin >= ends
        assert part.width >= 1
        ends = part.begin + part.width
    assert ends <= MOST_PARTS
