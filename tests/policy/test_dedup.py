"""Recent keys: bounded, and sure about the last ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.dedup import Recent


@given(st.integers(1, 6), st.lists(st.integers(0, 15).map(str), max_size=200))
def test_the_last_keys_are_known_and_the_rest_is_bounded(limit: int, keys: list[str]) -> None:
    """Never a false "seen": that would swallow a message."""
    recent = Recent(limit)
    ever: list[str] = []
    for key in keys:
        surely = set(list(dict.fromkeys(reversed(ever)))[:limit])
        seen = recent.seen(key)
        if key in surely:
            assert seen
        if seen:
            assert key in ever
        ever.append(key)
        assert len(recent) <= 2 * limit


def test_a_limit_is_needed() -> None:
    with pytest.raises(ValueError, match="limit"):
        Recent(0)
