"""The transition table, its drawn page, and random walks over it."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.state import (
    TRANSITIONS,
    Cause,
    ConnectionState,
    IllegalTransitionError,
    advance,
)

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "draw_states.py"
S = ConnectionState

LEGAL = {
    (S.DISCONNECTED, S.CONNECTING): "start",
    (S.DISCONNECTED, S.FAILED): "gave_up budget_exceeded",
    (S.DISCONNECTED, S.CLOSED): "stop",
    (S.CONNECTING, S.CONNECTED): "registered",
    (S.CONNECTING, S.RECONNECTING): (
        "attempt_failed attempt_timed_out circuit_open grant_awaited link_lost protocol_errors "
        "auth_expired kicked session_removed child_crashed"
    ),
    (S.CONNECTING, S.DISCONNECTED): "journal_down lease_lost pause",
    (S.CONNECTING, S.FAILED): "budget_exceeded",
    (S.CONNECTING, S.CLOSED): "stop",
    (S.CONNECTED, S.RECONNECTING): (
        "link_lost heartbeat_dead zombie protocol_errors backpressure auth_expired kicked "
        "session_removed max_age child_crashed"
    ),
    (S.CONNECTED, S.DISCONNECTED): "journal_down lease_lost pause",
    (S.CONNECTED, S.FAILED): "budget_exceeded",
    (S.CONNECTED, S.CLOSED): "stop",
    (S.RECONNECTING, S.CONNECTING): "retry",
    (S.RECONNECTING, S.FAILED): "gave_up budget_exceeded",
    (S.RECONNECTING, S.DISCONNECTED): "journal_down lease_lost pause",
    (S.RECONNECTING, S.CLOSED): "stop",
    (S.FAILED, S.RECONNECTING): "reset",
    (S.FAILED, S.CONNECTING): "auto_probe",
    (S.FAILED, S.CLOSED): "stop",
    (S.CLOSED, S.CLOSED): "stop",
}
NEXT = {
    (before, Cause(name)): after
    for (before, after), names in LEGAL.items()
    for name in names.split()
}


@pytest.mark.parametrize("state", ConnectionState)
@pytest.mark.parametrize("cause", Cause)
def test_every_pair_is_legal_or_fails_loudly(state: ConnectionState, cause: Cause) -> None:
    """Taking a row away, adding one or changing its end fails here."""
    if (state, cause) in NEXT:
        assert advance(state, cause) is NEXT[state, cause]
    else:
        with pytest.raises(IllegalTransitionError) as caught:
            advance(state, cause)
        assert (caught.value.state, caught.value.cause) == (state, cause)
        assert state.value in str(caught.value)
        assert cause.value in str(caught.value)
        assert "actors/state.py" in str(caught.value)


def test_no_pair_has_two_rows() -> None:
    pairs = [(before, cause) for before, cause, _, _ in TRANSITIONS]
    assert len(pairs) == len(set(pairs))


def test_every_cause_and_every_state_is_used() -> None:
    assert {cause for _, cause, _, _ in TRANSITIONS} == set(Cause)
    assert {after for _, _, after, _ in TRANSITIONS} == set(ConnectionState)


def test_one_row_is_one_line_with_aligned_columns() -> None:
    """A diff of the table shows one transition a line."""
    text = (ROOT / "actors" / "state.py").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("    (_S.")]
    assert len(rows) == len(TRANSITIONS)
    shapes = {tuple(m.start() for m in re.finditer(r'_[SC]\.|"', row))[:4] for row in rows}
    assert len(shapes) == 1


@given(st.lists(st.sampled_from(Cause), max_size=60))
def test_walks_keep_to_the_map(causes: list[Cause]) -> None:
    """Whatever happens, an illegal cause changes nothing and a closed connection stays so."""
    state = ConnectionState.DISCONNECTED
    for cause in causes:
        before = state
        try:
            state = advance(before, cause)
        except IllegalTransitionError:
            continue
        if before is ConnectionState.CLOSED:
            assert state is ConnectionState.CLOSED
        if state is ConnectionState.CONNECTED:
            assert before is ConnectionState.CONNECTING, "nothing is connected without an attempt"
        if before is ConnectionState.FAILED:
            assert cause in {Cause.RESET, Cause.AUTO_PROBE, Cause.STOP}
    assert advance(state, Cause.STOP) is ConnectionState.CLOSED


def test_page_is_what_the_table_says() -> None:
    """``docs/states.md`` and its twin cannot drift from the table; CI runs the same command."""
    ran = subprocess.run([sys.executable, str(SCRIPT), "--check"], check=False, timeout=30)
    assert ran.returncode == 0


def test_page_notices_every_missing_row() -> None:
    pages = runpy.run_path(str(SCRIPT))["pages"]
    whole = pages(TRANSITIONS).values()
    for at in range(len(TRANSITIONS)):
        without = pages(TRANSITIONS[:at] + TRANSITIONS[at + 1 :]).values()
        assert all(left != full for left, full in zip(without, whole, strict=True))


def test_every_note_is_translated() -> None:
    """A page in two languages is not one in one and a half."""
    notes = runpy.run_path(str(SCRIPT))["NOTES_ZH"]
    assert set(notes) == {note for _, _, _, note in TRANSITIONS}


def test_check_fails_on_a_stale_or_missing_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(SCRIPT))
    main = script["main"]
    main.__globals__["DOCS"] = tmp_path
    assert main(["--check"]) == 1
    assert main([]) == 0
    for page in ("states.md", "states.zh-CN.md"):
        assert main(["--check"]) == 0
        (tmp_path / page).write_text("old", encoding="utf-8")
        assert main(["--check"]) == 1
        assert main([]) == 0
    assert "run scripts/draw_states.py" in capsys.readouterr().err
