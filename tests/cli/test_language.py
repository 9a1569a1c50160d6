"""Commands speak the operator's language; what programs read stays English."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import call, free_port
from stand_in import TOKEN, StandIn

from actors.policy.alerts import Alert
from actors.values import ErrorClass, Failure, Phase
from gateway.config.spoken import language_in
from gateway.web import serving
from gateway.words import WORDS, Language

ROOT = Path(__file__).parents[2]
CHINESE = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"(?:\b[A-Za-z]+,? ){3}[A-Za-z]+")
"""Four words in a row: a sentence that was left as it is."""

WRONG = """
http: {listen: "0.0.0.0:80", token: short, colour: red}
accounts:
- {id: "a b", url: "http://x", flow: {high: 1, low: 5}, enabled: maybe}
- {id: shop, url: "wss://host/", proxy: "socks5://h", headers: {cookie: x}, user_agent: 5}
- {id: shop, url: "wss://host/", handlers: {retry_delays_s: 3}, heartbeat: {interval_s: 0}}
notify: {to: [abc], quiet: {from: "25:00"}}
"""


@pytest.fixture(autouse=True)
def locale_of_c(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XIANYU_GATEWAY_URL", "XIANYU_GATEWAY_TOKEN", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Serve a gateway with a FAILED account and an alert of it, and name it to the commands."""
    gateway = StandIn(tmp_path)
    gateway.accounts["a"]._failure = Failure(
        error_class=ErrorClass.NEEDS_HUMAN,
        reason="login_over",
        detail="The login of account a is over: run `x`, or paste a new cookie with `y`.",
        phase=Phase.CREDENTIALS,
    )
    waiting = Alert(
        name="letters.waiting",
        account="a",
        detail="2 dead letters and 0 parked events wait for a person",
        next_step="the commands dead-letters list and show tell whose and why; "
        "then replay or drop each",
        since_ms=1_790_000_000_000,
    )
    strange = Alert(name="my.own", detail="who knows", next_step="look at the disk", since_ms=1)
    monkeypatch.setattr(StandIn, "alerts", (waiting, strange))
    with serving(gateway) as served:
        assert served is not None
        monkeypatch.setenv("XIANYU_GATEWAY_URL", served.url)
        monkeypatch.setenv("XIANYU_GATEWAY_TOKEN", TOKEN)
        yield gateway


def written(folder: Path, text: str) -> str:
    file = folder / "g.yaml"
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    return str(file)


@pytest.mark.usefixtures("chinese", "failed")
def test_status_tells_at_night_what_to_do() -> None:
    code, out, err = call("status")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == "需要处理  1 个账号已放弃（FAILED），2 条告警"
    assert re.fullmatch(r"网关      \S+，进程 \d+，已运行 \d+ 秒", lines[1])
    assert lines[2] == "运行中    是"
    assert lines[4].startswith("账号      2: ")
    assert "1 已放弃" in lines[4]
    what, step = WORDS["zh-CN"].alerts["letters.waiting"]
    at = next(nth for nth, line in enumerate(lines) if line.startswith("letters.waiting 自 "))
    assert lines[at].endswith("  a")
    assert lines[at + 1 : at + 4] == [
        f"  {what}",
        "  2 条死信和 0 条搁置的事件等人处理",
        f"  {step}",
    ]
    assert out.endswith("  who knows\n  检查磁盘\n"), "an alert of somebody else's has no words"
    assert not ENGLISH.search(out)


@pytest.mark.usefixtures("chinese", "failed")
def test_the_accounts_are_listed_with_their_states_and_reasons() -> None:
    code, out, _ = call("accounts", "list")
    assert code == 0
    heading, first, *_ = out.splitlines()
    assert heading.split() == ["账号", "状态", "自", "最近的错误"] or heading.startswith("账号 ")
    assert first.split()[:2] == ["a", "已放弃"]
    assert "账号 a 的登录已失效：运行 `x`，或用 `y` 粘贴新的 cookie。" in out


@pytest.mark.usefixtures("failed")
def test_programs_get_what_they_always_got(monkeypatch: pytest.MonkeyPatch) -> None:
    english = [call(*words, "--json") for words in (("status",), ("accounts", "list"))]
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    chinese = [call(*words, "--json") for words in (("status",), ("accounts", "list"))]
    for (code, out, err), (was, before, _) in zip(chinese, english, strict=True):
        assert (code, err) == (was, "")
        assert json.loads(out).keys() == json.loads(before).keys()
        assert "The login of account a is over" in out
        assert not CHINESE.search(out.replace("b/c店", ""))


@pytest.mark.usefixtures("failed")
def test_english_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    code, out, _ = call("status")
    assert (code, out.splitlines()[0]) == (1, "needs a person  1 FAILED account, 2 alerts")
    assert "letters.waiting since " in out
    assert "then replay or drop each" in out


@pytest.mark.usefixtures("chinese")
def test_no_gateway_is_said_with_what_to_do() -> None:
    code, out, err = call("status", "--url", f"http://127.0.0.1:{free_port()}")
    assert (code, out) == (1, "")
    assert "没有网关在运行" in err
    assert "  → 启动它：" in err


