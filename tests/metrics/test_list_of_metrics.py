"""The list of metrics: the pages show it as the code has it, and every label is closed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from gateway.metrics.families import (
    ACCOUNT_FAMILIES,
    ALERTS,
    FAMILIES,
    PREFIX,
    RUNG,
    Family,
    http_requests,
)
from gateway.notify.bell import RESULTS

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = ("metrics.md", "metrics.zh-CN.md")
ALL: Final = (*FAMILIES, http_requests(("GET /metrics",)), *ACCOUNT_FAMILIES)
UNLISTED: Final = ("route", "alert", "account")
"""Labels whose values another page lists."""


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def row_of(family: Family) -> tuple[str, str, str]:
    """Return name, kind and labels as a page shows them."""
    labels = [
        f"`{label}`" if values is None or label in UNLISTED else f"`{label}`: {', '.join(values)}"
        for label, values in family.labels.items()
    ]
    if family.kind == "info":
        labels = ["`version`, `python`, `readers`"]
    return family.shown.removeprefix(PREFIX), family.kind, "; ".join(labels)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_shows_the_list(name: str) -> None:
    found = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \| (.*?) ?\|$", page(name), re.MULTILINE)
    rows = [(shown, kind, labels) for shown, kind, _, labels in found]
    assert rows == [row_of(family) for family in ALL]
    if name == "metrics.md":
        assert [told for *_, told, _ in found] == [family.told for family in ALL]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_shows_the_alerts_that_are_shipped(name: str) -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text("utf-8"))
    wanted = [
        (rule["alert"], rule["for"], rule["labels"]["severity"])
        for group in rules["groups"]
        for rule in group["rules"]
    ]
    assert (
        re.findall(r"^\| (Gateway\w+) \| .+ \| (\w+) \| (\w+) \|$", page(name), re.MULTILINE)
        == wanted
    )


@pytest.mark.parametrize("name", ["limits.md", "limits.zh-CN.md"])
def test_every_alert_has_a_series(name: str) -> None:
    told = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", page(name), re.MULTILINE)
    assert sorted(told) == sorted(ALERTS)


def test_names_follow_the_rules_of_prometheus() -> None:
    """Promtool says the same of a scrape, where there is one."""
    names = [family.shown for family in ALL]
    assert len(names) == len(set(names))
    for family in ALL:
        assert re.fullmatch(r"[a-z][a-z_]+", family.name), family.name
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_info", "_ms"))
        assert family.told[0].isupper() or family.told[0].isdigit()
        assert not family.told.endswith("."), family.told
        if family.kind == "histogram":
            assert family.name.endswith("_seconds")


def test_only_names_of_accounts_are_open() -> None:
    for family in ALL:
        for label, values in family.labels.items():
            assert (values is None) is (label == "account"), family.name
            assert values is None or len(values) <= 30 or label in UNLISTED, family.name


def test_the_results_of_the_bell_are_those_it_has() -> None:
    assert RUNG == RESULTS
