"""Paths mean what they meant when the settings were made, whatever the host does later."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from gateway import ChatMessage, Gateway, Settings
from gateway.config import from_mapping, validate
from gateway.settings import AccountSettings, CredentialSettings, LogSettings, TlsSettings
from gateway.settings.paths import is_homeless, resolved
from gateway.sinks.jsonl import JsonlSink
from gateway.testing import Behaviour, FakePlatform


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_path_is_made_absolute_once(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved("var/gateway") == str(tmp_path / "var" / "gateway")
    assert resolved("~/gw") == str(home / "gw")
    assert resolved("~") == str(home)
    assert resolved("./~/gw") == os.path.join(str(tmp_path), "./~/gw")  # noqa: PTH118
    assert resolved(" two  words /../x") == os.path.join(str(tmp_path), " two  words /../x")  # noqa: PTH118
    assert resolved("/srv/~") == "/srv/~"
    assert resolved("") == ""
    assert resolved(None) is None
    assert resolved(7) == 7
    assert is_homeless(resolved("~nobody-of-that-name/gw"))


def test_every_path_of_settings_is_resolved(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().data_dir == str(tmp_path / "var" / "gateway")
    assert from_mapping({"data_dir": "~/gw"}).data_dir == str(home / "gw")
    assert dataclasses.replace(Settings(), data_dir="x").data_dir == str(tmp_path / "x")
    assert TlsSettings(ca_file="own.pem").ca_file == str(tmp_path / "own.pem")
    assert CredentialSettings(key_file="k").key_file == str(tmp_path / "k")
    assert from_mapping({"credentials": {"key_file": "~/k"}}).credentials.key_file == str(
        home / "k"
    )
    assert LogSettings(file="x.log").file == str(tmp_path / "x.log")
    sink = JsonlSink(path="~/events.jsonl")
    sink.close()
    assert (home / "events.jsonl").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home"]


def test_a_home_of_nobody_is_no_directory_of_that_name() -> None:
    account = AccountSettings(
        id="a", platform="plain", url="wss://h", tls=TlsSettings(ca_file="~nobody-here/x.pem")
    )
    credentials = CredentialSettings(key_file="~nobody-here/key")
    told = validate(
        Settings(
            data_dir="~nobody-here/gw",
            log=LogSettings(file="~nobody-here/log"),
            credentials=credentials,
            accounts=(account,),
        )
    )
    assert len(told) == 4
    assert all("begins with ~ and nobody of that name" in each for each in told)


def test_no_key_file_is_no_empty_text() -> None:
    """A variable that is not set would leave everything unsealed without a word."""
    (told,) = validate(Settings(credentials=CredentialSettings(key_file="")))
    assert "credentials.key_file: is empty" in told
    (told,) = validate(Settings(log=LogSettings(file="")))
    assert "log.file: is empty" in told


def test_a_working_directory_that_is_gone_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert resolved("var") == "var"


def test_a_host_that_changes_its_directory_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default data_dir was looked for elsewhere: "0.0 MiB free", and every link was left."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    with FakePlatform(Behaviour(echo=False)) as fake:
        shop = fake.account("2201")
        file = fake.config_file(tmp_path, durability="full")
        text = file.read_text().replace(str(tmp_path / "data"), "data")
        file.write_text(text)
        gateway = Gateway.from_config(file)
        gateway.on(ChatMessage)(lambda event: event.reply("re"))
        monkeypatch.chdir(tmp_path / "two")
        with gateway:
            shop.wait_registered()
            os.chdir(tmp_path)
            shop.buyer("3301").says("eins")
            shop.wait_sent(1)
            shop.wait_acked(1)
    assert (tmp_path / "one" / "data" / "journal.sqlite3").exists()
    assert not list((tmp_path / "two").iterdir())
    assert not (tmp_path / "data").exists()
