"""A right file becomes the settings it says."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.sections import Delays
from gateway.config import effective, from_mapping, load, validate
from gateway.config.environment import substitute
from gateway.errors import ConfigError
from gateway.settings import (
    AccountSettings,
    Credentials,
    HeartbeatSettings,
    ReconnectSettings,
    Record,
    Settings,
    SinkSettings,
)

ROOT = Path(__file__).resolve().parents[2]


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def keys_of(cls: type[Record]) -> set[str]:
    return {key.name for key in dataclasses.fields(cls)}


def test_the_file_of_defaults_says_what_the_code_says() -> None:
    """It is the reference people read; it must not drift."""
    file = ROOT / "config" / "default.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert load(file, environment={}) == Settings()
    assert set(tree) == keys_of(Settings) - {"notes"} | {"defaults"}
    tree["accounts"] = [{"id": "a", "platform": "plain", "url": "ws://h"}]
    assert from_mapping(tree).accounts == (AccountSettings(id="a", platform="plain", url="ws://h"),)
    assert set(tree["defaults"]) == keys_of(AccountSettings) - {"id", "url"}
    for name, section in tree["defaults"].items():
        record = getattr(AccountSettings(id="a", url="u"), name)
        if isinstance(record, Record) and name != "credentials":
            assert set(section) == keys_of(type(record)), name


@pytest.mark.parametrize("cookie", [None, "unb=2201; cookie2=v"])
def test_the_example_loads_with_and_without_a_cookie(cookie: str | None) -> None:
    """Without one the account waits for a person to sign in."""
    environment = {} if cookie is None else {"SHOP_A_COOKIE": cookie}

    settings = load(ROOT / "config" / "example.yaml", environment=environment)

    assert settings.notes == ()
    assert [(a.id, a.platform, a.enabled) for a in settings.accounts] == [
        ("shop-a", "goofish", True),
        ("shop-b", "goofish", True),
        ("feed", "plain", False),
    ]
    assert settings.accounts[0].credentials.kind == "goofish"
    assert settings.accounts[0].credentials.cookie == cookie
    assert settings.accounts[1].proxy is None
    assert settings.sinks == (SinkSettings(kind="jsonl", options={"path": "var/events.jsonl"}),)


def test_reconnecting_has_the_keys_and_defaults_of_the_kernel() -> None:
    assert ReconnectSettings().delays() == Delays()
    assert keys_of(ReconnectSettings) == {*keys_of(Delays), "max_attempts", "stable_s"}
    assert ReconnectSettings(network_cap_s=99.0).delays().network_cap_s == 99.0


def test_defaults_are_laid_under_each_account_key_by_key() -> None:
    settings = from_mapping({
        "defaults": {
            "platform": "plain",
            "heartbeat": {"interval_s": 20, "reply_timeout_s": 7},
            "headers": {"X-A": "1", "X-B": "1"},
            "proxy": "http://proxy:1",
        },
        "accounts": [
            {"id": "a", "url": "ws://h", "heartbeat": {"interval_s": 30}, "headers": {"X-B": "2"}},
            {"id": "b", "url": "ws://h", "proxy": None, "heartbeat": None},
        ],
    })  # fmt: skip

    a, b = settings.accounts
    assert a.heartbeat == HeartbeatSettings(interval_s=30.0, reply_timeout_s=7.0)
    assert a.headers == {"X-A": "1", "X-B": "2"}
    assert (a.proxy, b.proxy) == ("http://proxy:1", None)
    assert b.heartbeat == HeartbeatSettings(interval_s=20.0, reply_timeout_s=7.0)
    assert a.reconnect is b.reconnect, "ten thousand equal accounts hold one record"


def test_the_environment_gives_texts_numbers_and_switches(tmp_path: Path) -> None:
    text = (
        "data_dir: '${HOME_OF_IT}/data'\n"
        "connect: {burst: '${BURST}', rate_per_s: '${RATE:-2.5}'}\n"
        "http: {listen: '${LISTEN:-}'}\n"
        "accounts:\n"
        "  - id: a\n"
        "    platform: plain\n"
        "    url: ws://h\n"
        "    enabled: ${ON}\n"
        "    tls: {verify: '${VERIFY}'}\n"
        "    reconnect: {max_attempts: '${NONE:-}'}\n"
        "    user_agent: '$${kept} $HOME ${EMPTY} ${EMPTY:-full}'\n"
    )
    environment = {
        "HOME_OF_IT": "C:\\gw",
        "BURST": "7",
        "ON": "False",
        "VERIFY": "yes",
        "EMPTY": "",
    }

    settings = load(written(tmp_path, text), environment=environment)

    account = settings.accounts[0]
    assert settings.data_dir == "C:\\gw/data"
    assert type(settings.data_dir) is str
    assert (settings.connect.burst, settings.connect.rate_per_s) == (7, 2.5)
    assert settings.http.listen is None
    assert (account.enabled, account.tls.verify) == (False, True)
    assert account.reconnect.max_attempts is None
    assert account.user_agent == "${kept} $HOME  full"


def test_the_environment_of_the_process_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_DIR", "/srv/gw")
    text = "data_dir: ${GATEWAY_TEST_DIR}"

    assert load(written(tmp_path, text)).data_dir == "/srv/gw"
    assert from_mapping({"data_dir": "${GATEWAY_TEST_DIR}"}).data_dir == "/srv/gw"


def test_a_variable_is_not_read_again_for_references() -> None:
    """A password may hold any characters."""
    assert substitute("${A}", {"A": "${B}", "B": "x"}) == "${B}"


def test_a_file_gives_a_value(tmp_path: Path) -> None:
    """Docker, Kubernetes and systemd hand secrets over as files; an editor ends the line."""
    secret = tmp_path / "token"
    secret.write_bytes("\ufeffthe-secret-token-of-16\r\n".encode())
    text = f'http: {{token: "${{file:{secret}}}"}}\n'
    assert load(written(tmp_path, text)).http.token == "the-secret-token-of-16"
    assert from_mapping({"http": {"token": f"${{file:{secret}}}"}}).http.token is not None
    secret.write_text("an-other-token-of-16-ch", "utf-8")
    assert load(written(tmp_path, text)).http.token == "an-other-token-of-16-ch"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file"),
        (b"pipe", "cannot be read: it is no ordinary file"),
        (b"", "is empty; write the secret into it"),
        (b"\n", "is empty; write the secret into it"),
        (b"s3cr3t\xff", "is not UTF-8"),
        (b"s3cr3t" * 20_000, "is larger than 64 KiB"),
    ],
)
def test_a_file_that_gives_none_is_named(tmp_path: Path, content: bytes | None, told: str) -> None:
    secret = tmp_path / "token"
    if content is not None:
        secret.write_bytes(content)
    if content == b"pipe":
        secret.unlink()
        os.mkfifo(secret)
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, f'http: {{token: "${{file:{secret}}}"}}\n'))
    assert f"http.token: file {secret} {told}" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("path", ["", " ", "${HOME}/x"])
def test_a_reference_names_one_file(path: str) -> None:
    with pytest.raises(ConfigError, match=r"write (\$\{file:PATH\}|the path itself)"):
        from_mapping({"http": {"token": f"${{file:{path}}}"}})


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_of_a_secret_that_others_may_read_is_noted(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("the-secret-token-of-16", "utf-8")
    account = "{id: a, platform: plain, url: 'wss://h'}"
    text = f'http: {{token: "${{file:{secret}}}"}}\naccounts: [{account}]\n'
    for mode, noted in ((0o600, False), (0o660, True), (0o604, True), (0o400, False)):
        secret.chmod(mode)
        notes = load(written(tmp_path, text)).notes
        assert any(f"run: chmod 600 {secret}" in each for each in notes) is noted, oct(mode)
        assert "the-secret" not in str(notes)
        mapping = {
            "http": {"token": f"${{file:{secret}}}"},
            "accounts": [{"id": "a", "platform": "plain", "url": "wss://h"}],
        }
        assert from_mapping(mapping).notes == notes


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_a_folder_costs_no_descriptor(tmp_path: Path) -> None:
    """A reload reads the settings again and again, wrong as they may be."""
    text = f'http: {{token: "${{file:{tmp_path}}}"}}\n'
    file = written(tmp_path, text)
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        with pytest.raises(ConfigError, match="Is a directory"):
            load(file)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_stranger_names_no_file(tmp_path: Path) -> None:
    """A mapping with an environment of its own may be somebody else's words."""
    given_by_others = {"http": {"token": f"${{file:{tmp_path}}}"}}
    with pytest.raises(ConfigError, match="allowed in a configuration file only"):
        from_mapping(given_by_others, environment={})


