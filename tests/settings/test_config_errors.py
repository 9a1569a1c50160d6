"""What is wrong in a file is said at once, with its place and what to write instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.config import from_mapping, load, validate
from gateway.errors import ConfigError
from gateway.settings import (
    AccountSettings,
    Credentials,
    HeartbeatSettings,
    HttpSettings,
    Settings,
)

WRONG_SECONDS = "expected a number (seconds) between 0.01 and 86400"
NO_TOKEN = (
    "is missing, and 0.0.0.0:1 can be reached from other machines; "
    "set a token of your own or listen on 127.0.0.1"
)
GOOD = "accounts:\n  - {id: a, platform: plain, url: wss://h/}\n"


def problems_of(tmp_path: Path, text: str, **environment: str) -> tuple[str, ...]:
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file, environment=environment)
    prefix = f"{file}:"
    assert all(
        problem.startswith(prefix) and "\n" not in problem for problem in caught.value.problems
    )
    assert str(caught.value) == "\n".join(caught.value.problems)
    return tuple(problem.removeprefix(prefix) for problem in caught.value.problems)


def only(tmp_path: Path, text: str, **environment: str) -> str:
    (problem,) = problems_of(tmp_path, text, **environment)
    return problem


def account(keys: str) -> str:
    return f"accounts:\n  - id: a\n    platform: plain\n    url: wss://h/\n    {keys}\n"


def test_everything_wrong_is_said_in_one_go_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "log: {level: inof}\n"
        "conect: {}\n"
        "defaults:\n"
        "  heartbeat: {interval_s: fast}\n"
        "accounts:\n"
        "  - {id: a, ulr: 'wss://x', platform: plain}\n"
        "  - {id: b, platform: plain, url: 'http://x'}\n"
        "  - {id: b, platform: plain, url: 'wss://x', flow: {high: 10}}\n"
    )

    assert problems_of(tmp_path, text) == (
        (
            "1: log.level: expected one of debug, info, warning, error, got 'inof'; "
            "did you mean 'info'?"
        ),
        "2: conect: unknown key; did you mean 'connect'?",
        f"4: defaults.heartbeat.interval_s: {WRONG_SECONDS}, got 'fast'",
        "6: accounts[0].ulr: unknown key; did you mean 'url'?",
        "7: accounts[1].url: expected wss://host/, got 'http://'",
        "8: accounts[2].id: 'b' is the id of accounts[1] already; each account needs its own",
        "8: accounts[2].flow: low (64) is above high (10)",
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("heartbeat: {interval_s: 0}", "accounts[0].heartbeat.interval_s: expected a number"),
        ("heartbeat: {interval_s: .nan}", "accounts[0].heartbeat.interval_s: expected a number"),
        ("heartbeat: {interval_s: true}", "interval_s: expected a number (seconds) between 0.01"),
        ("heartbeat: [1]", "accounts[0].heartbeat: expected a mapping (key: value), got a list"),
        ("heartbeat: {intervall_s: 1}", "unknown key; did you mean 'interval_s'?"),
        ("heartbeat: {zzz: 1}", "known are interval_s, reply_timeout_s, probe_timeout_s"),
        ("reconnect: {max_attempts: 1.5}", "expected a whole number between 1 and 1e+06 or null"),
        ("tls: {verify: 'no'}", "accounts[0].tls.verify: expected true or false, got 'no'"),
        ("handlers: {retry_delays_s: 5}", "retry_delays_s: expected a list, got 5"),
        ("handlers: {retry_delays_s: [1, x]}", "retry_delays_s[1]: expected a number (seconds)"),
        ("headers: [a]", "accounts[0].headers: expected a mapping (name: text), got a list"),
        ("headers: {X-A: 5}", "headers.X-A: expected text, got 5; put it in quotes"),
        ("headers: {'X A': b}", "headers.X A: is no name of a header"),
        ('headers: {X-A: "b\\r\\nX-B: c"}', "headers.X-A: holds a line break"),
        ("headers: {Connection: Upgrade}", "is written by the handshake itself; leave it out"),
        ("headers: {Cookie: a=b}", "belongs into credentials.cookie of the account"),
        ("credentials: {user_id: 2201}", "user_id: expected text or null, got 2201; put it in"),
        (
            "credentials: {kind: dynamic}",
            "credentials.kind: expected one of static, goofish, f",
        ),
        ('credentials: {token: "a\\nb"}', "credentials.token: holds a line break"),
        ("credentials: {cookie: 'a=饼'}", "credentials.cookie: holds letters no header can carry"),
        (
            "proxy: ftp://h:1",
            "proxy: expected http://host:port or socks5://host:port, got 'ftp://'",
        ),
        ("proxy: socks5://h", "accounts[0].proxy: the port is missing"),
        (
            "limits: {max_frame_bytes: 9999999}",
            "max_frame_bytes (1e+07) is above max_message_bytes",
        ),
        ("reconnect: {network_step_s: 61}", "network_step_s (61) is above network_cap_s (60)"),
        ("enabled: 1", "accounts[0].enabled: expected true or false, got 1"),
        ("user_agent: !x y", "accounts[0].user_agent: has a tag this file may not use"),
        ("heartbeat:\n      interval_s: 1\n      interval_s: 2", "given twice, first in line 6"),
    ],
)
def test_a_wrong_key_is_told_by_name_place_and_remedy(tmp_path: Path, keys: str, told: str) -> None:
    assert told in only(tmp_path, account(keys))


@pytest.mark.parametrize("key", ["at_once", "quiet.but", "also[0].alerts"])
@pytest.mark.parametrize(
    ("name", "near"),
    [("acount.failed", "account.failed"), ("jurnal.*", "journal.*"), ("*.failed", "")],
)
def test_an_alert_that_does_not_exist_is_told(
    tmp_path: Path, key: str, name: str, near: str
) -> None:
    lines = {
        "at_once": f'notify: {{at_once: ["{name}"]}}',
        "quiet.but": f'notify: {{quiet: {{but: ["{name}"]}}}}',
        "also[0].alerts": f'notify: {{also: [{{alerts: ["{name}"], to: ["json://h"]}}]}}',
    }
    told = only(tmp_path, f"{lines[key]}\n")
    assert f"notify.{key}[0]: expected the name of an alert or all of a kind, got '{name}'" in told
    assert near in told


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("h", "expected wss://host/, got no scheme"),
        ("wss://", "expected wss://host/, got no host"),
        ("wss://h:99999/", "is no URL, or its port is no number"),
        ("wss://h:0/", "the port must be a number from 1 to 65535"),
        ("wss://[::1/", "is no URL"),
        ("wss://h/ x", "there is a space or a line break in it"),
        ("wss://u:hunter2@h/", "name and password do not belong there"),
    ],
)
def test_a_url_that_can_not_work_is_refused_before_it_is_dialled(url: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping({"accounts": [{"id": "a", "platform": "plain", "url": url}]})

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_goofish_without_token_or_user_id_says_where_they_come_from(tmp_path: Path) -> None:
    text = "accounts: [{id: a, url: 'wss://h/'}]"

    told = "1: accounts[0].credentials.token: is missing, and so is user_id; with kind: goofish"
    assert only(tmp_path, text).startswith(told)
    text = "accounts: [{id: a, url: 'wss://h/', credentials: {token: abcdefgh}}]"
    assert (
        only(tmp_path, text)
        == "1: accounts[0].credentials.user_id: is missing; it is the value of the cookie unb"
    )
    load_it = from_mapping({"accounts": [{"id": "a", "url": "wss://h/", "enabled": False}]})
    assert load_it.accounts[0].credentials == Credentials()


def test_a_missing_variable_is_told_with_file_line_and_key(tmp_path: Path) -> None:
    text = account('credentials: {token: "${SHOP_TOKEN}"}')

    assert only(tmp_path, text) == (
        "5: accounts[0].credentials.token: environment variable SHOP_TOKEN is not set; "
        "set it, or write ${SHOP_TOKEN:-} if it may be empty"
    )
    assert "names no environment variable" in only(tmp_path, account('proxy: "${A-B}"'))
    assert "names no environment variable" in only(tmp_path, account('proxy: "${A"'))


def test_values_of_the_environment_are_never_repeated(tmp_path: Path) -> None:
    """A variable in the wrong key may hold a token."""
    text = account('heartbeat: {interval_s: "${SHOP_TOKEN}"}')

    told = only(tmp_path, text, SHOP_TOKEN="hunter2-token")

    assert told.endswith("got ${SHOP_TOKEN}")


@pytest.mark.parametrize("key", ["token", "cookie"])
@pytest.mark.parametrize("value", ["12345678", "[hunter2]", "{a: hunter2}"])
def test_a_secret_of_the_wrong_type_is_masked(tmp_path: Path, key: str, value: str) -> None:
    told = only(tmp_path, account(f"credentials: {{{key}: {value}}}"))

    assert f"credentials.{key}: expected text or null, got" in told
    assert "hunter2" not in told
    assert "12345678" not in told


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [1", "2:1"),
        ("token: *hunter2", "1:8"),
        ("a: 'hunter2", "1:"),
        ("\ta: hunter2", "1:1"),
        ("a: b: hunter2", "1:"),
        ("%hunter2\n---\n", "1:"),
        ("<<: hunter2", "1:"),
        ("a: \x00hunter2", ""),
    ],
)
def test_broken_yaml_names_line_and_column_and_quotes_nothing(
    tmp_path: Path, text: str, where: str
) -> None:
    """The library's own message shows the line, which may hold a secret."""
    told = only(tmp_path, text)

    assert told.startswith(where)
    assert "not valid YAML" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "the file: expected a mapping (key: value), got a list"),
        ("accounts: {id: a}", "1: accounts: expected a list (- …), got a mapping"),
        ("accounts: [5]", "1: accounts[0]: expected a mapping"),
        ("? [a]\n: 1", "1: the file: a key must be a plain word"),
        ("accounts: &a [*a]", "1: accounts[0]: holds itself; remove the alias"),
        ("data_dir: !!int x", "is no number; quote it if it is text"),
        ("sinks: [jsonl]", "1: sinks[0]: expected a mapping with a kind"),
        ("defaults: {id: x}", "1: defaults.id: belongs to one account"),
        ("defaults: {credentials: {cookie: a=b}}", "credentials.cookie: belongs to one account"),
        ("http: {listen: '8760'}", "http.listen: expected host:port"),
        ("http: {listen: 'h:99999'}", "http.listen: expected host:port"),
        ("http: {listen: '0.0.0.0:1'}", "http.token: is missing, and 0.0.0.0:1 can be reached"),
        ("http: {listen: 'example.com:1'}", "http.token: is missing"),
        ("http: {metrics_token: 0123456789abcdef}", "http.metrics_token: protects nothing while"),
        ("http: {metrics_token: short}", "http.metrics_token: has 5 characters and can be guessed"),
        (
            "http: {token: 0123456789abcdef, metrics_token: 0123456789abcdef}",
            "http.metrics_token: is http.token, which opens everything",
        ),
        ("http: {viewer_token: 0123456789abcdef}", "http.viewer_token: protects nothing while"),
        ("http: {viewer_token: short}", "http.viewer_token: has 5 characters and can be guessed"),
        ("http: {viewer_token: 'a token with blanks'}", "http.viewer_token: holds blanks"),
        (
            "http: {token: 0123456789abcdef, viewer_token: 0123456789abcdef}",
            "http.viewer_token: is http.token, which opens everything",
        ),
        (
            "http: {token: 0123456789abcdef, viewer_token: &t abcdefghijklmnop, metrics_token: *t}",
            "http.viewer_token: is http.metrics_token, which opens metrics only",
        ),
        ("http: {viewer_chats: 1}", "http.viewer_chats"),
        ("metrics: {per_account: sometimes}", "metrics.per_account"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused_in_words(
    tmp_path: Path, text: str, told: str
) -> None:
    assert any(told in problem for problem in problems_of(tmp_path, text))


@pytest.mark.parametrize("bad", ["", "a b", "x" * 65, "a\n"])
def test_ids_are_short_words(bad: str) -> None:
    """They stand in logs, URLs and file names."""
    with pytest.raises(ConfigError, match=r"accounts\[0\]\.id: expected 1 to 64 characters"):
        from_mapping({"accounts": [{"id": bad, "platform": "plain", "url": "ws://h"}]})


def test_unreadable_files_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match=r"is no name of a file: embedded null"):
        load(Path("a\0b"))
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nb: sch\u00f6n\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin.yaml:2: not UTF-8"):
        load(file)


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.config.document.MAX_BYTES", 10)
    file = tmp_path / "log.yaml"
    file.write_text(GOOD)

    with pytest.raises(ConfigError, match="is it the right file"):
        load(file)


