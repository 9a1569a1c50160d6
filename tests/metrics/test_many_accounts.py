"""Metrics of ten thousand accounts are bounded where nobody asked for each of them.

How long it takes is measured by ``scripts/bench_metrics.py``: a busy machine proves nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import prometheus_client
import pytest
from test_scrape import samples

from gateway.metrics import text
from gateway.metrics.collector import MOST_ACCOUNTS, Collector
from gateway.metrics.families import ACCOUNT_FAMILIES, PREFIX
from gateway.metrics.reading import AccountRow
from scripts.bench.crowd import STATES, crowd

MANY: Final = 10_000


def scrape(collector: Collector) -> str:
    """Return what a registry with nothing else renders."""
    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return prometheus_client.generate_latest(registry).decode()


def test_ten_thousand_accounts_are_bounded(tmp_path: Path) -> None:
    with crowd(tmp_path, MANY) as source:
        collector = Collector(source)
        shown = scrape(collector)
        apart = text.render(collector.accounts()).decode()
    found = samples(shown)
    assert len(shown) <= 30_000
    assert len(found) <= 400
    assert "account-" not in shown

    def of(name: str, **labels: str) -> float:
        return found[PREFIX + name, frozenset(labels.items())]

    total = MANY * (MANY - 1) // 2
    assert of("events_received_total") == of("events_settled_total", outcome="done") == total
    assert of("events_dead_lettered_total", status="dead") == MANY
    assert of("dead_letters", status="dead") == of("events_pending") == MANY
    assert of("links_lost_total", cause="link_lost") == MANY
    assert of("alerts", alert="letters.waiting") == MANY
    assert sum(of("accounts", state=state.value) for state in STATES) == MANY
    assert 0 < of("token_expires_in_seconds") <= 900

    assert len(apart) <= 700 * MANY
    each = samples(apart)
    assert len(each) == MANY * len(ACCOUNT_FAMILIES)
    assert (
        each[f"{PREFIX}account_events_received_total", frozenset({("account", "account-7")})] == 7
    )
    assert each[f"{PREFIX}account_events_pending", frozenset({("account", "account-9999")})] == 1
    assert each[f"{PREFIX}account_dead_letters", frozenset({("account", "account-0")})] == 1


@pytest.mark.parametrize(
    ("accounts", "per_account", "shown"),
    [
        (MOST_ACCOUNTS, "auto", True),
        (MOST_ACCOUNTS + 1, "auto", False),
        (MOST_ACCOUNTS + 1, "always", True),
        (1, "never", False),
    ],
)
def test_accounts_are_shown_up_to_a_number(
    tmp_path: Path, accounts: int, per_account: str, *, shown: bool
) -> None:
    with crowd(tmp_path, accounts, per_account=per_account) as source:
        assert ("account-0" in scrape(Collector(source))) is shown


def test_both_ways_say_the_same_of_an_account(tmp_path: Path) -> None:
    with crowd(tmp_path, 20) as source:
        collector = Collector(source)
        one = samples(scrape(collector))
        other = samples(text.render(collector.accounts()).decode())
    assert other == {key: value for key, value in one.items() if "_account_" in key[0]}


def test_a_name_cannot_break_a_line() -> None:
    """Ids are checked where they enter; here they are escaped all the same."""
    row = AccountRow('a"} 1\nx{y="\\', 1, 2, 3, 4, 5, 6, 7.5)
    shown = text.render([row]).decode()
    lines = [line for line in shown.splitlines() if not line.startswith("#")]
    assert len(lines) == len(ACCOUNT_FAMILIES)
    assert lines[0] == f'{PREFIX}account_up{{account="a\\"}} 1\\nx{{y=\\"\\\\"}} 1'