@given(st.text())
def test_text_without_references_is_left_alone(text: str) -> None:
    if "${" not in text:
        assert substitute(text, {}) is text


@settings(deadline=None)  # a busy machine is no fault
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
))  # fmt: skip
def test_nothing_but_a_config_error_comes_out(tree: Any) -> None:
    """Whatever stands in a file, a person gets words, not a traceback."""
    known = ["data_dir", "log", "http", "connect", "handlers", "sinks", "accounts", "defaults"]
    for mapping in (tree, *({key: tree} for key in known), {"accounts": [tree]}):
        with contextlib.suppress(ConfigError):
            assert validate(from_mapping(mapping, environment={})) == ()


def test_windows_paths_stay_as_they_are() -> None:
    path = str(PureWindowsPath("C:\\Users\\shop\\var"))

    settings = from_mapping({"data_dir": path, "sinks": [{"kind": "jsonl", "path": path}]})

    assert settings.data_dir == path
    assert settings.sinks[0].options == {"path": path}


def test_merge_keys_and_aliases_of_yaml_work(tmp_path: Path) -> None:
    text = (
        "accounts:\n"
        "  - &first {id: a, platform: plain, url: 'ws://h', flow: {high: 2000, low: 5}}\n"
        "  - {<<: *first, id: b}\n"
    )

    a, b = load(written(tmp_path, text)).accounts

    assert (a.id, b.id) == ("a", "b")
    assert a.flow == b.flow


