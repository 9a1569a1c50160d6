"""Identities, for any content: the same thing is the same, different things differ."""

from __future__ import annotations

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.platforms.goofish.identity import Arrival, about_message, by_content, of_message

arrivals = st.builds(
    Arrival,
    account=st.sampled_from(["a", "b"]),
    user_id=st.sampled_from(["1", "2", None]),
    received_at_ms=st.integers(0, 9),
    lane_seq=st.none() | st.integers(0, 9),
    recovered=st.booleans(),
    stamp=st.sampled_from(["5.0", "5.1", "6.0"]),
)
ids = st.text("0123456789.PNM", min_size=1, max_size=8)
pieces = st.none() | st.integers() | st.text(max_size=6)
contents = st.lists(pieces, min_size=1, max_size=4).map(tuple)


@given(arrivals, arrivals, ids, contents)
def test_however_it_comes_again_it_is_the_same(
    one: Arrival, other: Arrival, message_id: str, content: tuple[object, ...]
) -> None:
    """Another connection, push or history, another time and place: I5, I6."""
    other = msgspec.structs.replace(other, account=one.account)
    assert of_message(one, message_id) == of_message(other, message_id)
    assert about_message(one, message_id, *content) == about_message(other, message_id, *content)
    assert by_content(one, *content) == by_content(other, *content)


@given(arrivals, contents, contents)
def test_different_content_differs(
    arrival: Arrival, content: tuple[object, ...], other: tuple[object, ...]
) -> None:
    assume(content != other)
    assert by_content(arrival, *content) != by_content(arrival, *other)


@given(arrivals, ids, ids, contents)
def test_nothing_takes_a_messages_identity(
    arrival: Arrival, message_id: str, other: str, content: tuple[object, ...]
) -> None:
    """A receipt about a message that was stored first must not hide the message."""
    assert about_message(arrival, message_id, *content) != of_message(arrival, other)
    assert by_content(arrival, *content) != of_message(arrival, other)
    assert (of_message(arrival, message_id) == of_message(arrival, other)) == (message_id == other)


@given(arrivals, arrivals, contents, st.booleans())
def test_what_may_honestly_repeat_is_told_apart_by_its_place(
    one: Arrival,
    other: Arrival,
    content: tuple[object, ...],
    transient: bool,  # noqa: FBT001
) -> None:
    """Two "is typing" are two; the same one, replayed from the journal, is one."""
    other = msgspec.structs.replace(other, account=one.account)
    if transient:
        one, other = (msgspec.structs.replace(each, transient=True) for each in (one, other))
    same = by_content(one, *content, repeats=not transient) == by_content(
        other, *content, repeats=not transient
    )
    assert same == (one.stamp == other.stamp)


@given(arrivals, ids, contents)
def test_accounts_never_share(
    arrival: Arrival, message_id: str, content: tuple[object, ...]
) -> None:
    other = msgspec.structs.replace(arrival, account=arrival.account + "2")
    assert of_message(arrival, message_id) != of_message(other, message_id)
    assert by_content(arrival, *content) != by_content(other, *content)
