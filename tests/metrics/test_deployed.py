"""What `deploy/` ships for Prometheus and Grafana, checked by promtool and against the list."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from promtool import promtool

from gateway.metrics.families import ACCOUNT_FAMILIES, FAMILIES, PREFIX, http_requests
from gateway.web.routes import LABELS

ROOT: Final = Path(__file__).resolve().parents[2]
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "gateway.json"

pytestmark = pytest.mark.timeout(420)  # promtool may have to be fetched

ALL: Final = (*FAMILIES, *ACCOUNT_FAMILIES, http_requests(LABELS))
PROCESS: Final = frozenset(
    {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    }
)


def rules() -> list[dict[str, Any]]:
    """Return the rules that are shipped."""
    read = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def series() -> set[str]:
    """Return the names of all series there are."""
    names = {"up"} | PROCESS
    for family in ALL:
        ends = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        names |= {f"{family.shown}{end}" for end in ends}
    return names


def dashboard() -> tuple[list[str], list[str]]:
    """Return the expressions of the dashboard, and those of its variables."""
    read = json.loads(DASHBOARD.read_text("utf-8"))
    shown = [target["expr"] for panel in read["panels"] for target in panel.get("targets", ())]
    asked = [
        each["query"]["query"] for each in read["templating"]["list"] if each["type"] == "query"
    ]
    return shown, asked


def named(expression: str) -> set[str]:
    """Return the names of series in an expression."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return set(re.findall(rf"\b(?:{PREFIX}\w+|process_\w+|up\b)", bare))


TESTS = ("rules.test.yml", "rules.week.test.yml")


def test_promtool_takes_rules_and_example() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", "rules.yml", cwd=PROMETHEUS)
    promtool("check", "config", "prometheus.yml", cwd=PROMETHEUS)


def test_promtool_runs_the_tests_of_the_rules() -> None:
    assert promtool("test", "rules", *TESTS, cwd=PROMETHEUS).count("SUCCESS") == len(TESTS)


def test_each_rule_has_a_test_that_fires_and_one_that_does_not() -> None:
    read = [yaml.safe_load((PROMETHEUS / name).read_text("utf-8")) for name in TESTS]
    tests = [test for each in read for test in each["tests"]]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for fires in (True, False):
        tested = {case["alertname"] for case in cases if bool(case["exp_alerts"]) is fires}
        assert tested == {rule["alert"] for rule in rules()}, fires


def test_each_rule_says_what_to_do_in_both_languages() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert {"summary", "summary_zh", "next_step"} == set(rule["annotations"]), rule["alert"]


def test_promtool_takes_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    """Grafana puts the interval in; the rest is PromQL as it stands."""
    shown, _ = dashboard()
    records = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(shown)
    ]
    file = {"groups": [{"name": "dashboard", "rules": records}]}
    (tmp_path / "dashboard.yml").write_text(yaml.safe_dump(file), "utf-8")
    told = promtool("check", "rules", "dashboard.yml", cwd=tmp_path)
    assert f"{len(shown)} rules found" in told


def test_rules_and_dashboard_know_only_series_there_are() -> None:
    shown, asked = dashboard()
    used = [rule["expr"] for rule in rules()] + shown + asked
    assert set().union(*map(named, used)) <= series()


def test_the_dashboard_shows_every_family() -> None:
    """What is counted and shown nowhere is not looked at by anybody."""
    shown, asked = dashboard()
    used = set().union(*map(named, [*shown, *asked]))
    bare = {re.sub("_(bucket|sum|count)$", "", name) for name in used}
    rarely = {"account_events_settled", "account_connects", "account_last_event_timestamp_seconds"}
    missing = {each.shown for each in ALL if each.name not in rarely} - bare - used
    assert not missing


def test_labels_in_expressions_have_values_there_are() -> None:
    """A misspelt value never matches, and nobody would notice."""
    shown, _ = dashboard()
    known: dict[str, set[str]] = {}
    for family in ALL:
        for label, values in family.labels.items():
            if values is not None:
                known.setdefault(label, set()).update(values)
    for expression in [rule["expr"] for rule in rules()] + shown:
        for label, value in re.findall(r'(\w+)=~?"([^"$]*)"', expression):
            for word in value.replace(r"\\", "").split("|") if label in known else ():
                assert word in known[label], expression


def test_the_dashboard_needs_no_plug_in_and_no_id_is_there_twice() -> None:
    read = json.loads(DASHBOARD.read_text("utf-8"))
    assert {panel["type"] for panel in read["panels"]} <= {"row", "stat", "timeseries"}
    ids = [panel["id"] for panel in read["panels"]]
    assert len(ids) == len(set(ids))
    assert read["annotations"]["list"] == []
    assert [each["name"] for each in read["templating"]["list"]] == [
        "datasource", "instance", "account",
    ]  # fmt: skip