def test_what_is_hardly_meant_is_noted_not_refused(tmp_path: Path) -> None:
    text = (
        "accounts:\n"
        "  - {id: a, platform: plain, url: ws://h, credentials: {user_id: '1'}}\n"
        "  - {id: b, platform: plain, url: ws://h,\n"
        "     tls: {verify: no}, credentials: {user_id: '1'}}\n"
    )
    file = written(tmp_path, text)
    shared = "is that of accounts[0], too; two links of one user throw each other out"

    assert load(file).notes == (
        f"{file}:4: accounts[1].tls.verify is off: anybody on the way can read and write",
        f"{file}:4: accounts[1].credentials.user_id {shared}",
    )
    assert load(written(tmp_path, "")).notes[0].endswith("see config/example.yaml")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ("credentials: {token: hunter2}", True),
        ("credentials: {token: '${T}'}", False),
        ("headers: {Authorization: Bearer x}", True),
        ("proxy: http://u:hunter2@h:1", True),
        ("user_agent: x", False),
    ],
)
def test_a_file_with_secrets_that_others_may_read_is_noted(
    tmp_path: Path, *, keys: str, warned: bool
) -> None:
    text = f"accounts:\n  - id: a\n    platform: plain\n    url: ws://h\n    {keys}\n"
    file = written(tmp_path, text)

    file.chmod(0o640)
    notes = load(file, environment={"T": "hunter2"}).notes
    assert any(f"run: chmod 600 {file}" in note for note in notes) is warned
    assert "hunter2" not in str(notes)
    file.chmod(0o600)
    assert load(file, environment={"T": "hunter2"}).notes == ()


def test_effective_settings_are_complete_masked_and_plain_yaml() -> None:
    settings = from_mapping(
        {
            "http": {"token": "hunter2-http-token"},
            "accounts": [
                {
                    "id": "a",
                    "url": "wss://h/?access_token=hunter2-url",
                    "headers": {"Authorization": "Bearer hunter2-header", "X-A": "1"},
                    "credentials": {"user_id": "7", "token": "${T}", "cookie": "hunter2-cookie"},
                    "proxy": "socks5://u:hunter2-proxy@p:1",
                }
            ],
            "sinks": [
                {"kind": "webhook", "url": "https://u:hunter2-sink@h/", "token": "hunter2-s"}
            ],
        },
        environment={"T": "hunter2-token"},
    )

    shown = effective(settings)

    text = yaml.safe_dump(shown)
    assert "hunter2" not in text + repr(settings) + str(settings)
    assert yaml.safe_load(text) == shown
    account = shown["accounts"][0]
    assert account["url"] == "wss://h/?access_token=***"
    assert account["headers"] == {"Authorization": "***", "X-A": "1"}
    assert account["proxy"] == "socks5://***@p:1"
    assert account["credentials"]["cookie"] == "***"
    assert account["heartbeat"]["interval_s"] == 15.0
    assert shown["sinks"] == [{"kind": "webhook", "url": "https://***@h/", "token": "***"}]
    assert "notes" not in shown


def test_effective_settings_of_a_file_load_again() -> None:
    settings = from_mapping({"accounts": [{"id": "a", "platform": "plain", "url": "ws://h"}]})

    assert from_mapping(effective(settings)) == settings


def test_no_repr_tells_a_secret() -> None:
    told = repr(Credentials(token="hunter2", cookie="hunter2", user_id="7"))

    assert told.startswith(
        "Credentials(kind='static', user_id='7', device_id=None, token='***', cookie='***', "
    )
    assert "hunter2" not in repr(Credentials(kind="http", bearer="hunter2"))
    assert repr(Credentials()).count("None") == 8


def test_reading_settings_imports_no_yaml_before_a_file_is_read() -> None:
    """An embedding program without a file need not pay for the library."""
    code = "import sys, gateway.config; assert 'yaml' not in sys.modules, 'yaml'"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
