"""The soak's books find what they are kept for; a net with a hole finds nothing, too."""

from __future__ import annotations

import pytest

from scripts.soaking.books import RECENT, Fault, Lanes, Links, Outcomes, quantiles
from scripts.soaking.measure import Sample, grown


def lanes(*numbers: int, late: tuple[int, ...] = ()) -> Lanes:
    """Let these messages of one lane be handled in this order."""
    books = Lanes()
    for at, number in enumerate(numbers):
        books.take("a/1", number, float(at), late=number in late)
    return books


@pytest.mark.parametrize(
    ("numbers", "late", "sent", "lost_doubled_reordered_late"),
    [
        ((0, 1, 2), (), 3, (0, 0, 0, 0)),
        ((), (), 2, (2, 0, 0, 0)),
        ((0, 2), (), 3, (1, 0, 0, 0)),
        ((0, 1), (), 3, (1, 0, 0, 0)),
        ((0, 0, 1), (), 2, (0, 1, 0, 0)),
        ((0, 2, 1), (), 3, (0, 0, 1, 0)),
        ((0, 2, 1), (1,), 3, (0, 0, 0, 1)),
        ((0, 2, 1, 1), (1,), 3, (0, 1, 0, 1)),
    ],
)
def test_each_message_has_its_place(
    numbers: tuple[int, ...],
    late: tuple[int, ...],
    sent: int,
    lost_doubled_reordered_late: tuple[int, int, int, int],
) -> None:
    books = lanes(*numbers, late=late)
    found = (books.lost({"a/1": sent}), books.doubled, books.reordered, books.late)
    assert found == lost_doubled_reordered_late
    assert len(books.examples) == lost_doubled_reordered_late[2]


def test_what_never_came_is_named() -> None:
    assert lanes(0, 2).open({"a/1": 5, "b/1": 1}) == {"a/1": [1, 3, 4], "b/1": [0]}


def test_only_recent_messages_keep_their_time() -> None:
    books = lanes(*range(RECENT + 1))
    assert books.handled_at("a/1", 0) is None
    assert books.handled_at("a/1", RECENT) == RECENT


def links() -> Links:
    """Two accounts: ``a`` is away from 10 to 12 and from 20 on, ``b`` from 11 to 15."""
    books = Links()
    books.moved("a", 0.5, up=False)  # before it was up for the first time
    for account, at, up in (
        ("a", 1, True), ("a", 10, False), ("a", 10.5, False), ("a", 12, True), ("a", 20, False),
        ("b", 1, True), ("b", 11, False), ("b", 15, True),
    ):  # fmt: skip
        books.moved(account, at, up=up)
    return books


@pytest.mark.parametrize(
    ("account", "at", "until", "ends"),
    [
        ("a", 9.0, 30.0, (1.0, 3.0)),
        ("a", 9.0, 9.5, (None, None)),  # it went only after the next fault
        ("a", 13.0, 30.0, (7.0, None)),  # it never came back
        ("b", 12.0, 30.0, (None, None)),
        ("*", 9.0, 15.0, (1.0, 6.0)),
        ("*", 16.0, 18.0, (None, None)),
    ],
)
def test_a_fault_ends_with_its_link(
    account: str, at: float, until: float, ends: tuple[float | None, float | None]
) -> None:
    assert links().outcome(Fault("reset", account, at), until) == ends
    assert links().reconnects == 2


def test_outcomes_wait_for_their_time_and_count_each_fault_once() -> None:
    books = Outcomes(links(), lanes(0, 1, 2))
    reset, duplicate = Fault("reset", "a", 9.0), Fault("duplicate", "a", 9.5, "a/1", 2)
    books.settle([reset, duplicate], older_than=9.2)
    assert books.rows()["duplicate"] == {"injected": 1, "detect_s": None, "recover_s": None}
    books.settle([], older_than=99.0)
    assert books.rows() == {
        "reset": {"injected": 1, "detect_s": (1.0, 1.0), "recover_s": (3.0, 3.0)},
        "duplicate": {"injected": 1, "detect_s": None, "recover_s": (-7.5, -7.5)},
    }


def test_quantiles_are_of_the_nearest_rank() -> None:
    assert quantiles([]) is None
    assert quantiles([3.0]) == (3.0, 3.0)
    assert quantiles(list(range(200, 0, -1))) == (101, 199)


def test_growth_beyond_a_tenth_is_told() -> None:
    flat = [Sample(threads=9, descriptors=40, memory_kib=50_000)] * 8
    more = [Sample(threads=11, descriptors=45, memory_kib=55_001)] * 8
    assert grown([*flat, *flat]) == []
    assert grown([*flat, *more]) == [
        "descriptors grew from 40 to 45",
        "memory_kib grew from 50000 to 55001",
    ]
    assert grown([flat[0], more[0]]) == []