def test_nesting_without_end_ends_in_words(tmp_path: Path) -> None:
    assert "nest" in only(tmp_path, "a: " + "[" * 5000 + "]" * 5000)


def test_aliases_do_not_multiply(tmp_path: Path) -> None:
    """Nine lines of aliases to aliases must not become a gigabyte."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]

    assert "its aliases unfold to too much" in only(tmp_path, "\n".join(lines))


def test_settings_made_in_python_pass_the_same_rules() -> None:
    wrong = Settings(
        http=HttpSettings(listen="0.0.0.0:1"),
        accounts=(
            AccountSettings(
                id="a",
                platform="plain",
                url="wss://h",
                heartbeat=HeartbeatSettings(interval_s=-1.0),
            ),
        ),
    )

    assert [problem.partition(": ")[2] for problem in validate(wrong)] == [
        f"accounts[0].heartbeat.interval_s: {WRONG_SECONDS}, got -1.0",
        f"http.token: {NO_TOKEN}",
    ]
    assert (
        validate(Settings(accounts=(AccountSettings(id="a", platform="plain", url="ws://h"),)))
        == ()
    )


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_folder_instead_of_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("credentials", "where", "said"),
    [
        ("{kind: goofsh}", "kind", "did you mean 'goofish'?"),
        ("{kind: File, path: x.json}", "kind", "did you mean 'file'?"),
        ("{kind: evn, variables: {token: A}}", "kind", "did you mean 'env'?"),
        ("{kind: cookie, cookie: 'Cookie: unb=1'}", "kind", "expected one of static, goofish"),
        ("{kind: , call: 'a:b'}", "kind", "got nothing"),
        ("{knid: file, path: x.json}", "knid", "did you mean 'kind'?"),
        ("{path: x.json}", "path", "it belongs to kind: file"),
        ("{cookie: unb=1}", "token", "and so is user_id; with kind: goofish the gateway asks"),
        ("{kind: env, variables: {tokn: A}}", "variables.tokn", "did you mean 'token'?"),
        ("{kind: env, variables: {token: 'a+secret=='}}", "variables.token", "the name alone"),
        ("goofish", "", "expected a mapping (key: value), got text"),
    ],
)
def test_one_wrong_word_of_the_credentials_is_one_error(
    tmp_path: Path, credentials: str, where: str, said: str
) -> None:
    """What follows from a kind that nobody can read is no news."""
    path = tmp_path / "a.yaml"
    path.write_text(f"accounts:\n  - id: a\n    url: wss://h/\n    credentials: {credentials}\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (told,) = caught.value.problems
    assert f"accounts[0].credentials{'.' * bool(where)}{where}: " in told
    assert said in told
    assert "a+secret" not in told


def test_a_wrong_kind_of_the_defaults_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "defaults: {credentials: {kind: goofsh}}\naccounts:\n"
        "  - {id: a, url: 'wss://h/'}\n"
        "  - {id: b, url: 'wss://h/', credentials: {kind: file}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [told.split(": ")[1] for told in caught.value.problems] == [
        "defaults.credentials.kind",
        "accounts[1].credentials.path",
    ]
