"""What ``accounts list`` says that helps, also of a gateway of another version."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli import accounts
from gateway.cli.speaking import Tongue

FAILED: dict[str, Any] = {"id": "a", "state": "failed", "last_error": {"detail": "It is refused."}}


@pytest.mark.parametrize(
    ("advice", "language", "told"),
    [
        ({"key": "failed.auth", "action": "sign_in", "next_step": "x"}, "zh-CN",
         "  重新登录，或粘贴新的 cookie。"),
        ({"key": "failed.auth", "action": "sign_in", "next_step": "x"}, "en",
         "  Sign in again, or paste a new cookie."),
        ({"key": "failed.of_tomorrow", "action": "dance", "next_step": "Dance."}, "en", "  Dance."),
        ({"key": "reconnecting", "action": None, "next_step": "Nothing."}, "en", None),
        (None, "en", None),
    ],
    ids=["chinese", "english", "newer", "nothing helps", "older"],
)  # fmt: skip
def test_the_step_that_helps_stands_below_what_is_wrong(
    advice: dict[str, Any] | None,
    language: Any,
    told: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = FAILED if advice is None else {**FAILED, "advice": advice}
    accounts.details([row], "failed", tongue=Tongue(language))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (1 if told is None else 2)
    assert lines[1:] == ([] if told is None else [told])
