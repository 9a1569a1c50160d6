"""The sign of a call: the vectors, and that nothing of what is signed can change unseen."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.platforms.goofish.requests import APP_KEY
from gateway.platforms.goofish.signing import (
    MESSAGE_KEY,
    MTOP_KEY,
    derived_device_id,
    sign,
    sign_token,
)

TOKEN = "5d1f0c77a9e24b3886d2c0b7e41f9a63"
T = 1767225600123
DATA = (
    '{"appKey":"444e9908a51d1cb236a27862abc769c9",'
    '"deviceId":"7C0E41B2-93AD-4F58-8E16-0B5D72C9A3F4-2200000000017"}'
)


@pytest.mark.parametrize(
    ("token", "data", "signed"),
    [
        (TOKEN, DATA, "90e7a5a23e52d61d924be49fa598b169"),
        ("", DATA, "5f30f42187d226e678cc7dc951d88f8d"),
        (TOKEN, "{}", "1dd583a777766ce06e1fe59074f09b25"),
    ],
)
def test_the_vectors(token: str, data: str, signed: str) -> None:
    assert sign(token, T, MTOP_KEY, data) == signed


def test_the_keys() -> None:
    assert MTOP_KEY == "34839810"
    assert MESSAGE_KEY == APP_KEY == "444e9908a51d1cb236a27862abc769c9"
    assert derived_device_id("2200000000017").endswith("-2200000000017")


@given(st.data())
def test_the_sign_depends_on_every_byte(data: st.DataObject) -> None:
    whole = f"{TOKEN}&{T}&{MTOP_KEY}&{DATA}"
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefz&"))
    assume(other != whole[at])
    changed = whole[:at] + other + whole[at + 1 :]
    token, t, key, signed = (
        changed.split("&", 3) if changed.count("&") == 3 else (TOKEN, "", "", "")
    )
    assume(t.isdigit() and not t.startswith("0"))
    assert sign(token, int(t), key, signed) != sign(TOKEN, T, MTOP_KEY, DATA)


@given(st.text(), st.text())
def test_other_data_has_another_sign(one: str, other: str) -> None:
    assume(one != other)
    assert sign("", T, MTOP_KEY, one) != sign("", T, MTOP_KEY, other)


@pytest.mark.parametrize(
    ("cookie", "token"),
    [(f"{TOKEN}_1767232800123", TOKEN), (TOKEN, TOKEN), ("_1", ""), ("", ""), (None, "")],
)
def test_what_is_signed_with(cookie: str | None, token: str) -> None:
    assert sign_token(cookie) == token
