"""Who looks at a gateway or its journal needs none of the secrets that a start needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import call
from stand_in import TOKEN, StandIn

from actors.runtime.clock import SystemClock
from gateway import ConfigError
from gateway.config import load
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.web import serving

NAMES = ("GW_TOKEN", "GW_METRICS", "GW_COOKIE", "GW_PROXY", "GW_HOOK")
FILE = """\
data_dir: {folder}
http: {{listen: "{listen}", token: "${{GW_TOKEN}}", metrics_token: "${{GW_METRICS}}"}}
accounts:
  - id: shop-a
    url: wss://127.0.0.1:9/
    credentials: {{kind: goofish, cookie: "${{GW_COOKIE}}"}}
    proxy: "${{GW_PROXY}}"
  - id: shop-b
    url: wss://127.0.0.1:9/
    credentials: {{kind: goofish, cookie: "${{file:{folder}/gone}}"}}
sinks:
  - {{kind: jsonl, path: "${{GW_HOOK}}"}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A configuration whose secrets nobody here has, and its journal."""
    for name in (*NAMES, "XIANYU_GATEWAY_URL", "XIANYU_GATEWAY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    SqliteJournal(tmp_path / "journal.sqlite3", clock=SystemClock()).close()
    path = tmp_path / "gateway.yaml"
    path.write_text(FILE.format(folder=tmp_path, listen="127.0.0.1:9"), "utf-8")
    return str(path)


@pytest.mark.parametrize("command", ["outbox list", "dead-letters list", "journal check"])
def test_the_journal_is_read_without_them(file: str, command: str) -> None:
    code, out, err = call(*command.split(), "-c", file, "--json")
    assert (code, err) == (0, ""), err
    assert json.loads(out)


def test_a_running_gateway_is_asked_with_a_token_of_one_s_own(file: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    with serving(StandIn(tmp_path)) as served:
        assert served is not None
        listen = served.url.removeprefix("http://")
        Path(file).write_text(FILE.format(folder=tmp_path, listen=listen), "utf-8")
        code, out, _ = call("accounts", "list", "-c", file, "--token-file", str(tmp_path / "token"))
        assert (code, "shop-a" in out or "a " in out) == (0, True)
        code, _, err = call("accounts", "list", "-c", file)
        assert code == 2
        assert "--token-file" in err


@pytest.mark.parametrize("command", ["check", "run", "accounts reset shop-a"])
def test_what_starts_or_stores_wants_each_of_them(file: str, command: str) -> None:
    code, _, err = call(*command.split(), "-c", file)
    assert code == 2
    wanted = [f"variable {name} is not set" for name in NAMES]
    assert [each in err for each in (*wanted, "gone cannot be read")] == [True] * 6


def test_doctor_says_which_are_missing_and_looks_at_the_rest(file: str) -> None:
    code, out, _ = call("doctor", "-c", file, "--json")
    findings = json.loads(out)["findings"]
    told = [each for each in findings if each["detail"].endswith("a start needs it")]
    assert code == 0, findings
    assert {each["verdict"] for each in told} == {"warning"}
    assert [any(name in each["detail"] for each in told) for name in NAMES] == [True] * 5
    assert "journal" in {each["name"] for each in findings}


def test_what_is_no_secret_is_still_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GW_DATA", raising=False)
    path = tmp_path / "gateway.yaml"
    path.write_text('data_dir: "${GW_DATA}"\nhttp: {token: "${GW_TOKEN}"}\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, secrets=False, environment={})
    assert [each.split(": ")[1] for each in caught.value.problems] == ["data_dir"]


def test_what_is_missing_is_no_token(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text('http: {listen: "127.0.0.1:1", token: "${GW_TOKEN}"}\n', "utf-8")
    settings = load(path, secrets=False, environment={})
    assert settings.http.token is None
    assert load(path, secrets=False, environment={"GW_TOKEN": TOKEN}).http.token == TOKEN


@pytest.mark.parametrize("there", ["GW_TOKEN", "GW_METRICS"])
def test_one_of_two_tokens_may_be_missing(tmp_path: Path, there: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text('http: {token: "${GW_TOKEN}", metrics_token: "${GW_METRICS}"}\n', "utf-8")
    http = load(path, secrets=False, environment={there: TOKEN}).http
    assert [http.token, http.metrics_token].count(None) == 1
