"""What is wrong is told in words of bearable length, whatever the value: no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway
from gateway.config import from_mapping, load
from gateway.config.problems import Problems
from gateway.config.tree import Reader
from gateway.errors import ConfigError


@pytest.mark.parametrize("digits", [309, 320, 5000])
@pytest.mark.parametrize(
    "key",
    [
        "journal: {{retention_days: {}}}",
        "journal: {{max_bytes: {}}}",
        "connect: {{rate_per_s: -{}}}",
        "handlers: {{deadline_s: 0x{}}}",
        "http: {{listen: 'localhost:{}'}}",
        "log: {{level: 0x{}}}",
        "{}: 1",
        "HEARTBEAT_INTERVAL: {0}\nMESSAGE_EXPIRE_TIME: {0}",
    ],
)
def test_a_number_of_any_length_is_refused_in_words(key: str, digits: int, tmp_path: Path) -> None:
    """A float has room for 308 digits, and the interpreter reads 4,300."""
    file = tmp_path / "g.yaml"
    file.write_text(key.format("9" * digits))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert all(len(told) < 500 for told in caught.value.problems)


def test_so_it_is_without_bounds() -> None:
    """A sink of somebody's own may take any float."""
    problems = Problems("settings")
    read = Reader(problems).keys({"much": float, "less": float}, {"much": 10**309, "less": 5}, "")
    assert read == {"less": 5.0}
    assert "settings: much: expected a number, got a number of more than 50" in problems.texts()[0]


def test_a_value_of_any_length_is_cut_where_it_is_repeated() -> None:
    long = "x" * 100_000
    sink = {"sinks": [{"kind": long}]}
    plain: dict[str, Any] = {"id": "a", "platform": "plain", "url": "ws://h/"}
    for wrong in (
        {long: 1},
        {"log": {"level": long}},
        {"http": {"listen": f"{long}:1"}},
        {"accounts": [plain | {"id": long}, plain | {"id": long}]},
        {"accounts": [plain | {"url": f"ws://{long}/"}]},
        {"accounts": [plain | {"headers": {f"{long} ": "a"}}]},
        {"data_dir": f"${{{long}}}"},
    ):
        with pytest.raises(ConfigError) as caught:
            from_mapping(wrong)
        assert all(len(told) < 500 for told in caught.value.problems), caught.value.problems
    with pytest.raises(ConfigError) as caught:
        Gateway(from_mapping(sink))
    assert len(str(caught.value)) < 500
    with pytest.raises(ValueError, match="no platform") as unknown:
        Gateway(from_mapping({"accounts": [plain | {"platform": long}]}))
    assert len(str(unknown.value)) < 500


@pytest.mark.parametrize(
    ("given", "got"), [(5, "a number"), ("hunter2", "text"), (True, "true"), ([1], "a list")]
)
def test_what_is_no_mapping_at_all_is_told_by_its_kind(given: Any, got: str) -> None:
    with pytest.raises(ConfigError, match=rf"expected a mapping \(key: value\), got {got}$"):
        from_mapping(given)


def test_a_tab_that_indents_is_called_a_tab(tmp_path: Path) -> None:
    """No editor shows it, and the library says that no token begins with it."""
    file = tmp_path / "g.yaml"
    for text in ("log:\n\tlevel: info\n", "log:\n  level: info\n\tformat: json\n"):
        file.write_text(text)
        with pytest.raises(ConfigError, match="a tab stands before it; YAML wants spaces"):
            load(file)


def test_messages_name_a_section_that_is_there() -> None:
    """Who looks for it finds it."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    with pytest.raises(ConfigError) as caught:
        from_mapping({"accounts": [{"id": "a", "url": "ws://h/"}]})
    example = Path(__file__).parents[2] / "config" / "legacy_example.yml"
    flat = load(example, environment={})
    for text in (str(caught.value), "\n".join(flat.notes)):
        section = text.partition("README.md, section `")[2].partition("`")[0]
        assert section
        assert f"## {section}\n" in readme