@pytest.mark.parametrize("way", ["LANG", "setting"])
def test_a_wrong_file_is_told_in_chinese(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "LANG":
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    text = WRONG if way == "LANG" else f"language: zh-CN\n{WRONG}"
    file = written(tmp_path, text)
    code, out, err = call("check", "-c", file)
    assert (code, out) == (2, "")
    *problems, count = err.splitlines()
    assert re.fullmatch(r"共 \d+ 个问题", count)
    assert len(problems) == int(re.findall(r"\d+", count)[0]) > 10
    for line in problems:
        assert line.startswith(f"{file}:"), line
        told = re.sub(r"python3 -c .*|listen, token, \w+, \w+", "", line)
        assert CHINESE.search(told), line
        assert not ENGLISH.search(told), line
    assert "python3 -c 'import secrets; print(secrets.token_hex())'" in err, "it can be pasted"
    code, out, _ = call("doctor", "-c", file)
    assert code == 1
    assert "错误  配置: " in out
    assert "      → 改正 " in out


def test_the_setting_counts_more_than_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    file = written(tmp_path, f"language: en\n{WRONG}")
    code, _, err = call("check", "-c", file)
    assert code == 2
    assert not CHINESE.search(err)
    assert err.endswith(" problems\n")


def test_what_is_noted_and_the_verdict_are_told_too(tmp_path: Path) -> None:
    told = "{id: a, platform: plain, url: 'wss://h/', tls: {verify: false}}"
    file = written(tmp_path, f"language: zh-CN\ndata_dir: {tmp_path / 'var'}\naccounts: [{told}]\n")
    code, out, err = call("check", "-c", file)
    assert code == 0
    assert "language: zh-CN\n" in out
    assert "accounts[0].tls.verify 已关闭：途中任何人都能读写\n" in err
    assert err.endswith("没有问题：1 个账号；上面有 1 条提示\n")


@pytest.mark.usefixtures("chinese")
def test_doctor_is_whole_and_its_json_is_not_touched(tmp_path: Path) -> None:
    file = written(tmp_path, f"data_dir: {tmp_path / 'var'}\naccounts: []\n")
    code, out, _ = call("doctor", "-c", file)
    assert code == 0
    for line in out.splitlines():
        assert re.match("正常  |注意  |      → ", line), line
        assert not ENGLISH.search(re.sub("`[^`]*`|pip install.*", "", line)), line
    assert "正常  磁盘: 剩余 " in out
    assert "日志库: 还没有；首次启动时会创建" in out
    assert not CHINESE.search(call("doctor", "-c", file, "--json")[1])


@pytest.mark.parametrize("encoding", ["", "ascii"])
def test_a_terminal_that_cannot_show_chinese_ends_no_command(tmp_path: Path, encoding: str) -> None:
    """A real process in the locale C, which would write ASCII."""
    file = written(tmp_path, f"language: zh-CN\n{WRONG}")
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    if encoding:
        environment["PYTHONIOENCODING"] = encoding
    path = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    for command, wanted in (("check", 2), ("doctor", 1)):
        ended = subprocess.run(
            [sys.executable, "-m", "gateway", command, "-c", file],
            capture_output=True,
            cwd=ROOT,
            env={**path, **environment, "PYTHONPATH": str(ROOT)},
            timeout=50,
            check=False,
        )
        assert ended.returncode == wanted, ended.stderr
        assert b"Traceback" not in ended.stderr
        assert CHINESE.search((ended.stdout + ended.stderr).decode())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("language: zh-CN\n", "zh-CN"),
        ("accounts: []\nlanguage: 'en'\n", "en"),
        ('{"accounts": [{"language": "en"}], "language": "zh-CN"}', "zh-CN"),
        ("notify: {language: en}\n", None),
        ("language: klingon\n", None),
        ("language: null\n", None),
        ("language: [zh-CN]\nx: zh-CN\n", None),
        ("? [a, b]\n: c\nlanguage: zh-CN\n", "zh-CN"),
        ("&a x: *a\nlanguage: zh-CN\n", "zh-CN"),
        ("language: ${SPEAKS}\n", "zh-CN"),
        ("language: ${NOBODY_SET_THIS}\n", None),
        ("language: zh-CN\nbroken: [\n", "zh-CN"),
        ("broken: [\nlanguage: zh-CN\n", None),
        ("- language\n- zh-CN\n", "zh-CN"),
        ("language", None),
        ("", None),
    ],
)
def test_the_language_of_a_file_is_known_however_wrong_it_is(
    text: str, language: Language | None, tmp_path: Path
) -> None:
    assert language_in(written(tmp_path, text), {"SPEAKS": "zh-CN"}) == language


def test_a_file_that_is_none_has_no_language(tmp_path: Path) -> None:
    assert language_in(tmp_path, {}) is None
    assert language_in(tmp_path / "none", {}) is None
    assert language_in("a\0b", {}) is None
    (tmp_path / "bytes").write_bytes(b"\xff\xfelanguage: zh-CN")
    assert language_in(tmp_path / "bytes", {}) is None
